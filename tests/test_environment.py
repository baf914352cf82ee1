"""The ways to install this say the same: pyproject.toml, requirements.lock, the Makefile and environment.yml."""

import re
import subprocess
import sys
import tomllib
from itertools import chain
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCK = (ROOT / "requirements.lock").read_text()
PINS = dict(re.findall(r"^([\w.-]+)==([\w.+!]+)", LOCK, re.MULTILINE))


def test_conda_takes_its_packages_from_the_lock_and_its_python_from_what_that_was_made_for():
    *conda, pip = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    made_for = re.search(r"--python-version (\S+)", (ROOT / "Makefile").read_text())[1]
    assert conda == [f"python={made_for}", "pip"]
    assert pip == {"pip": ["--require-hashes", "-r requirements.lock"]}
    assert made_for in SpecifierSet(PROJECT["project"]["requires-python"])


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
def test_the_python_versions_of_the_readme_are_those_of_the_project(version):
    assert version in SpecifierSet(PROJECT["project"]["requires-python"])
    assert "Python 3.11 to 3.13" in (ROOT / "README.md").read_text()


def test_the_lock_pins_all_that_the_project_asks_for_by_hash_and_names_no_registry():
    groups = PROJECT["dependency-groups"]
    for requirement in map(Requirement, chain(PROJECT["project"]["dependencies"], *groups.values())):
        assert PINS[canonicalize_name(requirement.name)] in requirement.specifier, requirement
    assert all("--hash=sha256:" in pin for pin in re.split(r"^(?=\S)", LOCK, flags=re.MULTILINE) if pin[:1].isalnum())
    assert all(f" --group {name}" in (ROOT / "Makefile").read_text() for name in groups)
    assert "://" not in LOCK


def test_a_chapter_opens_as_a_notebook_from_the_lock():
    assert {"jupyterlab", "jupytext", "ipykernel"} <= set(PINS)


def test_the_workflow_that_publishes_the_book_is_one():
    """By the schema of GitHub's workflows, which the linter brings along."""
    workflows = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
    linter = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows"]
    done = subprocess.run([*linter, *workflows], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    run = [
        step["run"]
        for job in yaml.safe_load(workflows[0].read_text())["jobs"].values()
        for step in job["steps"]
        if "run" in step
    ]
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert run
    assert {command.removeprefix("make ") for command in run} <= set(targets)
