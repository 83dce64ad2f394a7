"""Pictures made on demand, of real files in a real library, decoded in the sandbox."""

from __future__ import annotations

import hashlib
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from api import renditions
from api.renditions import NoPicture, OutOfReach, Renditions, UnknownAsset
from bowerbird.errors import LibraryError, QueryError
from bowerbird.wiring import Library, open_library
from indexer import Indexer
from indexer.identify import sha256_of
from tests.fakes import HashEncoder
from tests.media.films import BLUE, GREEN, RED, plain, tone, write_film, write_recording
from tests.media.make import photo, save
from tests.media.papers import docx, pdf, put

SETTINGS = """
[index]
regions = 0
ocr = false
transcriber = "none"
[decode]
workers = 2
timeout_s = 20
"""


def library_of(folder: Path) -> Library:
    """A library at ``folder/library`` of all that lies in ``folder/media``."""
    library = open_library(folder / "library", create=True, encoder="hash", load=lambda _: HashEncoder())
    library.close()
    (folder / "library" / "library.toml").write_text(SETTINGS)
    library = open_library(folder / "library", load=lambda _: HashEncoder())
    report = Indexer(library).index([folder / "media"])
    assert report.failed == ()
    return library


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    media = tmp_path_factory.mktemp("renditions") / "media"
    media.mkdir()
    save(photo(150, 100).resize((2400, 1600)), media / "photo.jpg", quality=95)
    pillow_heif.from_pillow(Image.new("RGB", (300, 200), "teal")).save(media / "phone.heic")
    first, *rest = (Image.new("RGB", (60, 80), colour) for colour in ("red", "lime", "blue"))
    save(first, media / "scan.tif", save_all=True, append_images=rest)
    save(first, media / "moving.gif", save_all=True, append_images=rest, duration=1000)
    put(pdf(["Front page", "Bowers of sticks", "The end"], page="/Rotate 90"), media / "paper.pdf")
    put(docx(("Normal", "Only words here")), media / "letter.docx")
    put("A note on bowers.", media / "note.txt")
    write_film(media / "film.mp4", [plain(each) for each in (RED, GREEN, BLUE) for _ in range(20)], sound=tone(6))
    cover = BytesIO()
    Image.new("RGB", (500, 400), "orange").save(cover, "JPEG")
    write_recording(media / "song.mp3", tone(1), cover=cover.getvalue())
    write_recording(media / "voice.wav", tone(1))
    return media


@pytest.fixture(scope="module")
def library(media: Path) -> Iterator[Library]:
    with library_of(media.parent) as library:
        yield library


@pytest.fixture
def made(library: Library) -> Renditions:
    return Renditions(library)


@pytest.fixture
def id_of(media: Path) -> Callable[[str], str]:
    return lambda name: sha256_of(media / name)


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[tuple[Renditions, Path, str]]:
    """A library of one photo that a test may change: its renditions, the photo and its id."""
    (tmp_path / "media").mkdir()
    path = save(photo(640, 480, 7), tmp_path / "media" / "one.png")
    with library_of(tmp_path) as library:
        shutil.rmtree(library.folder / "thumbs")
        yield Renditions(library), path, sha256_of(path)


def shown(picture: bytes) -> Image.Image:
    with Image.open(BytesIO(picture), formats=["WEBP"]) as image:
        return image.convert("RGB")


def colour(picture: bytes) -> list[int]:
    return [round(value) for value in np.asarray(shown(picture))[:10].reshape(-1, 3).mean(0)]


# --- pictures ------------------------------------------------------------------------------------


def test_a_photo_at_the_size_that_was_asked_for(made: Renditions, id_of: Callable[[str], str], media: Path) -> None:
    for px in (1600, 300, 1):
        assert max(shown(made.picture(id_of("photo.jpg"), px=px)).size) == px
    assert shown(made.picture(id_of("photo.jpg"), px=renditions.MOST_PX)).size == (2400, 1600)  # never enlarged
    with Image.open(media / "photo.jpg") as photo_:
        want = np.asarray(photo_.resize((1600, 1067))).astype(int)
    assert np.abs(np.asarray(shown(made.picture(id_of("photo.jpg")))) - want).mean() < 3


def test_what_browsers_do_not_show(made: Renditions, id_of: Callable[[str], str]) -> None:
    assert colour(made.picture(id_of("phone.heic"))) == pytest.approx([0, 128, 128], abs=6)


def test_a_page_is_the_one_that_was_asked_for(made: Renditions, id_of: Callable[[str], str]) -> None:
    for page, expected in ((None, [255, 0, 0]), (1, [255, 0, 0]), (2, [0, 255, 0]), (3, [0, 0, 255])):
        assert colour(made.picture(id_of("scan.tif"), page=page)) == pytest.approx(expected, abs=4)
    pages = {made.picture(id_of("paper.pdf"), page=page) for page in (1, 2, 3)}
    assert len(pages) == 3
    assert {shown(page).size for page in pages} == {(1600, 1130)}  # it lies on its side


def test_a_cover_is_the_picture_of_a_song(made: Renditions, id_of: Callable[[str], str]) -> None:
    assert colour(made.picture(id_of("song.mp3"))) == pytest.approx([255, 165, 0], abs=6)
    with pytest.raises(NoPicture, match="shows no picture"):
        made.picture(id_of("voice.wav"))


@pytest.mark.parametrize(
    ("name", "page", "reason"),
    [
        ("paper.pdf", 4, "has 3 pages, and no page 4"),
        ("scan.tif", 4, "has 3 pages, and no page 4"),
        ("paper.pdf", 0, "pages count from 1"),
        ("paper.pdf", 1 << 31, "pages count from 1"),
        ("photo.jpg", 2, "shows no picture on a page 2"),
        ("letter.docx", 1, "has a text and no pictures"),
        ("note.txt", None, "has a text and no pictures"),
        ("film.mp4", None, "is a film: ask for its frame at a time"),
    ],
)
def test_pictures_that_there_are_not(
    name: str, page: int | None, reason: str, made: Renditions, id_of: Callable[[str], str]
) -> None:
    with pytest.raises(QueryError, match=reason) as refusal:
        made.picture(id_of(name), page=page)
    assert isinstance(refusal.value, NoPicture) == ("count from" not in reason)  # the others cannot be meant
    assert "\n" not in str(refusal.value)
    assert ":" in str(refusal.value) or "; " in str(refusal.value)


@pytest.mark.parametrize("px", [0, -1, renditions.MOST_PX + 1])
def test_sizes_out_of_bounds(px: int, made: Renditions, id_of: Callable[[str], str]) -> None:
    with pytest.raises(QueryError, match="pixels: give 1 to"):
        made.picture(id_of("photo.jpg"), px=px)
    with pytest.raises(QueryError, match="pixels: give 1 to"):
        made.poster(id_of("film.mp4"), at_s=0, px=px)


# --- posters -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("at_s", "expected"), [(0, RED), (1.9, RED), (2.0, GREEN), (3, GREEN), (5, BLUE), (99, BLUE)])
def test_a_poster_is_the_frame_at_that_time(
    at_s: float, expected: tuple[int, int, int], made: Renditions, id_of: Callable[[str], str]
) -> None:
    poster = made.poster(id_of("film.mp4"), at_s=at_s)
    assert colour(poster) == pytest.approx(expected, abs=14)
    assert shown(poster).size == (176, 144)
    assert shown(made.poster(id_of("film.mp4"), at_s=at_s, px=88)).size == (88, 72)


def test_what_moves_has_posters_too(made: Renditions, id_of: Callable[[str], str]) -> None:
    assert colour(made.poster(id_of("moving.gif"), at_s=1.5)) == pytest.approx([0, 255, 0], abs=6)


@pytest.mark.parametrize("at_s", [-0.1, float("nan"), float("inf")])
def test_times_that_are_none(at_s: float, made: Renditions, id_of: Callable[[str], str]) -> None:
    with pytest.raises(QueryError, match="give seconds from its start"):
        made.poster(id_of("film.mp4"), at_s=at_s)


@pytest.mark.parametrize("name", ["photo.jpg", "song.mp3", "paper.pdf"])
def test_what_is_no_film_has_no_posters(name: str, made: Renditions, id_of: Callable[[str], str]) -> None:
    with pytest.raises(NoPicture, match="is no film: ask for its picture"):
        made.poster(id_of(name), at_s=1)


# --- words ---------------------------------------------------------------------------------------


def test_words_lie_where_the_page_shows_them(made: Renditions, id_of: Callable[[str], str]) -> None:
    ink = np.asarray(shown(made.picture(id_of("paper.pdf"), page=2)).convert("L")) < 128
    height, width = ink.shape
    words = made.words(id_of("paper.pdf"), page=2)
    assert sorted(word.text for word in words) == ["Bowers", "of", "sticks"]
    for word in words:
        left, right = round(word.box.x * width), round((word.box.x + word.box.width) * width)
        top, bottom = round(word.box.y * height), round((word.box.y + word.box.height) * height)
        assert ink[top:bottom, left:right].any()
        ink[top - 2 : bottom + 3, left - 2 : right + 3] = False
    assert not ink.any()


def test_words_that_there_are_not(made: Renditions, id_of: Callable[[str], str]) -> None:
    for page, reason in ((0, "pages count from 1"), (4, "has 3 pages, and no page 4")):
        with pytest.raises(QueryError, match=reason):
            made.words(id_of("paper.pdf"), page=page)
    with pytest.raises(NoPicture, match="is no PDF"):
        made.words(id_of("scan.tif"), page=1)


# --- thumbnails ----------------------------------------------------------------------------------


def test_a_thumbnail_is_the_one_that_is_stored(made: Renditions, id_of: Callable[[str], str], library: Library) -> None:
    stored = library.thumbnails.path(id_of("photo.jpg"))
    assert made.thumbnail(id_of("photo.jpg")) == stored.read_bytes()


@pytest.mark.parametrize("name", ["photo.jpg", "scan.tif", "film.mp4", "song.mp3", "paper.pdf", "moving.gif"])
def test_a_thumbnail_that_is_lost_is_made_anew(
    name: str, made: Renditions, id_of: Callable[[str], str], library: Library
) -> None:
    folder = library.thumbnails.path(id_of(name)).parent
    stored = {int(path.stem.partition("-")[2]): path for path in folder.glob(f"{id_of(name)}-*.webp")}
    assert stored
    for ordinal, path in stored.items():
        old = path.read_bytes()
        path.unlink()
        try:
            new = shown(made.thumbnail(id_of(name), ordinal))
        finally:
            path.write_bytes(old)
        assert new.size == shown(old).size
        assert np.abs(np.asarray(new).astype(int) - np.asarray(shown(old))).mean() < 3


def test_a_moment_that_shows_nothing_has_no_thumbnail(made: Renditions, id_of: Callable[[str], str]) -> None:
    for name, ordinal in (
        ("note.txt", 0),
        ("photo.jpg", 1),
        ("photo.jpg", -1),
        ("photo.jpg", 10**400),
        ("voice.wav", 0),
    ):
        with pytest.raises(NoPicture, match="shows nothing as its moment"):
            made.thumbnail(id_of(name), ordinal)


# --- whose they are ------------------------------------------------------------------------------


@pytest.mark.parametrize("given", ["0f" * 32, "", "../../etc/passwd", "\x00" * 64, "0F" * 32, "x\n" * 99])
def test_ids_of_nothing(given: str, made: Renditions) -> None:
    for ask in (made.picture, made.thumbnail):
        with pytest.raises(UnknownAsset, match="is catalogued: take ids from hits") as refusal:
            ask(given)
        assert "\n" not in str(refusal.value)
    with pytest.raises(UnknownAsset):
        made.poster(given, at_s=0)
    with pytest.raises(UnknownAsset):
        made.words(given, page=1)


def test_what_has_been_forgotten_is_shown_no_more(alone: tuple[Renditions, Path, str]) -> None:
    made, path, asset = alone
    assert made.picture(asset)
    path.unlink()
    Indexer(made._library).index([path.parent])
    for ask in (made.picture, made.thumbnail):
        with pytest.raises(UnknownAsset):
            ask(asset)


def test_a_file_that_has_changed_is_not_shown(alone: tuple[Renditions, Path, str]) -> None:
    made, path, asset = alone
    size = path.stat().st_size
    save(photo(640, 480, 8), path)
    with pytest.raises(OutOfReach, match=r"one\.png has changed: run `bowerbird index`") as refusal:
        made.picture(asset)
    assert isinstance(refusal.value, LibraryError)
    path.write_bytes(bytes(size))
    for _ in range(2):
        with pytest.raises(OutOfReach, match="has changed"):
            made.thumbnail(asset)
    path.unlink()
    with pytest.raises(OutOfReach, match="is no longer there"):
        made.picture(asset)
    os.mkfifo(path)
    with pytest.raises(OutOfReach, match="is not a regular file"):
        made.picture(asset)


def test_a_file_that_was_only_touched_is_shown_and_read_but_once(
    alone: tuple[Renditions, Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    made, path, asset = alone
    os.utime(path, (1, 1))
    read: list[object] = []
    digest = hashlib.file_digest
    monkeypatch.setattr("hashlib.file_digest", lambda *given: (read.append(given), digest(*given))[1])
    for px in (100, 101, 102):
        assert made.picture(asset, px=px)
    assert len(read) == 1


def test_another_copy_stands_in(alone: tuple[Renditions, Path, str]) -> None:
    made, path, asset = alone
    shutil.copy(path, path.with_name("two.png"))
    Indexer(made._library).index([path.parent])
    path.write_bytes(b"something else")
    assert made.picture(asset)


def test_a_drive_that_is_not_there(alone: tuple[Renditions, Path, str]) -> None:
    made, path, asset = alone
    path.parent.rename(path.parent.with_name("unplugged"))
    with pytest.raises(OutOfReach, match="is offline: plug its drive in"):
        made.picture(asset)


def test_a_file_that_changes_while_it_is_read(
    alone: tuple[Renditions, Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    made, path, asset = alone
    decode_one = made._library.decoders.decode_one

    def late(*given: object, **named: object) -> object:
        decoded = decode_one(*given, **named)  # type: ignore[arg-type]
        path.write_bytes(b"something else")
        return decoded

    monkeypatch.setattr(made._library.decoders, "decode_one", late)
    with pytest.raises(OutOfReach, match="has changed while it was read"):
        made.picture(asset)


def test_a_format_that_is_switched_off(alone: tuple[Renditions, Path, str]) -> None:
    made, _, asset = alone
    made._library.settings.media["pictures"] = False
    with pytest.raises(NoPicture, match=r"switched off: see \[media\] in library\.toml"):
        made.picture(asset)


def test_the_limits_of_the_sandbox_hold(media: Path, tmp_path: Path) -> None:
    (tmp_path / "media").mkdir()
    shutil.copy(media / "photo.jpg", tmp_path / "media")
    shutil.copy(media / "phone.heic", tmp_path / "media")
    with library_of(tmp_path) as library:
        library.decoders.close()
        del library.decoders
        library.settings.decode.max_megapixels = 1
        made = Renditions(library)
        with pytest.raises(NoPicture, match=r"megapixels is over the limit of 1; raise decode\.max_megapixels"):
            made.picture(sha256_of(media / "photo.jpg"))
        assert made.picture(sha256_of(media / "phone.heic"))
        library.decoders.close()
        del library.decoders
        library.settings.decode.timeout_s = 0.001
        with pytest.raises(NoPicture, match=r"took longer than 0\.001 s; raise decode\.timeout_s"):
            made.picture(sha256_of(media / "photo.jpg"))


# --- what is kept --------------------------------------------------------------------------------


def test_what_was_made_is_kept_while_there_is_room(
    library: Library, id_of: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    decode_one, asked = library.decoders.decode_one, []
    monkeypatch.setattr(
        library.decoders, "decode_one", lambda *given, **named: (asked.append(given), decode_one(*given, **named))[1]
    )
    film, paper = id_of("film.mp4"), id_of("paper.pdf")
    made = Renditions(library)
    first = made.poster(film, at_s=1)
    assert made.poster(film, at_s=1.0001) is first
    assert len(asked) == 1
    for different in (lambda: made.poster(film, at_s=3), lambda: made.poster(film, at_s=1, px=64)):
        assert different() != first
    pages = [made.picture(paper, page=page) for page in (1, 2, 1, 2)]
    assert pages[0] is pages[2]
    assert len(asked) == 5

    small = Renditions(library, most_bytes=max(map(len, pages)) * 3 // 2)  # room for one page
    small.picture(paper, page=1)
    small.picture(paper, page=2)
    small.picture(paper, page=2)
    assert len(asked) == 7
    small.picture(paper, page=1)
    assert len(asked) == 8
    none = Renditions(library, most_bytes=0)
    assert none.picture(paper, page=1) == none.picture(paper, page=1)
    assert len(asked) == 10


def test_threads_share_it(library: Library, id_of: Callable[[str], str]) -> None:
    made, found = Renditions(library), {}
    film = id_of("film.mp4")

    def ask(number: int) -> None:
        found[number] = made.poster(film, at_s=number % 3 * 2 + 1)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number in range(12):
        assert colour(found[number]) == pytest.approx((RED, GREEN, BLUE)[number % 3], abs=14)
