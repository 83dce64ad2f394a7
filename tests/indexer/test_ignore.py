"""Ignore rules, held against git itself."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indexer.ignore import IGNORE_FILE, SYSTEM_NAMES, IgnoreRules
from indexer.scan import ScannedFile, Target, Unreadable, scan
from tests.indexer.test_scan import make, root_at

TREE = [
    "a.txt",
    "b.txt",
    "notes.md",
    "build/out.txt",
    "build/deep/out.txt",
    "src/build/x.txt",
    "src/a.txt",
    "src/lib/a.txt",
    "src/lib/b.md",
    "docs/a.txt",
    "docs/private/a.txt",
    "docs/private/keep.txt",
    "logs/1.log",
    "logs/22.log",
    "logs/x.log",
    "with space.txt",
    "trailing .txt",
    "#hash.txt",
    "!bang.txt",
    "[set].txt",
    "star*.txt",
    "UPPER.TXT",
    "back\\slash.txt",
]

# Each case: rule files by folder.
CASES: list[dict[str, str]] = [
    {"": "*.txt"},
    {"": "a.txt"},
    {"": "/a.txt"},
    {"": "src/a.txt"},
    {"": "build"},
    {"": "build/"},
    {"": "/build/"},
    {"": "build/*"},
    {"": "build/*\n!build/out.txt"},
    {"": "build/\n!build/out.txt"},
    {"": "**/build"},
    {"": "**/a.txt"},
    {"": "src/**"},
    {"": "src/**/a.txt"},
    {"": "docs/**/keep.txt"},
    {"": "*.txt\n!keep.txt"},
    {"": "*\n!*.md"},
    {"": "*\n!*/\n!*.md"},
    {"": "/*\n!/src\n/src/*\n!/src/lib"},
    {"": "logs/?.log"},
    {"": "logs/[0-9].log"},
    {"": "logs/[!0-9].log"},
    {"": "logs/[^0-9].log"},
    {"": "logs/[[:digit:]].log"},
    {"": "logs/*.log\n!logs/[[:alpha:]].log"},
    {"": "# a comment\n\n   \na.txt"},
    {"": "\\#hash.txt"},
    {"": "#hash.txt"},
    {"": "\\!bang.txt"},
    {"": "!bang.txt"},
    {"": "[[]set].txt"},
    {"": "\\[set\\].txt"},
    {"": "star\\*.txt"},
    {"": "with space.txt   "},
    {"": "trailing\\ .txt"},
    {"": "upper.txt"},
    {"": "back\\\\slash.txt"},
    {"": "a.txt\r\nb.txt\r\n"},
    {"": "\ufeffa.txt"},
    {"": "a.txt\n!a.txt\na.txt"},
    {"": "!"},
    {"": "a.txt\\"},
    {"": "[z-a]\nb.txt"},
    {"": "["},
    {"": "/"},
    {"": "//a.txt"},
    {"": "docs/private/"},
    {"": "*.txt", "docs": "!a.txt"},
    {"": "*.txt", "docs": "!*.txt", "docs/private": "a.txt"},
    {"src": "/a.txt"},
    {"src": "a.txt", "src/lib": "!a.txt"},
    {"docs": "private/a.txt"},
    {"docs": "private\n!private"},
    {"": "lib/a.txt"},
    {"": "**"},
    {"": "src/*/a.txt"},
    {"": "**/lib/**"},
    {"": "*.[tm][xd]*"},
]

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is what the rules are held against")


def rules(root: Path, files: dict[str, str]) -> None:
    """Lay down these ignore files and no others."""
    for old in root.rglob(IGNORE_FILE):
        old.unlink()
    for folder, text in files.items():
        (root / folder / IGNORE_FILE).write_bytes(text.encode())


def seen(root: Path) -> set[str]:
    found = list(scan(Target(root_at(root)), reads=lambda _: True, hidden=False))
    assert not [each for each in found if isinstance(each, Unreadable)]
    return {each.path for each in found if isinstance(each, ScannedFile)}


def seen_by_git(root: Path) -> set[str]:
    """What git finds where its ignore files are called as ours."""
    said = subprocess.run(
        ["git", "--work-tree", root, "ls-files", "-z", "--others", f"--exclude-per-directory={IGNORE_FILE}"],
        cwd=root,
        env={
            "PATH": os.environ["PATH"],
            "GIT_DIR": str(root.with_name("git")),
            "GIT_CONFIG_NOSYSTEM": "1",
            "HOME": "/",
        },
        check=True,
        capture_output=True,
    ).stdout
    names = {os.fsdecode(name) for name in said.split(b"\0") if name}
    return {name for name in names if Path(name).name != IGNORE_FILE}


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("ignore") / "tree"
    for name in TREE:
        make(root / name)
    if shutil.which("git"):
        subprocess.run(["git", "init", "-q", "--bare", root.with_name("git")], check=True)
    return root


@needs_git
@pytest.mark.parametrize("files", CASES, ids=lambda files: " | ".join(map(repr, files.values())))
def test_the_rules_mean_what_they_mean_to_git(tree, files):
    rules(tree, files)
    assert seen(tree) == seen_by_git(tree)


likely = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["", "", "!", "/", "!/", "**/", "#"]),
    st.sampled_from(["a.txt", "*.txt", "build", "src", "lib", "docs", "*", "**", "?.log", "[a-b].*", "src/*", "o*t"]),
    st.sampled_from(["", "", "/", "/*", "/**", "/a.txt"]),
    st.sampled_from(["", "", " ", "\r"]),
)
unlikely = st.text(alphabet="ab*?[]!^-\\/.# ", max_size=8)
lines = st.lists(likely | unlikely | unlikely.map("[{}]*".format), max_size=5).map("\n".join)


@needs_git
@settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(st.dictionaries(st.sampled_from(["", "src", "src/lib", "docs", "docs/private", "build"]), lines, max_size=3))
def test_any_rules_mean_what_they_mean_to_git(tree, files):
    rules(tree, files)
    assert seen(tree) == seen_by_git(tree)


def test_a_question_mark_is_a_character_where_git_means_a_byte(tmp_path):
    for name in ("é.txt", "雪.txt", "ab.txt", "ü.md"):
        make(tmp_path / name)
    rules(tmp_path, {"": "?.txt\nü*"})
    assert seen(tmp_path) == {"ab.txt"}


def test_hidden_and_system_names_are_left_out_unless_hidden_is_asked_for(tmp_path):
    for name in ("seen.txt", ".hidden.txt", ".folder/a.txt", *(f"{name}/a.txt" for name in sorted(SYSTEM_NAMES))):
        make(tmp_path / name)
    target = Target(root_at(tmp_path))
    assert [each.path for each in scan(target, reads=lambda _: True, hidden=False)] == ["seen.txt"]
    found = [each.path for each in scan(target, reads=lambda _: True, hidden=True)]
    assert sorted(found) == [".folder/a.txt", ".hidden.txt", "seen.txt"]


def test_what_names_an_ignore_file_but_is_none(tmp_path):
    make(tmp_path / "folder" / "a.txt")
    make(tmp_path / "pipe" / "a.txt")
    make(tmp_path / "link" / "a.txt")
    (tmp_path / "folder" / IGNORE_FILE).mkdir()
    os.mkfifo(tmp_path / "pipe" / IGNORE_FILE)
    (tmp_path / "link" / IGNORE_FILE).symlink_to("nowhere")
    assert seen(tmp_path) == {"folder/a.txt", "link/a.txt", "pipe/a.txt"}


def test_an_ignore_file_that_cannot_be_read_keeps_its_folder_out(tmp_path, monkeypatch):
    """Or what somebody wanted to stay out would come in."""
    make(tmp_path / "a.txt")
    make(tmp_path / "private" / "a.txt")
    (tmp_path / "private" / IGNORE_FILE).write_text("*")
    real = Path.read_text

    def denied(path, *args, **options):
        if path.name == IGNORE_FILE:
            raise PermissionError(13, "Permission denied")
        return real(path, *args, **options)

    monkeypatch.setattr(Path, "read_text", denied)
    everything = {"reads": lambda _: True, "hidden": False}
    found = list(scan(Target(root_at(tmp_path)), **everything))
    assert [(type(each), each.path) for each in found] == [(ScannedFile, "a.txt"), (Unreadable, "private")]
    assert isinstance(next(scan(Target(root_at(tmp_path), "private/a.txt"), **everything)), Unreadable)


def test_ignore_files_of_any_bytes_harm_nothing(tmp_path, recwarn):
    make(tmp_path / "a.txt")
    noise = random.Random(0).randbytes(2000)
    for content in (b"\xff\xfe\x00", b"[[:foo:]]\n[[]\n[a--b]", b"\x00", noise, b"(" * 500, b"*" * 300):
        (tmp_path / IGNORE_FILE).write_bytes(content)
        IgnoreRules(hidden=False).within(tmp_path, "").ignore("a.txt", folder=False)
    assert not recwarn.list
