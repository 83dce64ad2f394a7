from __future__ import annotations

import itertools
import struct
from datetime import datetime
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from bowerbird.errors import DecodeFailed
from bowerbird.media.recording.container import demuxer
from bowerbird.media.recording.hdr import to_standard_range
from bowerbird.media.recording.stream_clock import StreamClock
from bowerbird.media.registry import VIDEO
from bowerbird.moments import NOTHING, Decoded, Heard, Moment, PictureSpec, Wanted
from bowerbird.ports import Decoder
from bowerbird.settings import DecodeSettings
from bowerbird.types import AssetKind, Position, SegmentKind, Taken, TakenFrom
from tests.contracts.decoder import DecoderContract, moments
from tests.media.canaries import Canaries, canaries
from tests.media.films import BLUE, FILMS, GREEN, RED, plain, scenery, slide, tone, write_film, write_recording
from tests.media.make import photo, save

SEEN = Wanted(PictureSpec(32, "squash"))
HEARD = Wanted(sound=True)
BOTH = Wanted(PictureSpec(32, "squash"), sound=True)
COLOURS = (RED, GREEN, BLUE)


def three_colours(seconds: float = 2.0, rate: int = 10) -> list[np.ndarray]:
    return [plain(colour) for colour in COLOURS for _ in range(round(seconds * rate))]


def decode(path: Path, wanted: Wanted = SEEN) -> Decoded:
    return VIDEO.open(DecodeSettings()).decode(path, wanted)


def frames(path: Path, wanted: Wanted = SEEN) -> list[Moment]:
    return [moment for moment in moments(decode(path, wanted)) if moment.kind is SegmentKind.FRAME]


def colour(moment: Moment) -> list[int]:
    assert moment.pixels is not None
    return [round(value) for value in moment.pixels[:6].reshape(-1, 3).mean(0)]


class TestVideo(DecoderContract):
    @pytest.fixture
    def decoder(self) -> Decoder:
        return VIDEO.open(DecodeSettings())

    @pytest.fixture
    def good(self, tmp_path: Path) -> Path:
        return write_film(tmp_path / "film.mp4", three_colours(), sound=tone(6))


class TestVideoWithSubtitles(DecoderContract):
    @pytest.fixture
    def decoder(self) -> Decoder:
        return VIDEO.open(DecodeSettings())

    @pytest.fixture
    def good(self, tmp_path: Path) -> Path:
        cues = [(0.5, 1.5, "Here it begins."), (3.0, 4.0, "Here it ends.")]
        return write_film(tmp_path / "film.mkv", three_colours(), sound=tone(6), cues=cues)


@pytest.mark.parametrize("suffix", FILMS)
def test_films_of_every_kind_are_seen_and_heard(tmp_path: Path, suffix: str) -> None:
    path = write_film(tmp_path / f"film.{suffix}", three_colours(), sound=tone(6))
    decoded = decode(path, BOTH)
    assert decoded.info.kind is AssetKind.VIDEO
    assert decoded.info.media_type.startswith("video/")
    assert decoded.info.width in (176, 192)  # 3gp's pixels are wider than high
    assert decoded.info.height == 144
    assert decoded.info.duration_s == pytest.approx(6, abs=0.15)
    parts = list(decoded.parts)
    seen = [part for part in parts if isinstance(part, Moment)]
    assert [moment.start_s for moment in seen] == pytest.approx([0, 2, 4], abs=0.15)
    assert [moment.end_s for moment in seen] == pytest.approx([2, 4, 6], abs=0.15)
    for moment, expected in zip(seen, COLOURS, strict=True):
        assert colour(moment) == pytest.approx(expected, abs=12)
    sound = np.concatenate([part.sound for part in parts if isinstance(part, Heard)])
    assert len(sound) / 16_000 == pytest.approx(6, abs=0.15)
    assert np.abs(np.fft.rfft(sound)).argmax() * 16_000 / len(sound) == pytest.approx(440, abs=2)


def test_only_what_is_wanted_comes(tmp_path: Path) -> None:
    path = write_film(tmp_path / "film.mp4", three_colours(), sound=tone(6))
    assert {type(part) for part in decode(path, HEARD).parts} == {Heard}
    assert {type(part) for part in decode(path, SEEN).parts} == {Moment}
    assert list(decode(path, NOTHING).parts) == []
    assert decode(path, HEARD).info == decode(path, BOTH).info


def test_a_slide_talk_shows_every_slide_once(tmp_path: Path) -> None:
    talk = [
        ["Bowerbirds", "of the rainforest"],
        ["What they gather"],
        ["What they gather", "Blue things"],
        ["What they gather", "Blue things", "Shells and bones"],
        ["Questions?"],
    ]
    pictures = [picture for lines in talk for picture in [slide(lines)] * 60]
    found = frames(write_film(tmp_path / "talk.mp4", pictures))
    assert [moment.start_s for moment in found] == pytest.approx([0, 6, 12, 18, 24], abs=0.2)


def test_a_lively_film_is_capped_and_spread(tmp_path: Path) -> None:
    pictures = [scenery(number // 15)[:, number % 15 :][:, :300] for number in range(25 * 20)]
    found = frames(write_film(tmp_path / "action.mp4", pictures, rate=25))
    assert 7 <= len(found) <= 8
    gaps = [(moment.end_s or 0) - (moment.start_s or 0) for moment in found]
    assert max(gaps) < 6


def test_frames_tile_the_film(tmp_path: Path) -> None:
    found = frames(write_film(tmp_path / "film.mp4", three_colours(7)))
    assert found[0].start_s == 0
    assert found[-1].end_s == pytest.approx(21, abs=0.1)
    assert all(one.end_s == other.start_s for one, other in itertools.pairwise(found))


@pytest.mark.parametrize(("turn", "corner"), [(0, (0, 0)), (90, (-1, 0)), (180, (-1, -1)), (270, (0, -1))])
def test_a_film_is_shown_upright(tmp_path: Path, turn: int, corner: tuple[int, int]) -> None:
    """``turn`` goes against the clock; ``corner`` is where the top left one comes to lie."""
    picture = np.full((80, 160, 3), 40, np.uint8)
    picture[:30, :60] = RED
    path = write_film(tmp_path / "film.mp4", [picture] * 10, turn=turn)
    decoded = decode(path, Wanted(PictureSpec(32, "squash"), thumbnail_px=160))
    assert (decoded.info.width, decoded.info.height) == ((80, 160) if turn % 180 else (160, 80))
    [moment] = moments(decoded)
    assert moment.pixels is not None
    lit = {at: int(moment.pixels[at[0], at[1], 0]) for at in ((0, 0), (0, -1), (-1, 0), (-1, -1))}
    assert max(lit, key=lambda at: lit[at]) == corner


def test_pixels_that_are_not_square_are_made_so(tmp_path: Path) -> None:
    path = write_film(tmp_path / "film.mkv", [scenery(0, 144, 144)] * 10, aspect=Fraction(16, 9))
    decoded = decode(path, Wanted(detail_px=1000))
    assert (decoded.info.width, decoded.info.height) == (256, 144)
    [moment] = moments(decoded)
    assert moment.detail is not None
    assert moment.detail.shape == (144, 256, 3)


def test_what_the_container_says(tmp_path: Path) -> None:
    tags = {
        "title": "Bower",
        "creation_time": "2023-07-01T20:00:00Z",
        "com.apple.quicktime.creationdate": "2023-07-02T08:00:00+1200",
        "com.apple.quicktime.make": "Apple",
        "com.apple.quicktime.model": "iPhone 14",
        "com.apple.quicktime.location.ISO6709": "-41.2889+174.7772+012.3/",
    }
    info = decode(write_film(tmp_path / "film.mov", [plain(RED)] * 10, tags=tags)).info
    assert info.taken == Taken(datetime(2023, 7, 2, 8), TakenFrom.CONTAINER)
    assert info.camera == "Apple iPhone 14"
    assert info.position == Position(-41.2889, 174.7772)
    assert info.title == "Bower"
    assert info.media_type == "video/quicktime"


@pytest.mark.parametrize(
    ("tags", "taken"),
    [
        ({"creation_time": "2023-07-01T20:00:00Z"}, datetime(2023, 7, 1, 20)),
        ({"creation_time": "1904-01-01T00:00:00Z"}, None),
        ({"creation_time": "1970-01-01T00:00:00Z"}, None),
        ({"com.apple.quicktime.creationdate": "yesterday"}, None),
    ],
)
def test_when_it_was_taken(tmp_path: Path, tags: dict[str, str], taken: datetime | None) -> None:
    found = decode(write_film(tmp_path / "film.mkv", [plain(RED)] * 5, tags=tags)).info.taken
    assert (found.at if found else None) == taken


@pytest.mark.parametrize("text", ["somewhere", "+95.0+010.0/", "+00.0000+000.0000/", "+48.1"])
def test_a_place_that_is_none(tmp_path: Path, text: str) -> None:
    path = write_film(tmp_path / "film.mkv", [plain(RED)] * 5, tags={"location": text})
    assert decode(path).info.position is None


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "webm"])
def test_subtitles_inside_take_the_place_of_the_sound(tmp_path: Path, suffix: str) -> None:
    cues = [(0.5, 1.5, "{\\i1}Here\\Nit{\\i0} begins."), (3.0, 4.0, "Here it"), (4.0, 5.0, "ends.")]
    path = write_film(tmp_path / f"film.{suffix}", three_colours(), sound=tone(6), cues=cues)
    parts = list(decode(path, BOTH).parts)
    assert not any(isinstance(part, Heard) for part in parts)
    said = [part for part in parts if isinstance(part, Moment) and part.kind is SegmentKind.SPEECH]
    assert [(moment.start_s, moment.end_s, moment.text, moment.language) for moment in said] == [
        (0.5, 1.5, "Here it begins.", "en"),
        (3.0, 5.0, "Here it ends.", "en"),
    ]
    assert list(decode(path, NOTHING).parts) == said
    assert len(parts) == len(said) + 3


def test_subtitles_without_a_word_leave_the_sound(tmp_path: Path) -> None:
    path = write_film(tmp_path / "film.mkv", three_colours(), sound=tone(6), cues=[(1.0, 2.0, "♪")])
    assert sum(len(part.sound) for part in decode(path, HEARD).parts if isinstance(part, Heard)) == 96_000
    assert list(decode(path, NOTHING).parts) == []


def test_a_film_without_pictures_is_a_recording(tmp_path: Path) -> None:
    path = tmp_path / "voice.mp4"
    write_recording(tmp_path / "voice.m4a", tone(2)).rename(path)
    decoded = decode(path, BOTH)
    assert decoded.info.kind is AssetKind.AUDIO
    assert decoded.info.media_type == "audio/mp4"
    assert decoded.info.width is None
    assert [type(part) for part in decoded.parts] == [Heard]


def test_a_film_that_begins_late_begins_at_nought(tmp_path: Path) -> None:
    path = write_film(tmp_path / "film.ts", three_colours(), start=36_000)
    assert [moment.start_s for moment in frames(path)] == pytest.approx([0, 2, 4], abs=0.15)


def test_films_joined_go_on_where_times_jump_back(tmp_path: Path) -> None:
    one = write_film(tmp_path / "one.ts", three_colours()).read_bytes()
    other = write_film(tmp_path / "other.ts", [plain(BLUE)] * 20 + [plain(RED)] * 20).read_bytes()
    (tmp_path / "joined.ts").write_bytes(one + other)
    found = frames(tmp_path / "joined.ts")
    assert [moment.start_s for moment in found] == pytest.approx([0, 2, 4, 8], abs=0.3)


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ([10, 11, 12], [0, 1, 2]),
        ([10, 12, 30], [0, 2, 20]),
        ([10, 11, 3, 4], [0, 1, 2, 3]),
        ([10, None, None], [0, 1, 2]),
        ([10, 10_000_000, 10_000_001], [0, 1, 2]),
        ([5, 6], [1, 2]),
    ],
)
def test_the_clock_never_goes_back(times: list[int | None], expected: list[float]) -> None:
    clock = StreamClock(Fraction(1), 10)
    assert [clock.at(pts, 1.0) for pts in times] == expected


@pytest.mark.parametrize("suffix", ["mkv", "ts", "avi", "flv", "mpg"])
def test_of_a_film_cut_short_what_is_there_is_given(tmp_path: Path, suffix: str) -> None:
    whole = write_film(tmp_path / f"film.{suffix}", [scenery(n // 10, 176, 144) for n in range(100)], sound=tone(10))
    data = whole.read_bytes()
    cut = tmp_path / f"cut.{suffix}"
    cut.write_bytes(data[: len(data) // 2])
    found = frames(cut)
    assert 2 < (found[-1].end_s or 0) < (frames(whole)[-1].end_s or 0) - 2


@pytest.mark.parametrize("suffix", sorted(FILMS))
def test_damage_is_a_failure_or_costs_a_part(tmp_path: Path, suffix: str) -> None:
    data = bytearray(write_film(tmp_path / f"film.{suffix}", three_colours(0.5), sound=tone(1)).read_bytes())
    random = np.random.default_rng(0)
    for attempt in range(4):
        damaged = bytearray(data)
        for at in random.integers(0, len(data), 40 * (attempt + 1)):
            damaged[at] = random.integers(256)
        path = tmp_path / f"damaged{attempt}.{suffix}"
        path.write_bytes(damaged)
        try:
            for part in decode(path, BOTH).parts:
                assert isinstance(part, Moment | Heard)
        except DecodeFailed as failure:
            assert "\n" not in failure.reason  # noqa: PT017


def test_what_is_no_film_fails(tmp_path: Path) -> None:
    data = write_film(tmp_path / "film.mp4", three_colours()).read_bytes()
    for number, content in enumerate([b"", b"just a note\n" * 50, bytes(5000), data[: len(data) // 2], data[:40]]):
        path = tmp_path / f"{number}.mp4"
        path.write_bytes(content)
        with pytest.raises(DecodeFailed) as failure:
            list(decode(path).parts)
        assert failure.value.reason.startswith("is ")


def test_frames_larger_than_any_film_are_refused(tmp_path: Path) -> None:
    path = write_film(tmp_path / "film.avi", three_colours(), recipe="avi")
    data = path.read_bytes()
    size = struct.pack("<ii", 176, 144)
    assert size in data
    path.write_bytes(data.replace(size, struct.pack("<ii", 60_000, 60_000)).replace(b"FMP4", b"MJPG"))
    with pytest.raises(DecodeFailed):
        list(decode(path).parts)


def test_the_content_decides_and_not_the_name(tmp_path: Path) -> None:
    path = write_film(tmp_path / "film.avi", three_colours(), recipe="mkv")
    assert decode(path).info.media_type == "video/x-matroska"
    assert len(frames(path)) == 3


def test_a_demuxer_for_what_looks_like_nothing_is_that_of_the_name() -> None:
    assert demuxer(b"#EXTM3U\n", ".mp4") == "mov"
    assert demuxer(b"\xff\xf1\x50\x80", ".mp3") == "aac"
    assert demuxer(b"\xff\xfb\x90\x00", ".aac") == "mp3"
    with pytest.raises(DecodeFailed):
        demuxer(b"#EXTM3U\n", ".m3u8")


def test_high_range_is_brought_to_what_a_screen_shows() -> None:
    paper_pq = round(0.58069 * 65_535)  # 203 candelas
    grey = np.array([[[0] * 3, [paper_pq // 2] * 3, [paper_pq] * 3, [65_535] * 3]], np.uint16)
    shown = to_standard_range(grey, perceptual=True)[0, :, 0].astype(int)
    assert shown[0] == 0
    assert 20 < shown[1] < 100
    assert 225 < shown[2] < 250
    assert shown[3] == 255
    assert np.ptp(to_standard_range(grey, perceptual=True), axis=2).max() <= 1  # grey stays grey
    hlg = to_standard_range(np.full((1, 1, 3), round(0.75 * 65_535), np.uint16), perceptual=False)
    assert 225 < int(hlg[0, 0, 0]) < 250  # the white of HLG


def test_a_high_range_film_is_not_left_flat(tmp_path: Path) -> None:
    path = tmp_path / "film.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx265", rate=10, options={"preset": "ultrafast", "x265-params": "log-level=0"})
        stream.width, stream.height, stream.pix_fmt = 128, 128, "yuv420p10le"
        context = stream.codec_context
        context.color_trc, context.color_primaries, context.colorspace, context.color_range = 16, 9, 9, 1
        for number in range(5):
            frame = av.VideoFrame(128, 128, "yuv420p10le")
            for plane, value in zip(frame.planes, (64 + round(0.58 * 876), 512, 512), strict=True):
                np.frombuffer(memoryview(plane), np.uint16)[:] = value
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    [moment] = frames(path)
    assert moment.pixels is not None
    assert int(moment.pixels.min()) > 220  # left as it is, it would be 148


def playlists(birds: Canaries) -> dict[str, bytes]:
    file_url = f"file://{birds.file}"
    return {
        "hls": f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{birds.url}\n#EXTINF:9,\n{file_url}\n"
        f"#EXTINF:9,\n{birds.file.name}\n#EXT-X-ENDLIST\n".encode(),
        "dash": f"""<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"
            mediaPresentationDuration="PT9S"><Period><AdaptationSet mimeType="video/mp4"><Representation id="1"
            bandwidth="1"><BaseURL>{birds.url}</BaseURL></Representation><Representation id="2" bandwidth="1">
            <BaseURL>{file_url}</BaseURL></Representation></AdaptationSet></Period></MPD>""".encode(),
        "concat": f"ffconcat version 1.0\nfile '{birds.file}'\nfile '{birds.url}'\n".encode(),
        "sdp": f"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video {birds.port} RTP/AVP 96\n"
        "a=rtpmap:96 H264/90000\n".encode(),
        "asx": f'<asx version="3.0"><entry><ref href="{birds.url}"/></entry></asx>'.encode(),
        "rtsp": f"rtsp://127.0.0.1:{birds.port}/film\n".encode(),
        "webm_dash": b"\x1a\x45\xdf\xa3" + f"{birds.url}\n{birds.file}".encode(),
    }


def elsewhere(data: bytes, target: Path) -> bytes:
    """A QuickTime film whose samples lie in another file: the `alis` record by which Mac OS named one."""
    name = target.name.encode()
    path = str(target).encode()
    record = bytes(10) + bytes([4]) + b"disk".ljust(27, b"\0") + bytes(12) + bytes([len(name)]) + name.ljust(63, b"\0")
    record += bytes(16) + struct.pack(">hh", 1, 1) + bytes(16)
    record += struct.pack(">hh", 2, len(path)) + path + b"\0" * (len(path) % 2) + struct.pack(">hh", -1, 0)
    entry = b"alis" + bytes(4) + record
    entry = struct.pack(">I", len(entry) + 4) + entry
    at = data.index(b"dref") - 4
    old = struct.unpack_from(">I", data, at)[0]
    dref = data[at + 4 : at + 16] + entry
    grown = 4 + len(dref) - old
    out = bytearray(data[:at] + struct.pack(">I", 4 + len(dref)) + dref + data[at + old :])
    for box in (b"dinf", b"minf", b"mdia", b"trak", b"moov"):
        start = out.rindex(box, 0, at) - 4
        struct.pack_into(">I", out, start, struct.unpack_from(">I", out, start)[0] + grown)
    return bytes(out)


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv", "webm", "avi", "ts", "mpg", "wmv", "flv", "ogv"])
def test_a_list_of_other_files_opens_none(tmp_path: Path, suffix: str) -> None:
    film = write_film(tmp_path / "canary.mp4", three_colours())
    with canaries(film) as birds:
        for kind, content in playlists(birds).items():
            path = tmp_path / f"{kind}.{suffix}"
            path.write_bytes(content)
            with pytest.raises(DecodeFailed):
                list(decode(path, BOTH).parts)
            assert birds.opened() == 0
            assert not birds.called()


def test_a_film_that_lies_elsewhere_opens_nothing(tmp_path: Path) -> None:
    film = write_film(tmp_path / "canary.mov", three_colours())
    path = tmp_path / "reference.mov"
    path.write_bytes(elsewhere(film.read_bytes(), film))
    with canaries(film) as birds:
        try:
            list(decode(path, BOTH).parts)
        except DecodeFailed as failure:
            assert "\n" not in failure.reason  # noqa: PT017
        assert birds.opened() == 0
        with av.open(str(path), options={"enable_drefs": "1", "use_absolute_path": "1"}):
            assert birds.opened() > 0  # so the reference is a real one


def test_the_canaries_sing(tmp_path: Path) -> None:
    """What FFmpeg does with a playlist when it may: without this the tests above would prove nothing."""
    film = write_film(tmp_path / "canary.ts", three_colours())
    with canaries(film) as birds:
        path = tmp_path / "list.m3u8"
        path.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{birds.file.name}\n#EXT-X-ENDLIST\n")
        with av.open(str(path)):
            assert birds.opened() > 0


def test_no_more_threads_than_a_frame_leaves_room_for(tmp_path: Path) -> None:
    """Pictures are as they were, however many threads there are."""
    path = write_film(tmp_path / "film.mp4", [scenery(n // 12) for n in range(60)], rate=25)
    one, other = frames(path), frames(path)
    for left, right in zip(one, other, strict=True):
        assert left.pixels is not None
        assert right.pixels is not None
        np.testing.assert_array_equal(left.pixels, right.pixels)


def test_a_picture_is_a_still_and_no_film(tmp_path: Path) -> None:
    path = tmp_path / "photo.mp4"
    save(photo(), tmp_path / "photo.jpg").rename(path)
    with pytest.raises(DecodeFailed):
        list(decode(path).parts)
