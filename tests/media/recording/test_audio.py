from __future__ import annotations

from fractions import Fraction
from io import BytesIO
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from bowerbird.errors import DecodeFailed
from bowerbird.media.registry import AUDIO
from bowerbird.moments import NOTHING, Decoded, Heard, Moment, PictureSpec, Wanted
from bowerbird.ports import Decoder
from bowerbird.settings import DecodeSettings
from bowerbird.types import AssetKind, SegmentKind
from tests.contracts.decoder import DecoderContract
from tests.media.canaries import canaries
from tests.media.films import FILMS, RECORDINGS, plain, tone, write_film, write_recording
from tests.media.make import photo

HEARD = Wanted(sound=True)


def decode(path: Path, wanted: Wanted = HEARD) -> Decoded:
    return AUDIO.open(DecodeSettings()).decode(path, wanted)


def heard(path: Path) -> list[Heard]:
    return [part for part in decode(path).parts if isinstance(part, Heard)]


def jpeg(width: int = 120, height: int = 120) -> bytes:
    data = BytesIO()
    photo(width, height).save(data, "JPEG", quality=95)
    return data.getvalue()


def wav(samples: np.ndarray, rate: int, *, kind: int = 1) -> bytes:
    """A plain WAV of one channel, whatever its header says."""
    data = samples.tobytes()
    size = samples.itemsize
    header = np.array([kind | 1 << 16, rate, rate * size, size | size * 8 << 16], "<u4").tobytes()
    chunks = b"WAVEfmt " + (16).to_bytes(4, "little") + header + b"data" + len(data).to_bytes(4, "little") + data
    return b"RIFF" + len(chunks).to_bytes(4, "little") + chunks


@pytest.fixture(scope="module")
def song(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_recording(tmp_path_factory.mktemp("audio") / "song.mp3", tone(35), cover=jpeg())


class TestAudio(DecoderContract):
    @pytest.fixture
    def decoder(self) -> Decoder:
        return AUDIO.open(DecodeSettings())

    @pytest.fixture
    def good(self, song: Path) -> Path:
        return song


@pytest.mark.parametrize("suffix", RECORDINGS)
def test_recordings_of_every_kind_are_heard(tmp_path: Path, suffix: str) -> None:
    path = write_recording(tmp_path / f"song.{suffix}", tone(3, 880))
    decoded = decode(path)
    assert decoded.info.kind is AssetKind.AUDIO
    assert decoded.info.media_type.startswith("audio/")
    assert decoded.info.duration_s == pytest.approx(3, abs=0.15)
    [part] = decoded.parts
    assert isinstance(part, Heard)
    assert part.start_s == pytest.approx(0, abs=0.1)
    assert len(part.sound) / 16_000 == pytest.approx(3, abs=0.15)
    assert np.abs(np.fft.rfft(part.sound)).argmax() * 16_000 / len(part.sound) == pytest.approx(880, abs=2)
    assert float(part.sound.std()) == pytest.approx(0.5 / 2**0.5, abs=0.05)
    assert float(np.abs(part.sound).max()) <= 1


@pytest.mark.parametrize("suffix", ["mp3", "m4a", "flac", "ogg", "opus", "wma"])
def test_tags_are_read(tmp_path: Path, suffix: str) -> None:
    tags = {"title": "Die Stille", "artist": "Wörter", "album": "Lauben"}
    info = decode(write_recording(tmp_path / f"song.{suffix}", tone(1), tags=tags)).info
    assert (info.title, info.artist, info.album) == ("Die Stille", "Wörter", "Lauben")


@pytest.mark.parametrize("suffix", ["mp3", "m4a", "flac"])
def test_the_cover_is_a_picture(tmp_path: Path, suffix: str) -> None:
    path = write_recording(tmp_path / f"song.{suffix}", tone(1), cover=jpeg())
    wanted = Wanted(PictureSpec(32), regions=4)
    decoded = decode(path, wanted)
    assert decoded.info.kind is AssetKind.AUDIO
    assert decoded.info.width is None
    cover, *tiles = decoded.parts
    assert isinstance(cover, Moment)
    assert (cover.kind, cover.start_s, cover.page) == (SegmentKind.IMAGE, None, None)
    assert cover.pixels is not None
    expected = np.asarray(photo(120, 120).resize((32, 32), Image.Resampling.BICUBIC)).astype(int)
    assert np.abs(cover.pixels - expected).mean() < 8
    assert len(tiles) == 4
    assert list(decode(path, NOTHING).parts) == []


def test_a_cover_that_is_damaged_costs_no_sound(tmp_path: Path) -> None:
    path = write_recording(tmp_path / "song.mp3", tone(2), cover=jpeg())
    data = path.read_bytes()
    start = data.index(b"\xff\xd8\xff")
    path.write_bytes(data[:start] + bytes(400) + data[start + 400 :])
    parts = list(decode(path, Wanted(PictureSpec(32), sound=True)).parts)
    assert [type(part) for part in parts] == [Heard]


def test_long_recordings_come_in_stretches_that_join_without_a_seam(tmp_path: Path) -> None:
    parts = heard(write_recording(tmp_path / "talk.flac", tone(70)))
    assert [part.start_s for part in parts] == [0, 30, 60]
    assert [len(part.sound) for part in parts] == [480_000, 480_000, 160_000]
    whole = np.concatenate([part.sound for part in parts])
    clean = tone(70, rate=16_000, channels=1)[0]
    assert np.abs(whole - clean)[100:-100].max() < 0.01


def test_the_channels_are_mixed(tmp_path: Path) -> None:
    sound = np.stack([tone(2, 440, channels=1)[0], tone(2, 1000, channels=1)[0]])
    [part] = heard(write_recording(tmp_path / "two.flac", sound))
    spectrum = np.abs(np.fft.rfft(part.sound))
    assert sorted(np.argsort(spectrum)[-2:] / 2) == pytest.approx([440, 1000], abs=1)


def test_a_recording_with_moving_pictures_is_a_film(tmp_path: Path) -> None:
    path = write_film(tmp_path / "song.mp4", [plain((200, 30, 30))] * 20, sound=tone(2)).rename(tmp_path / "song.m4a")
    decoded = decode(path, Wanted(PictureSpec(32)))
    assert decoded.info.kind is AssetKind.VIDEO
    assert [moment.kind for moment in decoded.parts if isinstance(moment, Moment)] == [SegmentKind.FRAME]


def test_of_a_recording_cut_short_what_is_there_is_given(tmp_path: Path) -> None:
    for suffix in ("mp3", "flac", "ogg", "wav", "aiff", "aac"):
        data = write_recording(tmp_path / f"whole.{suffix}", tone(8)).read_bytes()
        path = tmp_path / f"cut.{suffix}"
        path.write_bytes(data[: len(data) // 2])
        assert 2.5 < sum(len(part.sound) for part in heard(path)) / 16_000 < 5


def test_sound_that_is_missing_is_a_gap(tmp_path: Path) -> None:
    path = tmp_path / "gap.mka"
    with av.open(str(path), "w", format="matroska") as container:
        stream = container.add_stream("pcm_s16le", rate=16_000, layout="mono")
        for start in (0, 5 * 16_000, 5 * 16_000 + 1600):
            frame = av.AudioFrame.from_ndarray(np.full((1, 1600), 99, np.int16), format="s16", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = 16_000, start, Fraction(1, 16_000)
            container.mux(stream.encode(frame))
    assert [(part.start_s, len(part.sound)) for part in heard(path)] == [(0.0, 1600), (5.0, 3200)]


def test_values_that_are_none_are_silence(tmp_path: Path) -> None:
    samples = np.array([np.nan, np.inf, -np.inf, 7.0, -7.0] * 3200, "<f4")
    path = tmp_path / "wild.wav"
    path.write_bytes(wav(samples, 16_000, kind=3))
    [part] = heard(path)
    assert np.isfinite(part.sound).all()
    assert float(np.abs(part.sound).max()) <= 1


def test_a_rate_at_which_a_kilobyte_would_make_gigabytes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "slow.wav"
    path.write_bytes(wav(np.zeros(50_000, "<i2"), 1))
    with pytest.raises(DecodeFailed):
        list(decode(path).parts)


@pytest.mark.parametrize("suffix", sorted(RECORDINGS))
def test_damage_is_a_failure_or_costs_a_part(tmp_path: Path, suffix: str) -> None:
    data = write_recording(tmp_path / f"whole.{suffix}", tone(1)).read_bytes()
    random = np.random.default_rng(1)
    for attempt in range(4):
        damaged = bytearray(data)
        for at in random.integers(0, len(data), 30 * (attempt + 1)):
            damaged[at] = random.integers(256)
        path = tmp_path / f"damaged{attempt}.{suffix}"
        path.write_bytes(damaged)
        try:
            assert all(isinstance(part, Heard) for part in decode(path).parts)
        except DecodeFailed as failure:
            assert "\n" not in failure.reason  # noqa: PT017


@pytest.mark.parametrize("suffix", sorted(RECORDINGS))
def test_what_is_no_recording_fails_and_opens_nothing(tmp_path: Path, suffix: str) -> None:
    song = write_recording(tmp_path / "canary.mp3", tone(1))
    with canaries(song) as birds:
        texts = (
            f"#EXTM3U\n#EXTINF:1,\n{song}\n#EXTINF:1,\nfile://{song}\n#EXTINF:1,\n{birds.url}\n#EXT-X-ENDLIST\n",
            f"[playlist]\nFile1={birds.url}\nFile2={song}\nNumberOfEntries=2\n",
            f"ffconcat version 1.0\nfile '{song}'\n",
            "",
        )
        for number, text in enumerate(texts):
            path = tmp_path / f"list{number}.{suffix}"
            path.write_text(text)
            with pytest.raises(DecodeFailed):
                list(decode(path).parts)
            assert birds.opened() == 0
            assert not birds.called()


def test_a_film_is_heard_by_the_decoder_of_recordings(tmp_path: Path) -> None:
    assert set(FILMS).isdisjoint(RECORDINGS)
    path = write_film(tmp_path / "film.mkv", [plain((200, 30, 30))] * 10, sound=tone(1))
    assert sum(len(part.sound) for part in heard(path)) == pytest.approx(16_000, abs=800)
