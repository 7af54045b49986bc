"""The looks that ship with ldfilter, one TOML file each."""
