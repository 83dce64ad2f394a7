"""A folder full of files that refer to others is indexed, and nothing but those files is opened, and nobody called."""

from __future__ import annotations

from pathlib import Path

from bowerbird.media.registry import AUDIO, VIDEO
from bowerbird.wiring import open_library
from indexer import Indexer
from tests.fakes import HashEncoder, ScriptedReader, ScriptedTranscriber
from tests.media.canaries import Canaries, canaries
from tests.media.document.test_documents_stay_inside import MAKERS
from tests.media.films import plain, write_film
from tests.media.papers import put
from tests.media.recording.test_video import elsewhere, playlists


def lay_traps(media: Path, birds: Canaries) -> int:
    """Fill ``media``; returns with how many files."""
    for kind, content in playlists(birds).items():
        for suffix in sorted(VIDEO.suffixes | AUDIO.suffixes):
            put(content, media / f"{kind}{suffix}")
    (media / "reference.mov").write_bytes(elsewhere(birds.file.read_bytes(), birds.file))
    for number, address in enumerate((birds.url, birds.file.as_uri(), str(birds.file))):
        for name, make in MAKERS.items():
            put(make(address), media / f"{number} {name}")
        put(
            f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 9 9">'
            f'<style>@import "{address}"; rect {{ fill: url({address}#a) }}</style><image href="{address}" width="9"/>'
            f'<image xlink:href="{address}" width="9"/><use href="{address}#a"/><rect width="9" height="9"/></svg>',
            media / f"{number} drawing.svg",
        )
    return len(list(media.iterdir()))


def test_indexing_opens_nothing_but_what_it_indexes(tmp_path: Path) -> None:
    media = tmp_path / "media"
    media.mkdir()
    film = write_film(tmp_path / "canary.mov", [plain((200, 30, 30))] * 10)
    with (
        canaries(film) as birds,
        open_library(tmp_path / "library", create=True, encoder="hash", load=lambda _: HashEncoder()) as library,
    ):
        laid = lay_traps(media, birds)
        assert birds.opened()  # by the traps' maker, so the canary sings
        library.settings.index.regions = 4
        library.__dict__.update(transcriber=ScriptedTranscriber(), reader=ScriptedReader())
        report = Indexer(library).index([media])
        assert report.seen == laid
        assert report.indexed > 3 * len(MAKERS) / 2
        assert birds.opened() == 0
        assert not birds.called()
