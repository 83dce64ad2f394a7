from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from bowerbird.answers import Sight
from bowerbird.types import AssetInfo, AssetKind, SegmentKind
from tests.contracts.captioner import CaptionerContract
from tests.fakes import ScriptedCaptioner


class TestScriptedCaptioner(CaptionerContract):
    @pytest.fixture
    def captioner(self) -> ScriptedCaptioner:
        return ScriptedCaptioner()

    @pytest.fixture
    def sights(self) -> Sequence[Sight]:
        info = AssetInfo(AssetKind.IMAGE, "image/png")
        shades = (np.full((48, 64, 3), shade, np.uint8) for shade in (20, 200))
        return [Sight(info, SegmentKind.IMAGE, pixels=shade) for shade in shades]
