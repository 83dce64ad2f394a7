"""What every `Reranker` must do. A test class inherits this and gives a ``reranker`` fixture."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from bowerbird.moments import Moment
from bowerbird.ports import Reranker
from bowerbird.types import Pixels, SegmentKind
from tests.contracts.encoder import TEXTS as HARD_TEXTS
from tests.contracts.encoder import noise

QUERY = ["where was the old book of my aunt"]
WRITTEN = [Moment(SegmentKind.TEXT, text=text) for text in (*HARD_TEXTS, *(f"book {n}" for n in range(9)))]
NEITHER = Moment(SegmentKind.IMAGE)


class RerankerContract:
    tolerance = 1e-3
    """How far a score may differ with what shares its batch."""
    reads_texts = True
    """Whether it judges texts by texts."""
    written, shown = 18, 18
    """How many candidates of text, and of pixels where it reads them: more than make one batch."""

    @pytest.fixture
    def pictures(self, reranker: Reranker) -> list[Pixels]:
        if reranker.picture is None:
            pytest.skip("this reranker reads no pictures")
        return noise(reranker.picture.size)

    @pytest.fixture
    def candidates(self, reranker: Reranker) -> list[Moment]:
        """Such as this one reads."""
        size = None if reranker.picture is None else reranker.picture.size
        shown = [] if size is None else [_showing(each) for each in noise(size, self.shown)]
        return [*(WRITTEN[: self.written] if self.reads_texts else []), *shown]

    def test_there_is_one_score_between_0_and_1_for_each(self, reranker: Reranker, candidates: list[Moment]) -> None:
        scores = reranker.score(QUERY, None, candidates)
        assert scores.shape == (len(candidates),)
        assert scores.dtype == np.float32
        assert np.isfinite(scores).all()
        assert scores.min() >= 0
        assert scores.max() <= 1

    def test_no_candidates_get_no_scores(self, reranker: Reranker) -> None:
        assert reranker.score(QUERY, None, []).shape == (0,)

    def test_what_it_cannot_read_has_no_score_and_changes_none(
        self, reranker: Reranker, candidates: list[Moment]
    ) -> None:
        scores = reranker.score(QUERY, None, [NEITHER, *candidates, NEITHER])
        assert np.isnan(scores[[0, -1]]).all()
        np.testing.assert_allclose(
            scores[1:-1], reranker.score(QUERY, None, candidates), rtol=0, atol=self.tolerance, equal_nan=False
        )

    def test_a_query_that_says_nothing_gets_no_scores(self, reranker: Reranker, candidates: list[Moment]) -> None:
        assert np.isnan(reranker.score([], None, candidates)).all()

    def test_a_query_of_a_picture(self, reranker: Reranker, candidates: list[Moment]) -> None:
        if reranker.picture is None:
            assert np.isnan(reranker.score([], noise(8)[0], candidates)).all()
        else:
            assert np.isfinite(reranker.score([], noise(reranker.picture.size)[0], candidates)).all()

    def test_a_query_may_be_any_text(self, reranker: Reranker, candidates: list[Moment]) -> None:
        for text in HARD_TEXTS:
            assert np.isfinite(reranker.score([text], None, candidates[:2])).all()
        assert np.isfinite(reranker.score(HARD_TEXTS, None, candidates[:2])).all()

    def test_it_says_the_same_again(self, reranker: Reranker, candidates: list[Moment]) -> None:
        np.testing.assert_array_equal(reranker.score(QUERY, None, candidates), reranker.score(QUERY, None, candidates))

    def test_a_score_does_not_hang_on_the_other_candidates(self, reranker: Reranker, candidates: list[Moment]) -> None:
        together = reranker.score(QUERY, None, candidates)
        alone = np.concatenate([reranker.score(QUERY, None, [each]) for each in candidates])
        np.testing.assert_allclose(together, alone, rtol=0, atol=self.tolerance)
        np.testing.assert_allclose(
            reranker.score(QUERY, None, candidates[::-1]), together[::-1], rtol=0, atol=self.tolerance
        )

    def test_the_query_counts(self, reranker: Reranker, candidates: list[Moment]) -> None:
        first, other = (reranker.score([text], None, candidates) for text in ("who", "the book of my aunt was old"))
        assert np.abs(first - other).max() > 0

    def test_every_text_of_the_query_counts(self, reranker: Reranker, candidates: list[Moment]) -> None:
        first, both = (reranker.score(texts, None, candidates) for texts in (["who"], ["who", "the old book"]))
        assert np.abs(first - both).max() > 0

    def test_pictures_are_told_apart(self, reranker: Reranker, pictures: list[Pixels]) -> None:
        shown = [_showing(each) for each in pictures]
        scores = reranker.score([], pictures[1], shown)
        assert scores.argmax() == 1

    def test_threads_do_not_disturb_one_another(self, reranker: Reranker, candidates: list[Moment]) -> None:
        queries = ["who", "where was it found", "", "word " * 50]
        candidates = [*candidates[:2], *candidates[-2:]]
        alone = [reranker.score([text], None, candidates) for text in queries]
        with ThreadPoolExecutor(4) as pool:
            together = list(pool.map(lambda text: reranker.score([text], None, candidates), queries * 3))
        for index, scores in enumerate(together):
            np.testing.assert_allclose(scores, alone[index % len(queries)], rtol=0, atol=self.tolerance)


def _showing(pixels: Pixels) -> Moment:
    return Moment(SegmentKind.IMAGE, pixels=pixels)
