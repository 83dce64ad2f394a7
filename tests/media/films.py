"""Small films and recordings, written by PyAV."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from bowerbird.types import Pixels
from tests.media.make import photo

Cues = Sequence[tuple[float, float, str]]

RED, GREEN, BLUE = (200, 30, 30), (30, 170, 30), (30, 30, 200)

FILMS = {  # suffix: container, film codec, sound codec
    "mp4": ("mp4", "libx264", "aac"),
    "mov": ("mov", "libx264", "aac"),
    "mkv": ("matroska", "libx264", "flac"),
    "webm": ("webm", "libvpx", "libopus"),
    "avi": ("avi", "mpeg4", "libmp3lame"),
    "m4v": ("ipod", "libx264", "aac"),
    "3gp": ("3gp", "h263", "libopencore_amrnb"),
    "ts": ("mpegts", "libx264", "aac"),
    "m2ts": ("mpegts", "mpeg2video", "ac3"),
    "mpg": ("mpeg", "mpeg2video", "mp2"),
    "wmv": ("asf", "wmv2", "wmav2"),
    "flv": ("flv", "flv", "libmp3lame"),
    "ogv": ("ogg", "libvpx", "libopus"),
}
RECORDINGS = {  # suffix: container, codec
    "mp3": ("mp3", "libmp3lame"),
    "m4a": ("ipod", "aac"),
    "m4b": ("ipod", "aac"),
    "aac": ("adts", "aac"),
    "flac": ("flac", "flac"),
    "ogg": ("ogg", "vorbis"),
    "opus": ("ogg", "libopus"),
    "wav": ("wav", "pcm_s16le"),
    "wma": ("asf", "wmav2"),
    "aiff": ("aiff", "pcm_s16be"),
    "amr": ("amr", "libopencore_amrnb"),
    "mka": ("matroska", "libopus"),
}


def plain(colour: tuple[int, int, int], width: int = 176, height: int = 144) -> Pixels:
    """A picture of one colour, but for a lighter square in the middle."""
    picture = np.full((height, width, 3), colour, np.uint8)
    picture[height // 3 : 2 * height // 3, width // 3 : 2 * width // 3] += 50
    return picture


def scenery(seed: int, width: int = 320, height: int = 180) -> Pixels:
    """As in a photo."""
    return np.asarray(photo(width, height, seed))


def slide(lines: Sequence[str], width: int = 640, height: int = 360) -> Pixels:
    """Dark text on white, a headline and lines below it."""
    image = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(image)
    for number, line in enumerate(lines):
        size = 36 if number == 0 else 24
        draw.text((40, 30 + number * 50), line, "black", font=ImageFont.load_default(size))
    return np.asarray(image)


def tone(seconds: float, hertz: float = 440.0, rate: int = 48_000, channels: int = 2) -> NDArray[np.float32]:
    """Shape ``(channels, samples)``."""
    wave = 0.5 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)
    return np.tile(wave.astype(np.float32), (channels, 1))


def write_film(
    path: Path,
    pictures: Iterable[Pixels],
    *,
    rate: int = 10,
    sound: NDArray[np.float32] | None = None,
    cues: Cues = (),
    recipe: str | None = None,
    turn: float = 0.0,
    aspect: Fraction | None = None,
    language: str = "eng",
    tags: dict[str, str] | None = None,
    start: int = 0,
) -> Path:
    """A film of ``pictures`` in the container and codecs of its suffix; sound is stereo at 48 kHz."""
    kind, film_codec, sound_codec = FILMS[recipe or path.suffix[1:]]
    options = {"movflags": "use_metadata_tags"} if kind in ("mp4", "mov") and tags else {}
    with av.open(str(path), "w", format=kind, options=options) as container:
        container.metadata.update(tags or {})
        film: Any = None
        heard = _sound_stream(container, sound_codec) if sound is not None else None
        said: Any = None
        if cues:
            said = container.add_stream(_SUBTITLES[kind])
            said.time_base = Fraction(1, 1000)
            said.codec_context.time_base = Fraction(1, 1000)
            said.codec_context.subtitle_header = _HEADER
            said.metadata["language"] = language
        for number, picture in enumerate(pictures):
            if film is None:
                film = container.add_stream(film_codec, rate=rate, options=_quick(film_codec))
                film.height, film.width = picture.shape[:2]
                film.pix_fmt = "yuv420p"
                if turn:
                    film.set_display_rotation(turn)
                if aspect:
                    film.codec_context.sample_aspect_ratio = aspect
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts = start + number
            container.mux(film.encode(frame))
        if film is not None:
            container.mux(film.encode())
        if heard is not None and sound is not None:
            _encode(container, heard, sound)
        for begin, end, text in cues:
            line = f"0,0,Default,,0,0,0,,{text}".encode()
            subtitle = av.subtitles.subtitle.SubtitleSet.create(line, 0, round((end - begin) * 1000))
            packet = said.codec_context.encode_subtitle(subtitle)
            packet.pts = packet.dts = round(begin * 1000)
            packet.duration = round((end - begin) * 1000)
            packet.time_base = Fraction(1, 1000)
            packet.stream = said
            container.mux(packet)
    return path


def write_recording(
    path: Path, sound: NDArray[np.float32], *, tags: dict[str, str] | None = None, cover: bytes | None = None
) -> Path:
    """A recording in the container and codec of its suffix."""
    kind, codec = RECORDINGS[path.suffix[1:]]
    kind = "mp4" if cover and kind == "ipod" else kind
    with av.open(str(path), "w", format=kind) as container:
        container.metadata.update(tags or {})
        heard = _sound_stream(container, codec)
        if cover:
            picture: Any = container.add_stream("mjpeg", rate=1)
            with Image.open(_buffer(cover)) as image:
                picture.width, picture.height = image.size
            picture.pix_fmt = "yuvj420p"
            picture.disposition = av.stream.Disposition.attached_pic
            packet = av.Packet(cover)
            packet.stream = picture
            packet.pts = packet.dts = 0
            container.mux(packet)
        _encode(container, heard, sound)
    return path


_SUBTITLES = {"mp4": "mov_text", "mov": "mov_text", "matroska": "subrip", "webm": "webvtt"}
_HEADER = b"""[Script Info]
ScriptType: v4.00+
[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, Italic, Underline, \
StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, MarginV, Encoding
Style: Default,Arial,16,&Hffffff,&Hffffff,&H0,&H0,0,0,0,0,100,100,0,0,1,1,0,2,10,10,10,0
[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""


def _buffer(data: bytes) -> Any:
    from io import BytesIO

    return BytesIO(data)


def _quick(codec: str) -> dict[str, str]:
    return {"libx264": {"preset": "ultrafast", "crf": "20"}, "libvpx": {"deadline": "realtime", "b": "1M"}}.get(
        codec, {"b": "1M"}
    )


def _sound_stream(container: Any, codec: str) -> Any:
    slow = codec == "libopencore_amrnb"
    options = {"wmav2": {"b": "128k"}, "vorbis": {"strict": "experimental"}}.get(codec, {})
    return container.add_stream(
        codec, rate=8_000 if slow else 48_000, layout="mono" if slow else "stereo", options=options
    )


def _encode(container: Any, stream: Any, sound: NDArray[np.float32]) -> None:
    context = stream.codec_context
    resampler = av.AudioResampler(context.format, context.layout, context.sample_rate, context.frame_size or 1024)
    frame = av.AudioFrame.from_ndarray(
        np.ascontiguousarray(sound), format="fltp", layout="stereo" if len(sound) == 2 else "mono"
    )
    frame.sample_rate = 48_000
    frame.pts = 0
    for piece in [*resampler.resample(frame), *resampler.resample(None)]:
        container.mux(stream.encode(piece))
    container.mux(stream.encode())
