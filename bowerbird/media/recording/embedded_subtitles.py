"""Text subtitles that lie in a film -> moments of kind `speech`. Those that are pictures are left alone."""

from __future__ import annotations

from collections.abc import Iterator

from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Disposition
from av.subtitles.stream import SubtitleStream
from av.subtitles.subtitle import AssSubtitle

from bowerbird.errors import DecodeFailed
from bowerbird.media.recording.cues import Cue, Sentences
from bowerbird.media.recording.languages import language_code
from bowerbird.moments import Moment

_TEXT = {"ass", "ssa", "subrip", "srt", "text", "mov_text", "webvtt"}
_COMMAS = 8
"""Before the text of a line of ASS, to which FFmpeg turns all the others."""
_SHOWN_S = 5.0
"""How long a line is taken to stand that does not say."""


def subtitle_stream(container: InputContainer) -> SubtitleStream | None:
    """The stream that says what is said: the default one, or else one in the language of the sound, or the first.

    A *forced* one holds only what is foreign in the film, so it is none.
    """
    streams = [each for each in container.streams.subtitles if _is_text(each)]
    languages = [language_code(each.language) for each in container.streams.audio[:1]]

    def rank(stream: SubtitleStream) -> tuple[bool, bool]:
        return bool(stream.disposition & Disposition.default), language_code(stream.language) in languages

    return max(streams, key=rank, default=None)


def _is_text(stream: SubtitleStream) -> bool:
    if stream.codec_context is None or stream.codec_context.name not in _TEXT:
        return False
    is_empty = stream.container.format.name.startswith("mov") and not stream.frames  # there it is always known
    return not stream.disposition & Disposition.forced and not is_empty


class SubtitleReader:
    """Decodes one stream of subtitles. Raises `DecodeFailed` once there is more text than ``max_mb``."""

    def __init__(self, stream: SubtitleStream, begin_s: float, max_mb: float) -> None:
        self.found = False
        self._stream = stream
        self._begin_s = begin_s
        self._max_mb = max_mb
        self._room = int(max_mb * (1 << 20))
        self._sentences = Sentences(language_code(stream.language))

    def read(self, packet: Packet[SubtitleStream]) -> Iterator[Moment]:
        """The sentences that are complete with this packet's."""
        try:
            shown = self._stream.decode2(packet)
        except FFmpegError:
            return
        if shown is None or packet.pts is None:
            return
        start_s = float(packet.pts * packet.time_base) - self._begin_s + shown.start_display_time / 1000
        end_s = start_s + (float(packet.duration * packet.time_base) if packet.duration else _SHOWN_S)
        for line in shown:
            if isinstance(line, AssSubtitle):
                yield from self._told(self._sentences.take(Cue(start_s, end_s, self._text(line))))

    def finish(self) -> Iterator[Moment]:
        """The sentence that has not come to an end."""
        yield from self._told(self._sentences.finish())

    def _told(self, moments: list[Moment]) -> list[Moment]:
        self.found = self.found or bool(moments)
        return moments

    def _text(self, line: AssSubtitle) -> str:
        text = line.ass.decode("utf-8", "replace").split(",", _COMMAS)[-1]
        self._room -= len(text)
        if self._room < 0:
            raise DecodeFailed(
                f"has more than {self._max_mb:g} MB of subtitles; raise decode.max_text_mb in library.toml"
            )
        return text
