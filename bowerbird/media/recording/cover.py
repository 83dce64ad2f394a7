"""The picture on a recording's cover."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO

from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition
from av.video.stream import VideoStream
from PIL import Image

from bowerbird.errors import DecodeFailed
from bowerbird.media.picture.pictures import explained, hold_to_limit
from bowerbird.media.picture.renditions import least_size, picture_moments
from bowerbird.moments import Moment, Wanted

_READ = ("JPEG", "PNG", "WEBP", "GIF", "BMP")


def cover_stream(container: InputContainer) -> VideoStream | None:
    """The first picture that is attached."""
    return next((each for each in container.streams.video if each.disposition & Disposition.attached_pic), None)


class CoverReader:
    """One moment of kind `image`, and its tiles. A damaged cover costs no recording."""

    def __init__(self, max_megapixels: int, wanted: Wanted) -> None:
        self.found = False
        self._max_megapixels = max_megapixels
        self._wanted = wanted

    def read(self, packet: Packet[VideoStream]) -> Iterator[Moment]:
        """The whole picture lies in one packet."""
        if self.found:
            return
        try:
            with explained(), Image.open(BytesIO(bytes(packet)), formats=_READ) as image:
                image.draft(None, least_size(*image.size, self._wanted))
                hold_to_limit(image.size, self._max_megapixels)
                image.load()
                moments = list(picture_moments(image, self._wanted))
        except DecodeFailed:
            return
        self.found = True
        yield from moments

    def finish(self) -> Iterator[Moment]:
        """Nothing is left."""
        yield from ()
