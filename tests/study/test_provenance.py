"""Provenance: the columns that say where a result comes from, and a hash that depends on the settings alone."""

import subprocess

import numpy as np
import pytest

from lib.study import records
from lib.study.provenance import _code, config_hash, made_by, provenance
from tests.study.test_records import rows


def test_provenance_fills_its_columns():
    found = provenance({"etas": (0.0, 0.01, 1.0)}, "cpu", version=4)
    assert records.validate(rows().assign(**found))["config"].iloc[0] == config_hash({"etas": [0, 0.01, 1]})
    assert found["experiment_version"] == 4
    assert provenance({}, "cpu")["experiment_version"] == 1
    assert found["device"].startswith("cpu: ")
    assert "torch 2." in found["versions"]
    assert found["settings"] == '{"etas": [0, 0.01, 1]}'


def test_code_is_unknown_without_git_and_names_a_commit_with_it(tmp_path, monkeypatch):
    assert _code(tmp_path) == "unknown"
    monkeypatch.setenv("PATH", str(tmp_path))
    assert _code() == "unknown"


def test_the_hash_depends_on_the_settings_alone():
    same = [{"a": 1, "b": (0.5, 2)}, {"b": [0.5, 2.0], "a": np.float64(1)}]
    assert len({config_hash(s) for s in same}) == 1
    different = [{"a": 1}, {"a": 2}, {"b": 1}, {"a": "1"}, {"a": True}, {"a": [1]}, {"a": None}]
    assert len({config_hash(s) for s in different}) == len(different)
    assert config_hash({"eta": 1e-3, "U": [5, 10]}) == "0dd8efd10e02"  # the same on every machine, for ever


def test_settings_that_json_cannot_say_are_refused():
    with pytest.raises(ValueError, match="settings must be made of numbers"):
        config_hash({"f": object()})


def test_code_says_whether_lib_and_notebooks_are_as_committed(tmp_path):
    def git(*words):
        who = ("-c", "user.name=a", "-c", "user.email=a@b")
        subprocess.run(["git", *who, *words], cwd=tmp_path, check=True, capture_output=True)

    git("init")
    for folder in ("lib", "notebooks", "results"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.py").write_text("1")
    git("add", "."), git("commit", "-m", "one")
    commit, state = _code(tmp_path).split()
    assert (len(commit), state) == (12, "clean")
    (tmp_path / "results" / "a.py").write_text("2")  # records that appear beside it change nothing
    assert _code(tmp_path).split()[1] == "clean"
    for folder in ("lib", "notebooks"):
        (tmp_path / folder / "a.py").write_text("2")
        assert _code(tmp_path).split() == [commit, "changed"]
        git("checkout", "--", folder)
    (tmp_path / "lib" / "new.py").write_text("3")
    assert _code(tmp_path).split()[1] == "changed"


def test_what_has_no_settings_says_where_it_was_made():
    assert made_by("cpu").items() <= provenance({}, "cpu").items()
    assert set(made_by("cpu")) == {"device", "versions", "code"}
