"""A process that re-encodes a library and is killed on the way: with so many vectors made it waits for that. Arguments:
LIBRARY SPEC VECTORS.
"""

from __future__ import annotations

import sys
import time

from bowerbird.wiring import open_library
from indexer.pipeline import Progress
from indexer.reencode import reencode


def main() -> None:
    library, spec, enough = sys.argv[1:]

    def dawdle(progress: Progress) -> None:
        time.sleep(3600 if progress.done >= int(enough) else 0.03)

    with open_library(library) as opened:
        reencode(opened, spec, on_progress=dawdle)


if __name__ == "__main__":
    main()
