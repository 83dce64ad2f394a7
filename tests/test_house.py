"""The house stands as docs say: imports run downwards, and nothing heavy is carried to where it is not needed."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FLOORS = ("bowerbird", "indexer", "search", "api")
VOCABULARY = {
    "bowerbird.types",
    "bowerbird.moments",
    "bowerbird.queries",
    "bowerbird.answers",
    "bowerbird.ports",
    "bowerbird.errors",
    "bowerbird.settings",
    "bowerbird",
}


def imports() -> Iterator[tuple[str, str]]:
    """Every import of the house, ``(importing module, imported module)``, those inside functions too."""
    for floor in FLOORS:
        for file in (ROOT / floor).rglob("*.py"):
            module = ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Import):
                    yield from ((module, alias.name) for alias in node.names)
                elif isinstance(node, ast.ImportFrom):
                    assert node.level == 0, f"{module} imports relatively"
                    assert node.module is not None
                    yield module, node.module
                    yield from ((module, f"{node.module}.{alias.name}") for alias in node.names)


def allowed(importer: str, imported: str) -> bool:
    """The one rule of the house, for imports of its own modules."""
    from_floor, to_floor = importer.split(".")[0], imported.split(".")[0]
    if from_floor != to_floor:
        return (
            to_floor in {"api": FLOORS, "indexer": {"bowerbird"}, "search": {"bowerbird"}, "bowerbird": ()}[from_floor]
        )
    if from_floor != "bowerbird" or importer == "bowerbird.wiring":
        return True
    room, other = importer.split(".")[1:2], imported.split(".")[1:2]
    if f"bowerbird.{''.join(room)}" in VOCABULARY:
        return f"bowerbird.{''.join(other)}".rstrip(".") in VOCABULARY
    return room == other or f"bowerbird.{''.join(other)}".rstrip(".") in VOCABULARY


def test_imports_run_downwards():
    own = [(importer, imported) for importer, imported in imports() if imported.split(".")[0] in FLOORS]
    assert len(own) > 100
    assert [pair for pair in own if not allowed(*pair)] == []


@pytest.mark.parametrize(
    ("importer", "imported"),
    [
        ("search.fuse", "indexer.scan"),
        ("indexer.scan", "search"),
        ("bowerbird.media.picture.pictures", "bowerbird.models.registry"),
        ("bowerbird.store.catalog", "bowerbird.wiring"),
        ("bowerbird.types", "bowerbird.store"),
        ("bowerbird.wiring", "indexer"),
        ("search.service", "api.cli"),
    ],
)
def test_the_rule_forbids(importer, imported):
    assert not allowed(importer, imported)


def test_no_module_knows_the_tests():
    assert not [pair for pair in imports() if pair[1].split(".")[0] in {"tests", "benchmarks", "migrations"}]


def test_help_imports_nothing_heavy():
    heavy = {"numpy", "torch", "PIL", "sqlalchemy", "openvino", "faiss", "pydantic", "indexer", "search"}
    heavy |= {"openai", "httpx2", "transformers"}
    code = (
        "import sys; sys.argv = ['bowerbird', '--help']\n"
        "from api.cli import main\n"
        "try: main()\n"
        "except SystemExit as end: assert end.code in (0, None), end.code\n"
        f"print('HEAVY', sorted(set(sys.modules) & {heavy!r}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "HEAVY []" in done.stdout
    assert "Start with" in done.stdout


def test_no_module_holds_two_ideas():
    long = {
        str(file.relative_to(ROOT)): lines
        for floor in FLOORS
        for file in (ROOT / floor).rglob("*.py")
        if (lines := len(file.read_text(encoding="utf-8").splitlines())) > 350
    }
    assert long == {}
