"""The command that draws nets."""

from __future__ import annotations

import struct
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from caffe_mnist.draw_net import main

LENET = Path(__file__).parents[1] / "prototxt/lenet"
DEPLOY, TRAIN = LENET / "lenet_deploy.prototxt", LENET / "lenet_train_test.prototxt"
SVG = "{http://www.w3.org/2000/svg}"


def texts(path: Path) -> list[str]:
    """All texts of an SVG."""
    return [one.text or "" for one in ElementTree.parse(path).iter(f"{SVG}text")]


def boxes(path: Path) -> list[tuple[float, float]]:
    """Upper left corners of the boxes of an SVG."""
    found = list(ElementTree.parse(path).iter(f"{SVG}rect"))[1:]
    return [(float(one.attrib["x"]), float(one.attrib["y"])) for one in found]


def test_a_deploy_net_as_svg(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Types, kernels and shapes are there; relu1 is in the box of ip1."""
    out = tmp_path / "net.svg"
    assert main([str(DEPLOY), str(out)]) == 0
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == (f"{out}: 9 layers in 8 boxes\n", "")
    found = texts(out)
    assert {"LeNet", "Convolution", "5×5", "20 outputs", "→ 1×20×24×24", "relu1"} <= set(found)
    assert len(boxes(out)) == 8
    assert len(list(ElementTree.parse(out).iter(f"{SVG}path"))) == 7


@pytest.mark.parametrize(("direction", "axis", "sign"), [
    ("LR", 0, 1), ("RL", 0, -1), ("TB", 1, 1), ("BT", 1, -1)
])  # fmt: skip
def test_the_arrows_go_where_they_should(
    direction: str, axis: int, sign: int, tmp_path: Path
) -> None:
    """--rankdir turns the picture; a chain of boxes goes one way."""
    out = tmp_path / "net.svg"
    assert main([str(DEPLOY), str(out), "--rankdir", direction, "--no-shapes"]) == 0
    places = [sign * place[axis] for place in boxes(out)]
    assert places == sorted(places)


def test_a_net_as_png(tmp_path: Path) -> None:
    """A PNG of a sensible size."""
    pytest.importorskip("matplotlib")
    out = tmp_path / "net.png"
    assert main([str(DEPLOY), str(out), "--no-shapes"]) == 0
    content = out.read_bytes()
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", content[16:24])
    assert width > 4 * height > 400


def test_phases(tmp_path: Path) -> None:
    """ALL draws both data layers, TRAIN and TEST what belongs to them; shapes by --input."""
    out, shape = tmp_path / "net.svg", ["--input", "32x1x28x28"]
    counts = {}
    for phase in ("ALL", "TRAIN", "TEST"):
        assert main([str(TRAIN), str(out), "--phase", phase, *shape]) == 0
        assert "→ 32×20×24×24" in texts(out)
        counts[phase] = (texts(out).count("mnist"), "accuracy" in texts(out))
    assert counts == {"ALL": (2, True), "TRAIN": (1, False), "TEST": (1, True)}


def test_without_data_there_are_no_shapes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The net is drawn all the same, and a note says why and what would help."""
    out = tmp_path / "net.svg"
    assert main([str(TRAIN), str(out), "--phase", "TRAIN"]) == 0
    assert "no shapes: /home/work/dataset/mnist_train_lmdb" in capsys.readouterr().err
    assert "→ data" in texts(out)


def test_old_nets_and_odd_names_are_drawn(tmp_path: Path) -> None:
    """V1 layers are upgraded; names with signs of XML, of mathematics and of no kind are shown."""
    net = tmp_path / "old"
    net.write_text("""name: "<&$x_{\\001" input: "d" input_dim: [1, 2, 3, 4]
    layers { name: "<b> & $a$" type: SOFTMAX bottom: "d" top: "s" }""")
    for ending in ("svg", "png"):
        assert main([str(net), str(tmp_path / f"net.{ending}")]) == 0
    assert {"<&$x_{\\x01", "<b> & $a$", "Softmax", "→ s 1×2×3×4"} <= set(
        texts(tmp_path / "net.svg")
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["/nowhere", "net.svg"], "/nowhere: cannot read: No such file"),
        ([DEPLOY, "net.pdf"], "net.pdf: is neither .svg nor .png"),
        ([DEPLOY, "/no/where/net.svg"], "/no/where/net.svg: cannot write: No such file"),
        ([DEPLOY, "net.svg", "--input", "1xx"], "'1xx' is no shape"),
        ([DEPLOY, "net.svg", "--rankdir", "XX"], "invalid choice: 'XX'"),
        (["empty", "net.svg"], "empty: has no layers to draw"),
    ],
)
def test_bad_input_is_one_line(
    arguments: list[object],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Exit status 2, one line, and no file."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").write_text("")
    assert main([*map(str, arguments)]) == 2
    errors = [line for line in capsys.readouterr().err.splitlines() if "error: " in line]
    assert len(errors) == 1
    assert message in errors[0]
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]
