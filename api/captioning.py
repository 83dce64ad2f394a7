"""A caption run as every door starts it, with the owner's own captions as examples, and what it reports."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bowerbird.errors import UsageError
from bowerbird.models.captioners import BUILT_IN
from bowerbird.ports import Captioner
from bowerbird.store.catalog.caption_albums import OWNER
from bowerbird.types import SegmentKind
from bowerbird.wiring import Library
from indexer.caption import CaptionReport, caption
from indexer.pipeline import OnProgress
from search.caption_examples import CaptionExamples


def caption_library(
    library: Library,
    captioner: Captioner,
    paths: Path | str | Sequence[Path | str] = (),
    *,
    kinds: Collection[SegmentKind] = (),
    limit: int | None = None,
    again: bool = False,
    replacing: bool = True,
    on_start: Callable[[int], None] = lambda _: None,
    on_progress: OnProgress = lambda _: None,
) -> CaptionReport:
    """As `indexer.caption.caption`, which is handed the search for examples that it must not know.

    ``replacing``: whether captions by another captioner may give way. Where they may not, since nobody named the
    captioner, it raises `UsageError` if a model made any: they cost time or money, and what nobody named is the
    built-in one as a rule.
    """
    if not replacing:
        _refuse_to_replace(library, captioner.spec)
    examples = CaptionExamples(library, captioner.picture_px)
    return caption(
        library, captioner, paths, kinds, limit, again, examples.nearest, on_start=on_start, on_progress=on_progress
    )


def _refuse_to_replace(library: Library, spec: str) -> None:
    with library.catalog.read() as tx:
        made = {by: count for by, count in tx.captions.counts().items() if by not in {spec, OWNER, BUILT_IN}}
    if not made:
        return
    by = max(made, key=lambda each: made[each])
    raise UsageError(
        f"{made[by]:,} {'file has' if made[by] == 1 else 'files have'} captions by {by}, which those by {spec} would "
        f"replace: name the captioner, {by} to go on with it or {spec} to replace them"
    )


def as_object(report: CaptionReport) -> dict[str, Any]:
    """The report as scripts rely on it."""
    return asdict(report)
