"""A shot on disk: its frames as they came, and the dream so far, which may be replaced."""

from __future__ import annotations

import pickle
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import IO, Any

import av
import numpy as np
import torch
from torch import Tensor

from ldfilter.errors import SourceError
from ldfilter.frame import Frame

TAGS = ("color_range", "colorspace", "color_primaries", "color_trc")


@dataclass(frozen=True, slots=True)
class StoredPicture:
    """A decoded frame as plain bytes, laid out as FFmpeg's rawvideo."""

    size: tuple[int, int]
    pix_fmt: str
    data: bytes
    tags: tuple[int, ...]

    @classmethod
    def of(cls, picture: Any) -> StoredPicture:
        """`picture` is an `av.VideoFrame`."""
        if picture.format.name == "pal8":  # the one format that rawvideo does not encode
            picture = picture.reformat(format="bgra")
        encoder: Any = av.CodecContext.create("rawvideo", "w")
        encoder.width, encoder.height = picture.width, picture.height
        encoder.pix_fmt = picture.format.name
        encoder.time_base = Fraction(1)
        tags = tuple(int(getattr(picture, name)) for name in TAGS)
        (packet,) = encoder.encode(picture)
        return cls((picture.height, picture.width), picture.format.name, bytes(packet), tags)

    def restored(self) -> Any:
        """The `av.VideoFrame` again, without its time."""
        decoder: Any = av.CodecContext.create("rawvideo", "r")
        decoder.height, decoder.width = self.size
        decoder.pix_fmt = self.pix_fmt
        (picture,) = decoder.decode(av.Packet(self.data))
        for name, value in zip(TAGS, self.tags, strict=True):
            setattr(picture, name, value)
        return picture


class Shot:
    """The frames of one shot, in temporary files; memory holds one of them at a time.

    Safe to use from two threads. A context manager; leaving it deletes the files.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        with _explained():
            self._frames = self._file()
            self._residuals = self._file()
        self._starts: list[int] = []

    @staticmethod
    def _file() -> IO[bytes]:
        return tempfile.TemporaryFile(prefix="ldfilter-")

    def __enter__(self) -> Shot:
        return self

    def __exit__(self, *_: object) -> None:
        self._frames.close()
        self._residuals.close()

    def __len__(self) -> int:
        return len(self._starts)

    def append(self, frame: Frame) -> None:
        """Store a dreamed frame, without its motion. All residuals of a shot have one size.

        Raises:
            SourceError: the disk is full.
        """
        picture = frame.picture
        if isinstance(picture, av.VideoFrame):
            picture = StoredPicture.of(picture)
        with self._lock, _explained():
            self._starts.append(self._frames.seek(0, 2))
            bare = replace(frame, picture=picture, residual=None, motion=None)
            pickle.dump(bare, self._frames, protocol=5)
        self.replace(len(self) - 1, frame.residual)

    def replace(self, number: int, residual: Tensor | None) -> None:
        """Store another dream of frame `number`, counted from 0 in this shot.

        Raises:
            ValueError: the frame was not dreamed.
            SourceError: the disk is full.
        """
        if residual is None:
            raise ValueError(f"frame {number} of the shot has no dream to store")
        data = residual.float().contiguous().numpy()
        with self._lock, _explained():
            self._residuals.seek(number * data.nbytes)
            self._residuals.write(data.tobytes())

    def frame(self, number: int) -> Frame:
        """Frame `number` with the dream stored last; its picture stays packed."""
        with self._lock, _explained():
            self._frames.seek(self._starts[number])
            frame: Frame = pickle.load(self._frames)
            count = frame.image.numel()
            self._residuals.seek(number * count * 4)
            data = np.frombuffer(self._residuals.read(count * 4), dtype=np.float32)
        return replace(frame, residual=torch.from_numpy(data.copy()).view_as(frame.image))

    def frames(self) -> Iterator[Frame]:
        """All frames in order, as they were appended, with the dreams stored last."""
        for number in range(len(self)):
            frame = self.frame(number)
            picture = frame.picture
            yield replace(
                frame,
                picture=picture.restored() if isinstance(picture, StoredPicture) else picture,
            )

    def clear(self) -> None:
        """Forget all frames and give their room back."""
        with self._lock, _explained():
            self._starts.clear()
            for file in (self._frames, self._residuals):
                file.seek(0)
                file.truncate()


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SourceError(
            f"a shot cannot be kept in {tempfile.gettempdir()} between its passes: "
            f"{error.strerror or error}; free some space, or name another folder with TMPDIR."
        ) from error
