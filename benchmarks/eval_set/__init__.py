"""What `bowerbird eval` is measured with: queries written before anything was tuned, and what they are asked of.

This module imports nothing heavy: `queries` reads the committed files, `half` says on which half a query lies.
The corpus itself is made by ``benchmarks.eval_corpus`` out of the modules and ``.toml`` files beside this one.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

FOLDER = Path(__file__).parent
MEDIA = ("image", "video", "audio", "document", "mixed")
"""Where the answers lie; ``mixed``: in files of more than one medium. Of a query without an answer it is ``none``."""

Half = Literal["tune", "report"]


@dataclass(frozen=True, slots=True)
class EvalQuery:
    """One line of the set.

    Exactly one of ``text`` and ``image`` is given; ``image`` and ``relevant`` are paths in the corpus, with slashes.
    An empty ``relevant`` means that nothing should match.
    """

    id: str
    medium: str
    relevant: tuple[str, ...]
    text: str | None = None
    image: str | None = None

    @property
    def half(self) -> Half:
        """The half it lies on, once and for all."""
        return half(self.text if self.text is not None else self.id)


def half(query: str) -> Half:
    """The half of a query with this text (or this id, where it is a picture): by sha256, so nobody chose it.

    Case, white space and the form of Unicode do not matter.
    """
    plain = " ".join(unicodedata.normalize("NFKC", query).casefold().split())
    return "report" if hashlib.sha256(plain.encode("utf-8")).digest()[0] % 2 else "tune"


def queries() -> Iterator[EvalQuery]:
    """All of them: those with an answer, then those without."""
    for name in ("answerable.jsonl", "unanswerable.jsonl"):
        for line in (FOLDER / name).read_text(encoding="utf-8").splitlines():
            fields = json.loads(line)
            yield EvalQuery(**{**fields, "relevant": tuple(fields["relevant"])})


def entries(kind: str) -> list[dict[str, Any]]:
    """The tables of ``films.toml``, ``talks.toml`` or ``documents.toml``; ``kind`` is their name, without the s."""
    found: list[dict[str, Any]] = tomllib.loads((FOLDER / f"{kind}s.toml").read_text(encoding="utf-8"))[kind]
    return found
