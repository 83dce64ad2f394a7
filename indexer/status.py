"""What a library holds, in numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bowerbird.models.destinations import destination
from bowerbird.store.lease import works_on
from bowerbird.wiring import Library
from indexer.roots import is_offline
from indexer.spaces import reencoding_of, spaces_of


def status_of(library: Library) -> dict[str, Any]:
    """The library as one object: spaces, counts by kind, roots, the last index run; who captions and answers, and where
    pictures and questions are sent to for that.
    """
    with library.catalog.read() as tx:
        last = tx.jobs.last("index")
        # What was killed had no time to say so.
        killed = last is not None and last.state == "running" and not works_on(tx, "index", last.owner)
        found = {
            "library": str(library.folder),
            "bytes": size_of(library),
            "spaces": spaces_of(tx),
            "reencoding": reencoding_of(tx),
            "files": tx.locations.count(),
            "failed": sum(1 for _ in tx.failures.all()),
            "assets": dict(tx.assets.counts()),
            "segments": dict(tx.segments.counts()),
            "captions": tx.captions.counts(),
            "last_index": last
            and {
                "started_at": last.started_at.isoformat(),
                "state": "stopped" if killed else last.state,
                "report": last.report,
            },
        }
    settings = library.settings
    found["captioner"] = destination(settings.caption.captioner)
    found["answerer"] = destination(settings.answer.answerer)
    return {**found, "roots": roots_of(library)}


def size_of(library: Library) -> int:
    """Bytes of the library's folder; those of a database elsewhere are not counted."""
    return sum(_size(file) for file in library.folder.rglob("*"))


def roots_of(library: Library) -> list[dict[str, Any]]:
    """Every root with the number of its files and whether it is there."""
    with library.catalog.read() as tx:
        counts = tx.roots.counts()
        return [
            {"path": root.path, "files": counts.get(root.id, 0), "online": not is_offline(root)}
            for root in tx.roots.all()
        ]


def _size(path: Path) -> int:
    try:
        return path.stat().st_size if path.is_file() else 0
    except OSError:  # snapshots come and go
        return 0
