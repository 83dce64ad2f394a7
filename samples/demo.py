"""What `make demo` runs: photos, a film, a recording, a paper and a few notes are indexed, searched and asked.

The photos are those of scikit-image, which came by pip. Each step is the command that a person would type.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

from make_media import PHOTOS, make_media

SAMPLES = Path(__file__).parent
BOWERBIRD = Path(sys.executable).parent / "bowerbird"

SEARCHES = (
    ("a cat",),
    ("a cup of coffee",),
    ("a rocket launch",),
    ("how to repot a fern",),
    ("a rocket launch", "--kind", "frame"),
    ("who stole the feathers",),
    ("which ornaments do males collect",),
    ("no swimming",),
    ("Lisbon 2019",),
    ("a boat trip", "--not", "a timetable"),
    ("--image", str(PHOTOS / "chelsea.png")),
    ("the constitution of the Roman republic",),
)
QUESTION = "What did they decide about the budget for cameras?"
"""Answered in a recording, by what is said there at its tenth second."""


def main(folder: Path) -> None:
    """Index and search in ``folder``."""
    library = folder / "library"
    make_media(folder / "media")
    places = [str(PHOTOS), str(SAMPLES / "notes"), str(SAMPLES / "media"), str(folder / "media")]
    run(library, "index", *places, "--encoder", "concepts", fails_are_fine=True)
    for arguments in SEARCHES:
        run(library, "search", *arguments, "--limit", "3")
    run(library, "caption")
    run(library, "ask", QUESTION)
    shown = shlex.join([os.path.relpath(BOWERBIRD), "--library", os.path.relpath(library)])
    print("\nNow with your own pictures and notes:")
    print(f"  {shown} index ~/Pictures")
    print(f"  {shown} search 'a dog on a beach'")
    print(f"  {shown} ask 'when did we last see the sea?'")
    print(f"  {shown} serve --open")


def run(library: Path, *arguments: str, fails_are_fine: bool = False) -> None:
    """Show a command, then run it."""
    print(f"\n$ bowerbird {shlex.join(arguments)}", flush=True)
    shown = ["--table"] if arguments[0] == "search" else []
    call = [BOWERBIRD, "--library", library, *arguments, *shown]
    done = subprocess.run(call, check=False, stderr=subprocess.STDOUT)
    if done.returncode not in ({0, 1} if fails_are_fine else {0}):
        sys.exit(f"the demo stopped: bowerbird ended with {done.returncode}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
