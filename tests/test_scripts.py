"""The scripts of a checkout, with a Python that only notes what it is asked to do."""

from __future__ import annotations

import os
import re
import select
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.fixtures.light import FOLDER, Light

ROOT = Path(__file__).resolve().parents[1]
SHELL = sorted([*(ROOT / "scripts").glob("*.sh"), ROOT / ".ci" / "run"])
MNIST = ["train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"]

# Notes its arguments in $CALLS; `-m venv` makes an environment with itself in it; $FAIL is a
# pattern of calls that fail, with $STATUS.
PYTHON = r"""#!/usr/bin/env bash
if [ "$*" = "-m venv .venv" ]; then mkdir -p .venv/bin && cp "$0" .venv/bin/python; fi
[ "$1" = -c ] || echo "$*" >>"$CALLS"
if [[ -n "${FAIL:-}" && "$*" =~ $FAIL ]]; then exit ${STATUS:-1}; fi
"""


@dataclass
class Checkout:
    """A copy of what the scripts need, and the noting Python."""

    folder: Path

    def run(self, script: str, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Run one of the scripts; the notes of earlier runs are gone."""
        self._notes.unlink(missing_ok=True)
        named = {"PYTHON": str(self.folder / "python"), "CALLS": str(self._notes)}
        return subprocess.run(
            ["bash", f"scripts/{script}", *arguments],
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], "HOME": str(self.folder), **named, **env},
            capture_output=True,
            text=True,
            timeout=60,
        )

    @property
    def calls(self) -> list[str]:
        """What Python was asked for in the last run."""
        return self._notes.read_text().splitlines() if self._notes.exists() else []

    @property
    def installs(self) -> list[str]:
        """The calls of pip among them."""
        return [call for call in self.calls if call.startswith("-m pip install")]

    @property
    def _notes(self) -> Path:
        return self.folder / "calls"


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """A checkout without an environment."""
    folder = tmp_path / "checkout"
    shutil.copytree(ROOT / "scripts", folder / "scripts")
    for name in ("pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, folder)
    (folder / "python").write_text(PYTHON)
    (folder / "python").chmod(0o755)
    return Checkout(folder)


@pytest.mark.parametrize("script", SHELL, ids=lambda script: script.name)
def test_bash_understands_it(script: Path) -> None:
    """`bash -n` finds nothing, and nothing that fails on the way is passed over."""
    checked = subprocess.run(["bash", "-n", script], capture_output=True, text=True)
    assert (checked.returncode, checked.stderr) == (0, "")
    sourced = script.name == "debian.sh"
    assert sourced or re.search(r"^set -euo pipefail$|^exec ", script.read_text(), re.M)


@pytest.mark.parametrize("script", SHELL, ids=lambda script: script.name)
def test_no_host_is_named(script: Path) -> None:
    """Mirrors and indexes are this machine's own: apt's and pip's configuration say which."""
    text = script.read_text()
    assert not re.findall(r"\b(?:https?|ftp)://[\w.]+", text)
    assert not re.findall(r"\b[\w-]+\.(?:org|com|net|io|cn|edu)\b", text)


def test_setup_installs_what_constraints_say(checkout: Checkout) -> None:
    """Versions are those of constraints.txt, extras those that were asked for."""
    done = checkout.run("setup.sh", "dev")
    assert (done.returncode, done.stderr) == (0, "")
    (install,) = checkout.installs
    assert "-c constraints.txt" in install
    assert install.endswith("-e .[dev]")
    assert "Ready: .venv with dev" in done.stdout


def test_setup_again_does_nothing(checkout: Checkout) -> None:
    """A second run asks pip for nothing, also for fewer extras than there are."""
    checkout.run("setup.sh", "dev")
    for extras in ([], ["dev"], ["engine"]):
        assert checkout.run("setup.sh", *extras).returncode == 0
        assert not [call for call in checkout.calls if call.startswith("-m")]


def test_setup_adds_extras_to_those_there(checkout: Checkout) -> None:
    """The demo's environment becomes one for tests without losing anything."""
    checkout.run("setup.sh", "engine,images")
    assert checkout.run("setup.sh", "service").returncode == 0
    assert [call.rpartition(" ")[2] for call in checkout.installs] == [".[engine,images,service]"]


@pytest.mark.parametrize("name", ["constraints.txt", "pyproject.toml"])
def test_setup_follows_its_files(checkout: Checkout, name: str) -> None:
    """When versions or dependencies change, the environment does."""
    checkout.run("setup.sh", "dev")
    with (checkout.folder / name).open("a") as file:
        file.write("# changed\n")
    assert checkout.run("setup.sh", "dev").returncode == 0
    assert len(checkout.installs) == 1


def test_setup_of_a_checkout_that_moved(checkout: Checkout) -> None:
    """An environment holds its own path: in another place it is made anew."""
    checkout.run("setup.sh", "dev")
    moved = Checkout(checkout.folder.rename(checkout.folder.parent / "moved"))
    assert moved.run("setup.sh", "dev").returncode == 0
    assert "-m venv .venv" in moved.calls
    assert len(moved.installs) == 1


def test_setup_that_fails_is_not_taken_for_done(checkout: Checkout) -> None:
    """One line says what failed, and the next run tries again."""
    failed = checkout.run("setup.sh", "dev", FAIL="pip install")
    assert failed.returncode == 1
    assert failed.stderr.startswith("setup.sh: error: ")
    assert len(failed.stderr.splitlines()) == 1
    assert checkout.run("setup.sh", "dev").returncode == 0
    assert len(checkout.installs) == 1


def test_tests_end_with_pytests_status(checkout: Checkout) -> None:
    """test.sh hands its arguments to pytest, after its own, and pytest's exit status back."""
    env = {"CAFFE_PREFIX": "/none", "CHROMIUM_PREFIX": "/none"}
    assert checkout.run("test.sh", "-k", "idx", **env).returncode == 0
    workers = len(os.sched_getaffinity(0)) + 1
    ours = f"-n {workers} --dist loadfile --no-loadscope-reorder"
    assert checkout.calls[-1] == f"-m pytest {ours} -k idx"
    assert checkout.run("test.sh", FAIL="pytest", STATUS="5", **env).returncode == 5


@pytest.mark.parametrize("tool", ["ruff check", "ruff format --check", "mypy"])
def test_a_fault_of_style_or_types_fails(checkout: Checkout, tool: str) -> None:
    """The tests run all the same, and the exit status is 1."""
    done = checkout.run("test.sh", CAFFE_PREFIX="/none", CHROMIUM_PREFIX="/none", FAIL=tool)
    assert done.returncode == 1
    kinds = [" ".join(call.split()[1:3]) for call in checkout.calls]
    assert {"ruff check", "ruff format", "mypy", "pytest -n"} <= set(kinds)


def test_tests_run_without_what_cannot_be_installed(checkout: Checkout) -> None:
    """Caffe and Chromium are set up beside pip; one line each says that they are missing."""
    for name in ("caffe", "chromium"):
        (checkout.folder / "scripts" / f"install_{name}.sh").write_text("echo no net >&2; exit 1")
    done = checkout.run("test.sh")
    assert done.returncode == 0
    assert any(call.startswith("-m pytest") for call in checkout.calls)
    missing = [line for line in done.stderr.splitlines() if line.startswith("test.sh: without ")]
    assert [line.split(";")[0].split()[-1] for line in missing] == ["Caffe", "Chromium"]


def test_tests_that_cannot_be_set_up(checkout: Checkout) -> None:
    """Without the environment nothing is tested, and the status is that of setup.sh."""
    for name in ("caffe", "chromium"):
        (checkout.folder / "scripts" / f"install_{name}.sh").write_text("exec sleep 60")
    done = checkout.run("test.sh", FAIL="pip install")
    assert done.returncode == 1
    assert done.stderr.startswith("setup.sh: error: ")
    assert not any("pytest" in call for call in checkout.calls)


def test_demo_trains_on_what_is_named(checkout: Checkout, tmp_path: Path) -> None:
    """MNIST_DIR goes first; the job's store is a folder; a picture is asked about at the end."""
    done = checkout.run("demo.sh", MNIST_DIR=str(tmp_path))
    assert done.returncode == 0, done.stderr
    (train,) = [call for call in checkout.calls if "caffe_mnist.train" in call]
    assert f"--data-url {tmp_path} --train-url demo/mnist/store" in train
    assert checkout.calls[-1].startswith("-m caffe_mnist.predict demo/mnist/store/final ")


def test_demo_takes_mnist_that_lies_beside(checkout: Checkout) -> None:
    """Files in ../shared/mnist are used, and nothing is downloaded."""
    shared = checkout.folder.parent / "shared" / "mnist"
    shared.mkdir(parents=True)
    for name in MNIST:
        (shared / f"{name}-ubyte.gz").touch()
    assert checkout.run("demo.sh").returncode == 0
    assert any("--data-url ../shared/mnist " in call for call in checkout.calls)
    assert not any("mirrors" in call for call in checkout.calls)


def test_demo_without_network(checkout: Checkout) -> None:
    """It says in one line that it goes on with generated digits, and trains on them."""
    done = checkout.run("demo.sh", FAIL="storage.mirrors")
    assert done.returncode == 0, done.stderr
    assert len([line for line in done.stdout.splitlines() if "generated digits" in line]) == 1
    assert any("caffe_mnist.convert digits" in call for call in checkout.calls)
    assert any("--data-url demo/digits/generated " in call for call in checkout.calls)


def test_demo_again_trains_nothing(checkout: Checkout) -> None:
    """What is in the store is used; only the picture is asked about."""
    final = checkout.folder / "demo" / "mnist" / "store" / "final"
    final.mkdir(parents=True)
    (final / "manifest.json").touch()
    done = checkout.run("demo.sh", MNIST_DIR="/none")
    assert done.returncode == 0, done.stderr
    assert "Trained before" in done.stdout
    assert not any("caffe_mnist.train" in call for call in checkout.calls)


def _install_caffe(prefix: Path, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", ROOT / "scripts" / "install_caffe.sh", prefix],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_caffe_is_installed_once(real_caffe: Path) -> None:
    """Where Caffe is, nothing is downloaded or changed."""
    if not (real_caffe.parent / "complete").exists():
        pytest.skip("this Caffe is not of install_caffe.sh")
    before = real_caffe.stat().st_mtime_ns
    done = _install_caffe(real_caffe.parent)
    assert (done.returncode, real_caffe.stat().st_mtime_ns) == (0, before)
    assert done.stdout.startswith("Caffe is installed in ")


def test_caffe_never_replaces_a_foreign_folder(tmp_path: Path) -> None:
    """A folder with other things is refused and left as it is."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis").touch()
    done = _install_caffe(tmp_path / "mine")
    assert done.returncode == 1
    assert "no installation of Caffe" in done.stderr
    assert [path.name for path in tmp_path.rglob("*")] == ["mine", "thesis"]


def test_caffe_without_apt_leaves_nothing(tmp_path: Path) -> None:
    """On other systems one line says what is needed."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("bash", "dirname", "basename", "mkdir", "rm", "rmdir", "cat", "flock"):
        (tools / name).symlink_to(str(shutil.which(name)))
    done = _install_caffe(tmp_path / "caffe", PATH=str(tools))
    assert done.returncode == 1
    assert done.stderr.startswith("install_caffe.sh: error: needs apt")
    assert [path.name for path in tmp_path.iterdir()] == ["bin"]


def test_one_at_a_time_makes_a_folder(tmp_path: Path) -> None:
    """A second installation waits for the first, and has a folder of its own when that is moved."""
    part = tmp_path / "caffe.part"
    wait = (
        f'. {ROOT}/scripts/debian.sh; debian_alone "$1"; echo "has it"; read -r; mv "$1" "$1.done"'
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    command = ["bash", "-c", wait, "bash", str(part)]
    with subprocess.Popen(command, **pipes) as first:
        assert first.stdout.readline() == "has it\n"
        with subprocess.Popen([*command[:-1], str(part)], **pipes) as second:
            assert select.select([second.stdout], [], [], 0.3)[0] == []
            first.communicate("\n", timeout=60)
            assert second.stdout.readline() == "has it\n"
            assert part.is_dir()
            (tmp_path / "caffe.part.done").rmdir()
            second.communicate("\n", timeout=60)
            assert (first.returncode, second.returncode) == (0, 0)


def test_light_is_made_once(light: Light) -> None:
    """What is up to date is not made again."""
    if light.tools is None:
        pytest.skip("$LIGHT_PYTHON was not made by light.sh")
    before = (FOLDER / "installed").stat().st_mtime_ns
    done = subprocess.run(
        ["bash", ROOT / "scripts" / "light.sh", FOLDER], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, f"Ready: {light.python}\n")
    assert (FOLDER / "installed").stat().st_mtime_ns == before
