"""Zero-shot labels on a small mixed library, with an encoder that knows what its colours are called."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from bowerbird.errors import QueryError
from bowerbird.queries import Filters, Query
from bowerbird.types import SegmentKind, Source
from bowerbird.wiring import Library, open_library
from indexer import Indexer
from search import Search
from search.label import MOST_LABELS, Labelled, _labelled, label, label_assets, label_held
from tests.fakes import HashEncoder
from tests.media.films import scenery, write_film

COLOURS = ("red", "blue", "green")
NOTE = "The harbour office opens at nine."


class Encoder(HashEncoder):
    """Places `red` where red pictures lie, and remembers how many pictures it has been shown."""

    def __init__(self) -> None:
        aliases = {colour: np.asarray(Image.new("RGB", (16, 16), colour)) for colour in COLOURS}
        super().__init__(aliases=aliases)
        self.pictures = 0

    def encode_images(self, pictures):
        self.pictures += len(pictures)
        return super().encode_images(pictures)


def png(colour: str) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (80, 60), colour).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("media")
    (folder / "inside").mkdir()
    for name, colour in (("red", "red"), ("inside/blue", "blue"), ("inside/white", "white"), ("scarlet", "red")):
        (folder / f"{name}.png").write_bytes(png(colour))
    (folder / "note.txt").write_text(NOTE)
    (folder / "empty").mkdir()
    return folder


@pytest.fixture(scope="module")
def library(folder, tmp_path_factory):
    encoder = Encoder()
    where = tmp_path_factory.mktemp("labels") / "library"
    with open_library(where, create=True, encoder="hash", load=lambda _: encoder) as library:
        library.settings.index.ocr = False
        library.settings.index.regions = 0
        Indexer(library).index([folder])
        yield library


def labels_of(found: list[Labelled], folder: Path) -> dict[str, str | None]:
    return {Path(each.path).relative_to(folder).as_posix(): each.label for each in found}


def test_each_file_gets_what_fits_it_and_what_nothing_fits_gets_nothing(library: Library, folder: Path) -> None:
    shown = library.encoder(library.joint).pictures
    found = label(library, [*COLOURS, NOTE], folder)
    assert labels_of(found, folder) == {
        "inside/blue.png": "blue",
        "inside/white.png": None,
        "note.txt": NOTE,
        "red.png": "red",
        "scarlet.png": "red",
    }
    assert library.encoder(library.joint).pictures == shown, "vectors come from SQL"
    assert found == label(Search(library), [*COLOURS, NOTE], folder)


def test_a_label_says_what_a_search_says(library: Library, folder: Path) -> None:
    pictures = Filters(kinds=(SegmentKind.IMAGE,))
    query = Query("red", filters=pictures, sources=(Source.JOINT,), min_relevance=0)
    searched = {hit.asset_id: hit.relevance for hit in Search(library).run(query).hits}
    labelled = {each.asset_id: each.scores["red"] for each in label(library, ["red"], folder)}
    assert set(searched) < set(labelled)
    assert max(searched.values()) > 0.9
    for asset_id, relevance in searched.items():
        assert labelled[asset_id] == pytest.approx(relevance, abs=1e-3)


def test_shares_tell_labels_apart(library: Library, folder: Path) -> None:
    (red,) = label(library, ["blue", "red", "green"], folder / "red.png")
    assert list(red.scores) == list(red.shares)
    assert next(iter(red.shares)) == "red"
    assert red.shares["red"] > 0.9
    assert sum(red.shares.values()) == pytest.approx(1, abs=1e-3)


def test_folders_below_and_above_a_root_single_files_and_links(library: Library, folder: Path, tmp_path: Path) -> None:
    assert set(labels_of(label(library, COLOURS, folder / "inside"), folder)) == {
        "inside/blue.png",
        "inside/white.png",
    }
    assert len(label(library, COLOURS, folder.parent)) == 5
    assert labels_of(label(library, COLOURS, folder / "note.txt"), folder) == {"note.txt": None}
    (tmp_path / "link").symlink_to(folder)
    assert len(label(library, COLOURS, tmp_path / "link")) == 5


def test_a_picture_that_is_not_indexed_is_looked_at(library: Library, folder: Path, tmp_path: Path) -> None:
    picture = tmp_path / "new.png"
    picture.write_bytes(png("green"))
    (found,) = label(library, COLOURS, picture)
    assert (found.path, found.label) == (str(picture), "green")
    picture.write_bytes(png("red"))
    (again,) = label(library, COLOURS, picture)
    (indexed,) = label(library, COLOURS, folder / "red.png")
    assert again.asset_id == indexed.asset_id
    assert again.relevance == pytest.approx(indexed.relevance, abs=1e-3)


def test_a_film_is_labelled_by_its_best_frame(tmp_path: Path) -> None:
    write_film(tmp_path / "film.mp4", [scenery(seed) for seed in (1, 2, 3) for _ in range(20)])
    with open_library(tmp_path / "library", create=True, encoder="hash", load=lambda _: HashEncoder()) as library:
        library.settings.index.ocr = False
        library.settings.index.transcriber = "none"
        Indexer(library).index([tmp_path / "film.mp4"])
        with library.catalog.read() as tx:
            (root,) = tx.roots.all()
            (lying,) = tx.folders.at(root.id)
            ((kind, owners, vectors),) = tx.folders.vectors([lying.asset_id], library.joint.id)
        assert kind is SegmentKind.FRAME
        assert set(owners) == {lying.asset_id}
        assert len(vectors) > 1
        best = max(float(row @ library.encoder(library.joint).encode_texts(["cat"])[0]) for row in vectors)
        hit = Search(library).search("cat", min_relevance=0).hits[0]
        (found,) = label(library, ["cat"], tmp_path / "film.mp4")
        assert hit.evidence[0].score == pytest.approx(best, abs=1e-3)
        assert found.relevance == pytest.approx(hit.relevance, abs=1e-3)


@pytest.mark.parametrize(
    ("labels", "inside", "says"),
    [
        ([], ".", "there is no label"),
        (["cat", " \n"], ".", "a label is empty"),
        (["x" * 10_001], ".", "shorten it"),
        ([f"{n}" for n in range(MOST_LABELS + 1)], ".", "in several calls"),
        (["cat"], "nowhere.png", "no such file"),
        (["cat"], "empty", "index it first"),
        (["cat"], "../outside", "index it first, with `bowerbird index"),
        (["cat"], "../outside/new.txt", "index it first"),
        (["cat"], "../outside/broken.png", "broken.png: "),
        (["cat"], "../outside/a\0b", "names no file"),
    ],
)
def test_what_cannot_be_labelled_is_refused_with_a_remedy(library, folder, labels, inside, says) -> None:
    outside = folder.parent / "outside"
    outside.mkdir(exist_ok=True)
    (outside / "new.txt").write_text("of no library")
    (outside / "broken.png").write_bytes(png("red")[:50])
    with pytest.raises(QueryError, match=says) as refused:
        label(library, labels, folder / inside)
    assert "\n" not in str(refused.value)


def test_the_threshold_is_the_users(library: Library, folder: Path) -> None:
    assert [each.label for each in label(library, ["red"], folder / "inside", threshold=0)] == ["red", "red"]
    with pytest.raises(QueryError, match="between 0 and 1"):
        label(library, ["red"], folder, threshold=1.1)


@given(st.lists(st.floats(0, 1, width=32), min_size=1, max_size=8), st.floats(0, 1))
def test_the_best_comes_first_and_shares_add_up(relevance: list[float], threshold: float) -> None:
    names = [f"{n}" for n in range(len(relevance))]
    found = _labelled("p", "h", names, np.asarray(relevance, np.float32), threshold)
    assert list(found.scores.values()) == sorted(found.scores.values(), reverse=True)
    assert list(found.shares.values()) == sorted(found.shares.values(), reverse=True)
    assert sum(found.shares.values()) == pytest.approx(1, abs=1e-3)
    assert (found.label is not None) == (max(np.float32(relevance)) >= threshold)
    assert found.relevance == max(found.scores.values())


def test_somebody_elsewhere_is_told_the_same_of_what_is_held(library: Library, folder: Path) -> None:
    everything = label(library, COLOURS, folder)
    assert label_held(library, COLOURS, folder) == everything
    named = label_assets(library, COLOURS, [each.asset_id for each in reversed(everything)])
    once = {each.asset_id: each for each in reversed(everything)}  # of copies, the one that came first
    assert {each.asset_id: each.scores for each in named} == {id_: each.scores for id_, each in once.items()}
    assert [each.path for each in named] == sorted(each.path for each in named)
    assert {each.path for each in named} <= {each.path for each in everything}
    assert label_held(library, COLOURS, folder / "inside" / ".." / "red.png") == label(
        library, COLOURS, folder / "red.png"
    )


def test_for_somebody_elsewhere_no_file_is_looked_at(library: Library, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "red.png").write_bytes(png("green"))
    (tmp_path / "link").symlink_to(folder)
    shown = library.encoder(library.joint).pictures
    for path in (tmp_path / "red.png", tmp_path / "link", "red.png", "~", "/a\0b", folder / "empty"):
        with pytest.raises(QueryError):
            label_held(library, COLOURS, path)
    for id_ in ("0" * 64, "é", "", "\0"):
        with pytest.raises(QueryError, match="has the id"):
            label_assets(library, COLOURS, [id_])
    assert library.encoder(library.joint).pictures == shown


def test_somebody_elsewhere_may_ask_for_so_much_at_once(library: Library, folder: Path, monkeypatch) -> None:
    monkeypatch.setattr("search.label.MOST_SCORES", 3)
    with pytest.raises(QueryError, match="over the limit of 3 scores"):
        label_held(library, COLOURS, folder)
    assert len(label_held(library, COLOURS, folder / "red.png")) == 1
