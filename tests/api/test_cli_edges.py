"""Where the command line meets the shell: odd paths, streams and variables, and options that do not apply."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bowerbird.errors import LibraryError
from bowerbird.settings import Settings
from tests.api.conftest import Here

PROGRAM = str(Path(sys.executable).parent / "bowerbird")


@pytest.mark.parametrize(
    "call", [["index", ""], ["watch", ""], ["roots", "add", ""], ["status", "--library", ""], ["serve", "--root", ""]]
)
def test_an_empty_path_names_nothing(here: Here, call: list[str], tmp_path, monkeypatch):
    monkeypatch.setenv("BOWERBIRD_LIBRARY", str(tmp_path / "new"))
    done = here(*call)
    assert done.code == 2
    assert "an empty path names nothing; write . for this folder" in done.err
    assert not (tmp_path / "new").exists()


def test_a_root_that_is_not_there_makes_no_library(here: Here, tmp_path):
    done = here("serve", "--root", tmp_path / "typo", "--library", tmp_path / "new")
    assert done.code == 2
    assert "typo is not there" in done.err
    assert not (tmp_path / "new").exists()


def test_the_small_verbs_take_json(here: Here, real_library):
    where = ("--library", real_library, "--json")
    assert here("saved", "add", "ferns", "a fern", *where).json["saved"]["query"] == {"text": "a fern"}
    assert here("saved", "remove", "ferns", *where).json == {"version": 1, "removed": "ferns"}
    here("keys", "create", "phone", *where)
    assert here("keys", "revoke", "phone", *where).json == {"version": 1, "revoked": "phone"}


@pytest.mark.parametrize("option", [["--cursor", "x"], ["--table"], ["--pictures", "none"], ["--open"]])
@pytest.mark.parametrize("verb", [["facets"], ["saved", "add", "ferns"]])
def test_options_that_cannot_apply_are_refused(here: Here, real_library, verb, option):
    done = here(*verb, "a fern", *option, "--library", real_library)
    assert done.code == 2
    assert f"{option[0]} goes with search" in done.err


def test_facets_take_no_limit(here: Here, real_library):
    assert "--limit goes with search" in here("facets", "fern", "--limit", "3", "--library", real_library).err


def test_a_line_that_begins_with_what_to_be_without(here: Here, real_library):
    done = here("search", "-people beach", "--library", real_library)
    assert done.code == 2
    assert "; to search without it, write -- first: bowerbird search -- '-people beach'. See" in done.err
    assert here("search", "--library", real_library, "--", "-people beach").code == 0
    assert "to search without it, begin with what" in here("facets", "-people x", "--library", real_library).err


def test_variables_that_name_no_setting(here: Here, real_library, monkeypatch):
    where = ("roots", "--library", real_library)
    monkeypatch.setenv("BOWERBIRD_SEARCH__STANDS_OUT", "0.1")
    monkeypatch.setenv("BOWERBIRD_MEDIA__VIDEO", "true")
    assert here(*where).err == ""
    monkeypatch.setenv("BOWERBIRD_SEARCH_STANDS_OUT", "abc")
    said = "bowerbird: no setting is named BOWERBIRD_SEARCH_STANDS_OUT; meant BOWERBIRD_SEARCH__STANDS_OUT?\n"
    assert here(*where).err == said
    assert here("search", "--help").err == ""


def test_a_setting_that_there_is_not(tmp_path):
    (tmp_path / "library.toml").write_text("[search]\nstand_out = 0.2\n")
    with pytest.raises(LibraryError, match="there is no such setting, perhaps 'search\\.stands_out'"):
        Settings.of_library(tmp_path)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
@pytest.mark.parametrize("call", [["--help"], ["formats"]])
def test_a_full_disk_is_no_fault_of_ours(call):
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([PROGRAM, *call], stdout=full, stderr=subprocess.PIPE, text=True, timeout=240)
    assert done.returncode == 3
    assert done.stderr == "bowerbird: no space left on the device; free some and run the same command again\n"


def test_a_closed_stdout_is_no_fault(real_library):
    call = f'exec "{PROGRAM}" search fern --library "{real_library}" >&-'
    done = subprocess.run(["sh", "-c", call], stderr=subprocess.PIPE, text=True, timeout=240)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_server_that_is_ended_by_hand_has_not_failed(real_library):
    call = [PROGRAM, "serve", "--port", "0", "--library", real_library]
    running = subprocess.Popen(call, stderr=subprocess.PIPE, text=True, env=os.environ)
    assert running.stderr is not None
    assert "serving" in running.stderr.readline()
    running.send_signal(signal.SIGINT)
    said = running.communicate(timeout=120)[1]
    assert running.returncode == 0
    assert "stopped serving" in said
    assert "run the same command" not in said
