"""TIFF: a scan of one page is a picture, a scan of several a document, read page by page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from PIL.ImageFile import ImageFile
from PIL.TiffImagePlugin import TiffImageFile

from bowerbird.errors import DecodeFailed
from bowerbird.media.picture.photo_facts import with_facts
from bowerbird.media.picture.pictures import load_upright, media_type, opened, still
from bowerbird.media.picture.renditions import hold_to_pages, picture_moments
from bowerbird.media.registry import SCANS, Limits
from bowerbird.moments import Decoded, Moment, Wanted
from bowerbird.types import AssetInfo, AssetKind, SegmentKind

_MOST_PAGES = 2000
_NEW_SUBFILE_TYPE, _REDUCED, _MASK = 254, 1, 4
_SUBFILE_TYPE, _REDUCED_BEFORE_1992 = 255, 2
"""TIFF 6.0, section 8: tags, and the bits or the value that say that a picture is no page of its own."""


class ScanDecoder:
    """TIFF, known by content; whatever else Pillow reads is a picture under this name too."""

    name = SCANS.name
    version = SCANS.version
    kind = SCANS.kind
    suffixes = SCANS.suffixes

    def __init__(self, limits: Limits) -> None:
        self._max_megapixels = limits.max_megapixels

    def decode(self, path: Path, wanted: Wanted) -> Decoded:
        """One page as `PictureDecoder` gives it; several as moments of kind `page`, each decoded when it is asked for.

        Smaller copies of a page, and masks, are no pages. Raises `DecodeFailed` also where there are too many.
        """
        with ExitStack() as stack:
            image = stack.enter_context(opened(path))
            if not isinstance(image, TiffImageFile):
                return still(image, wanted, self._max_megapixels)
            pages = _pages(image)
            if wanted.page is not None:
                hold_to_pages(wanted.page, len(pages))
            image.seek(pages[0])
            if len(pages) == 1:
                return still(image, wanted, self._max_megapixels)
            info = with_facts(AssetInfo(AssetKind.DOCUMENT, media_type(image), *image.size), image)
            return Decoded(info, self._page_moments(stack.pop_all(), image, pages, wanted))

    def _page_moments(
        self, stack: ExitStack, image: ImageFile, pages: Sequence[int], wanted: Wanted
    ) -> Iterator[Moment]:
        with stack:
            for number in range(1, len(pages) + 1) if wanted.page is None else [wanted.page]:
                image.seek(pages[number - 1])
                upright, _ = load_upright(image, wanted, self._max_megapixels)
                yield from picture_moments(upright, wanted, SegmentKind.PAGE, page=number)


def _pages(image: TiffImageFile) -> list[int]:
    """The frames that are pages, found by their headers alone; the first where none says that it is one."""
    pages: list[int] = []
    frame = 0
    while True:
        try:
            image.seek(frame)
        except EOFError:
            return pages or [0]
        tags = image.tag_v2
        smaller = tags.get(_NEW_SUBFILE_TYPE, 0) & (_REDUCED | _MASK)
        if not smaller and tags.get(_SUBFILE_TYPE) != _REDUCED_BEFORE_1992:
            pages.append(frame)
        frame += 1
        if frame > _MOST_PAGES:
            raise DecodeFailed(f"has more than {_MOST_PAGES} pages; split it into several files")
