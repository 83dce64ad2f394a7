"""What pictures show, in words: captions become segments beside what the files themselves gave.

What lacks a caption is found by SQL, so a run that was killed, or that lacked a drive, is simply gone on with. Searches
and index runs go on meanwhile.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from bowerbird.errors import LibraryBusy
from bowerbird.paths import listed
from bowerbird.ports import Captioner
from bowerbird.store.catalog.caption_albums import Task
from bowerbird.store.lease import held
from bowerbird.types import FailedFile, SegmentKind
from bowerbird.wiring import Library
from indexer.caption_run import CaptionRun, Nearest
from indexer.own_captions import assets_at, fill_vacancies
from indexer.pipeline import OnProgress


@dataclass(frozen=True, slots=True)
class CaptionReport:
    """What one run has done. ``pictures`` were put to the captioner, of which ``captioned`` were given a caption."""

    captioner: str
    sends_to: str | None
    captioned: int = 0
    pictures: int = 0
    skipped: int = 0
    """Pictures that it had nothing to say about."""
    failed: tuple[FailedFile, ...] = ()
    seconds: float = 0.0
    tokens: Mapping[str, int] | None = None
    """What an endpoint says that it has used in this run: ``prompt`` and ``completion``; None where it says nothing."""


def caption(
    library: Library,
    captioner: Captioner,
    paths: Path | str | Sequence[Path | str] = (),
    kinds: Collection[SegmentKind] = (),
    limit: int | None = None,
    again: bool = False,
    nearest: Nearest | None = None,
    *,
    on_start: Callable[[int], None] = lambda _: None,
    on_progress: OnProgress = lambda _: None,
) -> CaptionReport:
    """Caption what ``captioner`` has not been through yet, below ``paths`` (none: everywhere), of these ``kinds``.

    ``kinds`` are some of `CAPTIONED`; none: those of `usual_kinds`. ``limit``: so many pictures at most. ``again``:
    what it has captioned already, too. ``nearest`` finds examples of the owner's manner. ``on_start`` is told how many
    pictures there are, ``on_progress`` how many have been dealt with, both in this thread. Whatever ends this early,
    what was made is kept.

    Raises `UsageError` where nothing of a path is in the library, `LibraryBusy` while another process captions,
    `StorageFull`, `EncoderUnavailable`, and `EndpointFailed` where an endpoint fails altogether.
    """
    started = time.monotonic()
    key = captioner_key(captioner)  # before any transaction, since weights may have to be fetched or read for it
    with library.catalog.read() as tx:
        library.refresh_spaces(tx)
        within = assets_at(tx, paths) if listed(paths) else None
        task = Task(captioner.spec, key, frozenset(listed(kinds)) or usual_kinds(captioner), again, within)
    before = tokens_used(captioner)
    with held(library.catalog, "caption", "captioning the pictures of this library"):
        with library.catalog.read() as tx:
            total = tx.captions.count(task)
        on_start(total if limit is None else min(total, limit))
        fill_vacancies(library)
        run = CaptionRun(library, captioner, task, limit, nearest, on_progress)
        run.run()
        with suppress(LibraryBusy):  # somebody else is writing them, and views catch up by themselves
            library.save_views()
    return CaptionReport(
        captioner.spec,
        captioner.sends_to,
        captioned=run.captioned,
        pictures=run.captioned + run.skipped,
        skipped=run.skipped,
        failed=tuple(run.failed),
        seconds=round(time.monotonic() - started, 3),
        tokens=_difference(tokens_used(captioner), before),
    )


def usual_kinds(captioner: Captioner) -> frozenset[SegmentKind]:
    """What is captioned where nobody says: frames of films only by those that need not look at them, and at no cost."""
    usual = {SegmentKind.IMAGE} if captioner.picture_px else {SegmentKind.IMAGE, SegmentKind.FRAME}
    return frozenset(usual)


def captioner_key(captioner: Captioner) -> str:
    """Names the way in which it captions: one that does so otherwise has another key."""
    stage = captioner.stage
    said = json.dumps([stage.name, stage.version, dict(stage.options)], sort_keys=True)
    return hashlib.sha256(said.encode()).hexdigest()


def tokens_used(captioner: Captioner) -> Mapping[str, int] | None:
    """What an endpoint has told so far of the tokens that it used; None where there is none."""
    used = getattr(captioner, "used", None) or getattr(getattr(captioner, "endpoint", None), "used", None)
    return None if used is None else {"prompt": int(used.prompt), "completion": int(used.completion)}


def _difference(after: Mapping[str, int] | None, before: Mapping[str, int] | None) -> Mapping[str, int] | None:
    spent = {name: count - (before or {}).get(name, 0) for name, count in (after or {}).items()}
    return spent if any(spent.values()) else None
