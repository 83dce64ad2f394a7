"""Assets by id: facts, moments, files in whole and in part, pictures; and nothing that is not catalogued."""

from __future__ import annotations

import hashlib
import io
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from starlette.testclient import TestClient

from api.http.file_reply import wanted
from bowerbird.wiring import open_library
from indexer import Indexer
from tests.api.http.conftest import Serving
from tests.api.http.test_gate import refused
from tests.fakes import HashEncoder
from tests.media.make import photo, save
from tests.media.papers import put


def id_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def picture(response) -> Image.Image:
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "image/webp"
    return Image.open(io.BytesIO(response.content))


def test_facts(client, media):
    found = client.get(f"/v1/assets/{id_of(media / 'film.mp4')}").json()
    assert (found["version"], found["kind"], found["name"]) == (1, "video", "film.mp4")
    assert found["paths"] == [str(media / "film.mp4")]
    assert found["duration_s"] == pytest.approx(6, abs=0.5)
    assert found["segments"]["frame"] >= 2


def test_moments_in_pieces(client, media):
    path = f"/v1/assets/{id_of(media / 'paper.pdf')}/segments"
    whole = client.get(path).json()
    assert [each["page"] for each in whole["segments"]] == sorted(each["page"] for each in whole["segments"])
    assert whole["next_skip"] is None
    listed, skip = [], 0
    while skip is not None:
        part = client.get(path, params={"limit": 1, "skip": skip}).json()
        listed += part["segments"]
        skip = part["next_skip"]
    assert listed == whole["segments"]
    texts = client.get(path, params={"kind": "text", "page": 2}).json()["segments"]
    assert ["feathers" in each["text"] for each in texts] == [True]


def test_the_file_itself(client, media):
    path = media / "film.mp4"
    response = client.get(f"/v1/assets/{id_of(path)}/original")
    assert response.content == path.read_bytes()
    assert response.headers["content-type"] == "video/mp4"
    assert response.headers["etag"] == f'"{id_of(path)}"'
    assert response.headers["content-disposition"] == "inline; filename*=UTF-8''film.mp4"
    again = client.get(f"/v1/assets/{id_of(path)}/original", headers={"if-none-match": response.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    kept = client.get(f"/v1/assets/{id_of(path)}/original?download=1")
    assert kept.headers["content-disposition"].startswith("attachment")


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [("bytes=0-0", 0, 1), ("bytes=5-9", 5, 10), ("bytes=-7", -7, None), ("bytes=10-", 10, None),
     ("bytes=0-99999999999", 0, None)],
)  # fmt: skip
def test_a_part_of_it(client, media, asked, start, end):
    path = media / "film.mp4"
    data = path.read_bytes()
    response = client.get(f"/v1/assets/{id_of(path)}/original", headers={"range": asked})
    assert response.status_code == 206
    assert response.content == data[start:end]
    first = start if start >= 0 else len(data) + start
    assert response.headers["content-range"] == f"bytes {first}-{first + len(response.content) - 1}/{len(data)}"


@pytest.mark.parametrize("asked", ["bytes=99999999-", "bytes=-0"])
def test_a_part_that_is_not_there(client, media, asked):
    response = client.get(f"/v1/assets/{id_of(media / 'film.mp4')}/original", headers={"range": asked})
    refused(response, 416)
    assert response.headers["content-range"] == f"bytes */{(media / 'film.mp4').stat().st_size}"


@pytest.mark.parametrize(
    "asked", ["bytes=9-5", "bytes=", "bytes=-", "lines=1-2", "bytes=a-b", "bytes=0-1,4-5", "bytes=" + "9" * 40 + "-"]
)
def test_what_is_no_range_gives_the_whole(client, media, asked):
    response = client.get(f"/v1/assets/{id_of(media / 'rent.txt')}/original", headers={"range": asked})
    assert (response.status_code, response.content) == (200, (media / "rent.txt").read_bytes())


def test_a_part_of_another_version_gives_the_whole(client, media):
    headers = {"range": "bytes=0-3", "if-range": '"another"'}
    response = client.get(f"/v1/assets/{id_of(media / 'rent.txt')}/original", headers=headers)
    assert (response.status_code, response.content) == (200, (media / "rent.txt").read_bytes())


@given(
    st.text(alphabet="bytes=0123456789-, ", max_size=30) | st.from_regex(r"bytes=\d{0,4}-\d{0,4}", fullmatch=True),
    st.integers(0, 9999),
)
def test_ranges_lie_within_the_file(said, size):
    match wanted(said, size):
        case (start, end):
            assert 0 <= start < end <= size
        case other:
            assert other in {True, False}


@pytest.mark.parametrize("name", ["a.svg", "fern.html"])
def test_what_a_browser_would_run_is_a_download(client, media, name):
    response = client.get(f"/v1/assets/{id_of(media / name)}/original")
    assert response.content == (media / name).read_bytes()
    assert response.headers["content-type"] == "application/octet-stream"
    assert response.headers["content-disposition"].startswith("attachment")
    assert "sandbox" in response.headers["content-security-policy"]
    assert response.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "id_",
    [
        "0" * 64,
        "../" * 5 + "etc/passwd",
        "%2e%2e%2f" * 3 + "etc%2fpasswd",
        "0" * 63,
        "0" * 65,
        "G" * 64,
        "..%00",
        "f" * 4000,
        "*",
    ],
)
@pytest.mark.parametrize("what", ["", "/segments", "/original", "/thumbnail", "/poster", "/picture", "/words"])
def test_ids_that_are_none(client, id_, what):
    response = client.get(f"/v1/assets/{id_}{what}")
    assert response.status_code in {404, 422}
    refused(response, response.status_code)


def test_pictures(client, media):
    photo_id, film_id, paper_id = (id_of(media / name) for name in ("photo 1.png", "film.mp4", "paper.pdf"))
    assert picture(client.get(f"/v1/assets/{photo_id}/thumbnail")).size == (160, 120)
    assert max(picture(client.get(f"/v1/assets/{photo_id}/picture?px=80")).size) == 80
    assert max(picture(client.get(f"/v1/assets/{paper_id}/picture?page=2&px=400")).size) == 400
    early, late = (picture(client.get(f"/v1/assets/{film_id}/poster?at={at}&px=64")) for at in (1, 5))
    assert early.tobytes() != late.tobytes()
    frames = client.get(f"/v1/assets/{film_id}/segments?kind=frame").json()["segments"]
    shown = {client.get(f"/v1/assets/{film_id}/thumbnail?segment={each['segment_id']}").content for each in frames}
    assert len(shown) == len(frames)


def test_what_is_written_on_a_page_is_shown_by_it(client, media):
    asset = f"/v1/assets/{id_of(media / 'paper.pdf')}"
    moments = client.get(f"{asset}/segments?page=2").json()["segments"]
    assert {each["kind"] for each in moments} == {"page", "text"}
    shown = {client.get(f"{asset}/thumbnail?segment={each['segment_id']}").content for each in moments}
    assert shown != {client.get(f"{asset}/thumbnail").content}
    assert len(shown) == 1


def test_words_of_a_page(client, media):
    found = client.get(f"/v1/assets/{id_of(media / 'paper.pdf')}/words?page=2").json()
    assert [word["text"] for word in found["words"]][-1] == "feathers."
    x, y, width, height = found["words"][0]["box"]
    assert 0 < x < x + width < 1
    assert 0 < y < y + height < 0.2


@pytest.mark.parametrize(
    ("name", "path", "status"),
    [
        ("rent.txt", "picture", 404),
        ("film.mp4", "picture", 404),
        ("photo 1.png", "poster?at=3", 404),
        ("paper.pdf", "picture?page=3", 404),
        ("paper.pdf", "picture?page=0", 422),
        ("paper.pdf", "picture?px=100000", 422),
        ("film.mp4", "poster?at=nan", 422),
        ("film.mp4", "poster?at=-1", 422),
        ("rent.txt", "words", 404),
        ("rent.txt", "thumbnail", 404),
        ("film.mp4", "thumbnail?segment=999999", 404),
        ("film.mp4", "thumbnail?segment=99999999999999999999", 422),
        ("film.mp4", "segments?kind=smell", 422),
        ("film.mp4", "segments?skip=-1", 422),
    ],
)
def test_what_there_is_not(client, media, name, path, status):
    refused(client.get(f"/v1/assets/{id_of(media / name)}/{path}"), status)


class TestChanged:
    """Files that are no longer what was indexed."""

    @pytest.fixture
    def here(self, tmp_path: Path, serving: Serving):
        (tmp_path / "media").mkdir()
        path = save(photo(40, 30, 7), tmp_path / "media" / 'ü ber;".png')
        put("top secret", tmp_path / "secret.txt")
        with open_library(tmp_path / "library", create=True, encoder="hash", load=lambda _: HashEncoder()) as library:
            library.settings.serve.searchers = 0
            library.settings.index.transcriber = "none"
            library.settings.index.ocr = False
            Indexer(library).index([tmp_path / "media"])
            yield serving(library), path, id_of(path)

    def test_a_link_in_its_place_leads_nowhere(self, here: tuple[TestClient, Path, str], tmp_path):
        client, path, id_ = here
        path.unlink()
        path.symlink_to(tmp_path / "secret.txt")
        said = refused(client.get(f"/v1/assets/{id_}/original"), 409)
        assert "has changed" in said["detail"]

    def test_neither_does_another_file_of_its_size(self, here: tuple[TestClient, Path, str]):
        client, path, id_ = here
        path.write_bytes(b"x" * path.stat().st_size)
        refused(client.get(f"/v1/assets/{id_}/original"), 409)
        refused(client.get(f"/v1/assets/{id_}/picture"), 409)

    def test_nor_a_pipe_nor_nothing(self, here: tuple[TestClient, Path, str]):
        client, path, id_ = here
        path.unlink()
        refused(client.get(f"/v1/assets/{id_}/original"), 409)
        os.mkfifo(path)
        refused(client.get(f"/v1/assets/{id_}/original"), 409)

    def test_a_file_that_was_touched_is_the_same(self, here: tuple[TestClient, Path, str]):
        client, path, id_ = here
        os.utime(path, (1, 1))
        response = client.get(f"/v1/assets/{id_}/original")
        assert response.content == path.read_bytes()
        assert response.headers["content-disposition"] == "inline; filename*=UTF-8''%C3%BC%20ber%3B%22.png"
