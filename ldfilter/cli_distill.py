"""The command `ldfilter-distill`: teaches a student a look and says what it is worth."""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ldfilter.errors import ConfigError, LdfilterError

if TYPE_CHECKING:
    from ldfilter.config import Config
    from ldfilter.distill import Lesson, Material, Trainer

DESCRIPTION = """\
Trains a small feed-forward network on a look, so that it dreams in real time. It learns from CLIPS
(videos, photos, sample:bunny...) through the frozen network of the look; no dreamed frames are
needed. Ctrl-C stops; the same command goes on where it stopped."""

EPILOG = """\
example:
  ldfilter-distill long-term sample:bunny sample:bikes --class snail -o snail.safetensors
  ldfilter in.mp4 out.mp4 --student snail.safetensors"""

SAVE_SECONDS = 60.0
SHOW_SECONDS = 10.0


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; gives the exit code."""
    try:
        options = _parser().parse_args(argv)
        warnings.simplefilter("ignore")
        _distill(options)
    except LdfilterError as error:
        print(f"ldfilter-distill: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("ldfilter-distill: stopped; the same command goes on from here.", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ldfilter-distill",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("preset", help="the look, or a file X.toml")
    parser.add_argument("clips", nargs="+", metavar="CLIP", help="a video, a photo, sample:NAME")
    parser.add_argument("-o", dest="output", required=True, help="where the student goes")
    parser.add_argument("--class", dest="classes", action="append", metavar="NAME[:WEIGHT]")
    parser.add_argument("--style", dest="styles", action="append", metavar="FILE[:WEIGHT]")
    parser.add_argument("--layer", dest="layers", action="append", metavar="NAME[:WEIGHT]")
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE")
    parser.add_argument("--steps", type=int, default=2000, help="updates (default: %(default)s)")
    parser.add_argument("--batch", type=int, default=2, help="pairs of frames per update")
    parser.add_argument("--strength", type=float, help="mean |x - p| (default: the teacher's)")
    parser.add_argument("--temporal", type=float, default=6.0, help="weight against flicker")
    parser.add_argument("--fine", type=float, default=1.0, help="weight against grain")
    parser.add_argument(
        "--turned", type=float, default=0.0, help="weight against motifs that all stand alike; slow"
    )
    parser.add_argument("--tint", type=float, default=2.0, help="weight against plain colour")
    parser.add_argument("--height", type=int, default=360, help="lines to learn at")
    parser.add_argument("--width", type=int, default=32, help="channels of the student")
    parser.add_argument("--depth", type=int, default=5, help="blocks of the student")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="auto")
    return parser


def _config(options: argparse.Namespace) -> Config:
    from ldfilter.cli_options import Options, make_config

    values = {
        "objective.classes": options.classes,
        "objective.style.images": options.styles,
        "objective.layers": options.layers,
    }
    named = tuple((key, tuple(value)) for key, value in values.items() if value)
    return make_config(Options(preset=options.preset, set=tuple(options.set), config_values=named))


def _distill(options: argparse.Namespace) -> None:
    from ldfilter.config import apply
    from ldfilter.distill import Lesson, gather, make_card
    from ldfilter.dreaming.student import Student, StudentDreamer, save_student

    output = Path(options.output)
    if not output.parent.is_dir():
        raise ConfigError(f"cannot write {output}: there is no folder {output.parent}.")
    config = apply(_config(options), {"network.device": options.device})
    print(f"reading {len(options.clips)} clips", file=sys.stderr)
    material = gather(options.clips, height=options.height)
    lesson = Lesson(
        steps=options.steps,
        batch=options.batch,
        strength=options.strength or _strength(config, material),
        temporal=options.temporal,
        fine=options.fine,
        turned=options.turned,
        tint=options.tint if config.dream.gradient == "laplacian" else 0.0,
        seed=options.seed,
    )
    trainer = _trainer(config, lesson, options)
    unfinished = output.with_name(f"{output.name}.unfinished")
    if unfinished.exists():
        trainer.resume(unfinished)
        print(f"going on after step {trainer.step}", file=sys.stderr)
    _teach(trainer, material, unfinished=unfinished, preview=output.with_suffix(".png"))
    student = Student(trainer.network, options.preset, {})
    dreamer = StudentDreamer(student, device=trainer.device)
    card = make_card(dreamer, config, material.unseen)
    save_student(output, Student(trainer.network, options.preset, card))
    unfinished.unlink(missing_ok=True)
    for name, value in card.items():
        print(f"{name:24} {value:.4g}")


def _trainer(config: Config, lesson: Lesson, options: argparse.Namespace) -> Trainer:
    from ldfilter.device import pick_device
    from ldfilter.distill import Trainer
    from ldfilter.dreaming.backbones import load_backbone
    from ldfilter.dreaming.objectives import Dream, build_terms
    from ldfilter.dreaming.student import Shape
    from ldfilter.pipeline import read_image

    device = pick_device(config.network.device)
    backbone = load_backbone(config.network.backbone, weights=config.network.weights).to(device)
    terms = build_terms(config.objective, backbone, read=read_image)
    return Trainer(
        Dream(backbone, terms),
        tile=backbone.tile,
        shape=Shape(width=options.width, depth=options.depth),
        lesson=lesson,
        device=device,
    )


def _strength(config: Config, material: Material) -> float:
    """How strong the teacher is on frames that are kept for judging."""
    from ldfilter.pipeline import build, process, strength

    if not material.unseen:
        raise ConfigError(
            "photos and clips of a few frames do not tell how strong the look is; add a video, or "
            "say --strength 0.055."
        )
    stages = build(config)
    dreamed = [frame for shot in material.unseen for frame in process(shot[:3], stages)]
    return sum(strength(frame) for frame in dreamed) / len(dreamed)


def _teach(trainer: Trainer, material: Material, *, unfinished: Path, preview: Path) -> None:
    from ldfilter.distill.preview import save_preview
    from ldfilter.distill.training import Marks

    start = time.monotonic()
    shown = saved = start
    begun = trainer.step

    def watch(marks: Marks) -> None:
        nonlocal shown, saved
        now = time.monotonic()
        last = marks.step == trainer.lesson.steps
        if now - shown >= SHOW_SECONDS or last:
            shown = now
            left = (now - start) / (marks.step - begun) * (trainer.lesson.steps - marks.step)
            print(
                f"step {marks.step}/{trainer.lesson.steps}, loss {marks.wanted:.3f}, strength "
                f"{marks.strength:.2f} and flicker {marks.flicker:.2f} of what is wanted, "
                f"{left / 60:.0f} min left",
                file=sys.stderr,
                flush=True,
            )
        if now - saved >= SAVE_SECONDS or last:
            saved = now
            trainer.save(unfinished)
            save_preview(preview, trainer, material)

    try:
        trainer.run(material, watch=watch)
    except KeyboardInterrupt:
        trainer.save(unfinished)
        raise
