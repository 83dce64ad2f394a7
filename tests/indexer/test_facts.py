from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest
from PIL import ExifTags, Image

from bowerbird.types import Taken, TakenFrom
from indexer.facts import dated
from indexer.scan import ScannedFile
from tests.indexer.workshop import Workshop
from tests.media.make import photo


@pytest.fixture
def shot(workshop: Workshop) -> Path:
    """A photo that says when, where and by what it was taken."""
    exif = Image.Exif()
    exif[ExifTags.Base.Make], exif[ExifTags.Base.Model] = "Canon", "Canon EOS 5D"
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = "2019:07:04 15:30:12"
    gps = exif.get_ifd(ExifTags.IFD.GPSInfo)
    gps.update({1: "N", 2: (38.0, 42.0, 50.0), 3: "W", 4: (9.0, 8.0, 22.0)})
    path = workshop.media / "shot.jpg"
    photo(64, 48).save(path, exif=exif)
    return workshop.tick(path)


def test_what_a_photo_says_is_catalogued_with_its_place(workshop: Workshop, shot: Path) -> None:
    workshop.index()
    with workshop.library.catalog.read() as tx:
        (location,) = tx.locations.at(1, ["shot.jpg"]).values()
        (hash_,) = [tx.locations.asset_hash_at(1, "shot.jpg")]
        info = tx.assets.by_hash(hash_).info
    assert location.asset_id
    assert info.taken == Taken(datetime(2019, 7, 4, 15, 30, 12), TakenFrom.EXIF)
    assert info.camera == "Canon EOS 5D"
    assert round(info.position.latitude, 2) == 38.71
    assert "Lisbo" in info.place.name
    assert info.place.country == "Portugal"


def test_a_copy_may_have_another_date_than_the_content(workshop: Workshop, shot: Path) -> None:
    (workshop.media / "IMG_20180102_030405.jpg").write_bytes(shot.read_bytes())
    workshop.index()
    dates = {line["path"]: line["dated_from"] for line in _locations(workshop)}
    assert dates == {"shot.jpg": "mtime", "IMG_20180102_030405.jpg": "name"}


def _locations(workshop: Workshop) -> list[dict]:
    import sqlalchemy as sa

    from bowerbird.store.tables import location

    with workshop.library.catalog.read() as tx:
        return [dict(row._mapping) for row in tx.connection.execute(sa.select(location))]


def test_dates_by_name_then_by_time(tmp_path: Path) -> None:
    from bowerbird.types import FileStat, Root

    root = Root(1, str(tmp_path), 0, datetime.now())
    at = datetime(2021, 3, 4, 5, 6, 7)

    def file(name: str, mtime_ns: int) -> ScannedFile:
        return ScannedFile(root, name, FileStat(1, mtime_ns, 1))

    ns = int(at.timestamp()) * 10**9
    assert dated(file("2019-07-04 15.30.12.jpg", ns)) == Taken(datetime(2019, 7, 4, 15, 30, 12), TakenFrom.NAME)
    assert dated(file("plain.jpg", ns)) == Taken(at, TakenFrom.MTIME)
    assert dated(file("plain.jpg", 0)) is None
