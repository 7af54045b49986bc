"""What a source tells about damaged, missing or changed things, in sentences."""

from __future__ import annotations

from fractions import Fraction

from ldfilter.frame import StreamInfo
from ldfilter.source.demux import Decoder, Demuxer

EARLY_SECONDS = Fraction(1, 2)
EARLY_SHARE = Fraction(2, 100)
"""An input that ends before its header's word by more than both counts as cut off. Empirical:
intact files differ by up to a few frames or one packet of sound."""


GAP_FRAMES = 3
STEADY_SHARE = Fraction(9, 10)
"""A gap of over three frames is worth a word where nine in ten frames follow at once; elsewhere
the rate simply varies. FFmpeg 9 jumps over damaged clusters of Matroska without an error."""


class Report:
    """Collects what happened while reading; `finish` adds what is known only at the end.

    Attributes:
        sentences: one for each kind of trouble.
        damaged: something of the input was lost.
        frames: how many were handed out.
        missing, backward: frames whose time was absent or went back.
    """

    def __init__(self, info: StreamInfo, sentences: list[str]) -> None:
        """`sentences`: the list to add to."""
        self._info = info
        self.sentences = sentences
        self.damaged = False
        self.frames = 0
        self.missing = 0
        self.backward = 0
        self._after = 0
        self._steady = 0
        self._gaps = 0
        self._deinterlaced = False

    @property
    def deinterlaced(self) -> bool:
        """Whether interlaced frames were met; said as soon as it is known."""
        return self._deinterlaced

    @deinterlaced.setter
    def deinterlaced(self, value: bool) -> None:
        if value and not self._deinterlaced:
            self.sentences.append(
                f"{self._info.name} is interlaced; it was deinterlaced with FFmpeg's bwdif."
            )
        self._deinterlaced = value

    def follow(self, pts: int, duration: int, *, first: bool) -> None:
        """Note when a frame is shown, in ticks, to find gaps between frames."""
        gap = 0 if first else pts - self._after
        self._steady += abs(gap) <= duration // 2
        self._gaps += gap > GAP_FRAMES * duration
        self._after = pts + duration

    def finish(
        self,
        demuxer: Demuxer,
        decoder: Decoder,
        *,
        changed: int,
        promised: Fraction | None,
        leftover: int,
    ) -> None:
        """Add the sentences about the whole.

        Args:
            changed: frames that had another size or format than the first.
            promised: seconds at which it should end; None when unknown.
            leftover: bytes of a last frame that is not whole.
        """
        name = self._info.name
        if self.missing or self.backward:
            self._say_times()
        if self._gaps and self._steady >= STEADY_SHARE * self.frames:
            self.sentences.append(f"pictures of {name} seem to be missing{_places(self._gaps)}.")
        if changed:
            self.sentences.append(
                f"{changed} of {self.frames} frames of {name} have another size or pixel format "
                "than the first; they were converted to it."
            )
        broken = demuxer.errors + decoder.errors + decoder.corrupt
        if broken:
            self._lose(f"{name} is damaged{_places(broken)}; {self.frames} frames were read.")
        if leftover:
            self._lose(f"{name} ended early: in the middle of its last frame.")
        if demuxer.lost:
            self._lose(f"reading {name} broke off after {self.frames} frames: {demuxer.lost}.")
        elif promised is not None and demuxer.end is not None:
            self._compare(demuxer.end, promised)

    def _say_times(self) -> None:
        parts = []
        if self.missing:
            parts.append(f"{self.missing} without a time")
        if self.backward:
            parts.append(f"{self.backward} going back in time")
        self.sentences.append(
            f"{self._info.name} has frames with wrong times ({', '.join(parts)}); "
            "they were spaced anew."
        )

    def _compare(self, end: Fraction, promised: Fraction) -> None:
        short = promised - end
        if short > EARLY_SECONDS and short > promised * EARLY_SHARE:
            self._lose(
                f"{self._info.name} ended early: at {float(end):.1f} s, "
                f"while its header says {float(promised):.1f} s."
            )

    def _lose(self, sentence: str) -> None:
        self.damaged = True
        self.sentences.append(sentence)


def _places(count: int) -> str:
    return f" in {count} places" if count > 1 else " in one place"


def y4m_leftover(head: bytes, size: int, demuxer: Demuxer) -> int:
    """Bytes of a y4m stream that belong to a last frame cut off; FFmpeg drops them in silence.

    Args:
        head: how the stream begins, with its header and the first frame's.
        size: of the stream.
        demuxer: after it has read all frames that came whole.
    """
    lines = head.split(b"\n", 2)
    if not lines[0].startswith(b"YUV4MPEG2") or len(lines) < 3 or not demuxer.packets:
        return 0
    whole = len(lines[0]) + 1 + demuxer.packets * (len(lines[1]) + 1) + demuxer.bytes
    return max(0, size - whole)
