"""Networks kept as OpenVINO reads them, so that a process with a warm cache starts without torch."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from bowerbird.models.cache import sha256_of

log = logging.getLogger(__name__)

MODEL, MANIFEST = "model.xml", "complete.json"


@dataclass(frozen=True, slots=True)
class ConvertedModels:
    """A folder of converted networks. An entry is a folder that appears whole, its manifest written last.

    What is kept depends on neither processor nor precision: both are settled when it is compiled.
    """

    folder: Path
    cache: Path
    """Where `sha256_of` remembers what it has read."""

    def load(
        self,
        name: str,
        *,
        read: Callable[[Path], Any],
        make: Callable[[], Any],
        save: Callable[[Any, Path], None],
    ) -> Any:
        """The model kept under ``name``; where it is absent or damaged it is made and kept first."""
        entry = self.folder / name
        if self._intact(entry):
            return read(entry / MODEL)
        made = make()
        try:
            self._keep(entry, made, save)
        except OSError as error:
            log.warning("%s cannot be kept in %s (%s)", name, self.folder, error.strerror)
        return made

    def _intact(self, entry: Path) -> bool:
        try:
            manifest = json.loads((entry / MANIFEST).read_bytes())
            return all(sha256_of(entry / file, self.cache) == wanted for file, wanted in manifest.items())
        except (OSError, ValueError, AttributeError):
            return False

    def _keep(self, entry: Path, made: Any, save: Callable[[Any, Path], None]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        temporary = Path(mkdtemp(dir=self.folder, prefix=f".{entry.name}."))
        try:
            save(made, temporary / MODEL)
            files = {file.name: sha256_of(file, self.cache) for file in sorted(temporary.iterdir())}
            (temporary / MANIFEST).write_text(json.dumps(files))
            if not self._intact(entry):  # another process may have been quicker
                shutil.rmtree(entry, ignore_errors=True)
                temporary.rename(entry)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
