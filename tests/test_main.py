"""caffe-mnist: every command under one name, completion, --version."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import caffe_mnist
from caffe_mnist.__main__ import SHELLS, commands, main

COMMAND = [sys.executable, "-m", "caffe_mnist"]
PACKAGE = Path(caffe_mnist.__file__).parent


def _run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *words], capture_output=True, text=True, timeout=120)


def test_every_command_is_listed() -> None:
    """With one line of its own that does not repeat how it is called."""
    done = _run()
    assert done.returncode == 0
    for name in ("convert", "train", "predict", "storage", "watch", "pycaffe", "doctor"):
        assert f"\n  {name} " in done.stdout
    for name, line in commands().items():
        assert line, name
        assert "python -m" not in line
        assert len(line) < 80


def test_a_command_runs_as_by_itself() -> None:
    """The same output and the same exit status."""
    alone = subprocess.run(
        [sys.executable, "-m", "caffe_mnist.net_summary", "nowhere"], capture_output=True, text=True
    )
    through = _run("net-summary", "nowhere")
    assert (alone.returncode, alone.stderr) == (through.returncode, through.stderr)
    assert _run("storage", "--help").returncode == 0
    assert _run("help", "storage").stdout == _run("storage", "--help").stdout


def test_an_unknown_command_is_one_line() -> None:
    """With the name that was probably meant."""
    done = _run("trian")
    assert done.returncode == 2
    assert done.stderr.strip().endswith("there is no command 'trian' (did you mean train?)")


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    """That of the package."""
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"caffe-mnist {caffe_mnist.__version__}\n"


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["tr"], ["train"]),
        (["completion", "b"], ["bash"]),
        (["train", "--train"], ["--train-url"]),
        (["convert", "mn"], ["mnist"]),
        (["convert", "idx", "--shuf"], ["--shuffle"]),
        (["net-summary", "--he"], ["--help"]),
        (["nothing", "x"], [""]),
    ],
)
def test_what_completes(
    words: list[str], offered: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Commands, subcommands and options, from what the commands themselves say."""
    assert main(["--complete", *words]) == 0
    assert capsys.readouterr().out.rstrip("\n").split("\n") == offered


def test_bash_completes(tmp_path: Path) -> None:
    """In a real bash: the word that is begun becomes a command."""
    program = tmp_path / "caffe-mnist"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m caffe_mnist "$@"\n')
    program.chmod(0o755)
    script = """
        export PATH="$1:$PATH"; source <(caffe-mnist completion bash)
        COMP_WORDS=(caffe-mnist compu); COMP_CWORD=1; _caffe_mnist; echo "${COMPREPLY[*]}"
    """
    done = subprocess.run(
        ["bash", "-c", script, "bash", str(tmp_path)], capture_output=True, text=True, timeout=60
    )
    assert done.stdout == "compute_image_mean\n", done.stderr


@pytest.mark.parametrize("shell", SHELLS)
def test_completion_scripts_parse(shell: str) -> None:
    """Each shell that is installed here reads its script."""
    text = _run("completion", shell).stdout
    assert "caffe-mnist" in text
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=text, text=True, check=True)


def test_help_loads_nothing_heavy() -> None:
    """The list and the completion answer at once."""
    code = (
        "import sys; from caffe_mnist.__main__ import main; main([]); "
        "assert not {'torch', 'cv2', 'matplotlib', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
