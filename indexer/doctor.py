"""Is the library whole? SQL against itself, views against SQL, files against locations. Views are repaired."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from bowerbird.store.lease import held
from bowerbird.wiring import Library
from indexer.identify import changed_since
from indexer.roots import is_offline
from indexer.scan import ScannedFile


@dataclass(slots=True)
class Diagnosis:
    """What was found. ``faults`` need somebody; ``repaired`` no longer do; ``stale`` files want an index run."""

    faults: list[str] = field(default_factory=list)
    repaired: list[str] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)
    offline: list[str] = field(default_factory=list)
    views: int = 0
    files: int = 0

    @property
    def well(self) -> bool:
        """Whether nothing is left to do."""
        return not self.faults and not self.stale


def examine(library: Library) -> Diagnosis:
    """Examine everything, and rebuild the views that differ from SQL."""
    found = Diagnosis()
    with library.catalog.read() as tx:
        found.faults += tx.integrity()
    _examine_views(library, found)
    _examine_files(library, found)
    return found


def _examine_views(library: Library, found: Diagnosis) -> None:
    damaged = []
    for key in library.view_keys():
        found.views += 1
        if faults := library.views.check(library.space(key.space_id), key.kind):
            damaged.append(key)
            found.repaired += [f"{fault}; rebuilt from SQL" for fault in faults]
    if damaged:
        with held(library.catalog, "views", "writing the views of this library"):
            for key in damaged:
                space = library.space(key.space_id)
                library.views.rebuild(space, key.kind)
                library.views.save(space, key.kind, force=True)
                found.faults += library.views.check(space, key.kind)


def _examine_files(library: Library, found: Diagnosis) -> None:
    with library.catalog.read() as tx:
        for root in tx.roots.all():
            if is_offline(root):
                found.offline.append(root.path)
                continue
            paths = [path for _, path in tx.locations.under(root.id)]
            found.files += len(paths)
            for start in range(0, len(paths), 500):
                for path, location in tx.locations.at(root.id, paths[start : start + 500]).items():
                    file = ScannedFile(root, path, location.stat)
                    if changed_since(file):
                        state = "has changed" if os.path.lexists(file.absolute) else "is gone"
                        found.stale.append(f"{file.absolute} {state}")
