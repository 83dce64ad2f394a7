"""Photoshop's PSD and PSB: the picture of the whole that is kept beside the layers, and the words of text layers.

psd-tools reads the structure. The picture is read here, in bands of rows that are shrunk at once: psd-tools would hold
all channels and several copies, and 30 megapixels would take a gigabyte. What is transparent lies on white in it.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps
from psd_tools.constants import ColorMode, Compression, Resource, Tag
from psd_tools.psd.color_mode_data import ColorModeData
from psd_tools.psd.header import FileHeader
from psd_tools.psd.image_resources import ImageResources
from psd_tools.psd.layer_and_mask import LayerRecord
from psd_tools.psd.parse_limits import ParseLimits, parse_context

from bowerbird.errors import DecodeFailed
from bowerbird.media.picture.pictures import explained, hold_to_limit, open_picture
from bowerbird.media.picture.renditions import least_size, picture_moments
from bowerbird.media.registry import PHOTOSHOP, Limits
from bowerbird.media.regular_file import open_regular
from bowerbird.moments import Decoded, Moment, Wanted
from bowerbird.types import AssetInfo, SegmentKind

_MODES = {
    ColorMode.BITMAP: "L", ColorMode.GRAYSCALE: "L", ColorMode.DUOTONE: "L", ColorMode.MULTICHANNEL: "L",
    ColorMode.INDEXED: "P", ColorMode.RGB: "RGB", ColorMode.CMYK: "CMYK", ColorMode.LAB: "LAB",
}  # fmt: skip
"""Of a duotone, and of many channels, the first is shown, as other programs do."""
_LIMITS = ParseLimits(max_read_bytes=64 << 20, max_total_bytes=256 << 20)
"""On the structure beside the pixels."""
_BAND_BYTES = 8 << 20
_LAYER_BLOCKS = (Tag.LAYER_16.value, Tag.LAYER_32.value)
"""Where deeper files keep their layers."""


class PhotoshopDecoder:
    """PSD and PSB by the picture of the whole, or where there is none, by the small one that file managers show."""

    name = PHOTOSHOP.name
    version = PHOTOSHOP.version
    kind = PHOTOSHOP.kind
    suffixes = PHOTOSHOP.suffixes

    def __init__(self, limits: Limits) -> None:
        self._max_megapixels = limits.max_megapixels

    def decode(self, path: Path, wanted: Wanted) -> Decoded:
        """The picture, its tiles, and a moment of text where there are text layers.

        Raises `DecodeFailed` where the file holds no picture of the whole: layers are not put together here.
        """
        with open_regular(path) as file, explained():
            if os.fstat(file.fileno()).st_size == 0:
                raise DecodeFailed("is empty")
            if file.read(4) != b"8BPS":
                raise DecodeFailed("is not a Photoshop file")
            file.seek(0)
            with parse_context(_LIMITS):
                header = FileHeader.read(file)
                palette = ColorModeData.read(file)
                resources = ImageResources.read(file)
            hold_to_limit((header.width, header.height), self._max_megapixels)
            (length,) = struct.unpack(*_exactly(file, ">I" if header.version == 1 else ">Q"))
            behind = file.tell() + length
            words = _words(file, header.version, behind)
            file.seek(behind)
            version = resources.get_data(Resource.VERSION_INFO)
            if version is None or version.has_composite:
                image = _composite(file, header, palette, wanted)
                if isinstance(profile := resources.get_data(Resource.ICC_PROFILE), bytes):
                    image.info["icc_profile"] = profile
            else:
                image = _small_copy(resources)
            moments = list(picture_moments(image, wanted))
        if words:
            moments.append(Moment(SegmentKind.TEXT, text="\n".join(words)))
        info = AssetInfo(PHOTOSHOP.kind, "image/vnd.adobe.photoshop", header.width, header.height)
        return Decoded(info, moments)


def _composite(file: BinaryIO, header: FileHeader, palette: ColorModeData, wanted: Wanted) -> Image.Image:
    """The picture at which the file stands, by a whole number smaller, but no smaller than is ``wanted`` of it."""
    mode = _MODES[header.color_mode]
    count = len(Image.new(mode, (1, 1)).getbands())
    if header.channels < count:
        raise DecodeFailed(f"is damaged: {header.channels} channels, where {count} make a picture")
    width, height = least_size(header.width, header.height, wanted)
    factor = min(header.width // width, header.height // height)
    shrunk = -(-header.width // factor), -(-header.height // factor)
    channels = [Image.new("RGB" if mode == "P" else "L", shrunk) for _ in range(count)]
    for channel, bands in zip(channels, _channels(file, header, factor), strict=False):  # what follows is masks
        for at, band in bands:
            if mode == "P":
                band.putpalette(palette.interleave())
                band = band.convert("RGB")
            channel.paste(band.reduce(factor), (0, at // factor))
    if mode == "CMYK":
        channels = [ImageOps.invert(channel) for channel in channels]  # in the file 0 is full ink
    return Image.merge(mode, channels) if count > 1 else channels[0]


def _channels(file: BinaryIO, header: FileHeader, factor: int) -> Iterator[Iterator[tuple[int, Image.Image]]]:
    """Each channel as bands of rows, with the row at which it begins: all of one before the next."""
    row_bytes = (header.width * header.depth + 7) // 8
    rows = max(1, _BAND_BYTES // row_bytes // factor) * factor
    (packing,) = struct.unpack(*_exactly(file, ">H"))
    if packing not in (Compression.RAW, Compression.RLE):
        raise DecodeFailed("holds its picture in a form that is not read; save it again with Photoshop")
    lengths = np.full(header.height * header.channels, row_bytes)
    if packing == Compression.RLE:
        of_length = ">u2" if header.version == 1 else ">u4"
        lengths = np.frombuffer(_read(file, lengths.size * np.dtype(of_length).itemsize), of_length).astype(np.int64)

    def bands(lengths: np.ndarray) -> Iterator[tuple[int, Image.Image]]:
        for at in range(0, header.height, rows):
            size = row_bytes, min(rows, header.height - at)
            length = int(lengths[at : at + rows].sum())
            if length > 2 * row_bytes * size[1] + 2 * size[1]:  # PackBits adds one byte to 128 at the worst
                raise DecodeFailed("is damaged: a row of the picture is longer than it can be")
            data = _read(file, length)
            if packing == Compression.RLE:
                data = Image.frombytes("L", size, data, "packbits", "L").tobytes()
            yield at, _eight_bits(data, header.width, size[1], header.depth)

    for number in range(header.channels):
        yield bands(lengths[number * header.height : (number + 1) * header.height])


def _eight_bits(data: bytes, width: int, height: int, depth: int) -> Image.Image:
    """Rows of one channel -> mode L."""
    if depth == 1:
        return Image.frombytes("1", (width, height), data, "raw", "1;I").convert("L")  # 0 is white
    if depth == 8:
        return Image.frombytes("L", (width, height), data)
    if depth == 16:
        return Image.fromarray(np.frombuffer(data, np.uint8).reshape(height, width, 2)[..., 0].copy())
    linear = np.nan_to_num(np.frombuffer(data, ">f4").reshape(height, width).astype(np.float32)).clip(0, 1)
    shown = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)  # sRGB, IEC 61966-2-1
    return Image.fromarray(np.rint(255 * shown).astype(np.uint8))


def _small_copy(resources: ImageResources) -> Image.Image:
    small = resources.get_data(Resource.THUMBNAIL_RESOURCE)
    if small is None:
        raise DecodeFailed("holds only layers; save it with Photoshop's option 'Maximize Compatibility'")
    with open_picture(BytesIO(small.data), ("JPEG",)) as image:
        image.load()
        return image.copy()


def _words(file: BinaryIO, version: int, behind: int) -> list[str]:
    """What text layers say, from the lowest to the highest; the layers' pixels are passed over."""
    words: list[str] = []
    harmless = (OSError, EOFError, ValueError, TypeError, KeyError, AttributeError, IndexError, struct.error)
    with suppress(*harmless), parse_context(_LIMITS):  # damaged layers, or too many, cost no picture
        if not _at_layers(file, version, behind):
            return words
        (count,) = struct.unpack(*_exactly(file, ">h"))
        for _ in range(abs(count)):
            setting = LayerRecord.read(file, version=version).tagged_blocks.get_data(Tag.TYPE_TOOL_OBJECT_SETTING)
            said = getattr(setting.text_data.get(b"Txt "), "value", "") if setting else ""
            if text := str(said).replace("\r", "\n").strip("\x00\x03\n "):
                words.append(text)
    return words


def _at_layers(file: BinaryIO, version: int, behind: int) -> bool:
    """Go to where the layers are counted; False where there are none."""
    long = ">I" if version == 1 else ">Q"
    if behind - file.tell() < 8:
        return False
    (length,) = struct.unpack(*_exactly(file, long))
    if length:
        return True
    (mask,) = struct.unpack(*_exactly(file, ">I"))
    file.seek(mask, os.SEEK_CUR)
    while behind - file.tell() >= 12:
        _, name = struct.unpack(*_exactly(file, ">4s4s"))
        (length,) = struct.unpack(*_exactly(file, long if name in _LAYER_BLOCKS else ">I"))
        if name in _LAYER_BLOCKS:
            return bool(length)
        file.seek(-(-length // 4) * 4, os.SEEK_CUR)
    return False


def _exactly(file: BinaryIO, layout: str) -> tuple[str, bytes]:
    return layout, _read(file, struct.calcsize(layout))


def _read(file: BinaryIO, length: int) -> bytes:
    data = file.read(length)
    if len(data) < length:
        raise EOFError
    return data
