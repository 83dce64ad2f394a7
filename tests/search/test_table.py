"""What `bowerbird search` prints of a hit, so that a person sees where the moment is."""

from __future__ import annotations

import pytest

from api.cli.hits import circumstances_of
from api.cli.search import TYPES
from bowerbird.queries import Hit, SearchResult
from bowerbird.types import AssetKind, Box, SegmentKind
from search.moments_in_words import spot
from search.query_json import result_to_json


def hit(**facts: object) -> Hit:
    basis = dict.fromkeys(("start_s", "end_s", "page", "box", "text"))
    who = {"rank": 1, "relevance": 0.5, "asset_id": "a", "path": "p", "segment_id": 1, "folded": 0, "evidence": ()}
    what = {"kind": AssetKind.VIDEO, "segment_kind": SegmentKind.FRAME}
    return Hit(**{**basis, **who, **what, **facts})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({}, ""),
        ({"start_s": 65.2, "end_s": 72.9}, "1:05–1:12"),
        ({"start_s": 65.2, "end_s": 65.9}, "1:05"),
        ({"start_s": 3725.0, "end_s": None}, "1:02:05"),
        ({"page": 4}, "page 4"),
        ({"page": 4, "box": Box(0, 0, 0.5, 0.5)}, "page 4, top left"),
        ({"box": Box(0.25, 0.25, 0.5, 0.5)}, "middle"),
        ({"box": Box(0.5, 0.25, 0.5, 0.5)}, "right"),
        ({"box": Box(0.3, 0.8, 0.4, 0.2)}, "bottom"),
    ],
)
def test_where_in_the_file(facts: dict[str, object], said: str) -> None:
    assert spot(hit(**facts)) == said


def test_when_and_where_it_was_made() -> None:
    assert circumstances_of(hit()) == ""
    assert circumstances_of(hit(place="Lisbon, Portugal")) == "Lisbon, Portugal"
    said = circumstances_of(hit(taken_at="2019-07-04T18:30:00", place="Lisbon,\nPortugal"))
    assert said.startswith("2019-07-04 18:30 · Lisbon")
    assert "\n" not in said


def test_scripts_are_told_too() -> None:
    (told,) = result_to_json(SearchResult((hit(taken_at="2019-07-04T18:30:00"),), True, 1.0), {})["hits"]
    assert list(told)[-4:] == ["evidence", "taken_at", "place", "stands_for"]
    assert (told["taken_at"], told["place"]) == ("2019-07-04T18:30:00", None)


def test_help_names_the_types_there_are() -> None:
    assert set(TYPES) == set(AssetKind)
