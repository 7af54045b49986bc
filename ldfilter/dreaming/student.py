"""A feed-forward network that has learnt a look: one pass a frame.

The GAN of Guided Dreams made practical: it sees the frame, its own last dream along the flow, and
where that can be trusted, and gives the new dream.
"""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from ldfilter.device import pick_dtype
from ldfilter.dreaming.dreamer import dreamable
from ldfilter.dreaming.surgery import fold_batch_norms
from ldfilter.errors import ModelError, first_line
from ldfilter.frame import Frame
from ldfilter.image import resize
from ldfilter.warp import resize_flow, warp_linear

GRID = 8  # px: the network works at an eighth of the picture at the deepest
MARGIN = 8  # px, around the picture
FORMAT = "ldfilter student 1"
CHANNELS = 3 * 16 + 3 * 4 + 1
"""What it sees at a quarter of the size: frame, last dream at half size, mask."""


@dataclass(frozen=True, slots=True)
class Shape:
    """How large a student is.

    Attributes:
        width: channels at a quarter of the picture's size; twice as many at an eighth.
        depth: residual blocks at an eighth.
        fine: channels at half the size.
    """

    width: int = 32
    depth: int = 5
    fine: int = 16


class Block(nn.Module):
    """Two convolutions beside the identity. Batch norms, as they are folded away when it runs, and
    leave no bubbles as instance norms do."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = _conv(width, width)
        self.second = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)
        )

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.second(self.first(x))
        return out


class StudentNet(nn.Module):
    """Frame, last dream and mask to the new dream.

    Nearest enlargements followed by convolutions: shuffled pixels would leave a grid.

    Args:
        shape: how large it is.
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        width = shape.width
        self.stem = _conv(CHANNELS, width)
        self.down = _conv(width, 2 * width, stride=2)
        self.body = nn.Sequential(*(Block(2 * width) for _ in range(shape.depth)))
        self.lift = _conv(2 * width, width)
        self.middle = Block(width)
        self.coarse = nn.Conv2d(width, 3, 3, padding=1)
        self.refine = _conv(width, shape.fine)
        self.detail = nn.Conv2d(shape.fine, 3, 3, padding=1)
        for head in (self.coarse, self.detail):
            nn.init.normal_(head.weight, std=0.01)

    def forward(self, image: Tensor, before: Tensor, known: Tensor) -> Tensor:
        """The residual at half size, (B, 3, h/2, w/2).

        Args:
            image: (B, 3, h, w) in [0, 1]; sides divide by `GRID`.
            before: (B, 3, h/2, w/2), the last residual along the flow, 0 where unknown.
            known: (B, 1, h/4, w/4), where it is known, 0 to 1.
        """
        seen = (F.pixel_unshuffle(image, 4), F.pixel_unshuffle(before, 2), known)
        quarter = self.stem(torch.cat(seen, dim=1))
        deep = self.body(self.down(quarter))
        quarter = self.middle(quarter + self.lift(_twice(deep)))
        half = self.refine(_twice(quarter))
        coarse = F.interpolate(
            self.coarse(quarter), scale_factor=2, mode="bilinear", align_corners=False
        )
        return torch.tanh(self.detail(half) + coarse)


def _conv(inputs: int, outputs: int, *, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


def _twice(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="nearest")


@dataclass(frozen=True, slots=True)
class Student:
    """A trained network and what is known about it.

    Attributes:
        look: the preset it has learnt.
        card: what was measured of it, see `distill`.
    """

    network: StudentNet
    look: str
    card: dict[str, float]


def save_student(path: Path, student: Student) -> None:
    """Write a student in half precision.

    Raises:
        ModelError: the file cannot be written.
    """
    state = {
        name: value.detach().half().contiguous() if value.is_floating_point() else value
        for name, value in student.network.state_dict().items()
    }
    about = {
        "format": FORMAT,
        "shape": json.dumps(asdict(student.network.shape)),
        "look": student.look,
        "card": json.dumps(student.card),
    }
    try:
        save_file(state, path, about)
    except (OSError, SafetensorError) as error:
        raise ModelError(f"cannot write {path}: {error}.") from error


def load_student(path: Path) -> Student:
    """Read what `save_student` wrote.

    Raises:
        ModelError: the file is missing, damaged, or no student.
    """
    if not path.is_file():
        raise ModelError(
            f"there is no student {path}; ldfilter-distill makes one, and --student takes its file."
        )
    try:
        with safe_open(path, framework="pt") as file:
            about = file.metadata() or {}
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if about.get("format") != FORMAT:
            raise ValueError(f"its format is {about.get('format')!r}, not {FORMAT!r}")
        network = StudentNet(Shape(**json.loads(about["shape"])))
        network.load_state_dict({name: value.float() for name, value in state.items()})
    except (OSError, SafetensorError, ValueError, KeyError, TypeError, RuntimeError) as error:
        reason = first_line(error, otherwise=type(error).__name__)
        raise ModelError(
            f"{path} is no student that ldfilter-distill wrote, or it is damaged: {reason}."
        ) from error
    network.eval().requires_grad_(False)
    return Student(network, about["look"], json.loads(about["card"]))


class StudentDreamer:
    """Dreams with a student; a `Dreamer`.

    State over frames: its last dream, at half size.
    """

    def __init__(self, student: Student, *, device: torch.device) -> None:
        self.device = device
        self.dtype = pick_dtype(device)
        self.network = fused(student.network).to(device, self.dtype)
        self.network.to(memory_format=torch.channels_last)
        self._before: Tensor | None = None

    @torch.inference_mode()
    def dream(self, frame: Frame) -> Tensor:
        """The residual of `frame`, (1, 3, h, w) float32 on the CPU."""
        content = frame.image.to(self.device)
        height, width = content.shape[2:]
        image = padded(content)
        half = (image.shape[2] // 2, image.shape[3] // 2)
        before, known = self._brought(frame, half)
        given = (image, before, known)
        inputs = (x.to(self.dtype, memory_format=torch.channels_last) for x in given)
        small = self.network(*inputs).float()
        full = resize(small, (2 * half[0], 2 * half[1]))
        residual = full[..., MARGIN : MARGIN + height, MARGIN : MARGIN + width]
        residual = (content + residual).clamp_(0, 1) - content
        self._before = small
        return (residual * dreamable(frame, like=residual)).cpu()

    def _brought(self, frame: Frame, half: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """The last dream on this frame, and where it is known."""
        quarter = (half[0] // 2, half[1] // 2)
        unknown = torch.zeros(1, 1, *quarter, device=self.device)
        nothing = torch.zeros(1, 3, *half, device=self.device)
        motion, before = frame.motion, self._before
        if motion is None or before is None or frame.starts_shot or motion.cut:
            return nothing, unknown
        flow = padded(motion.previous.to(self.device))
        reliable = padded(motion.reliable.to(before))
        there = resize(reliable, half, mode="area")
        brought = warp_linear(before, resize_flow(flow, half)) * there
        return brought, resize(reliable, quarter, mode="area")


def padded(image: Tensor) -> Tensor:
    """(B, C, h, w) with its border repeated: `MARGIN` on every side, and up to multiples of `GRID`.

    The network sees black beyond its picture, and draws a frame there.
    """
    height, width = image.shape[2:]
    below, right = -height % GRID, -width % GRID
    sides = (MARGIN, MARGIN + right, MARGIN, MARGIN + below)
    return F.pad(image, sides, mode="replicate")


def fused(network: StudentNet) -> nn.Module:
    """A copy with its batch norms folded into the convolutions; the same function, faster."""
    copy = deepcopy(network).eval()
    fold_batch_norms(copy)
    return copy
