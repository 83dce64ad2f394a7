"""What is kept beside the weights so that nothing is computed twice: hashes of files, and small arrays.

All of it can be thrown away at any time; several processes may write the same entry at once.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from tempfile import NamedTemporaryFile

import numpy as np
from numpy.typing import NDArray


def digest(*parts: object) -> str:
    """sha256 (hex) over ``parts`` in order; how fingerprints and cache keys are made."""
    return hashlib.sha256(json.dumps([str(part) for part in parts]).encode()).hexdigest()


def write_whole(path: Path, content: bytes) -> None:
    """Write so that a reader sees the old file or the new one, never a part.

    Raises OSError where the folder cannot be written to.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        temporary = Path(file.name)
        try:
            file.write(content)
            file.flush()
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def sha256_of(path: Path, cache: Path) -> str:
    """sha256 (hex) of a file, read through once for each (inode, size, time of change) and remembered in ``cache``.

    Raises OSError where the file cannot be read; a cache that cannot be written costs time, not the answer.
    """
    path = path.resolve()
    stat = path.stat()
    state = [stat.st_ino, stat.st_size, stat.st_mtime_ns]
    memory = cache / "hashes" / f"{digest(path)[:32]}.json"
    try:
        known = json.loads(memory.read_bytes())
        if known["state"] == state:
            return str(known["sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        pass  # not remembered, or not legibly
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    with contextlib.suppress(OSError):
        write_whole(memory, json.dumps({"path": os.fspath(path), "state": state, "sha256": found}).encode())
    return found


def remembered(path: Path, shape: tuple[int, ...], make: Callable[[], NDArray[np.float32]]) -> NDArray[np.float32]:
    """The array kept at ``path``, made and kept first where it is absent or not of ``shape``."""
    try:
        kept = np.load(path, allow_pickle=False)
        if kept.shape == shape and kept.dtype == np.float32 and np.isfinite(kept).all():
            return kept  # type: ignore[no-any-return]
    except (OSError, ValueError, EOFError):
        pass  # absent or damaged
    made = np.ascontiguousarray(make(), dtype=np.float32)
    content = io.BytesIO()
    np.save(content, made)
    with contextlib.suppress(OSError):
        write_whole(path, content.getvalue())
    return made
