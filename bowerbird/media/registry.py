"""Formats -> decoders. Light: a decoder's own library is imported when a file of its kind is first decoded."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path

from bowerbird.errors import DecodeFailed
from bowerbird.media.document_formats import DOCUMENTS
from bowerbird.media.document_formats import PDF as PDF
from bowerbird.media.document_formats import PLAIN_TEXT as PLAIN_TEXT
from bowerbird.media.formats import Format, suffixes
from bowerbird.media.formats import Limits as Limits
from bowerbird.types import AssetKind

log = logging.getLogger(__name__)

TRANSPORT_PACKETS = ((0, 188), (4, 192), (0, 204))
"""Of transport streams (ISO 13818-1; Blu-ray's begin with a time): where the first mark lies, and how far the next."""
ENTRY_POINTS = "bowerbird.formats"
"""The group in which another package names its `Format` objects."""


def _picture(name: str, names: str, library: str, decoder: str, *, replaces: tuple[str, ...] = ()) -> Format:
    where = f"bowerbird.media.picture.{decoder}"
    return Format(name, 1, AssetKind.IMAGE, suffixes(names), library, where, shows=True, replaces=replaces)


PICTURES = _picture(
    "pictures",
    "jpg jpeg jpe jfif mpo png avif bmp dib ppm pgm pbm pnm ico icns tga jp2 j2k jpx pcx qoi sgi dds",
    "Pillow",
    "pictures:PictureDecoder",
)
ANIMATIONS = _picture("animations", "gif webp apng", "Pillow", "animations:AnimationDecoder", replaces=(PICTURES.name,))
SCANS = _picture("scans", "tif tiff", "Pillow", "scans:ScanDecoder", replaces=(PICTURES.name,))
HEIF = _picture("heif", "heic heif hif", "libheif (pi-heif)", "heif:HeifDecoder")
RAW = _picture(
    "raw",
    "3fr arw cr2 cr3 dcr dng erf kdc mef mrw nef nrw orf pef raf rw2 rwl sr2 srf srw x3f",
    "LibRaw (rawpy)",
    "raw:RawDecoder",
)
DRAWINGS = _picture("drawings", "svg svgz", "resvg", "drawings:DrawingDecoder")
PHOTOSHOP = _picture("photoshop", "psd psb", "psd-tools", "photoshop:PhotoshopDecoder")
VIDEO = Format(
    "video",
    version=1,
    kind=AssetKind.VIDEO,
    suffixes=suffixes("mp4 m4v mov qt mkv webm avi 3gp 3g2 ts mts m2ts mpg mpeg wmv flv ogv"),
    library="FFmpeg (PyAV)",
    decoder="bowerbird.media.recording.video:VideoDecoder",
    shows=True,
    sounds=True,
)
AUDIO = Format(
    "audio",
    version=1,
    kind=AssetKind.AUDIO,
    suffixes=suffixes("mp3 m4a m4b aac flac ogg oga opus wav wma aiff aif aifc mka amr"),
    library="FFmpeg (PyAV)",
    decoder="bowerbird.media.recording.audio:AudioDecoder",
    shows=True,  # the picture on its cover
    sounds=True,
)
SUBTITLES = Format(
    "subtitles",
    version=1,
    kind=AssetKind.DOCUMENT,
    suffixes=suffixes("srt vtt ass ssa"),
    library="pysubs2",
    decoder="bowerbird.media.recording.subtitles:SubtitleDecoder",
)

_OWN = (
    *(PICTURES, ANIMATIONS, SCANS, HEIF, RAW, DRAWINGS, PHOTOSHOP),
    *(VIDEO, AUDIO, SUBTITLES),
    *DOCUMENTS,
)


@cache
def formats() -> Mapping[str, Format]:
    """Every format that is read, by name: our own, then those that other packages bring under `ENTRY_POINTS`.

    A suffix that several claim goes to the first.
    """
    table = {each.name: each for each in _OWN}
    for plug in sorted(entry_points(group=ENTRY_POINTS), key=lambda each: each.name):
        try:
            brought = plug.load()
        except Exception as error:  # somebody else's package, broken: everything else is still read
            log.warning("the format %s of %s cannot be used: %s", plug.name, plug.value, error)
            continue
        if isinstance(brought, Format) and brought.name not in table:
            table[brought.name] = brought
        else:
            log.warning("the format %s of %s is none, or its name is taken", plug.name, plug.value)
    return table


@cache
def _by_suffix() -> Mapping[str, Format]:
    found: dict[str, Format] = {}
    for each in formats().values():
        for suffix in each.suffixes:
            found.setdefault(suffix, each)
    return found


def format_for(path: Path, table: Mapping[str, Format] | None = None) -> Format | None:
    """The format that reads files of this name, None where there is none.

    ``.ts`` is the one name of two: there the file is looked into, since TypeScript is no film.
    """
    suffix = path.suffix.lower()
    if table is not None:
        return next((each for each in table.values() if suffix in each.suffixes), None)
    found = _by_suffix().get(suffix)
    if suffix == ".ts" and not _is_transport_stream(path):
        return formats().get("code")
    return found


def _is_transport_stream(path: Path) -> bool:
    """Whether its first two packets begin with the mark that all do."""
    from bowerbird.media.regular_file import open_regular

    try:
        with open_regular(path) as file:
            head = file.read(256)
    except DecodeFailed:
        return False
    return any(head[at : at + 1] == b"G" == head[at + step : at + step + 1] for at, step in TRANSPORT_PACKETS)
