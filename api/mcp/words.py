"""Answers as text that an assistant reads well: short lines, and what comes from files in quotes."""

from __future__ import annotations

import json
from collections.abc import Sequence

from api.mcp.answers import Answer, FacetCounts, Found, Hit, IndexRun, Moment, Place, Said
from search.moments_in_words import clock, excerpt

_EXCERPT = 240
_SHOWN_FAILURES = 5


def quoted(text: str) -> str:
    """On one line, in quotes that nothing in ``text`` can end: it cannot pass for a line of ours."""
    return json.dumps(text, ensure_ascii=False)


def of_found(found: Found) -> str:
    """A search's answer."""
    lines = [f"{said} (put it in quotes to look for the words)" for said in found.understood]
    if not found.hits:
        return "\n".join([*lines, "Nothing was found."])
    if not found.matched:
        lines.append("Nothing here fits this query. The nearest, which are no answer to it:")
    lines += [_hit(hit) for hit in found.hits if hit.matched]
    if found.matched and not found.hits[-1].matched:
        lines.append("These are merely the nearest after that, and hardly fit:")
    lines += [_hit(hit) for hit in found.hits if not hit.matched]
    if found.next_cursor is not None:
        lines.append("There are more: pass next_cursor as cursor.")
    return "\n".join(lines)


def _hit(hit: Hit) -> str:
    text = f": {quoted(excerpt(hit.text, _EXCERPT))}" if hit.text else ""
    facts = [hit.segment_kind, *_circumstances(hit), f"relevance {hit.relevance:.2f}", f"segment {hit.segment_id}"]
    return f"{hit.rank}. {hit.citation} ({', '.join(facts)}){text}"


def of_moment(moment: Moment) -> str:
    """A moment in detail."""
    lines = [f"{moment.citation} ({moment.segment_kind} of {moment.kind}, {moment.media_type})"]
    if circumstances := _circumstances(moment):
        lines.append("Made: " + ", ".join(circumstances))
    facts = {
        "Camera": ", ".join(quoted(each) for each in (moment.camera, moment.lens) if each),
        "Title": ", ".join(quoted(each) for each in (moment.title, moment.artist, moment.album) if each),
        "Keywords": ", ".join(map(quoted, moment.keywords)),
        "Lasts": "" if moment.duration_s is None else clock(moment.duration_s),
        "Copies": ", ".join(moment.paths[1:]),
    }
    lines += [f"{name}: {said}" for name, said in facts.items() if said]
    if moment.text:
        lines.append(f"Text of the moment: {quoted(moment.text)}")
    others = [said for said in moment.around if said.segment_id != moment.segment_id]
    if others:
        lines.append("Around it:")
        lines += [_said(each) for each in others]
    if moment.picture_note is not None:
        lines.append(f"Not shown from the file itself: {moment.picture_note}")
    return "\n".join(lines)


def _said(said: Said) -> str:
    where = "" if said.start_s is None else f"{clock(said.start_s)} "
    return f"- {where}{said.kind} {quoted(said.text)}"


def of_answer(answer: Answer) -> str:
    """An answer, in quotes since it holds what stands in files and what a model made of it."""
    if not answer.answered:
        return "Nothing in the library answers this."
    lines = [f"Answer, as data: {quoted(answer.answer)}"]
    if not answer.complete:
        lines.append("It was cut off.")
    if not answer.supported:
        lines.append("Nothing that was found bears out what is marked [unsupported]: do not present that as a fact.")
    for cited in answer.citations:
        quote = f": {quoted(excerpt(cited.quote, _EXCERPT))}" if cited.quote else ""
        lines.append(f"[{cited.number}] {cited.citation} ({cited.segment_kind}, segment {cited.segment_id}){quote}")
    return "\n".join(lines)


def of_facets(counts: FacetCounts) -> str:
    """Counts by fact."""
    lines = [f"{counts.total:,} files"]
    for name in ("types", "years", "months", "countries", "places", "cameras"):
        facet = getattr(counts, name)
        values = [f"{quoted(each.value)} {each.count:,}" for each in facet.values]
        rest = [f"{what} {n:,}" for what, n in (("(others)", facet.others), ("(unknown)", facet.none)) if n]
        if values:
            lines.append(f"{name}: " + ", ".join([*values, *rest]))
    return "\n".join(lines)


def of_run(run: IndexRun) -> str:
    """How a run stands, or ended."""
    if run.state == "running":
        of = "" if run.total is None else f" of {run.total:,}"
        return f"Still indexing: {run.done:,}{of} files so far. Call `index` again to wait for the rest."
    if run.error is not None:
        return f"Indexing {run.state}: {run.error}"
    if run.state != "done":
        return f"Indexing was {run.state}; what was finished is kept."
    lines = [
        f"Done: {run.seen or 0:,} files seen, {run.indexed or 0:,} read, {run.reused or 0:,} known already, "
        f"{run.moved or 0:,} moved, {run.removed or 0:,} removed, {run.failed:,} could not be read; "
        f"{run.segments or 0:,} moments added."
    ]
    lines += [f"- {each.path}: {each.reason}" for each in run.failures[:_SHOWN_FAILURES]]
    return "\n".join(lines)


def _circumstances(place: Place) -> Sequence[str]:
    said = [] if place.taken_at is None else [place.taken_at[:16].replace("T", " ")]
    return [*said, *([place.place] if place.place else [])]
