"""`bowerbird eval`."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.common import JsonOption, LibraryOption, chosen, print_json, printable, say

if TYPE_CHECKING:
    from bowerbird.settings import Settings
    from bowerbird.wiring import Library
    from search.evaluation import Difference, Evaluation
    from search.evaluation.report import Run


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("eval", epilog="Example: bowerbird eval queries.jsonl --report report.html")(evaluate)


def evaluate(
    context: typer.Context,
    queries: Annotated[
        Path,
        typer.Argument(
            help='Lines of {"text" or "image", "relevant": [paths]}; [] where nothing should match.',
            metavar="QUERIES.jsonl",
            show_default=False,
        ),
    ],
    against: Annotated[
        Path | None,
        typer.Option(help="Another library to hold this one against.", metavar="DIR", show_default=False),
    ] = None,
    against_space: Annotated[
        str | None,
        typer.Option(
            "--against-space",
            help="Another space of this library: building, retired or an encoder's spec.",
            metavar="SPACE",
            show_default=False,
        ),
    ] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="Hold this library against itself with another setting: search.stands_out=0.6.",
            metavar="NAME=VALUE",
            show_default=False,
        ),
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", "-k", help="How many hits are looked through.", min=10, max=1000)
    ] = 100,
    report: Annotated[
        Path | None,
        typer.Option(help="Write a report that any browser shows.", metavar="FILE.html", show_default=False),
    ] = None,
    library: LibraryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure how well a library answers queries whose answers are known, by every source and by all together.

    Paths are relative to the file of queries, or the end of a path in the library.
    """
    if sum(map(bool, (against, against_space, overrides))) > 1:
        raise typer.BadParameter("compare one thing at a time: --against, --against-space or --set.")
    from bowerbird.wiring import open_library
    from search import Search
    from search.evaluation import Setup, compare, differences, evaluate_together, read_queries, summary
    from search.evaluation.report import Run

    asked = read_queries(queries)
    if report is not None:
        _check_writable(report)
    folder = chosen(context, library)
    with ExitStack() as stack:
        first = stack.enter_context(open_library(folder))
        compared = bool(against or against_space or overrides)
        setups = [Setup(Search(first), "as it is" if compared and not against else str(first.folder))]
        if compared:  # a library of its own, so that neither run warms the other's caches
            other = stack.enter_context(open_library(against or folder))
            other.settings = _overridden(other, overrides or [])
            spaces = other.spaces_in(against_space) if against_space else None
            name = against_space or ", ".join(overrides or []) or str(other.folder)
            setups.append(Setup(Search(other, spaces), name, spaces))
        with _shown() as progress:
            evaluations = evaluate_together(setups, asked, depth=limit, progress=progress)
        runs = [Run(made, setup.search.library) for setup, made in zip(setups, evaluations, strict=True)]
        for each in evaluations if against else evaluations[:1]:
            _say_missing(each)
        found = compare(*evaluations) if compared else []
        if report is not None:
            _write(report, queries.name, runs)
    if as_json:
        said = {"runs": [summary(each) for each in evaluations], "differences": differences(found)}
        print_json({"queries": str(queries), **said})
    else:
        for title, head, rows in _tables(evaluations, found):
            _print(title, head, rows)


def _overridden(library: Library, said: Sequence[str]) -> Settings:
    """The library's settings with what ``--set`` says. Raises `UsageError` where there is no such setting."""
    from pydantic import ValidationError

    from bowerbird.errors import UsageError
    from bowerbird.settings import SearchSettings

    given = library.settings.search.model_dump()
    for each in said:
        name, _, value = each.partition("=")
        key = name.strip().removeprefix("search.")
        if not value or key not in given:
            known = ", ".join(f"search.{key}" for key in given)
            raise UsageError(f"--set {each}: no such setting; write NAME=VALUE, with a NAME of {known}")
        given[key] = value.strip()
    try:
        changed = SearchSettings.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"--set search.{where}={given.get(where)}: {first['msg']}; choose another value") from None
    return library.settings.model_copy(update={"search": changed})


@contextmanager
def _shown() -> Iterator[Callable[[int, int], None]]:
    """How far it is, on stderr, where that is a terminal."""
    if not sys.stderr.isatty():
        yield lambda done, of: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("evaluating", total=None)
        yield lambda done, of: bar.update(task, completed=done, total=of)


def _say_missing(evaluation: Evaluation) -> None:
    if missing := evaluation.missing:
        said = "1 relevant file is" if len(missing) == 1 else f"{len(missing)} relevant files are"
        shown = ", ".join(printable(path) for path in missing[:3]) + (", …" if len(missing) > 3 else "")
        say(f"{said} not in {printable(evaluation.library)}, and left out: {shown}")


def _check_writable(report: Path) -> None:
    """Before a long run rather than after it."""
    from bowerbird.errors import UsageError

    if report.is_dir() or not report.absolute().parent.is_dir():
        raise UsageError(f"--report {report}: is no place for a file; name one in a folder that is there")


def _write(report: Path, title: str, runs: Sequence[Run]) -> None:
    from datetime import datetime

    from bowerbird.errors import UsageError
    from search.evaluation.report import page

    written = page(title, *runs, made=datetime.now())
    try:
        report.write_text(written, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"--report {report}: {(error.strerror or str(error)).lower()}; name another file") from None
    say(f"report: {report}")


Table = tuple[str, Sequence[str], Sequence[Sequence[str]]]
"""A title, the heads of the columns, and rows."""


def _tables(runs: Sequence[Evaluation], found: Sequence[Difference]) -> Iterator[Table]:
    from search.evaluation import MEASURES, TITLES, mean

    heads = ["source", *(TITLES[measure] for measure in MEASURES)]
    for run in runs:
        name = "" if len(runs) == 1 else f", {run.label}"
        sources = [
            [source, *(_share(mean(run.values(measure, source))) for measure in MEASURES)] for source in run.sources
        ]
        yield f"{len(run.answerable)} queries with an answer{name}", heads, sources
        if run.groups:
            parts = [run.of_group(group) for group in run.groups]
            groups = [
                [group, str(len(part.outcomes)), *(_share(mean(part.values("ndcg@10", each))) for each in run.sources)]
                + [_percent(mean(part.refused(answerable=each))) for each in (True, False)]
                for group, part in zip(run.groups, parts, strict=True)
            ]
            yield (
                f"nDCG@10 and refusals by group{name}",
                ["group", "queries", *run.sources, "wrongly", "rightly"],
                groups,
            )
        yield f"Refusals and latency{name}", ["", ""], _rest(run)
    if found:
        rows = [
            [
                f"{each.source} {TITLES[each.measure]}" if each.measure in TITLES else each.measure,
                *(f"{value:.{_places(each)}f}" for value in (each.first, each.second)),
                *(
                    "–" if math.isnan(value) else f"{value:+.{_places(each)}f}"
                    for value in (each.second - each.first, each.interval.low, each.interval.high)
                ),
                each.verdict,
            ]
            for each in found
            if each.queries
        ]
        names = [run.label for run in runs]
        yield "Side by side, with 95 % intervals", ["", *names, "difference", "from", "to", ""], rows


def _rest(run: Evaluation) -> list[list[str]]:
    from search.evaluation import PERCENTILES, mean, percentile

    wrongly, rightly = (mean(run.refused(answerable=each)) for each in (True, False))
    rows = [
        ["refused with an answer", f"{_percent(wrongly)} of {len(run.answerable)}"],
        ["refused without one", f"{_percent(rightly)} of {len(run.unanswerable)}"],
    ]
    if run.latencies:
        took = ", ".join(f"p{share} {percentile(run.latencies, share):.1f}" for share in PERCENTILES)
        rows.append(["latency, ms", took])
    if run.cold_ms is not None:
        rows.append(["first query, ms", f"{run.cold_ms:.0f}"])
    return rows


def _places(difference: Difference) -> int:
    return 1 if difference.measure.startswith("latency") else 3


def _share(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.3f}"


def _percent(value: float) -> str:
    return "–" if math.isnan(value) else f"{100 * value:.1f} %"


def _print(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table for people, lines with tabs for pipes."""
    if not sys.stdout.isatty():
        for row in ([printable(title)], *([head] if any(head) else []), *rows, []):
            typer.echo("\t".join(printable(cell) for cell in row))
        return
    from rich.console import Console
    from rich.table import Table as Drawn
    from rich.text import Text

    table = Drawn(title=Text(printable(title)), title_justify="left", box=None, pad_edge=False, header_style="dim")
    table.show_header = any(head)
    for at, each in enumerate(head):
        table.add_column(Text(printable(each)), justify="right" if at else "left")
    for row in rows:
        strong = "bold" if row[0].startswith("fused") else ""
        table.add_row(*(Text(printable(cell)) for cell in row), style=strong)
    console = Console()
    console.print(table)
    console.print()
