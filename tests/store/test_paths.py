"""Names of files are bytes: whatever they are, the catalogue gives them back."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bowerbird.store.catalog import Catalog
from bowerbird.store.catalog.failures import Failure
from tests.store.hand import STAT, place, put_asset, wipe

_pieces = st.sampled_from([b"\\", b"\\x41", b"x41", b"\xff", b"\xc3", b"\xa9", b"\xed\xa0\x80", b"/", b"%", b"_", b"'"])
_names = st.one_of(st.binary(max_size=8), st.lists(_pieces, max_size=6).map(b"".join)).map(
    lambda name: os.fsdecode(name.replace(b"\0", b"0"))
)


@given(st.lists(_names, max_size=12, unique=True))
@example([os.fsdecode(name) for name in (b"\xff", b"\\xff", b"\\\\xff", b"\\", b"\\\\", b"\xc3\xa9", b"\xc3\\xa9")])
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_any_name_comes_back_as_it_was(catalog: Catalog, names: list[str]) -> None:
    wipe(catalog)
    with catalog.write() as tx:
        root = tx.roots.add(os.fsdecode(b"/caf\xe9\\x41"), 1)
        asset_id = put_asset(tx)
        for name in names:
            place(tx, root.id, name, asset_id)
            tx.failures.put(Failure(root.id, name, STAT, None, "read", "1", "damaged"))
    with catalog.write() as tx:
        assert tx.roots.at(root.path) == root
        assert tx.locations.at(root.id, names).keys() == set(names)
        assert tx.failures.at(root.id, names).keys() == set(names)
        assert sorted(path for _, path in tx.locations.under(root.id)) == sorted(names)
        assert sorted(tx.failures.under(root.id)) == sorted(names)
        assert sorted(copy.path for copy in tx.locations.copies(asset_id)) == sorted(names)
        for name in names:
            inside = [path for path in names if not name or path == name or path.startswith(f"{name}/")]
            assert sorted(path for _, path in tx.locations.under(root.id, name)) == sorted(inside)
        tx.failures.clear(root.id, names)
        assert tx.failures.under(root.id) == []


@pytest.mark.parametrize("name", ["Ä", "A\u0308", "a", "A", "ß", "SS"])
def test_names_that_look_alike_are_different_files(catalog: Catalog, name: str) -> None:
    others = [each for each in ("Ä", "A\u0308", "a", "A", "ß", "SS") if each != name]
    with catalog.write() as tx:
        root, asset_id = tx.roots.add("/a", 1), put_asset(tx)
        for each in others:
            place(tx, root.id, each, asset_id)
        assert tx.locations.at(root.id, [name]) == {}
        assert list(tx.locations.under(root.id, name)) == []
