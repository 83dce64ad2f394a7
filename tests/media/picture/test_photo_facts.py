from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.ExifTags import GPS, IFD, Base
from PIL.TiffImagePlugin import IFDRational

from bowerbird.media.picture.photo_facts import of_exif, wall_clock, with_facts
from bowerbird.media.picture.photo_iptc import iptc_datasets
from bowerbird.media.picture.photo_words import camera_name, clean, lens_or_none, title_or_none
from bowerbird.media.picture.photo_xmp import xmp_properties
from bowerbird.types import AssetInfo, AssetKind, Position, Taken, TakenFrom


def near(value: float, abs: float | None = None) -> Any:
    return pytest.approx(value, abs=abs)


BARE = AssetInfo(AssetKind.IMAGE, "image/jpeg", 8, 8)

PACKET = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:tiff="http://ns.adobe.com/tiff/1.0/"
  xmlns:aux="http://ns.adobe.com/exif/1.0/aux/" xmlns:exif="http://ns.adobe.com/exif/1.0/"
  xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/"
  tiff:Make="SONY" tiff:Model="ILCE-7M3" aux:Lens="FE 35mm F1.8" xmp:CreateDate="2018-05-06T07:08:09.25+02:00"
  exif:GPSLatitude="38,41.5N" exif:GPSLongitude="9,12,30W">
 <dc:title><rdf:Alt><rdf:li xml:lang="x-default">Gare \u00e0 l\u2019aube \u65e5</rdf:li>
  <rdf:li xml:lang="de">Bahnhof</rdf:li></rdf:Alt></dc:title>
 <dc:creator><rdf:Seq><rdf:li>Ana Lima</rdf:li><rdf:li>Bo Ek</rdf:li></rdf:Seq></dc:creator>
 <dc:subject><rdf:Bag><rdf:li>station</rdf:li><rdf:li>dawn</rdf:li></rdf:Bag></dc:subject>
</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>""".encode()
BY_XMP = AssetInfo(
    AssetKind.IMAGE,
    "image/jpeg",
    8,
    8,
    taken=Taken(datetime(2018, 5, 6, 7, 8, 9), TakenFrom.XMP),
    camera="Sony ILCE-7M3",
    lens="FE 35mm F1.8",
    position=Position(near(38 + 41.5 / 60), near(-(9 + 12 / 60 + 30 / 3600))),
    title="Gare à l’aube 日",
    artist="Ana Lima, Bo Ek",
    keywords=("station", "dawn"),
)


def xmp(inside: str) -> bytes:
    return (
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:dc="http://purl.org/dc/elements/1.1/" '
        'xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" xmlns:xmp="http://ns.adobe.com/xap/1.0/">'
        f"<rdf:Description>{inside}</rdf:Description></rdf:RDF>"
    ).encode()


def exif_of(
    main: Mapping[Any, Any] | None = None, photo: Mapping[Any, Any] | None = None, gps: Mapping[Any, Any] | None = None
) -> Image.Exif:
    """As a reader meets it: written and read again."""
    exif = Image.Exif()
    exif.update(main or {})
    for ifd, tags in ((IFD.Exif, photo), (IFD.GPSInfo, gps)):
        if tags:
            exif.get_ifd(ifd).update(tags)
    read = Image.Exif()
    read.load(exif.tobytes())
    return read


def at(latitude: Any, north: Any, longitude: Any, east: Any) -> dict[Any, Any]:
    return {
        GPS.GPSLatitudeRef: north,
        GPS.GPSLatitude: latitude,
        GPS.GPSLongitudeRef: east,
        GPS.GPSLongitude: longitude,
    }


def position_of(gps: dict[Any, Any]) -> Position | None:
    return of_exif(BARE, exif_of(gps=gps)).position


FULL = exif_of(
    {
        Base.Make: "NIKON CORPORATION",
        Base.Model: "NIKON D90",
        Base.ImageDescription: "Harbour at dusk",
        Base.Artist: "Ana Lima",
        Base.DateTime: "2020:01:01 00:00:01",
    },
    {
        Base.DateTimeOriginal: "2019:07:04 15:30:12",
        Base.DateTimeDigitized: "2019:07:05 01:01:01",
        Base.LensModel: "AF-S DX 18-105mm",
        Base.OffsetTimeOriginal: "+09:00",
    },
    at((33.0, 51.0, 24.48), "S", (151.0, 12.0, 55.08), "E"),
)
BY_EXIF = AssetInfo(
    AssetKind.IMAGE,
    "image/jpeg",
    8,
    8,
    taken=Taken(datetime(2019, 7, 4, 15, 30, 12), TakenFrom.EXIF),
    camera="Nikon D90",
    lens="AF-S DX 18-105mm",
    position=Position(near(-33.8568), near(151.2153)),
    title="Harbour at dusk",
    artist="Ana Lima",
)


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif", "avif"])
def test_exif_is_read_in_every_format(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"photo.{suffix}"
    Image.new("RGB", (8, 8)).save(path, exif=FULL)
    with Image.open(path) as image:
        image.load()
        assert with_facts(BARE, image) == BY_EXIF


@pytest.mark.parametrize("suffix", ["jpg", "webp", "avif"])
def test_xmp_is_read_in_every_format(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"photo.{suffix}"
    Image.new("RGB", (8, 8)).save(path, xmp=PACKET)
    with Image.open(path) as image:
        image.load()
        assert with_facts(BARE, image) == BY_XMP


def test_xmp_in_a_png(tmp_path: Path) -> None:
    from PIL.PngImagePlugin import PngInfo

    texts = PngInfo()
    texts.add_itxt("XML:com.adobe.xmp", PACKET.decode())
    Image.new("RGB", (8, 8)).save(tmp_path / "photo.png", pnginfo=texts)
    with Image.open(tmp_path / "photo.png") as image:
        image.load()
        assert with_facts(BARE, image) == BY_XMP


def test_xmp_in_a_tiff(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "photo.tif", tiffinfo={700: PACKET})
    with Image.open(tmp_path / "photo.tif") as image:
        image.load()
        assert with_facts(BARE, image) == BY_XMP


def test_heic() -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    data = BytesIO()
    made = pillow_heif.from_pillow(Image.new("RGB", (64, 64)))
    made.save(data, exif=FULL.tobytes(), xmp=PACKET)
    heic = pillow_heif.open_heif(data).to_pillow()
    facts = with_facts(BARE, heic)
    assert (facts.camera, facts.taken, facts.keywords) == (BY_EXIF.camera, BY_EXIF.taken, ("station", "dawn"))


def test_a_picture_without_metadata_has_no_facts() -> None:
    assert with_facts(BARE, Image.new("RGB", (8, 8))) == BARE


def test_what_is_known_already_stands() -> None:
    known = AssetInfo(AssetKind.IMAGE, "image/x-raw", camera="Leica M11", keywords=("mine",))
    facts = of_exif(known, FULL, PACKET)
    assert (facts.camera, facts.keywords, facts.lens) == ("Leica M11", ("mine",), "AF-S DX 18-105mm")


# When


def test_dates_are_believed_in_order() -> None:
    original, digitized, changed = "2001:01:01 01:01:01", "2002:02:02 02:02:02", "2003:03:03 03:03:03"
    by_xmp = xmp("<photoshop:DateCreated>2004-04-04</photoshop:DateCreated>")
    none: dict[Any, Any] = {}

    def taken(main: dict[Any, Any], photo: dict[Any, Any], packet: bytes | None) -> tuple[int, TakenFrom]:
        found = of_exif(BARE, exif_of(main, photo), packet).taken
        assert found is not None
        return found.at.year, found.source

    both = {Base.DateTimeOriginal: original, Base.DateTimeDigitized: digitized}
    assert taken({Base.DateTime: changed}, both, by_xmp) == (2001, TakenFrom.EXIF)
    assert taken({Base.DateTime: changed}, {Base.DateTimeDigitized: digitized}, by_xmp) == (2002, TakenFrom.EXIF)
    assert taken({Base.DateTime: changed}, none, by_xmp) == (2004, TakenFrom.XMP)
    assert taken({Base.DateTime: changed}, none, None) == (2003, TakenFrom.EXIF)
    unset = {Base.DateTimeOriginal: "0000:00:00 00:00:00", Base.DateTimeDigitized: digitized}
    assert taken(none, unset, None) == (2002, TakenFrom.EXIF)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2019:07:04 15:30:12", datetime(2019, 7, 4, 15, 30, 12)),
        ("2019-07-04T15:30:12.123+01:00", datetime(2019, 7, 4, 15, 30, 12)),
        ("2019-07-04T15:30Z", datetime(2019, 7, 4, 15, 30)),
        ("2019-07-04", datetime(2019, 7, 4)),
        ("2019: 7: 4  5:30:12", datetime(2019, 7, 4, 5, 30, 12)),
        ("1912:04:15 02:20:00", datetime(1912, 4, 15, 2, 20)),
        ("2019", None),
        ("2019-07", None),
        ("0000:00:00 00:00:00", None),
        ("    :  :     :  :  ", None),
        ("1970:01:01 00:00:00", None),
        ("1604:01:01 00:00:00", None),
        ("2999:01:01 00:00:00", None),
        ("2019:13:04 15:30:12", None),
        ("2019:02:29 15:30:12", None),
        ("2019:07:04 25:30:12", None),
        ("yesterday", None),
        (None, None),
    ],
)
def test_clocks(written: str | None, meant: datetime | None) -> None:
    assert wall_clock(written) == meant


def test_a_clock_ahead_of_ours_by_a_time_zone_is_believed() -> None:
    ahead = (datetime.now() + timedelta(hours=14)).replace(microsecond=0)
    assert wall_clock(ahead.strftime("%Y:%m:%d %H:%M:%S")) == ahead


# Where


@given(st.floats(-90, 90), st.floats(-180, 180))
@settings(deadline=None)
def test_positions_survive(latitude: float, longitude: float) -> None:
    def split(degrees: float) -> tuple[IFDRational, ...]:
        """To 1/10,000 of a second: 3 mm."""
        whole, rest = divmod(round(abs(degrees) * 36_000_000), 36_000_000)
        minutes, seconds = divmod(rest, 600_000)
        return IFDRational(whole), IFDRational(minutes), IFDRational(seconds, 10_000)

    found = position_of(at(split(latitude), "NS"[latitude < 0], split(longitude), "EW"[longitude < 0]))
    if max(abs(latitude), abs(longitude)) < 1e-7:
        return
    assert found is not None
    assert (found.latitude, found.longitude) == (near(latitude, abs=1e-7), near(longitude, abs=1e-7))


@pytest.mark.parametrize(
    ("gps", "position"),
    [
        (at((38.5, 0.0, 0.0), "N", (9.25, 0.0, 0.0), "W"), Position(38.5, -9.25)),
        (at((38.0, 30.0, IFDRational(0, 0)), "N", (9.0, 15.0, IFDRational(0, 0)), "W"), Position(38.5, -9.25)),
        (at((0.0, 0.0, 0.0), "N", (9.25, 0.0, 0.0), "E"), Position(0, 9.25)),
        (at((0.0, 0.0, 0.0), "N", (0.0, 0.0, 0.0), "E"), None),
        (at((IFDRational(38, 0), 30.0, 0.0), "N", (9.0, 15.0, 0.0), "W"), None),
        (at((38.0, IFDRational(30, 0), 0.0), "N", (9.0, 15.0, 0.0), "W"), None),
        (at((IFDRational(0, 0),) * 3, "N", (IFDRational(0, 0),) * 3, "E"), None),
        (at((91.0, 0.0, 0.0), "N", (9.0, 0.0, 0.0), "E"), None),
        (at((38.0, 0.0, 0.0), "N", (180.0, 0.0, 1.0), "E"), None),
        (at((38.0, 0.0, 0.0), "X", (9.0, 0.0, 0.0), "E"), None),
        ({GPS.GPSLatitude: (38.0, 0.0, 0.0), GPS.GPSLongitude: (9.0, 0.0, 0.0)}, None),  # of four points, which?
        ({GPS.GPSLatitude: (38.0, 0.0, 0.0), GPS.GPSLatitudeRef: "N"}, None),
    ],
)
def test_positions(gps: dict[Any, Any], position: Position | None) -> None:
    assert position_of(gps) == position


# Words


@pytest.mark.parametrize(
    ("make", "model", "name"),
    [
        ("NIKON CORPORATION", "NIKON D90", "Nikon D90"),
        ("Canon", "Canon EOS 5D Mark III", "Canon EOS 5D Mark III"),
        ("EASTMAN KODAK COMPANY", "KODAK DX4530 ZOOM DIGITAL CAMERA", "Kodak DX4530 ZOOM DIGITAL CAMERA"),
        ("OLYMPUS IMAGING CORP.", "E-M5", "Olympus E-M5"),
        ("CASIO COMPUTER CO.,LTD.", "EX-Z1050", "Casio EX-Z1050"),
        ("RICOH IMAGING COMPANY, LTD.", "GR III", "Ricoh GR III"),
        ("LEICA CAMERA AG", "LEICA Q2", "Leica Q2"),
        ("samsung", "SM-G991B", "Samsung SM-G991B"),
        ("Apple", "iPhone 12", "Apple iPhone 12"),
        ("DJI", "FC3582", "DJI FC3582"),
        ("LG Electronics", "LG-H870", "LG H870"),
        ("SONY", "SONY", "Sony SONY"),
        ("GoPro", None, "GoPro"),
        (None, "Pixel 7", "Pixel 7"),
        (None, None, None),
    ],
)
def test_cameras_are_named_as_people_do(make: str | None, model: str | None, name: str | None) -> None:
    assert camera_name(make, model) == name


@pytest.mark.parametrize(
    "text",
    ["OLYMPUS DIGITAL CAMERA", "SONY DSC", "KONICA MINOLTA DIGITAL CAMERA", "DCIM\\100MEDIA\\DJI_0001.JPG", "cof",
     "hdrpl", "Exif_JPEG_PICTURE", "<Samsung Digimax A50>", "IMG_0001.jpg", "...", "12345", "untitled"],
)  # fmt: skip
def test_what_a_camera_fills_in_is_no_title(text: str) -> None:
    assert title_or_none(text) is None
    assert of_exif(BARE, exif_of({Base.ImageDescription: text})).title is None


@pytest.mark.parametrize("text", ["My first digital camera and me", "Coffee", "Image of the moon", "日本", "Café"])
def test_what_a_person_wrote_is_a_title(text: str) -> None:
    assert title_or_none(text) == text


def test_the_model_is_no_title() -> None:
    assert of_exif(BARE, exif_of({Base.Model: "FinePix S5", Base.ImageDescription: "FinePix S5"})).title is None


@pytest.mark.parametrize(("text", "lens"), [("----", None), ("0.0 mm f/0.0", None), ("EF50mm f/1.8", "EF50mm f/1.8")])
def test_no_lens_is_none(text: str, lens: str | None) -> None:
    assert lens_or_none(text) == lens


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("  Nikon \x00\x00 D90", "Nikon"),
        ("\x00\x00late", "late"),
        ("a\r\n\tb\x07c", "a b c"),
        ("Café", "Café"),
        ("Café".encode().decode("latin-1"), "Café"),  # UTF-8 in what EXIF says is ASCII
        (b"Caf\xe9 \x93quoted\x94", "Café “quoted”"),
        ("日本".encode(), "日本"),
        ("x" * 100_000, "x" * 500),
        (" \x00 ", None),
        ("", None),
        (7, None),
        ((b"a", b"b"), None),
    ],
)
def test_texts_are_cleaned(value: Any, text: str | None) -> None:
    assert clean(value) == text


def test_what_windows_writes_is_read() -> None:
    exif = exif_of(
        {Base.XPTitle: "Gare à l’aube".encode("utf-16-le"), Base.XPKeywords: "sea;日;Sea\0".encode("utf-16-le")}
    )
    facts = of_exif(BARE, exif)
    assert (facts.title, facts.keywords) == ("Gare à l’aube", ("Sea", "日"))


def test_iptc_in_a_jpeg_and_a_tiff(tmp_path: Path) -> None:
    def dataset(number: int, text: str) -> bytes:
        data = text.encode()
        return b"\x1c\x02" + bytes([number]) + len(data).to_bytes(2, "big") + data

    block = b"\x1c\x01\x5a\x00\x03\x1b%G"
    block += b"".join([dataset(105, "Grève"), dataset(25, "strike"), dataset(25, "rue"), dataset(80, "Ana Lima")])
    resource = (
        b"Photoshop 3.0\x008BIM\x04\x04\x00\x00" + len(block).to_bytes(4, "big") + block + b"\x00" * (len(block) % 2)
    )
    plain = BytesIO()
    Image.new("RGB", (8, 8)).save(plain, "JPEG")
    marker = b"\xff\xed" + (len(resource) + 2).to_bytes(2, "big") + resource
    (tmp_path / "a.jpg").write_bytes(plain.getvalue()[:2] + marker + plain.getvalue()[2:])
    Image.new("RGB", (8, 8)).save(tmp_path / "a.tif", tiffinfo={33723: block})
    for name in ("a.jpg", "a.tif"):
        with Image.open(tmp_path / name) as image:
            image.load()
            facts = with_facts(BARE, image)
        assert (facts.title, facts.keywords, facts.artist) == ("Grève", ("strike", "rue"), "Ana Lima")


# Damage and malice


@pytest.mark.parametrize(
    "encode",
    [lambda text: text.encode("utf-16"), lambda text: text.encode("utf-16-be"), lambda text: text.encode() + b"\0" * 9],
)
def test_xmp_may_be_in_any_of_its_encodings(encode: Callable[[str], bytes]) -> None:
    text = xmp("<dc:title>Café</dc:title>").decode()
    assert of_exif(BARE, Image.Exif(), encode(text)).title == "Café"


def test_xmp_that_declares_entities_is_not_read(tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    canary.write_text("SECRET")
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 30))
    bodies = {
        f'<!DOCTYPE x [<!ENTITY l0 "ha">{laughs}]>': "&l29;",
        f'<!DOCTYPE x [<!ENTITY c SYSTEM "{canary.as_uri()}">]>': "&c;",
        f'<!doctype x [<!entity % p SYSTEM "{canary.as_uri()}"> %p;]>': "x",
        f'<!DOCTYPE x SYSTEM "{canary.as_uri()}">': "x",
    }
    for head, body in bodies.items():
        packet = head.encode() + xmp(f"<dc:title>{body}</dc:title>")
        for encoding in ("utf-8", "utf-16", "utf-16-le"):
            hostile = packet.decode().encode(encoding)
            assert xmp_properties(hostile) == {}
            assert of_exif(BARE, Image.Exif(), hostile) == BARE


def test_an_encoding_that_xmp_names_for_itself_hides_nothing() -> None:
    hidden = b'<?xml version="1.0" encoding="utf-7"?>+ADwAIQ-DOCTYPE x [+ADwAIQ-ENTITY a "b">]>' + xmp("")
    assert xmp_properties(hidden) == {}
    named = b'<?xml version="1.0" encoding="utf-16"?>' + xmp("<dc:title>Plain</dc:title>")
    assert of_exif(BARE, Image.Exif(), named).title == "Plain"


def test_a_large_or_deep_packet_costs_little() -> None:
    assert xmp_properties(xmp(f"<dc:title>{'x' * (50 << 20)}</dc:title>")) == {}
    assert of_exif(BARE, Image.Exif(), xmp("<a>" * 200_000 + "</a>" * 200_000)) == BARE
    assert of_exif(BARE, Image.Exif(), xmp("<a>" * 200_000)) == BARE
    many = xmp(f"<dc:subject><rdf:Bag>{''.join(f'<rdf:li>{n}</rdf:li>' for n in range(60_000))}</rdf:Bag></dc:subject>")
    assert len(of_exif(BARE, Image.Exif(), many).keywords) == 50


def test_only_properties_of_the_picture_itself_count() -> None:
    nested = xmp('<xmp:History><rdf:Description dc:title="an earlier state"/></xmp:History>')
    assert of_exif(BARE, Image.Exif(), nested).title is None


@pytest.mark.parametrize(("ifd", "lost"), [(IFD.Exif, "lens"), (IFD.GPSInfo, "position")])
def test_a_damaged_directory_costs_no_other(ifd: IFD, lost: str) -> None:
    exif = exif_of({Base.Model: "Pixel 7"}, {Base.LensModel: "wide"}, at((38.5, 0.0, 0.0), "N", (9.25, 0.0, 0.0), "W"))
    data = bytearray(exif.tobytes())
    pointer = data.index(ifd.to_bytes(2, "big") + b"\0\4\0\0\0\1") + 8
    data[pointer : pointer + 4] = b"\x7f\0\0\0"
    image = Image.new("RGB", (8, 8))
    image.info["exif"] = bytes(data)
    whole = replace(BARE, camera="Pixel 7", lens="wide", position=Position(38.5, -9.25))
    assert with_facts(BARE, image) == replace(whole, **{lost: None})  # type: ignore[arg-type]


def test_metadata_cut_short_tell_the_truth_or_nothing(tmp_path: Path) -> None:
    exif = exif_of({Base.Model: "Pixel 7"}, {Base.LensModel: "wide"}, at((38.5, 0.0, 0.0), "N", (9.25, 0.0, 0.0), "W"))
    broken = exif.tobytes()
    for cut in range(0, len(broken), 7):
        Image.new("RGB", (8, 8)).save(tmp_path / "cut.jpg", exif=broken[:cut] or b"Exif\0\0")
        with Image.open(tmp_path / "cut.jpg") as image:
            facts = with_facts(BARE, image)
        assert facts.camera in (None, "Pixel 7")
        assert facts.position in (None, Position(38.5, -9.25))


VALID = FULL.tobytes()


@given(st.binary(max_size=300))
@settings(max_examples=300, deadline=None)
def test_any_bytes_as_exif_never_fail(data: bytes) -> None:
    _read_all(data, None)
    _read_all(b"Exif\0\0II*\0\x08\0\0\0" + data, None)


@given(st.lists(st.tuples(st.integers(6, len(VALID) - 1), st.integers(0, 255)), max_size=12))
@settings(max_examples=300, deadline=None)
def test_any_altered_exif_never_fails(changes: list[tuple[int, int]]) -> None:
    data = bytearray(VALID)
    for place, byte in changes:
        data[place] = byte
    _read_all(bytes(data), None)


@given(st.binary(max_size=300), st.text(max_size=100))
@settings(max_examples=300, deadline=None)
def test_any_bytes_as_xmp_never_fail(data: bytes, text: str) -> None:
    for packet in (data, PACKET[:600] + data + PACKET[600:], xmp(text.encode("utf-8", "replace").decode())):
        _read_all(None, packet)


@given(st.binary(max_size=200))
@settings(deadline=None)
def test_any_bytes_as_iptc_never_fail(data: bytes) -> None:
    for block in (data, b"\x1c\x02" + data, b"\x1c\x02\x19\x00\x05" + data):
        assert all(isinstance(value, bytes) for values in iptc_datasets(block).values() for value in values)
        image = Image.new("RGB", (8, 8))
        image.info["photoshop"] = {0x0404: block}
        with_facts(BARE, image)


def _read_all(exif: bytes | None, packet: bytes | None) -> None:
    image = Image.new("RGB", (8, 8))
    image.info = {"exif": exif, "xmp": packet}
    facts = with_facts(BARE, image)
    for text in (facts.camera, facts.lens, facts.title, facts.artist, *facts.keywords):
        assert text is None or (text.strip() == text != "" and "\x00" not in text and text.encode())
    if facts.position is not None:
        assert abs(facts.position.latitude) <= 90
        assert abs(facts.position.longitude) <= 180
