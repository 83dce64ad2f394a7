"""`bowerbird ask`: a question is answered from what the library holds, with the moments that bear it out."""

from __future__ import annotations

import re
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.common import JsonOption, LibraryOption, chosen, print_json, printable, say
from bowerbird.errors import EndpointFailed, QueryError, UsageError

if TYPE_CHECKING:
    from bowerbird.answers import About, Answer, Citation
    from search import Search
    from search.answer import Ended, Event

DECLINED = "Nothing here answers that."
_TIME = re.compile(r"(?:(?:(\d{1,4}):)?(\d{1,4}):)?(\d{1,7}(?:\.\d{1,6})?)")
_PARTED = re.compile(r"(.+)([@#])([^@#]*)", re.DOTALL)
_JOINERS = "\u200c\u200d"  # which some scripts, and many emoji, cannot do without


def register(app: typer.Typer) -> None:
    """Add the verb."""
    epilog = "Examples: bowerbird ask 'what did they decide about the budget?', and of one moment: bowerbird ask "
    app.command("ask", epilog=epilog + "'what stands on the sign?' --about trip.mp4@1:02")(ask)


def ask(
    context: typer.Context,
    words: Annotated[list[str], typer.Argument(help="What you want to know.", metavar="QUESTION", show_default=False)],
    about: Annotated[
        str | None,
        typer.Option(
            help="Ask about this indexed file alone, or one moment of it: film.mp4@1:02, paper.pdf#3.",
            metavar="PATH[@TIME|#PAGE]",
            show_default=False,
        ),
    ] = None,
    image: Annotated[
        Path | None,
        typer.Option(help="A picture that the question is about.", metavar="FILE", show_default=False, readable=False),
    ] = None,
    answerer: Annotated[
        str | None,
        typer.Option(
            help="Who answers: extractive, which quotes, or openai:MODEL@URL.  [default: [answer] in library.toml]",
            metavar="SPEC",
            show_default=False,
        ),
    ] = None,
    opens: Annotated[
        bool, typer.Option("--open", help="Open the first moment that is cited, as `search --open` does.")
    ] = False,
    library: LibraryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Answer a question from what the library holds, every claim with the moments that bear it out.

    What nothing bears out is marked as unsupported. Nothing leaves this machine, unless the answerer is one elsewhere.
    """
    from api.asking import pictures_of
    from api.renditions import Renditions
    from bowerbird.answers import Question
    from search import open_search
    from search.answer import Ended, answer
    from search.answer_json import answer_to_json
    from search.picture_files import read_picture

    question = " ".join(words)  # without quotes it comes in parts
    with open_search(chosen(context, library)) as opened:
        picture = None if image is None else read_picture(image)
        asked = Question(question, None if about is None else about_of(opened, about), picture)
        by = opened.library.answerer(answerer)
        if by.sends_to is not None:
            say(f"the question and the moments that may answer it are sent to {by.sends_to}")
        ended: Ended | None = None
        pictures = pictures_of(opened, Renditions(opened.library))
        with closing(answer(opened, asked, by, pictures)) as events:  # type: ignore[type-var]
            for event in events:
                if isinstance(event, Ended):
                    ended = event
                elif not as_json:
                    _show(event)
    assert ended is not None
    if as_json:
        print_json({**answer_to_json(ended.answer, question), "trouble": ended.trouble})
    else:
        _show_end(ended)
    if opens and (ended.answer.citations or ended.trouble is None):
        _open_first(ended.answer)
    if ended.trouble is not None:  # what came of it has been shown, and is not all
        raise EndpointFailed(f"the answer was cut off: {ended.trouble}")


def about_of(search: Search, said: str) -> About:
    """What ``PATH[@TIME|#PAGE]`` names. A file that is really called so is meant before a part of another.

    Raises `QueryError` where there is none in the library, or the time or the page is none.
    """
    from bowerbird.answers import About

    try:
        return About(asset_id=search.asset_at(Path(said)))
    except QueryError:
        if Path(said).expanduser().is_dir():
            raise QueryError(f"{said!r} is a folder: name one file in it, or leave --about out") from None
        parted = _PARTED.fullmatch(said)
        if parted is None:
            raise
    path, mark, where = parted.groups()
    asset_id = search.asset_at(Path(path))
    if mark == "@":
        return About(asset_id=asset_id, at_s=seconds(where))
    if not (where.isascii() and where.isdecimal() and 1 <= int(where[:10]) < 1 << 31):
        raise QueryError(f"{where[:40]!r} is no page: write its number, counted from 1: paper.pdf#3")
    return About(asset_id=asset_id, page=int(where))


def seconds(said: str) -> float:
    """``12.5``, ``1:02``, ``1:02:03``. Raises `QueryError` where it is no time."""
    found = _TIME.fullmatch(said)
    if found is not None:
        hours, minutes, rest = (float(each or 0) for each in found.groups())
        if (rest < 60 or found[2] is None) and (minutes < 60 or found[1] is None):
            return 3600 * hours + 60 * minutes + rest
    raise QueryError(f"{said[:40]!r} is no time: write 12.5, 1:02 or 1:02:03")


def _show(event: Event) -> None:
    """Text as it comes; citations are listed at the end."""
    from search.citing.cite import UNSUPPORTED, Said

    if isinstance(event, Said):
        text = _harmless(event.text)
        if sys.stdout.isatty():  # a pipe gets the text as it is
            text = text.replace(UNSUPPORTED, typer.style(UNSUPPORTED, fg="red", bold=True))
        typer.echo(text, nl=False)
        sys.stdout.flush()


def _show_end(ended: Ended) -> None:
    from search.citing.cite import UNSUPPORTED

    answer = ended.answer
    if not answer.text:
        typer.echo(DECLINED)
        say("`bowerbird search` shows what lies nearest.")
    elif not answer.text.endswith("\n"):
        typer.echo()
    if answer.citations:
        typer.echo()
    for number, citation in enumerate(answer.citations, 1):
        typer.echo(_line(number, citation))
    if answer.text and not answer.supported and ended.trouble is None:
        say(f"What is marked {UNSUPPORTED} is borne out by nothing in this library.")


def _line(number: int, citation: Citation) -> str:
    """``[1] ~/film.mp4  1:05–1:12  “…”``."""
    from bowerbird.types import SegmentKind
    from search.moments_in_words import excerpt, spot

    said = [f"[{number}] {_short(citation.path)}"]
    if where := spot(citation):
        said.append(where)
    if citation.segment_kind is SegmentKind.CAPTION:  # which a model may have made
        said.append("caption")
    if citation.quote:
        said.append(f"“{excerpt(printable(' '.join(citation.quote.split())))}”")
    return "  ".join(said)


def _short(path: str) -> str:
    """As one would write it here: below this folder, or below home."""
    for folder, begins in ((Path.cwd(), ""), (Path.home(), "~/")):
        if folder != folder.parent and Path(path).is_relative_to(folder):
            return printable(begins + str(Path(path).relative_to(folder)))
    return printable(path)


def _harmless(text: str) -> str:
    """Nothing that a terminal would obey: lines stay lines."""
    return "".join(each if each.isprintable() or each in "\n\t" + _JOINERS else printable(each) for each in text)


def _open_first(answer: Answer) -> None:
    from api.cli.open_hit import open_place

    if not answer.citations:
        if answer.text:
            raise UsageError("nothing is cited, so nothing is opened: ask otherwise, or search for it")
        say("nothing is cited, so nothing is opened")
        return
    open_place(answer.citations[0])
