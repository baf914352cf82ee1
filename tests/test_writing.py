"""Files that appear whole or not at all, files held alone, and changes that wait for each other."""

import multiprocessing

import pytest

from lib import writing


def test_a_file_takes_its_place_once_it_is_written(tmp_path):
    path = tmp_path / "new" / "a.npz"
    with writing.whole(path) as partial:
        partial.write_text("whole")
        assert not path.exists()
        assert partial.parent == path.parent  # of one disk
        assert partial.suffix == ".npz"
    assert path.read_text() == "whole"
    assert list(path.parent.iterdir()) == [path]


def test_what_fails_leaves_the_older_file_and_nothing_beside_it(tmp_path):
    path = tmp_path / "a"
    path.write_text("older")

    def interrupted():
        with writing.whole(path) as partial:
            partial.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_text() == "older"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("path", ["~", "~/a", "~me/a"])
def test_a_tilde_that_no_shell_replaced_is_refused(path):
    with pytest.raises(ValueError, match=f"out must be a whole path, got '{path}'"):
        writing.check_home("out", path)


def test_a_tilde_elsewhere_is_a_letter_like_another():
    for path in ("~a", "a/~/b", "a~/b"):
        writing.check_home("out", path)


def test_a_file_is_held_by_one_and_for_as_long_as_it_is_open(tmp_path):
    path = tmp_path / "new" / "lock"
    with writing.held(path, "it is taken"), pytest.raises(ValueError, match="it is taken"):
        writing.held(path, "it is taken")
    path.write_text("kept")
    with writing.held(path, "it is taken"):
        assert path.read_text() == "kept"


def test_a_file_that_was_renamed_before_it_was_locked_is_not_held(tmp_path, monkeypatch):
    path, flock = tmp_path / "lock", writing.fcntl.flock
    monkeypatch.setattr(writing.fcntl, "flock", lambda *own: path.rename(tmp_path / "done") and flock(*own))
    with pytest.raises(ValueError, match="it is taken"):
        writing.held(path, "it is taken")


def test_a_place_without_locks_or_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="file/lock must be a file that can be written and locked, got: File exists"):
        writing.held(tmp_path / "file" / "lock", "it is taken")

    def unknown(file, how):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(writing.fcntl, "flock", unknown)
    with pytest.raises(ValueError, match=r"lock must be .*, got: Operation not supported"):
        writing.held(tmp_path / "lock", "it is taken")


def _count(path, times):
    for _ in range(times):
        with writing.alone(path):
            path.write_text(str(int(path.read_text()) + 1))


def test_changes_by_several_processes_wait_for_each_other_and_leave_no_lock(tmp_path):
    path = tmp_path / "count"
    path.write_text("0")
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=_count, args=(path, 200)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert path.read_text() == "600"
    assert list(tmp_path.iterdir()) == [path]


def test_who_waited_for_a_lock_that_was_removed_does_not_go_on_beside_who_made_it_anew(tmp_path, monkeypatch):
    path, flock, opened = tmp_path / "new" / "a", writing.fcntl.flock, []

    def removed_at_first(file, how):
        if not opened:
            (path.parent / ".a.lock").unlink()
        opened.append(file)
        flock(file, how)

    monkeypatch.setattr(writing.fcntl, "flock", removed_at_first)
    with writing.alone(path):
        assert len(opened) == 2
        assert (path.parent / ".a.lock").exists()


def test_an_error_in_a_change_ends_its_wait(tmp_path):
    def changed():
        with writing.alone(tmp_path / "a"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        changed()
    assert not list(tmp_path.iterdir())
