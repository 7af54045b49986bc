"""Options: what they mean, in which order they win, and what is refused with which words."""

from __future__ import annotations

import shlex
import time
import tomllib
from fractions import Fraction
from pathlib import Path

import pytest

from ldfilter.cli_options import make_config, make_parser, parse_options, parse_time
from ldfilter.config import from_mapping
from ldfilter.errors import ConfigError
from ldfilter.looks import load_preset


def refusal(*arguments: str) -> str:
    with pytest.raises(ConfigError) as caught:
        make_config(parse_options(arguments))
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_files_may_stand_between_options() -> None:
    options = parse_options(["in.mp4", "--preset", "trail", "-y", "out.mp4", "-t", "2"])
    assert options.files == ("in.mp4", "out.mp4")
    assert (options.preset, options.overwrite, options.length) == ("trail", True, 2)


def test_file_names_with_a_dash_go_after_two_dashes() -> None:
    options = parse_options(["-y", "--", "-in.mp4", "--help"])
    assert options.files == ("-in.mp4", "--help")
    assert not options.help
    assert parse_options(["-", "-"]).files == ("-", "-")


def test_all_options_of_media_are_understood() -> None:
    options = parse_options(
        shlex.split(
            "-i in.mp4 -ss 1:30 -to 0:02:00.5 -an -sn -n -f matroska -c:v ffv1 -crf 20 "
            "-pix_fmt gray "
            "--enc a=1 --enc b=c=d --strict --compare --progress json -v out.mkv"
        )
    )
    assert (options.input, options.files) == ("in.mp4", ("out.mkv",))
    assert (options.start, options.end) == (90, Fraction(241, 2))
    assert not options.audio and not options.subtitles
    assert (options.format, options.codec, options.pix_fmt) == ("matroska", "ffv1", "gray")
    assert (options.crf, options.enc) == (20, ("a=1", "b=c=d"))
    assert options.strict and options.compare and options.verbose and options.keep_existing
    assert options.progress == "json"


def test_a_length_counts_from_the_start() -> None:
    assert parse_options(["-ss", "3", "-t", "2"]).end == 5
    assert parse_options(["-t", "2"]).end == 2
    assert parse_options([]).end is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", Fraction(90)),
        ("1.5", Fraction(3, 2)),
        (".5", Fraction(1, 2)),
        ("2.", Fraction(2)),
        ("1:30", Fraction(90)),
        ("01:00:00.04", Fraction(90001, 25)),
    ],
)
def test_times_are_exact(text: str, seconds: Fraction) -> None:
    assert parse_time(text) == seconds


def test_named_options_win_over_set_and_set_over_the_preset(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('base = "trail"\nseed = 1\neffort = 2\n[temporal]\nshort = 9\n', "utf-8")
    arguments = ["-p", str(path), "--seed", "3", "--set", "seed=2", "--set", "temporal.short=8"]
    config = make_config(parse_options([*arguments, "--set", "temporal.short=7"]))
    assert (config.seed, config.effort) == (3, 2)
    assert (config.temporal.short, config.temporal.trail) == (7, 500)


def test_every_named_option_reaches_the_config() -> None:
    config = make_config(
        parse_options(
            shlex.split(
                "--class starfish --class goldfish:2 --backbone vgg19 --weights /w --device cpu "
                "--flow raft --seed 5 --effort 0.5 --work-height 270 --strength -1.5"
            )
        )
    )
    assert config.objective.classes == ("starfish", "goldfish:2")
    assert (config.network.backbone, config.network.weights) == ("vgg19", "/w")
    assert (config.network.device, config.motion.flow) == ("cpu", "raft")
    assert (config.seed, config.effort) == (5, 0.5)
    assert (config.output.work_height, config.output.strength) == (270, -1.5)


@pytest.mark.parametrize(
    ("arguments", "classes"),
    [
        (["--layer", "blocks.3"], ()),
        (["--guide", "dog.jpg:2"], ()),
        (["--layer", "blocks.3", "--class", "goldfish"], ("goldfish",)),
        (["--class", "goldfish"], ("goldfish",)),
    ],
)
def test_a_layer_or_a_guide_takes_the_place_of_the_default_class(
    arguments: list[str], classes: tuple[str, ...]
) -> None:
    assert make_config(parse_options(arguments)).objective.classes == classes


def test_a_guide_and_a_style_bring_the_look_they_need() -> None:
    assert parse_options(["--guide", "dog.jpg"]).look == "guided"
    assert parse_options(["--style", "dog.jpg"]).look == "style"
    assert parse_options(["--style", "dog.jpg", "-p", "painted"]).look == "painted"


def test_a_layer_that_does_not_read_so_is_refused_before_anything_is_loaded() -> None:
    assert "blocks.3[x]" in refusal("--layer", "blocks.3[x]")


def test_the_default_look_is_long_term_and_its_class_starfish() -> None:
    config = make_config(parse_options([]))
    assert config == load_preset("long-term")
    assert config.objective.classes == ("starfish",)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--nothing"], ["no option --nothing"]),
        (["--prog", "none"], ["no option --prog", "--progress"]),
        (["-pix", "gray"], ["no option -pix", "-pix_fmt"]),
        (["-pixfmt", "gray"], ["no option -pixfmt", "-pix_fmt"]),
        (["-yq"], ["no option -yq"]),
        (["-in.mp4"], ["no option -in.mp4", "after --"]),
        (["--preset"], ["--preset", "expected one argument"]),
        (["--seed", "many"], ["--seed", "'many'"]),
        (["--seed=1.5"], ["--seed", "'1.5'"]),
        (["--effort", "0"], ["effort", "at least 0.01"]),
        (["--strength", "nan"], ["output.strength", "finite"]),
        (["--work-height", "-5"], ["output.work_height", "at least 0"]),
        (["--device", "gpu"], ["network.device", "cuda"]),
        (["--progress", "dots"], ["--progress", "'dots'", "json"]),
        (["-ss", "soon"], ["-ss", "'soon'", "hh:mm:ss"]),
        (["-ss", "-1"], ["-ss", "'-1'"]),
        (["-t", "0"], ["nothing lies between"]),
        (["-ss", "5", "-to", "5"], ["nothing lies between", "5 s"]),
        (["-to", "5", "-t", "5"], ["-t and -to"]),
        (["-y", "-n"], ["-y", "-n"]),
        (["-q", "-v"], ["-q", "-v"]),
        (["a", "b", "c"], ["one INPUT and one OUTPUT"]),
        (["-i", "a", "b", "c"], ["one INPUT and one OUTPUT"]),
        (["--enc", "crf"], ["--enc", "KEY=VALUE", "'crf'"]),
        (["--set", "seed"], ["--set", "section.key=VALUE"]),
        (["--set", "temporal.shrt=1"], ["temporal.shrt", "temporal.short"]),
        (["--set", "temporal.short=much"], ["temporal.short", "'much'"]),
        (["--preset", "trial"], ["'trial'", "'trail'"]),
        (["--preset", "missing.toml"], ["missing.toml", "No such file"]),
        (["--class", "starfsh"], ["'starfsh'", "'starfish'"]),
        (["--class", "crane"], ["134", "517"]),
        (["--class", "starfish:x"], ["weight", "'x'"]),
    ],
)
def test_a_wrong_option_is_refused_in_one_line(arguments: list[str], words: list[str]) -> None:
    message = refusal(*arguments)
    for word in words:
        assert word in message


def test_every_option_has_help() -> None:
    for action in make_parser()._actions:
        assert action.help, action.option_strings


def test_every_config_option_shows_in_a_dry_run_that_loads_again(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    from ldfilter.cli import main

    arguments = [
        "--preset",
        "paper/trail",
        "--class",
        "goldfish:2",
        "--set",
        "objective.forms=logit",
    ]
    assert main([*arguments, "--dry-run"]) == 0
    out = capfdbinary.readouterr().out
    path = tmp_path / "again.toml"
    path.write_bytes(out)
    expected = make_config(parse_options(arguments))
    assert load_preset(str(path)) == expected
    assert from_mapping(tomllib.loads(out.decode())) == expected


def test_parsing_is_fast() -> None:
    start = time.perf_counter()
    parse_options(["in.mp4", "out.mp4", "--preset", "trail"])
    assert time.perf_counter() - start < 0.25
