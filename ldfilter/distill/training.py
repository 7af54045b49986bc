"""The lessons: a student is trained through the frozen network, on what the look itself wants."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from ldfilter.distill.material import Material, Pairs
from ldfilter.dreaming.objectives import Dream
from ldfilter.dreaming.student import Shape, StudentNet
from ldfilter.errors import ConfigError, ModelError
from ldfilter.image import resize
from ldfilter.warp import warp_linear

TURN = 25.0  # degrees, by which a view is turned at most
VIEW = (0.55, 1.0)  # part of a crop that a view shows; seen from afar, small motifs are nothing
GRAIN = 4  # px: what is finer is grain
PLACE = 32  # px: a dream has shapes within such a place, and no colour of its own over all of it
FORGET = 0.2  # share of frames that know nothing of the one before
WORN = (0.5, 1.5)  # strength of the last dream over what it was, so that it neither fades nor grows


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """How a student is taught.

    Attributes:
        steps: updates of the student.
        batch: pairs of frames per step.
        side: of a crop, px.
        rate: of learning at the start; it falls to nothing along half a cosine.
        strength: mean |x - p| wanted, in units of the range 0 to 1.
        hold: weight of the strength.
        temporal: weight of the change along the flow.
        fine: weight against grain, or one small motif is stamped everywhere.
        turned: weight of dreaming a turned or mirrored picture like the picture itself, or every
            motif stands the same way round.
        tint: weight against colouring whole places, as looks do whose gradient loses its mean.
        seed: the same seed teaches the same.
    """

    steps: int = 2000
    batch: int = 2
    side: int = 352
    rate: float = 2e-3
    strength: float = 0.055
    hold: float = 4.0
    temporal: float = 6.0
    fine: float = 1.0
    turned: float = 0.0
    tint: float = 2.0
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Marks:
    """What one step cost, part by part: `wanted` is the objective's loss, the others are relative
    to the strength."""

    step: int
    wanted: float
    strength: float
    flicker: float


class Trainer:
    """Teaches one student.

    Args:
        objective: what the look wants, on `device`.
        tile: side in px at which the frozen network sees a view.
        lesson: how.
    """

    def __init__(
        self,
        objective: Dream,
        *,
        tile: int,
        shape: Shape,
        lesson: Lesson,
        device: torch.device,
    ) -> None:
        self.objective = objective
        self.tile = tile
        self.lesson = lesson
        self.device = device
        self.step = 0
        self.generator = torch.Generator().manual_seed(lesson.seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(lesson.seed)
            self.network = StudentNet(shape).to(device)
        self.network.to(memory_format=torch.channels_last)
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=lesson.rate)
        self.schedule = torch.optim.lr_scheduler.CosineAnnealingLR(
            self.optimizer, lesson.steps, eta_min=lesson.rate / 100
        )

    def run(self, material: Material, *, watch: Callable[[Marks], None]) -> StudentNet:
        """All steps that are left.

        Args:
            watch: told of every step; may raise to stop.
        """
        self.network.train()
        while self.step < self.lesson.steps:
            pairs = material.draw(
                self.lesson.batch, side=self.lesson.side, generator=self.generator
            )
            watch(self._learn(pairs))
        self.network.eval()
        return self.network

    def _learn(self, pairs: Pairs) -> Marks:
        first, second = pairs.first.to(self.device), pairs.second.to(self.device)
        flow, reliable = pairs.flow.to(self.device), pairs.reliable.to(self.device)
        side = first.shape[2]
        nothing = torch.zeros(len(first), 3, side // 2, side // 2, device=self.device)
        unknown = torch.zeros(len(first), 1, side // 4, side // 4, device=self.device)
        dream = self._dreamed(first, nothing, unknown)
        known = reliable * self._remembered(len(first))
        brought = warp_linear(dream.detach(), flow)
        before = resize(brought * known * self._worn(len(first)), (side // 2, side // 2))
        again = self._dreamed(
            second, before, F.interpolate(known, size=(side // 4, side // 4), mode="area")
        )
        content, dreams = torch.cat((first, second)), torch.cat((dream, again))
        wanted = self._wanted(content, (content + dreams).clamp(0, 1))
        size = dreams.abs().mean(dim=(1, 2, 3)) / self.lesson.strength
        change = (again - brought).square().mean(dim=1, keepdim=True)
        flicker = (change * known).sum() / known.sum().clamp_min(1) / self.lesson.strength**2
        tint = F.avg_pool2d(dreams, PLACE).square().mean() / self.lesson.strength**2
        coarse = F.interpolate(F.avg_pool2d(dreams, GRAIN), scale_factor=GRAIN, mode="bilinear")
        grain = (dreams - coarse).square().mean() / self.lesson.strength**2
        loss = wanted + self.lesson.hold * (size - 1).square().mean()
        loss = loss + self.lesson.temporal * flicker + self.lesson.tint * tint
        loss = loss + self.lesson.fine * grain
        if self.lesson.turned:
            loss = loss + self.lesson.turned * self._turning(first, dream, nothing, unknown)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimizer.step()
        self.schedule.step()
        self.step += 1
        return Marks(
            self.step, float(wanted.detach()), float(size.detach().mean()), float(flicker.detach())
        )

    def _turning(self, image: Tensor, dream: Tensor, nothing: Tensor, unknown: Tensor) -> Tensor:
        """How far the dream of a turned picture is from the turned dream, over the strength."""
        quarters = int(torch.randint(4, (), generator=self.generator))
        mirrored = bool(torch.rand((), generator=self.generator) < 0.5) or not quarters

        def turn(x: Tensor) -> Tensor:
            return torch.rot90(x.flip(3) if mirrored else x, quarters, (2, 3))

        other = self._dreamed(turn(image), nothing, unknown)
        return (other - turn(dream)).square().mean() / self.lesson.strength**2

    def _dreamed(self, image: Tensor, before: Tensor, known: Tensor) -> Tensor:
        small = self.network(image.contiguous(memory_format=torch.channels_last), before, known)
        return F.interpolate(small, scale_factor=2, mode="bilinear", align_corners=False)

    def _wanted(self, content: Tensor, dreamed: Tensor) -> Tensor:
        """The objective's loss on turned, mirrored and scaled views: a dream must please whoever
        looks, not one network from one side."""
        grid = F.affine_grid(
            self._views(len(content)), [len(content), 3, self.tile, self.tile], align_corners=False
        )
        views = [
            F.grid_sample(image, grid, padding_mode="reflection", align_corners=False)
            for image in (content, dreamed)
        ]
        return self.objective.alone(views[1].detach(), views[0])(views[1]).mean()

    def _views(self, count: int) -> Tensor:
        """Affine maps (B, 2, 3) from a view to its picture."""
        angle = torch.deg2rad((self._random(count) * 2 - 1) * TURN)
        scale = VIEW[0] + (VIEW[1] - VIEW[0]) * self._random(count)
        mirror = (self._random(count) < 0.5).float() * 2 - 1
        room = (1 - scale).clamp_min(0)
        x, y = ((self._random(count) * 2 - 1) * room for _ in range(2))
        cos, sin = angle.cos() * scale, angle.sin() * scale
        rows = torch.stack((mirror * cos, -sin, x, mirror * sin, cos, y), dim=1)
        return rows.view(count, 2, 3).to(self.device)

    def _remembered(self, count: int) -> Tensor:
        return (self._random(count) > FORGET).float().view(-1, 1, 1, 1).to(self.device)

    def _worn(self, count: int) -> Tensor:
        worn = WORN[0] + (WORN[1] - WORN[0]) * self._random(count)
        return worn.view(-1, 1, 1, 1).to(self.device)

    def _random(self, count: int) -> Tensor:
        return torch.rand(count, generator=self.generator)

    def save(self, path: Path) -> None:
        """Write everything that `resume` needs; a file that was there is replaced at once.

        Raises:
            ModelError: the file cannot be written.
        """
        state = {
            "lesson": asdict(self.lesson),
            "shape": asdict(self.network.shape),
            "step": self.step,
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "generator": self.generator.get_state(),
        }
        beside = path.with_name(f"{path.name}.part")
        try:
            torch.save(state, beside)
            os.replace(beside, path)
        except (OSError, RuntimeError) as error:
            raise ModelError(f"cannot write {path}: {error}.") from error

    def resume(self, path: Path) -> None:
        """Go on where `save` left off.

        Raises:
            ModelError: the file is damaged.
            ConfigError: it belongs to another lesson.
        """
        try:
            state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
            lesson, shape = state["lesson"], state["shape"]
        except Exception as error:  # whatever a damaged file does to the library that reads it
            raise ModelError(f"{path} is damaged ({error}); delete it to begin anew.") from error
        given = asdict(self.lesson) | asdict(self.network.shape)
        for key, value in (lesson | shape).items():
            if given[key] != value:
                raise ConfigError(
                    f"{path} was begun with {key} {value}, not {given[key]}; delete it to begin "
                    "anew."
                )
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        self.generator.set_state(state["generator"])
        self.step = state["step"]
