"""environment.yml, the conda environment: complete, and within what pyproject.toml allows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import tomllib
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]
# What conda calls by another name than PyPI.
CONDA_NAMES = {"lmdb": "python-lmdb"}


def _environment() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "environment.yml").read_text())
    return loaded


def _project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def _conda(entry: str) -> tuple[str, str]:
    """Name and version of a conda entry; conda's `=` means what pip's `==x.*` means."""
    start = next((i for i, letter in enumerate(entry) if letter in "=<>! "), len(entry))
    name, rest = entry[:start], entry[start:].replace(" ", "")
    return name, f"=={rest[1:]}.*" if rest.startswith("=") and rest[1:2] != "=" else rest


def _named() -> dict[str, SpecifierSet]:
    """Everything that the environment names, by conda's and by pip's part, with its versions."""
    entries = _environment()["dependencies"]
    named = {name: SpecifierSet(rest) for name, rest in map(_conda, _texts(entries))}
    for entry in _pip():
        if entry != ".":
            one = Requirement(entry)
            named[one.name] = one.specifier
    return named


def _texts(entries: list[Any]) -> list[str]:
    return [entry for entry in entries if isinstance(entry, str)]


def _pip() -> list[str]:
    (part,) = [entry for entry in _environment()["dependencies"] if isinstance(entry, dict)]
    assert list(part) == ["pip"]
    found: list[str] = part["pip"]
    return found


def _lowest(versions: SpecifierSet) -> Version:
    """The oldest version that a specifier lets in."""
    return min(Version(one.version.replace(".*", "")) for one in versions)


def test_it_is_an_environment_of_conda_forge() -> None:
    """The keys that conda knows; no other channel, which could bring another Caffe or none."""
    environment = _environment()
    assert set(environment) == {"name", "channels", "dependencies"}
    assert environment["name"] == "caffe-mnist"
    assert environment["channels"] == ["conda-forge", "nodefaults"]


def test_it_is_what_the_last_caffe_pins() -> None:
    """Caffe 1.0 and the versions that its build for Python 3.10 is made for."""
    pins = {"python": "3.10", "caffe": "1.0", "protobuf": "3.16", "numpy": "1.21"}
    named = _named()
    assert {name: str(named[name]) for name in pins} == {
        name: f"=={version}.*" for name, version in pins.items()
    }


def test_this_package_comes_by_pip_without_extras() -> None:
    """The checkout itself, last, and pip named among conda's packages as conda asks for."""
    assert _pip()[-1] == "."
    assert "pip" in _texts(_environment()["dependencies"])
    assert not {"torch", "pytorch"} & set(_named())


@pytest.mark.parametrize(
    "requirement", list(map(Requirement, _project()["dependencies"])), ids=lambda one: one.name
)
def test_every_runtime_dependency_is_named(requirement: Requirement) -> None:
    """By conda or by pip, in no version that pyproject.toml would refuse."""
    if requirement.marker and not requirement.marker.evaluate({"python_version": "3.10"}):
        return
    named = _named()
    name = CONDA_NAMES.get(requirement.name, requirement.name)
    assert name in named
    assert _lowest(named[name]) in requirement.specifier


def test_its_python_is_one_that_we_support() -> None:
    """pyproject.toml's requires-python lets it in."""
    assert _lowest(_named()["python"]) in SpecifierSet(_project()["requires-python"])


def test_ci_runs_both_environments() -> None:
    """Each job of the workflow does what its name says, with commands that are there."""
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())
    jobs = {
        name: "\n".join(str(step.get("run", step.get("with"))) for step in job["steps"])
        for name, job in workflow["jobs"].items()
    }
    assert set(jobs) == {"pip", "conda"}
    assert "bash scripts/test.sh" in jobs["pip"]
    assert "environment.yml" in jobs["conda"]
    assert "LIGHT_PYTHON=" in jobs["conda"]
    for word in "\n".join(jobs.values()).split():
        if word.startswith(("tests/", "scripts/")):
            assert (ROOT / word).exists(), word
