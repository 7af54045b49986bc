"""ldfilter: controlled, temporally consistent DeepDream for video, frame in and frame out.

    with ldfilter.open_source("in.mp4") as source:
        with ldfilter.open_sink("out.mp4", like=source) as sink:
            for frame in ldfilter.dream(source, "long-term"):
                sink.write(frame)

Names are imported when they are first used, so that `import ldfilter` does not import torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from ldfilter.version import __version__

if TYPE_CHECKING:
    from ldfilter.classes import list_classes
    from ldfilter.config import Config
    from ldfilter.errors import (
        ConfigError,
        LdfilterError,
        ModelError,
        ReaderLeft,
        SinkError,
        SourceError,
        Stopped,
    )
    from ldfilter.frame import Frame
    from ldfilter.looks import list_presets, load_preset
    from ldfilter.pipeline import dream, dream_arrays
    from ldfilter.sink import Encoding, open_sink
    from ldfilter.source import open_source

__all__ = [
    "Config",
    "ConfigError",
    "Encoding",
    "Frame",
    "LdfilterError",
    "ModelError",
    "ReaderLeft",
    "SinkError",
    "SourceError",
    "Stopped",
    "__version__",
    "dream",
    "dream_arrays",
    "list_classes",
    "list_presets",
    "load_preset",
    "open_sink",
    "open_source",
]

_HOMES = {
    "Config": "config",
    "ConfigError": "errors",
    "Encoding": "sink",
    "Frame": "frame",
    "LdfilterError": "errors",
    "ModelError": "errors",
    "ReaderLeft": "errors",
    "SinkError": "errors",
    "SourceError": "errors",
    "Stopped": "errors",
    "dream": "pipeline",
    "dream_arrays": "pipeline",
    "list_classes": "classes",
    "list_presets": "looks",
    "load_preset": "looks",
    "open_sink": "sink",
    "open_source": "source",
}


def __getattr__(name: str) -> Any:
    """PEP 562: a public name, from the module it lives in."""
    if name not in _HOMES:
        raise AttributeError(f"module 'ldfilter' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"ldfilter.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
