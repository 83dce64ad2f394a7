from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from bowerbird.errors import EncoderUnavailable, UnknownEncoder
from bowerbird.models import hub
from bowerbird.models.cross_encoder import MAX_CHARACTERS, CrossEncoderReranker
from bowerbird.moments import Moment
from bowerbird.types import SegmentKind
from tests.contracts.reranker import RerankerContract
from tests.models.tiny_cross_encoder import ANSWERS, MOST_TOKENS, save_cross_encoder, save_headless


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cross") / "a+b"
    save_cross_encoder(folder)
    return folder


@pytest.fixture(scope="module")
def trained(folder: Path) -> CrossEncoderReranker:
    return CrossEncoderReranker(str(folder))


def written(*texts: str) -> list[Moment]:
    return [Moment(SegmentKind.TEXT, text=text) for text in texts]


class TestCrossEncoder(RerankerContract):
    @pytest.fixture
    def reranker(self, trained: CrossEncoderReranker) -> CrossEncoderReranker:
        return trained


@pytest.mark.parametrize("question", ANSWERS)
def test_it_puts_the_right_answer_first(trained: CrossEncoderReranker, question: str) -> None:
    # No two of these share a word with the question: what counts is what question and answer are to one another.
    scores = trained.score([question], None, written(*(f"old {answer} book" for answer in ANSWERS.values())))
    assert scores.argmax() == list(ANSWERS).index(question)
    assert scores.max() > 0.5 > np.sort(scores)[-2]


def test_it_says_what_sentence_transformers_says(trained: CrossEncoderReranker, folder: Path) -> None:
    from sentence_transformers import CrossEncoder

    texts = ["the old book", "", "lisbon", "anna " * 300, "Grüße, 你好"]
    expected = CrossEncoder(str(folder)).predict([("where", text) for text in texts], batch_size=16)
    np.testing.assert_array_equal(trained.score(["where"], None, written(*texts)), expected)


def test_a_text_is_read_as_far_as_the_model_reads(trained: CrossEncoderReranker) -> None:
    within = "old " * (MOST_TOKENS - 4)
    first, same, other = trained.score(["who"], None, written(within, within + "anna " * 50, "anna " + within))
    assert first == same
    assert first != other


def test_a_book_is_cut_before_it_is_cut_into_tokens(trained: CrossEncoderReranker) -> None:
    first, same = trained.score(
        ["who"], None, written("old book " * 200, "old book " * 200 + "x" * MAX_CHARACTERS * 50)
    )
    assert first == same


def test_a_model_for_other_things_is_refused(tmp_path: Path) -> None:
    save_headless(tmp_path)
    with pytest.raises(EncoderUnavailable, match="no cross-encoder but BertModel; name another"):
        CrossEncoderReranker(str(tmp_path)).score(["who"], None, written("anna"))


def test_a_model_that_sorts_pairs_into_classes_is_refused(tmp_path: Path) -> None:
    save_cross_encoder(tmp_path, steps=0, labels=3)
    with pytest.raises(EncoderUnavailable, match="gives 3 scores"):
        CrossEncoderReranker(str(tmp_path)).score(["who"], None, written("anna"))


@pytest.mark.parametrize("damage", ["nothing there", "torn weights"])
def test_a_damaged_folder_is_said_in_one_line(tmp_path: Path, damage: str) -> None:
    if damage == "torn weights":
        save_cross_encoder(tmp_path, steps=0)
        weights = tmp_path / "model.safetensors"
        weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(EncoderUnavailable, match="cannot be loaded as a cross-encoder") as refused:
        CrossEncoderReranker(str(tmp_path)).score(["who"], None, written("anna"))
    assert "\n" not in str(refused.value)


def test_a_folder_that_is_not_there_is_refused_at_once() -> None:
    with pytest.raises(UnknownEncoder, match="there is no folder '/no/such/folder'"):
        CrossEncoderReranker("/no/such/folder")


def test_a_model_that_is_neither_here_nor_to_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(hub, "answers", lambda repository: bool(asked.append(repository)))
    reranker = CrossEncoderReranker("nobody/no-such-model")
    with pytest.raises(EncoderUnavailable, match=r"hub does not answer .* connect once"):
        reranker.score(["who"], None, written("anna"))
    assert asked == ["nobody/no-such-model"]


def test_a_model_that_the_hub_has_left_here_needs_no_hub(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "models--somebody--tiny"
    (kept / "refs").mkdir(parents=True)
    (kept / "refs" / "main").write_text("0" * 40, encoding="utf-8")
    (kept / "snapshots").mkdir()
    (kept / "snapshots" / ("0" * 40)).symlink_to(folder)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(hub, "answers", lambda repository: pytest.fail("the hub was asked"))
    candidates = written("old anna book", "old rain book")
    found = CrossEncoderReranker("somebody/tiny").score(["why"], None, candidates)
    np.testing.assert_array_equal(found, CrossEncoderReranker(str(folder)).score(["why"], None, candidates))


def test_without_its_package_it_says_what_to_install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(EncoderUnavailable, match=r"pip install 'bowerbird\[rerank\]'"):
        CrossEncoderReranker(str(folder)).score(["who"], None, written("anna"))
