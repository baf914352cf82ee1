"""Files that appear whole or not at all."""

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
