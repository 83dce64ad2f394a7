from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace

import pytest

from bowerbird.types import Pixels, Vectors
from indexer import regions
from indexer.regions import settled_regions
from tests.fakes import HashEncoder
from tests.indexer.workshop import Workshop


class Slow(HashEncoder):
    """So many seconds for each picture, by a clock of its own."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds
        self.calls = 0
        self.now = 0.0

    def encode_images(self, pictures: Sequence[Pixels]) -> Vectors:
        self.calls += 1
        self.now += self.seconds * len(pictures)
        return super().encode_images(pictures)


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.mark.parametrize(("seconds", "expected"), [(0.0, 9), (1 / 30, 4), (1 / 6, 0)])
def test_a_slow_encoder_gets_fewer_tiles_and_is_timed_once(
    workshop: Workshop, said: list[str], seconds: float, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = workshop.library
    library.settings.index.regions = "auto"
    library._encoders[library.joint.id] = encoder = Slow(seconds)
    monkeypatch.setattr(regions, "time", SimpleNamespace(perf_counter=lambda: encoder.now))
    assert settled_regions(library, None, said.append) == expected
    assert said[0].startswith(f"regions: {expected} ")
    calls = encoder.calls
    assert settled_regions(library, None, said.append) == expected
    assert encoder.calls == calls
    assert len(said) == 1


def test_what_is_asked_for_holds_from_then_on(workshop: Workshop, said: list[str]) -> None:
    library = workshop.library
    library.settings.index.regions = "auto"
    assert settled_regions(library, 4, said.append) == 4
    assert settled_regions(library, None, said.append) == 4
    assert said == []


def test_what_the_settings_say_goes_before_what_was_measured(workshop: Workshop, said: list[str]) -> None:
    library = workshop.library
    library.settings.index.regions = 9
    assert settled_regions(library, None, said.append) == 9
    assert settled_regions(library, 0, said.append) == 0
