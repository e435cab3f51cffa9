"""Every command line of the stories, run in its order in a folder of its own.

The blocks marked `sh` of a page are one script, its `python` blocks are run between them. A
`python` of ours on the PATH makes trainings short; the rest is as a reader would have it: the
dataset, pictures and prototxts beside, a store with keys whose bucket is called `bucket`, and
services on their ports (moved to free ones). What cannot be run here is marked `text`.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures.swift import Swift

pytest.importorskip("torch")
Image = pytest.importorskip("PIL.Image")

ROOT = Path(__file__).resolve().parents[1]
STORIES = sorted((ROOT / "docs" / "stories").glob("*.md"))
READMES = [ROOT / "README.md", ROOT / "README.zh.md"]
FLOWERS = ("daisy", "dandelion", "rose", "sunflower", "tulip")
PORTS = ("8080", "6006")
# What a reader types at other times or with other means, and who runs it here instead.
ELSEWHERE = {
    r"bash scripts/": "tests/test_scripts.py, or the project's own checks",
    r"pip install |conda env ": "what installs this package",
    r"caffe train .*-gpu": "needs a GPU; tests/parity runs both commands on the CPU",
    r"^tensorboard [^&]*$": "a server that runs until it is stopped; the TensorFlow story runs it",
    r"python -m caffe_mnist\.train .*obs://": "tests/launch, and the Caffe story with s3://",
    r"python -m caffe_mnist\.watch |\| python -m caffe_mnist\.watch": "tests/watch",
    r"completion (zsh|fish)": "for shells that need not be here",
    r"head -c 24 /dev/urandom|--host 0\.0\.0\.0": "tests/service",
}
# Short trainings: settings added to commands (they come last and win), by our own `python`.
SHORT = (
    ("train", "--set max_iter=100 --set test_iter=3 --set test_interval=100 --set snapshot=50 "
     "--set random_seed=1 --caffe embedded"),
    ("sweep", "--set max_iter=20 --set test_iter=1 --caffe embedded"),
    ("compare", "--set max_iter=20 --set test_iter=1 --caffe embedded"),
)  # fmt: skip
PYTHON = """\
#!/bin/bash
case " $* " in
{cases}
esac
case " $* " in
  *prototxt/flowers/*) set -- "$@" --set max_iter=2 --set test_iter=1 --set test_interval=2 \\
    --set snapshot=0 --set 'layer[data].data_param.batch_size=2' \\
    --set 'layer[data].transform_param.crop_size=64' ;;
esac
exec {python} "$@"
"""


def blocks(page: Path, *kinds: str) -> list[tuple[str, str]]:
    """The blocks of code of a page: kind and content."""
    found = re.findall(r"^```(\w+)\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S)
    return [(kind, content) for kind, content in found if kind in kinds]


def commands(content: str) -> list[str]:
    """The command lines of a block, each in one line, without those that are run elsewhere."""
    lines = [line.strip() for line in content.replace("\\\n", " ").splitlines()]
    return [line for line in lines if line and not any(re.search(e, line) for e in ELSEWHERE)]


@pytest.fixture
def world(
    tmp_path: Path, small_mnist: Path, swift: Swift, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """A folder as a reader has it, with what the stories expect to be there."""
    folder = tmp_path / "world"
    shutil.copytree(small_mnist, folder / "mnist")
    shutil.copytree(ROOT / "prototxt", folder / "prototxt")
    for net in (folder / "prototxt" / "flowers").glob("flowers_*.prototxt"):
        net.write_text(narrow(net.read_text()))
    seven(small_mnist).save(folder / "7.png")
    shutil.copy(folder / "7.png", folder / "seven.png")
    flowers(folder / "pictures")
    shutil.copy(folder / "pictures" / "0.jpg", folder / "flower.jpg")
    tools = tmp_path / "tools"
    tools.mkdir()
    cases = [f"  *' -m caffe_mnist.{name} '*) set -- \"$@\" {more} ;;" for name, more in SHORT]
    (tools / "python").write_text(PYTHON.format(python=sys.executable, cases="\n".join(cases)))
    (tools / "python").chmod(0o755)
    programs = Path(sys.executable).parent
    monkeypatch.setenv("PATH", f"{tools}:{programs}:{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    for key, value in swift.env().items():
        monkeypatch.setenv(key, value)
    swift.make_bucket("bucket")
    yield folder
    swift.drop_bucket("bucket")


def narrow(net: str) -> str:
    """A large net with an eighth of its channels: as deep, and with a 64th of its weights."""
    return re.sub(r"num_output: (\d{2,})", lambda found: f"num_output: {int(found[1]) // 8}", net)


def seven(mnist: Path) -> Image.Image:
    """The first 7 of the training images."""
    labels = (mnist / "train-labels-idx1-ubyte").read_bytes()[8:]
    images = (mnist / "train-images-idx3-ubyte").read_bytes()[16:]
    place = 784 * labels.index(7)
    return Image.frombytes("L", (28, 28), images[place : place + 784])


def flowers(folder: Path) -> None:
    """Pairs n.jpg + n.txt, five of each class, each class of a colour."""
    folder.mkdir()
    for index in range(5 * len(FLOWERS)):
        name = FLOWERS[index % len(FLOWERS)]
        colour = tuple(40 + 50 * (index * step % 5) for step in (1, 2, 3))
        Image.new("RGB", (90, 80), colour).save(folder / f"{index}.jpg")
        (folder / f"{index}.txt").write_text(f"{name}\n")


def told(page: Path, folder: Path) -> str:
    """Run a page; what its commands print. A command that fails ends it."""
    script = ["set -euo pipefail"]
    for number, (kind, content) in enumerate(blocks(page, "sh", "python")):
        if kind == "python":
            (folder / f"block{number}.py").write_text(shortened(content))
            script.append(f"python block{number}.py")
        else:
            for line in commands(content):
                script.append(f"echo '$ '{quoted(line)}; {served(line)}")
    text = "\n".join(script) + "\n"
    for port in PORTS:
        text = text.replace(port, str(free_port()))
    done = subprocess.run(
        ["bash", "-c", text], cwd=folder, capture_output=True, text=True, timeout=500
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr[-4000:]}"
    return done.stdout


def served(line: str) -> str:
    """A service in the foreground is asked whether it is well, and stopped; others stay."""
    if not re.match(r"python -m caffe_mnist\.serve [^&]*$", line):
        return line
    patience = "--silent --retry 120 --retry-delay 1 --retry-connrefused"
    command = line.partition(" #")[0].rstrip()
    ask = f"curl {patience} http://127.0.0.1:8080/health"
    return f"{command} --port 8080 & {ask}; kill $!"


def shortened(code: str) -> str:
    """A Python block whose training takes seconds."""
    settings = '"max_iter": 100, "test_iter": 3, "test_interval": 100, "snapshot": 50'
    return re.sub(r"settings=\{[^}]*\}", f"settings={{{settings}}}", code)


def quoted(line: str) -> str:
    """A line for the shell, to be printed."""
    return "'" + line.replace("'", "'\\''") + "'"


def free_port() -> int:
    """A port that nobody uses at this moment."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


@pytest.mark.parametrize("page", STORIES, ids=lambda page: page.stem)
def test_a_story(page: Path, world: Path) -> None:
    """From the data to the answer: the model knows the seven, and so does the service."""
    out = told(page, world)
    if page.stem == "flowers":
        assert re.search(rf"The result: \[({'|'.join(FLOWERS)})\]", out)
        assert re.search(rf'"predicted_label": ?"({"|".join(FLOWERS)})"', out)
        return
    assert "The result: [7]" in out
    if page.stem != "notebook":
        assert re.search(r'"predicted_label": ?"7"', out)


@pytest.mark.parametrize("page", [*STORIES, *READMES], ids=lambda page: page.name)
def test_what_is_not_run_is_known(page: Path) -> None:
    """Blocks are `sh` or `python` (run), or what a program prints; a `text` block says why."""
    kinds = re.findall(r"^```(\w*)$", page.read_text(encoding="utf-8"), re.M)
    assert set(kinds) <= {"", "sh", "python", "text", "json", "console", "toml"}
    for _, content in blocks(page, "text"):
        reasons = (
            r"storage\.mirrors|convert digits|jupyter|pip install|--weights|tensorboard|docker"
        )
        assert re.search(reasons, content), content
