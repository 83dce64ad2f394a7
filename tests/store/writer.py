"""A process that writes into a library, for tests of what several of them do at once."""

from __future__ import annotations

import random
import sys
import time

from bowerbird.store.catalog import Catalog
from tests.store.hand import derive, put_asset


def write_a_lot(url: str, name: str, transactions: int) -> None:
    """Add an asset in each transaction, in every other replace its vectors, and dawdle before it is committed."""
    catalog = Catalog(url)
    dawdling = random.Random(name)
    with catalog.read() as tx:
        spaces = tx.spaces.active()
    for number in range(transactions):
        with catalog.write() as tx:
            asset_id = put_asset(tx, f"{name} {number}")
            derive(tx, asset_id, spaces)
            if number % 2:
                derive(tx, asset_id, spaces, key="2")
            time.sleep(dawdling.random() * 0.004)
    catalog.close()


if __name__ == "__main__":
    write_a_lot(sys.argv[1], sys.argv[2], int(sys.argv[3]))
