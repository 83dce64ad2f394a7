from collections.abc import Sequence

import pytest

from bowerbird.ports import VectorView
from bowerbird.store.views.exact import ExactView
from bowerbird.types import ChangeBatch
from tests.contracts.vector_view import BuildView, VectorViewContract


def build_exact(dimension: int, batches: Sequence[ChangeBatch]) -> VectorView:
    view = ExactView(dimension)
    for batch in batches:
        view.apply(batch)
    return view


class TestExactView(VectorViewContract):
    @pytest.fixture
    def build(self) -> BuildView:
        return build_exact
