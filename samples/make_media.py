"""Makes a few media for the demo out of scikit-image's photos: a film, a paper, a sign, and a photo that knows where.

The recording in ``samples/media`` was spoken by espeak-ng, and is the only one that is not made on the spot.
"""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import skimage.data
from PIL import ExifTags, Image, ImageDraw, ImageFont

PHOTOS = Path(skimage.data.__file__).parent

PAPER = (
    (
        "Nest counts in the eucalyptus forest",
        "We counted nests along four transects between May and August.",
        "Every nest was photographed and its ornaments were sorted by colour.",
    ),
    (
        "Results",
        "Blue bottle caps were the commonest ornament, before feathers and berries.",
        "Males with more blue ornaments were visited by more females.",
        "Theft between neighbours explained most changes from week to week.",
    ),
)


def make_media(folder: Path) -> None:
    """Fill ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    film(folder / "holiday.mp4", ["chelsea.png", "coffee.png", "rocket.jpg"])
    paper(folder / "nest-counts.pdf")
    sign(folder / "beach.png")
    photo_with_place(folder / "harbour.jpg")


def film(path: Path, names: list[str], *, seconds_each: int = 6, rate: int = 12) -> None:
    """One photo after another, each slowly drawn nearer."""
    with av.open(path, "w") as out:
        stream = out.add_stream("mpeg4", rate=rate, width=480, height=320)
        stream.bit_rate = 1_000_000
        for name in names:
            with Image.open(PHOTOS / name) as image:
                photo = image.convert("RGB").resize((576, 384))
            for number in range(seconds_each * rate):
                inset = number * 24 // (seconds_each * rate)
                seen = photo.crop((inset, inset, 576 - inset, 384 - inset)).resize((480, 320))
                out.mux(stream.encode(av.VideoFrame.from_ndarray(np.asarray(seen), format="rgb24")))
        out.mux(stream.encode(None))


def paper(path: Path) -> None:
    """A PDF of two pages, by hand."""
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>", b"", b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"]
    pages = []
    for lines in PAPER:
        text = " ".join(f"({line}) Tj 0 -24 Td" for line in lines)
        drawn = f"BT /F1 14 Tf 72 740 Td {text} ET".encode("ascii")
        objects.append(b"<< /Length %d >>\nstream\n%b\nendstream" % (len(drawn), drawn))
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents %d 0 R"
            b" /Resources << /Font << /F1 3 0 R >> >> >>" % len(objects)
        )
        pages.append(b"%d 0 R" % len(objects))
    objects[1] = b"<< /Type /Pages /Count %d /Kids [%b] >>" % (len(pages), b" ".join(pages))
    data, offsets = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        offsets.append(len(data))
        data += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    size = len(objects) + 1
    end = b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (size, len(data))
    path.write_bytes(data + b"xref\n0 %d\n0000000000 65535 f \n%b%b" % (size, table, end))


def sign(path: Path) -> None:
    """A sky with a notice in front of it."""
    sky = Image.linear_gradient("L").resize((640, 420))
    image = Image.merge(
        "RGB", (sky.point(lambda v: 255 - v // 2), sky.point(lambda v: 255 - v // 3), sky.point(lambda v: 255))
    )
    draw = ImageDraw.Draw(image)
    draw.rectangle((120, 120, 520, 300), fill="white", outline="firebrick", width=8)
    draw.text((320, 175), "NO SWIMMING", font=ImageFont.load_default(46), fill="firebrick", anchor="mm")
    draw.text((320, 240), "strong currents", font=ImageFont.load_default(34), fill="black", anchor="mm")
    image.save(path)


def photo_with_place(path: Path) -> None:
    """A photo as a camera writes it: when, where, and by what."""
    exif = Image.Exif()
    exif[ExifTags.Base.Make], exif[ExifTags.Base.Model] = "Canon", "Canon PowerShot G7"
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = "2019:07:04 15:30:12"
    exif.get_ifd(ExifTags.IFD.GPSInfo).update({1: "N", 2: (38.0, 42.0, 27.0), 3: "W", 4: (9.0, 8.0, 10.0)})
    with Image.open(PHOTOS / "coffee.png") as image:
        image.convert("RGB").crop((0, 0, 500, 400)).save(path, exif=exif, quality=88)
