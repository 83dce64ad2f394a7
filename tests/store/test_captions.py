"""Captions in SQL, on both databases."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

import numpy as np
import pytest

from bowerbird.moments import Moment
from bowerbird.store.catalog import Catalog
from bowerbird.store.catalog.caption_albums import OWNER, Task, key_of, stage_of
from bowerbird.store.catalog.segments import Derived
from bowerbird.types import AssetInfo, AssetKind, Box, SegmentKind, Space, Taken, TakenFrom
from tests.store.hand import PICTURE, derive, make_space, place, put_asset

IMAGE, FRAME, PAGE = SegmentKind.IMAGE, SegmentKind.FRAME, SegmentKind.PAGE
FILM = AssetInfo(
    AssetKind.VIDEO,
    "video/mp4",
    duration_s=9.0,
    taken=Taken(datetime(2021, 3, 4), TakenFrom.CONTAINER),
    keywords=("a",),
)


def task(*kinds: SegmentKind, spec: str = "blip", key: str = "k1", **options) -> Task:
    return Task(spec, key, frozenset(kinds or (IMAGE, FRAME)), **options)


def said(text: str, **where) -> Moment:
    return Moment(SegmentKind.CAPTION, text=text, **where)


class Shelf:
    """A photo with words on it, a film of three scenes in two of which words were read, a paper, a note."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        with catalog.write() as tx:
            self.space: Space = make_space(tx)
            root = tx.roots.add("/r", 1)
            self.ids = {name: put_asset(tx, name) for name in ("photo", "paper", "note", "lost")}
            self.ids["film"] = put_asset(tx, "film", FILM)
            for name, id_ in self.ids.items():
                if name != "lost":
                    place(tx, root.id, name, id_)
            self.photo, self.film, self.paper = (self.ids[name] for name in ("photo", "film", "paper"))
            derive(tx, self.photo, [self.space], stage="decode:picture")
            derive(tx, self.ids["lost"], [self.space], stage="decode:picture")
            tx.assets.orphan()
            read = [Moment(SegmentKind.OCR, box=Box(0, 0, 1, 0.1), text="EXIT", confidence=0.9)]
            derive(tx, self.photo, [self.space], read, stage="ocr")
            scenes = [Moment(FRAME, 3.0 * n, 3.0 * n + 3) for n in range(3)]
            derive(tx, self.film, [self.space], scenes, stage="decode:film")
            signs = [Moment(SegmentKind.OCR, 1.0, 2.0, text="ONE"), Moment(SegmentKind.OCR, 7.0, None, text="TWO")]
            derive(tx, self.film, [self.space], signs, stage="ocr")
            pages = [Moment(PAGE, page=1), Moment(SegmentKind.TEXT, page=1, text="One"), Moment(PAGE, page=2)]
            derive(tx, self.paper, [self.space], pages, stage="decode:pdf")
            derive(tx, self.ids["note"], [self.space], [Moment(SegmentKind.TEXT, text="A note")], stage="decode:text")

    def lacking(self, asked: Task) -> list[str]:
        names = {id_: name for name, id_ in self.ids.items()}
        with self.catalog.read() as tx:
            found = [names[id_] for id_ in tx.captions.lacking(asked, 0, 99)]
            # A page at a time comes to the same.
            paged, after = [], 0
            while ids := tx.captions.lacking(asked, after, 1):
                paged.append(names[ids[0]])
                after = ids[0]
        assert found == paged
        return sorted(found)

    def put(
        self,
        asset_id: int,
        *captions: Moment,
        by: str = "blip",
        key: str = "k1",
        through: Collection[SegmentKind] = (IMAGE, FRAME),
        whole: bool = True,
    ) -> None:
        vectors = {self.space.id: {n: np.ones(4, np.float32) / 2 for n in range(len(captions))}}
        with self.catalog.write() as tx:
            done = Derived(asset_id, stage_of(by), key_of(key, through), captions, vectors)
            assert tx.captions.put([done], whole=[asset_id] if whole else []) == [asset_id]

    def texts(self, asset_id: int) -> dict[str, list[str | None]]:
        with self.catalog.read() as tx:
            return {each.spec: [one.text for one in each.captions] for each in tx.captions.of(asset_id)}


@pytest.fixture
def shelf(catalog: Catalog) -> Shelf:
    return Shelf(catalog)


def test_what_shows_something_and_has_no_caption_lacks_one(shelf):
    assert shelf.lacking(task()) == ["film", "photo"]
    assert shelf.lacking(task(PAGE)) == ["paper"]
    assert shelf.lacking(task(IMAGE, within=[shelf.film])) == []
    assert shelf.lacking(task(IMAGE, FRAME, PAGE, within=[shelf.film, shelf.paper])) == ["film", "paper"]
    with shelf.catalog.read() as tx:
        assert tx.captions.count(task()) == 4
        assert tx.captions.count(task(PAGE)) == 2
        assert tx.captions.count(task(FRAME, within=[shelf.photo])) == 0


def test_what_was_gone_through_lacks_none_even_where_nothing_was_said(shelf):
    shelf.put(shelf.photo)
    assert shelf.lacking(task()) == ["film"]
    assert shelf.texts(shelf.photo) == {}
    with shelf.catalog.read() as tx:
        assert tx.captions.counts() == {}


def test_another_captioner_another_version_and_another_kind_lack_it(shelf):
    shelf.put(shelf.photo, said("A door."))
    assert shelf.lacking(task(spec="other")) == ["film", "photo"]
    assert shelf.lacking(task(key="k2")) == ["film", "photo"]
    assert shelf.lacking(task(again=True)) == ["film", "photo"]
    shelf.put(shelf.film, through=[IMAGE])
    assert shelf.lacking(task(IMAGE)) == []
    assert shelf.lacking(task(FRAME)) == ["film"]
    shelf.put(shelf.film, through=[IMAGE, FRAME, PAGE])
    assert shelf.lacking(task(FRAME)) == []


def test_an_album_tells_what_is_known_of_each_picture(shelf):
    with shelf.catalog.read() as tx:
        photo, film = sorted(
            tx.captions.albums(task(), [shelf.photo, shelf.film], shelf.space.id), key=lambda each: each.asset_id
        )
    assert (photo.asset_id, photo.info, photo.kept, photo.through) == (shelf.photo, PICTURE, [], frozenset())
    (picture,) = photo.pictures
    assert (picture.stage, picture.ordinal, picture.moment) == ("decode:picture", 0, Moment(IMAGE))
    assert (picture.vector.shape, picture.vector.dtype) == ((4,), np.float16)
    assert [(word.text, word.box, word.confidence) for word in picture.words] == [("EXIT", Box(0, 0, 1, 0.1), 0.9)]
    assert film.info == FILM
    assert [[word.text for word in each.words] for each in film.pictures] == [["ONE"], [], ["TWO"]]
    with shelf.catalog.read() as tx:
        (bare,) = tx.captions.albums(task(), [shelf.photo], space_id=99)
        assert [each.vector for each in bare.pictures] == [None]
        assert tx.captions.albums(task(), [shelf.ids["lost"], 12345], shelf.space.id) == []


def test_a_film_that_was_left_midway_is_gone_on_with(shelf):
    first = said("Red.", start_s=0.0, end_s=3.0)
    shelf.put(shelf.film, first, through=(), whole=False)
    assert shelf.lacking(task()) == ["film", "photo"]
    with shelf.catalog.read() as tx:
        (album,) = tx.captions.albums(task(), [shelf.film], shelf.space.id)
        (again,) = tx.captions.albums(task(again=True), [shelf.film], shelf.space.id)
        (anew,) = tx.captions.albums(task(key="k2"), [shelf.film], shelf.space.id)
    assert ([each.moment.start_s for each in album.pictures], album.kept, album.before) == ([3.0, 6.0], [first], [])
    assert (len(again.pictures), again.kept, again.before) == (3, [], [first])
    assert (len(anew.pictures), anew.kept, anew.before) == (3, [], [])


def test_who_captions_last_takes_the_place_of_others_but_not_of_the_owner(shelf):
    shelf.put(shelf.photo, said("A door."), said("EXIT", box=Box(0, 0, 1, 0.1)))
    shelf.put(shelf.photo, said("Our door"), by=OWNER, through=())
    assert shelf.texts(shelf.photo) == {"owner": ["Our door"], "blip": ["A door.", "EXIT"]}
    shelf.put(shelf.photo, said("A gate."), by="other", whole=False)
    assert set(shelf.texts(shelf.photo)) == {"owner", "blip", "other"}
    shelf.put(shelf.photo, said("A gate."), by="other")
    assert shelf.texts(shelf.photo) == {"owner": ["Our door"], "other": ["A gate."]}
    with shelf.catalog.read() as tx:
        assert tx.captions.counts() == {"other": 1, "owner": 1}
        assert [(id_, text) for id_, _, text in tx.captions.by_owner(9)] == [(shelf.photo, "Our door")]
        assert tx.segments.counts()[IMAGE] == 1  # and nothing else has gone


def test_what_models_said_is_told_from_what_people_did(shelf):
    shelf.put(shelf.photo, said("Made."))
    shelf.put(shelf.photo, said("Mine"), by=OWNER, through=())
    with shelf.catalog.write() as tx:
        derive(tx, shelf.photo, [shelf.space], [said("In the file")], stage="decode:title")
        found = tx.segments.moments(tx.surroundings.at(shelf.photo, most=99))
        assert [found[id_].segment.text for id_ in tx.captions.by_models(list(found))] == ["Made."]
        assert tx.captions.by_models([]) == set()


def test_captions_are_taken_out_by_asset_and_by_who_wrote_them(shelf):
    for asset_id in (shelf.photo, shelf.film):
        shelf.put(asset_id, said("Something."))
        shelf.put(asset_id, said("Mine"), by=OWNER, through=())
    with shelf.catalog.write() as tx:
        assert tx.captions.remove([shelf.photo], "blip") == 1
        assert tx.captions.remove([shelf.ids["note"]]) == 0
    assert shelf.texts(shelf.photo) == {"owner": ["Mine"]}
    with shelf.catalog.write() as tx:
        assert tx.captions.remove() == 2
        assert tx.captions.counts() == {}
    assert shelf.lacking(task()) == ["film", "photo"]


def test_where_nothing_was_said_nothing_is_taken_out_and_it_lacks_a_caption_again(shelf):
    shelf.put(shelf.photo)
    shelf.put(shelf.film, said("A film."))
    assert shelf.lacking(task()) == []
    with shelf.catalog.write() as tx:
        assert tx.captions.remove() == 1
    assert shelf.lacking(task()) == ["film", "photo"]


def test_an_asset_that_has_gone_meanwhile_is_passed_over(shelf):
    with shelf.catalog.write() as tx:
        gone = Derived(12345, stage_of("blip"), key_of("k1", [IMAGE]), [said("Nothing.")], {})
        assert tx.captions.put([gone], whole=[12345]) == []


def test_captions_without_vectors_are_told(shelf):
    shelf.put(shelf.photo, said("A door."))
    with shelf.catalog.read() as tx:
        assert tx.captions.without_vectors(shelf.space.id, 0, 9) == []
        ((id_, text),) = tx.captions.without_vectors(99, 0, 9)
        assert text == "A door."
        assert tx.captions.without_vectors(99, id_, 9) == []
