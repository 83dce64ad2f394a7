import pytest

from tests.contracts.change_log import ChangeLogContract, FakeChangeLog


class TestFakeChangeLog(ChangeLogContract):
    @pytest.fixture
    def written(self) -> FakeChangeLog:
        return FakeChangeLog(8, batch_size=10)
