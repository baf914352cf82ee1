"""The changelog: it names commits that exist, and each that replaced records or raised an experiment's version."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NAMED = set(re.findall(r"`([0-9a-f]{7})`", (ROOT / "CHANGELOG.md").read_text()))


def git(*words):
    return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()


@pytest.fixture(scope="module")
def written():
    """The commit that wrote the changelog last; what came later is for its next edition."""
    try:
        if git("rev-parse", "--is-shallow-repository") == ["true"]:
            pytest.skip("the history is not here: git fetch --unshallow")
        return (git("log", "-1", "--format=%H", "--", "CHANGELOG.md") or ["HEAD"])[0]
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no git repository")


def test_the_commits_named_are_in_the_history(written):
    assert NAMED <= {commit[:7] for commit in git("log", "--format=%H", "HEAD")}
    assert len(NAMED) > 10


def test_every_commit_that_replaced_records_is_named(written):
    replaced = git("log", "--diff-filter=MD", "--no-renames", "--format=%H", written, "--", "results/**/*.parquet")
    assert {commit[:7] for commit in replaced} - NAMED == set()


def test_every_commit_that_raised_a_version_is_named(written):
    higher = "-G^VERSION = ([2-9]|1[0-9])"
    raised = git("log", higher, "--format=%H", written, "--", "notebooks/experiments", "workflow")
    assert {commit[:7] for commit in raised} - NAMED == set()
