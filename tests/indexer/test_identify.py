"""What costs work and what does not: the encoder and the decoders count."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from indexer import identify, pipeline, segment
from tests.indexer.workshop import Workshop


@pytest.fixture
def filled(workshop: Workshop) -> Workshop:
    """Three pictures and two notes, indexed."""
    for number in range(3):
        workshop.picture(f"{number}.png", number)
    workshop.text("notes/a.txt", "The tide was out. We walked as far as the lighthouse.")
    workshop.text("notes/b.md", "# Bread\n\nFlour, water, salt and patience.")
    report = workshop.index()
    assert (report.seen, report.indexed, report.segments) == (5, 5, 5)
    assert workshop.encoded == 5
    return workshop


def costs_nothing(workshop: Workshop) -> bool:
    return workshop.encoded == 0 and workshop.decoded == []


def test_unchanged_files_cost_nothing(filled):
    before = filled.alive()
    report = filled.index()
    assert (report.reused, report.indexed, report.moved, report.removed) == (5, 0, 0, 0)
    assert costs_nothing(filled)
    assert filled.alive() == before


def test_unchanged_files_are_not_even_opened(filled, monkeypatch):
    monkeypatch.setattr(identify, "sha256_of", lambda path: pytest.fail(f"{path} was read"))
    assert filled.index().reused == 5


def test_a_touched_file_is_reused_and_its_time_noted(filled, monkeypatch):
    filled.tick(filled.media / "0.png")
    assert filled.index().reused == 5
    assert costs_nothing(filled)
    monkeypatch.setattr(identify, "sha256_of", lambda path: pytest.fail(f"{path} was read once more"))
    filled.index()


@pytest.mark.parametrize("target", ["renamed.png", "deeper/still/0.png", "0 (copy).PNG"])
def test_a_renamed_file_is_moved(filled, target):
    old = filled.media / "0.png"
    (filled.media / target).parent.mkdir(parents=True, exist_ok=True)
    old.rename(filled.media / target)
    report = filled.index()
    assert (report.moved, report.reused, report.indexed, report.removed) == (1, 4, 0, 0)
    assert costs_nothing(filled)
    assert target in filled.names()
    assert "0.png" not in filled.names()


def test_a_folder_that_was_renamed(filled):
    (filled.media / "notes").rename(filled.media / "papers")
    assert filled.index().moved == 2
    assert costs_nothing(filled)


def test_a_move_between_roots_is_a_move_though_only_one_is_indexed(filled):
    other = filled.folder / "other"
    other.mkdir()
    (filled.media / "1.png").rename(other / "1.png")
    assert filled.index(other).moved == 1
    assert costs_nothing(filled)
    assert str(filled.media / "1.png") not in filled.found()


def test_index_a_mv_a_b_index_b_is_all_moved(filled):
    before = {os.path.relpath(path, filled.media): hash_ for path, hash_ in filled.found().items()}
    elsewhere = filled.folder / "elsewhere"
    filled.media.rename(elsewhere)
    report = filled.index(elsewhere)
    assert (report.seen, report.moved, report.indexed, report.reused, report.failed) == (5, 5, 0, 0, ())
    assert costs_nothing(filled)
    assert {os.path.relpath(path, elsewhere): hash_ for path, hash_ in filled.found().items()} == before
    with filled.library.catalog.read() as tx:
        assert [root.path for root in tx.roots.all()] == [str(elsewhere)]


def test_index_a_mv_a_into_another_root(filled):
    shelf = filled.folder / "shelf"
    shelf.mkdir()
    filled.index(shelf)
    filled.media.rename(shelf / "media")
    report = filled.index(shelf / "media")
    assert (report.moved, report.indexed) == (5, 0)
    assert costs_nothing(filled)


def test_a_copy_is_reused_and_found_in_both_places(filled):
    shutil.copyfile(filled.media / "0.png", filled.media / "copy.png")
    report = filled.index()
    assert (report.reused, report.moved) == (6, 0)
    assert costs_nothing(filled)
    assert {"0.png", "copy.png"} <= set(filled.names())


def test_a_copy_of_a_file_that_was_touched_in_the_same_run_leaves_it_where_it_is(filled):
    """The catalogue knows the touched file by its old time only, and yet it has not moved."""
    shutil.copyfile(filled.media / "1.png", filled.media / "0a.png")
    shutil.copyfile(filled.media / "1.png", filled.media / "9.png")
    filled.tick(filled.media / "1.png")
    report = filled.index()
    assert (report.reused, report.moved) == (7, 0)
    assert {"0a.png", "1.png", "9.png"} <= set(filled.names())


def test_a_hard_link_is_a_copy(filled):
    os.link(filled.media / "0.png", filled.media / "link.png")
    assert filled.index().reused == 6
    assert costs_nothing(filled)


def test_a_deleted_file_leaves_and_comes_back_with_its_vectors(filled):
    content = (filled.media / "0.png").read_bytes()
    before = filled.alive()
    (filled.media / "0.png").unlink()
    assert filled.index().removed == 1
    assert "0.png" not in filled.names()
    path = filled.media / "0.png"
    path.write_bytes(content)
    os.utime(path, ns=(1_700_000_001 * 10**9,) * 2)  # as it was made
    assert filled.index().reused == 5
    assert costs_nothing(filled)
    assert filled.alive() == before


def test_what_was_deleted_is_forgotten_when_its_time_is_up(filled):
    filled.library.settings.index.keep_removed_days = 0
    content = (filled.media / "0.png").read_bytes()
    (filled.media / "0.png").unlink()
    filled.index()
    (filled.media / "0.png").write_bytes(content)
    assert filled.index().indexed == 1
    assert filled.encoded == 1


def test_a_to_b_with_a_new_a_in_its_place(filled):
    (filled.media / "0.png").rename(filled.media / "1b.png")
    filled.picture("0.png", 77)
    report = filled.index()
    assert (report.indexed, report.moved, report.reused) == (1, 1, 4)
    assert filled.encoded == 1
    assert {"0.png", "1b.png"} <= set(filled.names())


def test_a_to_a_later_name_and_to_an_earlier_one(filled):
    (filled.media / "1.png").rename(filled.media / "0b.png")
    filled.picture("1.png", 77)
    assert filled.index().moved == 1
    assert {"0b.png", "1.png"} <= set(filled.names())


def test_two_files_that_change_places(filled):
    before = filled.found()
    first, second = filled.media / "0.png", filled.media / "1.png"
    first.rename(filled.media / "x")
    second.rename(first)
    (filled.media / "x").rename(second)
    report = filled.index()
    assert (report.indexed, report.moved, report.reused) == (0, 2, 3)
    assert costs_nothing(filled)
    after = filled.found()
    assert after[str(first)] == before[str(second)]
    assert after[str(second)] == before[str(first)]
    assert len(after) == len(before)


def test_two_copies_that_were_both_renamed(filled):
    shutil.copyfile(filled.media / "0.png", filled.media / "0c.png")
    filled.index()
    (filled.media / "0.png").rename(filled.media / "y.png")
    (filled.media / "0c.png").rename(filled.media / "z.png")
    report = filled.index()
    assert (report.moved, report.removed) == (2, 0)
    assert costs_nothing(filled)
    assert filled.names() == ["1.png", "2.png", "notes/a.txt", "notes/b.md", "y.png", "z.png"]


def test_one_of_three_copies_renamed_once_and_copied_once(filled):
    for name in ("0c.png", "0d.png"):
        shutil.copyfile(filled.media / "0.png", filled.media / name)
    filled.index()
    (filled.media / "0d.png").rename(filled.media / "y.png")
    shutil.copyfile(filled.media / "0.png", filled.media / "z.png")
    report = filled.index()
    assert (report.moved, report.removed, report.indexed) == (1, 0, 0)
    assert {"0.png", "0c.png", "y.png", "z.png"} <= set(filled.names())
    assert "0d.png" not in filled.names()


def test_changed_content_is_encoded_and_the_old_is_no_longer_found(filled):
    before = filled.found()
    filled.picture("0.png", 99)
    report = filled.index()
    assert (report.indexed, report.reused, report.removed) == (1, 4, 0)
    assert filled.encoded == 1
    after = filled.found()
    assert after[str(filled.media / "0.png")] != before[str(filled.media / "0.png")]
    assert before[str(filled.media / "0.png")] not in "".join(filled.alive())


# --- what fails ----------------------------------------------------------------------------------


def test_a_file_replaced_by_a_broken_one_is_no_longer_found(filled):
    filled.broken("0.png")
    report = filled.index()
    assert [Path(each.path).name for each in report.failed] == ["0.png"]
    assert report.failed[0].stage == "decode"
    assert "0.png" not in filled.names()


def test_a_failure_is_told_every_time_and_tried_once(filled):
    filled.broken("bad.png")
    first = filled.index()
    assert filled.decoded == ["bad.png"]
    second = filled.index()
    assert filled.decoded == []
    assert second.failed == first.failed
    filled.tick(filled.media / "bad.png")  # touched, yet the same bytes
    assert filled.index().failed == first.failed
    assert filled.decoded == []
    assert filled.index(retry_failed=True).failed == first.failed
    assert filled.decoded == ["bad.png"]


def test_a_failed_file_that_changes_is_tried_again(filled):
    filled.broken("bad.png")
    filled.index()
    filled.picture("bad.png", 50)
    report = filled.index()
    assert (report.indexed, report.failed) == (1, ())
    with filled.library.catalog.read() as tx:
        assert list(tx.failures.all()) == []


def test_a_failed_file_that_is_gone_is_told_no_more(filled):
    filled.broken("bad.png")
    filled.index()
    (filled.media / "bad.png").unlink()
    assert filled.index().failed == ()
    with filled.library.catalog.read() as tx:
        assert list(tx.failures.all()) == []


def test_a_limit_that_was_raised_gives_a_failed_file_another_try(filled):
    limits = filled.library.settings.decode
    note = filled.text("long.txt", "A line of some length.\n" * 10)
    filled.library.settings.decode = limits.model_copy(update={"max_text_mb": 1e-5})
    os.truncate(note, 17 << 20)  # over what the lent pool takes
    filled.index()
    assert filled.decoded == ["long.txt"]
    filled.library.settings.decode = limits
    filled.index()
    assert filled.decoded == ["long.txt"]
    filled.index()
    assert filled.decoded == []


def test_what_could_not_be_read_is_looked_at_every_time(filled, monkeypatch):
    """Permission comes back without the file changing."""
    filled.picture("new.png", 60)
    real = identify.sha256_of

    def denied(file):
        if file.name == "new.png":
            raise PermissionError(13, "Permission denied")
        return real(file)

    monkeypatch.setattr(identify, "sha256_of", denied)
    report = filled.index()
    assert [(each.stage, each.reason) for each in report.failed] == [("read", "permission denied; make it readable")]
    monkeypatch.undo()
    report = filled.index()
    assert (report.indexed, report.failed) == (1, ())


def test_what_cannot_be_read_just_now_is_not_taken_out(filled, monkeypatch):
    monkeypatch.setattr(segment, "VERSION", segment.VERSION + 1)  # so that notes have to be read again
    with monkeypatch.context() as patch:
        patch.setattr(
            identify, "sha256_of", lambda file: (_ for _ in ()).throw(PermissionError(13, "Permission denied"))
        )
        assert len(filled.index().failed) == 2
    assert {"notes/a.txt", "notes/b.md"} <= set(filled.names())
    assert filled.index().indexed == 2


def test_copies_of_a_broken_file_are_tried_once(workshop):
    for number in range(70):  # more than are in flight at once
        workshop.broken(f"{number:02}.png")
    report = workshop.index()
    assert len(report.failed) == 70
    assert len(workshop.decoded) == 1
    assert workshop.index().failed == report.failed
    assert workshop.decoded == []


def test_the_same_bytes_fail_as_a_picture_and_are_well_as_a_note(workshop):
    """Empty files above all: every folder has some, and they all have one hash."""
    for name in ("a.png", "b.txt", "c.png", "d.txt"):
        workshop.broken(name, b"")
    report = workshop.index()
    assert [Path(each.path).name for each in report.failed] == ["a.png", "c.png"]
    assert workshop.names() == ["b.txt", "d.txt"]
    assert len(workshop.index().failed) == 2


# --- what is stale -------------------------------------------------------------------------------


def test_a_newer_way_to_cut_text_makes_texts_anew_and_nothing_else(filled, monkeypatch):
    monkeypatch.setattr(segment, "VERSION", segment.VERSION + 1)
    report = filled.index()
    assert (report.indexed, report.reused) == (2, 3)
    assert filled.decoded == ["a.txt", "b.md"]
    assert filled.index().reused == 5
    assert costs_nothing(filled)


def test_making_anew_replaces_what_was_made(filled, monkeypatch):
    filled.text("long.txt", " ".join(f"This is sentence number {number}." for number in range(120)))
    assert filled.index().segments > 2
    monkeypatch.setattr(segment, "VERSION", segment.VERSION + 1)
    monkeypatch.setattr(segment, "CAPACITY", 1e9)
    monkeypatch.setattr(segment.passages, "__defaults__", (1e9, 0.0))
    assert filled.index().segments == 3
    expected = filled.fresh("expected")
    filled.index(library=expected)
    assert filled.alive() == filled.alive(expected)
    expected.close()


# --- within one run ------------------------------------------------------------------------------


def test_duplicates_of_one_run_are_encoded_once(workshop):
    for number in range(70):
        workshop.picture(f"{number:02}.png", number % 2)
    report = workshop.index()
    assert (report.indexed, report.reused, report.segments) == (2, 68, 2)
    assert len(workshop.decoded) == workshop.encoded == 2
    assert len(workshop.names()) == 70


def test_many_copies_are_looked_for_once(workshop, monkeypatch):
    """Otherwise n copies of an icon cost n² looks at the disk."""
    for number in range(60):
        workshop.picture(f"{number:02}.png", 1)
    workshop.index()
    for number in range(60, 120):
        workshop.picture(f"{number:02}.png", 1)
    looks = []
    real = identify._has_left
    monkeypatch.setattr(identify, "_has_left", lambda copy, digest: looks.append(copy) or real(copy, digest))
    assert workshop.index().reused == 120
    assert len(looks) <= 61


def test_a_file_that_changes_while_it_is_read_is_told_and_not_kept(workshop, monkeypatch):
    workshop.picture("a.png", 1)
    restless = workshop.picture("b.png", 2)
    real = pipeline.changed_since

    def changed(file):
        if file.path == "b.png":
            workshop.tick(restless)
        return real(file)

    monkeypatch.setattr(pipeline, "changed_since", changed)
    report = workshop.index()
    assert [(Path(each.path).name, each.stage) for each in report.failed] == [("b.png", "read")]
    assert "index again" in report.failed[0].reason
    assert workshop.names() == ["a.png"]
    monkeypatch.undo()
    report = workshop.index()
    assert (report.indexed, report.reused, report.failed) == (1, 1, ())


@pytest.mark.parametrize("broken", [False, True])
def test_copies_of_a_file_that_changes_while_it_is_read_are_read_in_its_place(workshop, monkeypatch, broken):
    for name in ("a.png", "b.png", "c.png"):
        workshop.broken(name) if broken else workshop.picture(name, 1)
    real = pipeline.changed_since

    def changed(file):
        if file.path == "a.png":
            workshop.picture("a.png", 2)
        return real(file)

    monkeypatch.setattr(pipeline, "changed_since", changed)
    report = workshop.index()
    assert (report.indexed, report.reused) == ((0, 0) if broken else (1, 1))
    assert [Path(each.path).name for each in report.failed] == (["a.png", "b.png", "c.png"] if broken else ["a.png"])
    assert workshop.names() == ([] if broken else ["b.png", "c.png"])


def test_a_file_that_vanishes_while_it_is_read(workshop, monkeypatch):
    workshop.picture("a.png", 1)
    fleeting = workshop.picture("b.png", 2)
    real = identify.sha256_of

    def read(file):
        digest = real(file)
        if file.name == "b.png":
            fleeting.unlink()
        return digest

    monkeypatch.setattr(identify, "sha256_of", read)
    report = workshop.index()
    assert [Path(each.path).name for each in report.failed] == ["b.png"]
    assert workshop.names() == ["a.png"]
