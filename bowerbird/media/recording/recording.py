"""A film or recording, gone through once: frames, sound, subtitles and the cover as their packets come by.

The container is opened twice: first for what it says of itself and the first frame, which alone knows which way is up;
and then for its parts, only when these are asked for, so that nothing stays open where nobody asks.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Discard, Stream
from av.video.stream import VideoStream

from bowerbird.errors import DecodeFailed
from bowerbird.media.recording.container import opened
from bowerbird.media.recording.container_info import container_info
from bowerbird.media.recording.cover import CoverReader, cover_stream
from bowerbird.media.recording.embedded_subtitles import SubtitleReader, subtitle_stream
from bowerbird.media.recording.frame_at import frame_at
from bowerbird.media.recording.frame_picture import shown_size
from bowerbird.media.recording.frames import FrameReader
from bowerbird.media.recording.sound import SoundReader
from bowerbird.media.recording.stream_reader import StreamReader
from bowerbird.media.recording.streams import begin, film_stream, sound_stream
from bowerbird.media.registry import Limits
from bowerbird.moments import Decoded, Heard, Moment, Wanted
from bowerbird.types import AssetKind

_PEEKED = 200
"""Packets among which a first frame is looked for."""


def decode_recording(path: Path, wanted: Wanted, limits: Limits) -> Decoded:
    """What is in ``path``: a film where it has moving pictures, whatever its name, and otherwise a recording.

    Frames come where pixels are wanted, and sound where it is wanted and no subtitles tell what is said; these come
    always. Only what is wanted is decoded, and where a time is, only the frame that is shown then. What can be read of
    a damaged file is given. Raises `DecodeFailed`, then or while the parts are gone through, where nothing can be.
    """
    with opened(path) as container:
        film = film_stream(container)
        if film is None and sound_stream(container) is None:
            raise DecodeFailed("holds no film or sound of a kind that is read")
        kind = AssetKind.AUDIO if film is None else AssetKind.VIDEO
        info = container_info(container, kind, _first_size(container, film) if film else None)
    if wanted.at_s is None:
        return Decoded(info, _parts(path, wanted, limits))
    if film is None:
        raise DecodeFailed("holds no film, so that nothing is to be seen at any time of it")
    return Decoded(info, frame_at(path, wanted.at_s, wanted))


def _first_size(container: InputContainer, film: VideoStream) -> tuple[int, int] | None:
    """As the film is shown; None where not one frame can be read, and the header does not say either."""
    film.codec_context.thread_count = 1  # so that the first packets give the first frame
    try:
        for count, packet in enumerate(container.demux(film)):
            for frame in film.decode(packet):
                return shown_size(frame, film.sample_aspect_ratio)
            if count == _PEEKED:
                break
    except (FFmpegError, EOFError, IndexError):
        pass  # the header's word must do
    return (film.width, film.height) if film.width and film.height else None


def _parts(path: Path, wanted: Wanted, limits: Limits) -> Iterator[Moment | Heard]:
    with opened(path) as container:
        begin_s = begin(container)
        film, said, sound = film_stream(container), subtitle_stream(container), sound_stream(container)
        readers: dict[int, StreamReader] = {}
        if film and wanted.sees:
            readers[film.index] = FrameReader(film, begin_s, wanted)
        if sound and wanted.sound and not said:
            readers[sound.index] = SoundReader(sound, begin_s)
        asked = list(readers.values())
        if film is None and wanted.sees and (cover := cover_stream(container)):  # a damaged one costs no recording
            readers[cover.index] = CoverReader(limits.max_megapixels, wanted)
        subtitles = SubtitleReader(said, begin_s, limits.max_text_mb) if said else None
        if said and subtitles:
            readers[said.index] = subtitles
        yield from _read(container, readers)
    if subtitles and not subtitles.found and wanted.sound:  # a track without a word in it, after all
        with opened(path) as container:
            if sound := sound_stream(container):
                asked.append(SoundReader(sound, begin(container)))
                yield from _read(container, {sound.index: asked[-1]})
    if asked and not any(reader.found for reader in (*asked, *readers.values())):
        raise DecodeFailed("is damaged: none of it can be decoded")


def _read(container: InputContainer, readers: dict[int, StreamReader]) -> Iterator[Moment | Heard]:
    """Go through the container once."""
    if not readers:
        return
    for stream in container.streams:
        if stream.index not in readers:
            stream.discard = Discard.all
    for packet in _packets(container, [container.streams[index] for index in readers]):
        yield from readers[packet.stream_index].read(packet)
    for reader in readers.values():
        yield from reader.finish()


def _packets(container: InputContainer, streams: list[Stream]) -> Iterator[Packet[Any]]:
    """Those that hold anything. Where the file is damaged it ends, and what was read so far stands."""
    try:
        yield from (packet for packet in container.demux(streams) if packet.size)
    except FFmpegError:
        return
    except IndexError:  # PyAV's own, at the very end, where a stream has appeared midway
        return
