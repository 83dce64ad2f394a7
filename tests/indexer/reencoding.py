"""A process that re-encodes a library slowly enough to be killed on the way. Arguments: LIBRARY SPEC."""

from __future__ import annotations

import sys
import time

from bowerbird.wiring import open_library
from indexer.reencode import reencode


def main() -> None:
    library, spec = sys.argv[1:]
    with open_library(library) as opened:
        reencode(opened, spec, on_progress=lambda _: time.sleep(0.03))


if __name__ == "__main__":
    main()
