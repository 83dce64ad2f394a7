"""What the search box offers, and the filters of a line as chips."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.web.completion import Completer, Completion
from api.web.line_chips import filters_in, types_of, understood_in
from bowerbird.queries import Filters, Query
from bowerbird.store.catalog.locations import Placed
from bowerbird.types import AssetInfo, AssetKind, FileStat, Place
from bowerbird.wiring import Library, open_library
from search.query_language import read
from search.saved import save
from tests.fakes import HashEncoder
from tests.store.hand import place, put_asset

TODAY = date(2026, 11, 23)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    """Photos of three places by two cameras, and two saved searches."""
    folder = tmp_path_factory.mktemp("completion") / "library"
    with open_library(folder, create=True, encoder="hash", load=lambda _: HashEncoder()) as library:
        with library.catalog.write() as tx:
            root = tx.roots.add("/photos/holidays", device=1)
            for number, (name, country, camera) in enumerate((*PHOTOS, *RARE)):
                info = AssetInfo(AssetKind.IMAGE, "image/jpeg", place=Place(name, "", country), camera=camera)
                place(tx, root.id, f"{number}.jpg", put_asset(tx, f"{number}", info))
        save(library, "beaches", Query("a beach at sunset type:image"))
        save(library, "bees by picture", Query("bees", filters=Filters(camera="Pixel 7")))
        yield library


PHOTOS = (
    ("Lisboa", "Portugal", "Pixel 7"),
    ("Lisboa", "Portugal", "Pixel 7"),
    ("New York", "United States", "Canon EOS 5D"),
    ("Malm\u00f6", "Sweden", "Pixel 7"),
)
RARE = tuple((f"Village {number:02}", "Sweden", f"Box {number:02}") for number in range(30))
"""More places and cameras than facets tell."""


def offered(library: Library, line: str, at: int | None = None) -> dict[str, str]:
    """Each option, and the line that it would make."""
    found = complete(library, line, at)
    return {each.text: line[: found.start] + each.text + line[found.end :] for each in found.options}


def complete(library: Library, line: str, at: int | None = None) -> Completion:
    return Completer(library).complete(line, len(line) if at is None else at)


@pytest.mark.parametrize(
    ("line", "first", "made"),
    [
        ("ty", "type:", "type:"),
        ("a cat ty", "type:", "a cat type:"),
        ("a cat type:vi", "video", "a cat type:video"),
        ("type:image,", "video", "type:image,video"),
        ("near:lis", '"Lisboa, Portugal"', 'near:"Lisboa, Portugal"'),
        ("near:port", "Portugal", "near:Portugal"),
        ("near:malmo", '"Malm\u00f6, Sweden"', 'near:"Malm\u00f6, Sweden"'),
        ('near:"new yo', '"New York, United States"', 'near:"New York, United States"'),
        ("place:york", '"New York, United States"', 'place:"New York, United States"'),
        ("camera:", '"Pixel 7"', 'camera:"Pixel 7"'),
        ('near:"village 29', '"Village 29, Sweden"', 'near:"Village 29, Sweden"'),
        ('camera:"box 29', '"Box 29"', 'camera:"Box 29"'),
        ("camera:eos", '"Canon EOS 5D"', 'camera:"Canon EOS 5D"'),
        ("lang:ger", "de", "lang:de"),
        ("after:last", '"last week"', 'after:"last week"'),
        ("path:hol", "holidays/", "path:holidays/"),
        ("bea", "a beach at sunset type:image", "a beach at sunset type:image"),
    ],
)
def test_it_goes_on(library, line, first, made):
    options = offered(library, line)
    assert next(iter(options)) == first
    assert options[first] == made


def test_in_the_middle_of_a_line(library):
    assert offered(library, "type:vi beach", at=7)["video"] == "type:video beach"
    assert offered(library, "type:vixx beach", at=7)["video"] == "type:video beach"


def test_every_place_and_camera_is_offered_however_rare(tmp_path):
    there = {
        f"{n}": (1, AssetInfo(AssetKind.IMAGE, "image/jpeg", place=Place(f"Hamlet {n}", "", ""), camera=f"Box {n}"))
        for n in range(10_500)
    }
    with open_library(tmp_path / "many", create=True, encoder="hash", load=lambda _: HashEncoder()) as many:
        with many.catalog.write() as tx:
            root = tx.roots.add("/photos", device=1)
            ids = tx.assets.put(there)
            tx.locations.put([Placed(root.id, name, id_, FileStat(1, 1, 1)) for name, id_ in ids.items()])
        for n in (0, 77, 10_499):
            assert f'"Hamlet {n}"' in offered(many, f'near:"hamlet {n}')
            assert f'"Box {n}"' in offered(many, f'camera:"box {n}')
        assert len(offered(many, "near:ham")) == 8


def test_counts_are_not_looked_through(library):
    assert offered(library, "near:file") == {}, "they are of files everywhere"
    assert set(offered(library, "near:po")) == {"Portugal", '"Lisboa, Portugal"'}


@pytest.mark.parametrize("line", ["", "a cat ", "cat", "-ty", '"ty', "type:zzz", "nofilter:x", "http://ty", "bees by"])
def test_it_keeps_quiet(library, line):
    assert set(offered(library, line)) <= {*(f"{name}:" for name in NAMES), "a beach at sunset type:image"}
    if line:
        assert not complete(library, line).options


NAMES = ("type", "kind", "after", "before", "until", "when", "camera", "near", "path", "lang")


@given(line=st.text(max_size=40), at=st.integers(-3, 50))
def test_any_line_and_place_may_be_given(library, line, at):
    found = Completer(library).complete(line, at)
    assert 0 <= found.start <= found.end <= len(line)


@pytest.mark.parametrize(
    ("line", "chips"),
    [
        ("a cat type:video near:Lisbon", {"type:video": "a cat near:Lisbon", "near:Lisbon": "a cat type:video"}),
        ("after:last summer a cat", {"after:last summer": "a cat"}),
        ('camera:"Pixel 7"  dog -people', {'camera:"Pixel 7"': "dog -people"}),
        ("type:image, video dogs", {"type:image, video": "dogs"}),
        ("12:30 at https://x.example", {}),
        ('"type:video" film', {}),
        ("type:", {}),
    ],
)
def test_filters_are_chips(line, chips):
    assert {chip.shows: chip.without for chip in filters_in(line, today=TODAY)} == chips


@pytest.mark.parametrize(
    ("line", "on", "images"),
    [
        ("", set(), "type:image"),
        (" a cat ", set(), "a cat type:image"),
        ("a type:video cat", {"video"}, "a cat type:image"),
        ("type:image a cat near:Rome", {"image"}, "a cat near:Rome"),
        ("cats type:image, video", {"image", "video"}, "cats type:image"),
        ('"type:video" film', set(), '"type:video" film type:image'),
    ],
)
def test_one_type_takes_the_place_of_another(line, on, images):
    choices = types_of(line, today=TODAY)
    assert [each.type for each in choices] == list(AssetKind)
    assert {each.type for each in choices if each.on} == on
    assert next(each.line for each in choices if each.type is AssetKind.IMAGE) == images


def test_what_was_understood_is_put_in_quotes():
    line = "photos from  last summer"
    asked = read(line, today=TODAY)
    assert asked.understood
    (chip,) = understood_in(line, [f"{asked.understood[0]}: from 2026-06-01 to 2026-08-31"])
    assert '"' in chip.without
    assert read(chip.without, today=TODAY).filters.after is None


PIECES = st.sampled_from(
    ["a", "dog", "type:image", "near:Rome", "after:2019", "last week", '"no way"', "-x", "lang:en"]
)


@given(pieces=st.lists(PIECES, max_size=6, unique=True))
def test_a_line_without_a_chip_says_all_the_rest(pieces):
    line = " ".join(pieces)
    chips = filters_in(line, today=TODAY)
    assert {chip.shows for chip in chips} == {each for each in pieces if ":" in each}
    for chip in chips:
        assert sorted(chip.without.split()) == sorted(" ".join(each for each in pieces if each != chip.shows).split())
