"""The README is true: its commands run, and it names every look and every option."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from ldfilter.cli import main
from ldfilter.cli_options import make_parser
from ldfilter.looks import list_presets

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")


def commands() -> list[list[str]]:
    """The arguments of every `ldfilter ...` of the README, in blocks and in sentences."""
    shown = re.findall(r"^    (.+)$", README, flags=re.M) + re.findall(
        r"`(ldfilter [^`]+)`", README
    )
    parts = [part.strip() for line in shown for part in line.split(" | ")]
    return [shlex.split(part)[1:] for part in parts if re.match(r"ldfilter\s", part)]


def test_there_are_commands_to_run() -> None:
    assert len(commands()) >= 6


@pytest.mark.parametrize("arguments", commands(), ids=" ".join)
def test_every_command_is_accepted(
    arguments: list[str], capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Up to the dream itself, which the end-to-end tests run."""
    arguments = arguments[: arguments.index(">")] if ">" in arguments else arguments
    mine = tmp_path / "mine.toml"
    mine.write_text('base = "long-term"\n')
    arguments = [str(mine) if argument == "mine.toml" else argument for argument in arguments]
    asks = any(argument.startswith(("--list", "--dry-run")) for argument in arguments)
    assert main(arguments if asks else [*arguments, "--dry-run"]) == 0
    assert capfd.readouterr().out


@pytest.mark.parametrize("name", list_presets())
def test_every_look_is_in_the_table(name: str) -> None:
    assert re.search(rf"^\|.*`{re.escape(name)}`.*\|", README, flags=re.M)


def test_every_option_is_named() -> None:
    options = {text for action in make_parser()._actions for text in action.option_strings}
    missing = {text for text in options if f"`{text}" not in README} - {"-h", "--help"}
    assert not missing
