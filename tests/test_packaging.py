"""The wheel: what it carries, and that it works where somebody has modules with our names."""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
import urllib.request
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    call = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(ROOT)]
    done = subprocess.run(call, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = out.glob("bowerbird-*.whl")
    return built


@pytest.fixture(scope="module")
def venv(wheel, tmp_path_factory) -> Path:
    """An environment that holds the wheel and, by reference, the dependencies of this one but not this checkout."""
    folder = tmp_path_factory.mktemp("venv")
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    python = folder / "bin" / "python"
    install = [str(python), "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", str(wheel)]
    subprocess.run(install, check=True)
    purelib = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site = Path(subprocess.run([str(python), "-c", purelib], capture_output=True, text=True, check=True).stdout.strip())
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder


def test_the_wheel_carries_the_house_and_no_tests(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names if ".dist-info" not in name}
    assert tops == {"bowerbird", "indexer", "search", "api"}
    assert any(name.startswith("bowerbird/_migrations/versions/0001") for name in names)
    assert "bowerbird/_migrations/env.py" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert not [name for name in names if name.startswith(("tests", "benchmarks", "samples"))]


def test_the_wheel_names_its_licence_and_program(wheel):
    archive = zipfile.ZipFile(wheel)
    (metadata,) = [name for name in archive.namelist() if name.endswith("METADATA")]
    text = archive.read(metadata).decode()
    assert "License-Expression: Apache-2.0" in text
    assert "Requires-Python: >=3.11" in text
    (entry,) = [name for name in archive.namelist() if name.endswith("entry_points.txt")]
    assert "bowerbird = api.cli:main" in archive.read(entry).decode()


@contextmanager
def served(venv: Path, library: Path, folder: Path) -> Iterator[str]:
    """The installed program as a server, started in ``folder``; gives its address."""
    call = [str(venv / "bin" / "bowerbird"), "serve", "--library", str(library), "--port", "0"]
    with subprocess.Popen(call, stderr=subprocess.PIPE, text=True, cwd=folder) as process:
        try:
            line = process.stderr.readline()
            assert line.startswith("serving "), line + process.stderr.read()
            yield line.split(" at ")[1].split()[0].rstrip("/")
        finally:
            process.terminate()
            assert process.wait(120) in {0, -15}


def test_it_works_from_a_folder_that_holds_somebodys_own_search(venv, tmp_path):
    for name in ("search", "indexer", "api", "bowerbird", "random", "selectors", "migrations"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('somebody else was imported')\n")
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "fern.txt").write_text("The fern wants a larger pot and fresh soil in March.")
    library = tmp_path / "library"

    def run(*arguments: str) -> str:
        call = [str(venv / "bin" / "bowerbird"), "--library", str(library), *arguments]
        done = subprocess.run(call, capture_output=True, text=True, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert json.loads(run("index", "notes", "--encoder", "concepts", "--json"))["indexed"] == 1
    found = json.loads(run("search", "repotting a plant", "--json"))
    assert found["hits"][0]["path"] == str(tmp_path / "notes" / "fern.txt")
    with served(venv, library, tmp_path) as address:
        for path in ("/v1/search?q=repotting+a+plant", "/?q=repotting+a+plant"):
            with urllib.request.urlopen(address + path, timeout=60) as answer:
                assert "fern.txt" in answer.read().decode()
        with urllib.request.urlopen(f"{address}/metrics", timeout=60) as answer:
            assert "bowerbird_requests_total" in answer.read().decode()
    where = subprocess.run(
        [str(venv / "bin" / "python"), "-c", "import bowerbird; print(bowerbird.__file__)"],
        capture_output=True,
        text=True,
        check=True,
        cwd=venv,
    ).stdout
    assert str(venv) in where
