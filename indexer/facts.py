"""Where and when: what a file's own metadata leave open is told by its name, its time, and the nearest place.

What the content says belongs to the asset; what a name or a time says belongs to the location, for a copy may have
another.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from bowerbird.media.gazetteer import Gazetteer
from bowerbird.media.name_dates import taken_from_name
from bowerbird.types import AssetInfo, Taken, TakenFrom
from indexer.scan import ScannedFile


def with_place(info: AssetInfo, gazetteer: Gazetteer) -> AssetInfo:
    """``info`` with the name of the place where it was taken."""
    return info if info.position is None else replace(info, place=gazetteer.nearest(info.position))


def dated(file: ScannedFile) -> Taken | None:
    """When a file was taken as far as its name tells, else when it was last changed on the clock here.

    The latter is wrong where a file was copied without its time, and is marked so.
    """
    if (named := taken_from_name(file.absolute.name)) is not None:
        return named
    try:
        at = datetime.fromtimestamp(file.stat.mtime_ns // 10**9)
    except (OverflowError, OSError, ValueError):  # a file system's nonsense
        return None
    return Taken(at, TakenFrom.MTIME) if at.year >= 1980 else None  # archives and images of disks say 1970
