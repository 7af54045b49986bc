"""The errors ldfilter raises on purpose, and the exit code each becomes.

LdfilterError            1   something the user can act on
├── ConfigError          2   a preset, option, class or value that does not exist or does not fit
├── SourceError          1   the input cannot be read
├── ModelError           1   a network or its weights cannot be had
└── SinkError            1   the output cannot be written
    └── ReaderLeft       0   whoever read our output closed it; a quiet end
Stopped                130   the user asked to stop; what was dreamed is finished and playable

Every message is one sentence or two: what was given, what is allowed, what to do.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class LdfilterError(Exception):
    """Base of every error that ldfilter raises on purpose."""

    exit_code = 1


class ConfigError(LdfilterError):
    """A preset, option, class or value that does not exist or does not fit."""

    exit_code = 2


class SourceError(LdfilterError):
    """The input cannot be opened or read."""


class ModelError(LdfilterError):
    """A network or its weights cannot be had."""


class SinkError(LdfilterError):
    """The output cannot be opened or written."""


class ReaderLeft(SinkError):
    """The reader of our output closed it: the end of the job, not a failure."""

    exit_code = 0


class Stopped(LdfilterError):
    """The user asked to stop while a frame was being dreamed."""

    exit_code = 130


def first_line(error: BaseException, *, otherwise: str = "no message") -> str:
    """The first line of what an error says, or `otherwise` where it says nothing."""
    return (str(error).strip() or otherwise).splitlines()[0]


def suggestion(given: str, allowed: Iterable[str]) -> str:
    """A sentence like " Did you mean 'trail'?", or "" when nothing is near. Starts with a space."""
    near = difflib.get_close_matches(given, list(allowed), n=3, cutoff=0.6)
    return f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
