"""The predict command as a user meets it: models of all kinds, scores, labels, faults."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import caffe_mnist
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.messages import parse_text, write_binary
from caffe_mnist.storage.snapshots import publish
from tests.fixtures.swift import Swift
from tests.quarters import (
    PROGRAM,
    SCALE,
    SIZE,
    answers,
    assert_refused,
    model,
    predict,
    published,
    quarter,
    saved,
)  # fmt: skip

pytest.importorskip("torch", reason="the embedded engine needs torch")
Image = pytest.importorskip("PIL.Image", reason="reading pictures needs Pillow")

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def final(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A complete `final` folder. Read it only."""
    return published(tmp_path_factory.mktemp("predict"))


@pytest.fixture
def picture(tmp_path: Path) -> Callable[..., Path]:
    """A function that saves an image under a name."""
    return partial(saved, tmp_path)


def test_a_picture_is_recognised(
    final: Path, picture: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """The line of the container's sample, and under it the best scores, best first."""
    assert predict(final, picture(quarter(2))) == 0
    out, err = capsys.readouterr()
    head, scores = out.splitlines()
    assert (head, err) == ("The result: [2]", "")
    assert scores.startswith("  2: 1.0000  ")
    assert len(scores.split("  ")) == 5


def test_several_pictures_in_order(
    final: Path, picture: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """Each line says which picture it is about."""
    paths = [picture(quarter(number), f"{number} ü.png") for number in (3, 0, 1)]
    assert predict(final, *paths) == 0
    heads = capsys.readouterr().out.splitlines()[::2]
    assert heads == [f"{path}: The result: [{path.name[0]}]" for path in paths]


def test_more_pictures_than_go_in_at_once(
    final: Path, picture: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """Hundreds go through in parts."""
    paths = [picture(quarter(number), f"{number}.png") for number in range(4)] * 40
    labels = [one["predicted_label"] for one in answers(capsys, final, *paths)]
    assert labels == ["0", "1", "2", "3"] * 40


def test_json(
    final: Path, picture: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """An object a line, as the container's service answers: label, pairs of label and score."""
    path = picture(quarter(1), "ü.png")
    (answer,) = answers(capsys, final, path)
    assert set(answer) == {"image", "predicted_label", "scores"}
    assert (answer["image"], answer["predicted_label"]) == (str(path), "1")
    scores = answer["scores"]
    assert scores[0][0] == "1"
    assert [score for _, score in scores] == sorted((one for _, one in scores), reverse=True)
    assert sum(score for _, score in scores) == pytest.approx(1)


def test_five_best_of_many(
    tmp_path: Path, picture: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """A net of ten classes shows five."""
    lenet = ROOT / "prototxt" / "lenet" / "lenet_deploy.prototxt"
    weights = tmp_path / "lenet.caffemodel"
    write_binary(weights, lenet_weights(lenet))
    (answer,) = answers(capsys, weights, "--deploy", lenet, picture(quarter(0)))
    assert len(answer["scores"]) == 5


def lenet_weights(deploy: Path) -> Any:
    """LeNet with weights from a seed, of the sizes that it has in Caffe."""
    net = parse_text(deploy.read_text(encoding="utf-8"), caffe_pb2.NetParameter, deploy)
    sizes = {"conv1": (20, 1, 5, 5), "conv2": (50, 20, 5, 5), "ip1": (500, 800), "ip2": (10, 500)}
    random = np.random.default_rng(0)
    for layer in net.layer:
        for shape in (sizes[layer.name], sizes[layer.name][:1]) if layer.name in sizes else ():
            values = random.normal(0, 0.1, shape).astype(np.float32)
            layer.blobs.add(data=values.ravel().tolist()).shape.dim.extend(shape)
    return net


def test_scores_are_those_of_the_bytes_times_the_scale(
    tmp_path: Path, picture: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """The deploy net's scale, or --scale instead; without either, the bytes as they are."""

    def expected(scale: float) -> float:
        return float(1 / (1 + 3 * np.exp(-16 * 10 * scale)))

    path = picture(quarter(0) // 255 * np.uint8(10))
    for transform, options, scale in (
        (SCALE, [], 1 / 256),
        (SCALE, ["--scale", "0.001"], 0.001),
        ("", [], 1.0),
        ("transform_param { scale: 0.01 mean_value: 4 }", [], 0.01),
    ):
        deploy, weights = model(tmp_path / "m", transform=transform)
        (answer,) = answers(capsys, weights, "--deploy", deploy, path, *options)
        assert answer["scores"][0] == ["0", pytest.approx(expected(scale), rel=1e-5)]


def test_the_names_of_classes(
    final: Path, tmp_path: Path, picture: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """--labels shows names; their number must be the net's."""
    labels = tmp_path / "labels.txt"
    labels.write_text("null\neins\nzwei\n\nbücher\n", encoding="utf-8")
    path = picture(quarter(3))
    assert predict(final, path, "--labels", labels) == 0
    assert capsys.readouterr().out.startswith("The result: [bücher]\n  bücher: 1.0000")
    labels.write_text("null\neins\n")
    assert_refused(capsys, [final, path, "--labels", labels], "has 2 names for 4 classes")
    assert_refused(capsys, [final, path, "--labels", tmp_path / "no"], "cannot read the labels")


def test_models_by_folder_url_and_file(
    final: Path, tmp_path: Path, picture: Callable[..., Path], capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """A path, with blanks and without, a file:// URL, a caffemodel of whatever name."""
    spaced = tmp_path / "with blank" / "final"
    shutil.copytree(final, spaced)
    deploy, weights = model(tmp_path / "model")
    shutil.copy(weights, tmp_path / "renamed.weights")
    monkeypatch.chdir(final.parent)
    path = picture(quarter(1))
    for how in (
        ["final"],
        ["./final/"],
        [final.as_uri()],
        [spaced],
        [spaced.as_uri()],
        [weights, "--deploy", deploy],
        [tmp_path / "renamed.weights", "--deploy", deploy],
        [final, "--deploy", deploy],
    ):
        (answer,) = answers(capsys, *how, path)
        assert answer["predicted_label"] == "1"


def test_a_model_in_an_s3_store(
    swift: Swift, tmp_path: Path, picture: Callable[..., Path],
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """It is fetched with keys, and nothing of it stays."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", swift.endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", swift.key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", swift.secret)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    url = f"s3://{swift.bucket()}/run/final"
    publish(url, model(tmp_path / "model"), 1)
    path = picture(quarter(2))
    before = sorted(one.name for one in tmp_path.iterdir())
    (answer,) = answers(capsys, url, path)
    assert answer["predicted_label"] == "2"
    assert sorted(one.name for one in tmp_path.iterdir()) == before


def test_pictures_in_an_s3_store(
    swift: Swift, final: Path, tmp_path: Path, picture: Callable[..., Path],
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """They are fetched, mixed with files, and named by their URLs, also when they are none."""
    for key, value in swift.env().items():
        monkeypatch.setenv(key, value)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    bucket = swift.bucket()
    objects, url = swift.objects(bucket), f"s3://{bucket}/pictures"
    paths = [picture(quarter(number), f"{number}.png") for number in range(3)]
    objects.put("pictures/zwei.png", paths[2].read_bytes())
    objects.put("pictures/none.png", b"none")
    objects.put("pictures/half.png", paths[2].read_bytes()[:60])
    before = sorted(one.name for one in tmp_path.iterdir())
    images = [str(paths[1]), f"{url}/zwei.png", paths[0].as_uri()]
    found = answers(capsys, final, *images)
    assert [one["predicted_label"] for one in found] == ["1", "2", "0"]
    assert [one["image"] for one in found] == images
    for name, what in (
        ("none.png", "is no picture that can be read"),
        ("half.png", "is a broken picture"),
        ("nothing.png", "there is no such picture"),
    ):
        assert_refused(capsys, [final, f"{url}/{name}"], f"{url}/{name}: {what}")
    assert sorted(one.name for one in tmp_path.iterdir()) == before


def test_from_python(
    final: Path, tmp_path: Path, picture: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """`caffe_mnist.predict` says what the command says, as values; its text is the command's."""
    paths = [picture(quarter(number), f"{number}.png") for number in (3, 1)]
    three, one = caffe_mnist.predict(final, *paths)
    assert (three.image, three.label, one.label) == (str(paths[0]), "3", "1")
    assert three.scores[0] == ("3", pytest.approx(1, abs=1e-4))
    assert (three.seen.shape, three.seen.dtype) == ((1, SIZE, SIZE), np.uint8)
    assert predict(final, paths[1]) == 0
    assert capsys.readouterr().out == f"{one}\n"
    deploy, weights = model(tmp_path / "model")
    names = tmp_path / "names"
    names.write_text("a\nb\nc\nd\n")
    (named,) = caffe_mnist.predict(weights, paths[0], deploy=deploy, labels=names, scale=1 / 256)
    assert (named.label, len(named.scores)) == ("d", 4)
    assert caffe_mnist.predict(final) == []
    with pytest.raises(caffe_mnist.CaffeMnistError, match="there is no such model"):
        caffe_mnist.predict(tmp_path / "none", paths[0])


def test_a_mean_image_beside_the_net(
    tmp_path: Path, picture: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """A model from a store brings its mean along; its path was one of the training machine."""
    transform = 'transform_param { scale: 0.01 mean_file: "/gone/mean.binaryproto" }'
    files = model(tmp_path / "m", transform=transform)
    mean = caffe_pb2.BlobProto(data=quarter(0).astype(np.float32).ravel().tolist())
    mean.num, mean.channels, mean.height, mean.width = 1, 1, SIZE, SIZE
    write_binary(tmp_path / "m" / "mean.binaryproto", mean)
    publish(str(tmp_path / "final"), [*files, tmp_path / "m" / "mean.binaryproto"], 1)
    both = np.maximum(quarter(0), quarter(3) // 2)
    (answer,) = answers(capsys, tmp_path / "final", picture(both))
    assert answer["predicted_label"] == "3"


def test_models_that_are_none(
    final: Path, tmp_path: Path, picture: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """Missing, without a deploy net, without a manifest, of another net."""
    path = picture(quarter(0))
    deploy, weights = model(tmp_path / "m")
    (tmp_path / "half.caffemodel").write_bytes(weights.read_bytes()[:100])
    (tmp_path / "empty.caffemodel").touch()
    other = tmp_path / "other.prototxt"
    other.write_text(deploy.read_text().replace('"ip" type', '"fc" type'))
    wide = tmp_path / "wide.prototxt"
    wide.write_text(deploy.read_text().replace("dim: 8 dim: 8", "dim: 8 dim: 9"))
    typo = tmp_path / "typo.prototxt"
    typo.write_text(deploy.read_text().replace("num_output", "num_outputs"))
    old = tmp_path / "old.prototxt"
    old.write_text('input: "data" input_dim: [1, 1, 8, 8] layers { type: SOFTMAX bottom: "data" }')
    train = ROOT / "prototxt" / "lenet" / "lenet_train_test.prototxt"
    for arguments, what in (
        ([tmp_path / "none"], "there is no such model"),
        ([tmp_path / "none.caffemodel", "--deploy", deploy], "there is no such file"),
        ([weights], "needs its deploy net (--deploy NET)"),
        ([weights, "--deploy", tmp_path / "none"], "none: there is no such file"),
        ([tmp_path / "m"], "is no complete snapshot: there is no manifest.json"),
        ([(tmp_path / "m").as_uri()], "is no complete snapshot"),
        (["file://host/final"], "a file URL needs an absolute path"),
        (["http://host/final"], "unknown scheme http://"),
        ([tmp_path / "half.caffemodel", "--deploy", deploy], "not a binary NetParameter"),
        ([tmp_path / "empty.caffemodel", "--deploy", deploy], "holds no layers"),
        ([weights, "--deploy", other], "holds no weights for fc of"),
        (
            [weights, "--deploy", wide],
            "Source param shape is 4 64 (256); target param shape is 4 72 (288)",
        ),
        ([weights, "--deploy", typo], "typo.prototxt:8:"),
        ([weights, "--deploy", old], "takes at least 1 top blob"),
        ([weights, "--deploy", train], "has 0 inputs, expected one (is it a deploy net"),
        ([final, "--scale", "nan"], "--scale: nan is no factor"),
    ):
        assert_refused(capsys, [*arguments, path], what)


def test_a_damaged_model_is_not_used(
    final: Path, tmp_path: Path, picture: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """One byte differs from what the manifest promises."""
    shutil.copytree(final, tmp_path / "final")
    weights = tmp_path / "final" / "q_iter_1.caffemodel"
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    arguments = [tmp_path / "final", picture(quarter(0))]
    assert_refused(capsys, arguments, "is not what its manifest says", status=1)


def test_a_model_of_a_newer_release_is_not_used(
    final: Path, tmp_path: Path, picture: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """Its manifest may mean something else: one line, and what to do."""
    shutil.copytree(final, tmp_path / "final")
    manifest = tmp_path / "final" / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"version": 1', '"version": 2'))
    arguments = [tmp_path / "final", picture(quarter(0))]
    assert_refused(capsys, arguments, "is of version 2, this program knows 1 (use a newer release)")


def test_a_folder_with_two_models_is_not_guessed_at(
    tmp_path: Path, picture: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """One caffemodel and one net; --deploy makes up for a net that is missing."""
    deploy, weights = model(tmp_path / "m")
    publish(str(tmp_path / "1"), [weights], 1)
    path = picture(quarter(0))
    assert_refused(
        capsys, [tmp_path / "1", path], "holds 1 caffemodels and 0 nets, expected one of each"
    )
    assert answers(capsys, tmp_path / "1", "--deploy", deploy, path)[0]["predicted_label"] == "0"


def process(
    *arguments: object, cwd: Path, code: str = "pass"
) -> subprocess.CompletedProcess[bytes]:
    """The command in a process of its own, after some code."""
    program = f"import sys; {code}; from caffe_mnist.predict import main; sys.exit(main())"
    command = [os.fsencode(str(one)) for one in (sys.executable, "-c", program, *arguments)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8:strict"}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True)


def test_names_that_are_no_utf8(final: Path, tmp_path: Path) -> None:
    """Results of such pictures are printed like the others."""
    name = os.fsdecode(b"gr\xfc\xdf.png")
    Image.fromarray(quarter(1)).save(tmp_path / "x.png")
    (tmp_path / "x.png").rename(tmp_path / name)
    done = process(final, name, name, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.startswith(b"gr\\xfc\\xdf.png: The result: [1]\n")


@pytest.mark.parametrize(
    ("module", "what"),
    [("torch", b"the embedded engine needs torch (pip install 'caffe-mnist[engine]')"),
     ("PIL", b"reading pictures needs Pillow (pip install 'caffe-mnist[images]')")],
)  # fmt: skip
def test_a_library_that_is_missing_is_named(
    module: str, what: bytes, final: Path, picture: Callable[..., Path], tmp_path: Path
) -> None:
    """With what to install."""
    path = picture(quarter(1))
    done = process(final, path, cwd=tmp_path, code=f"sys.modules[{module!r}] = None")
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.rstrip() == PROGRAM.encode() + b": error: " + what


@pytest.mark.parity
def test_scores_are_real_caffes(
    real_caffe: Path, tmp_path: Path, picture: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """pycaffe with the same weights and the same scaled bytes gives the same five scores."""
    lenet = ROOT / "prototxt" / "lenet" / "lenet_deploy.prototxt"
    weights = tmp_path / "lenet.caffemodel"
    write_binary(weights, lenet_weights(lenet))
    pixels = np.random.default_rng(1).integers(0, 256, (28, 28), np.uint8)
    np.save(tmp_path / "pixels.npy", pixels)
    (answer,) = answers(capsys, weights, "--deploy", lenet, picture(pixels))
    code = f"""
import caffe, json, numpy
net = caffe.Net({str(lenet)!r}, caffe.TEST, weights={str(weights)!r})
net.blobs['data'].data[...] = numpy.load({str(tmp_path / "pixels.npy")!r}) * 0.00390625
print(json.dumps(net.forward()['prob'][0].tolist()))
"""
    run = [str(real_caffe / "caffe-python"), "-c", code]
    done = subprocess.run(run, capture_output=True, text=True, check=True)
    theirs = json.loads(done.stdout.splitlines()[-1])
    best = sorted(range(10), key=lambda index: -theirs[index])[:5]
    assert [name for name, _ in answer["scores"]] == list(map(str, best))
    for name, score in answer["scores"]:
        assert score == pytest.approx(theirs[int(name)], rel=1e-4)


def test_a_folder_as_a_table(
    final: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`FOLDER --csv`: a row a picture, by name; broken ones are named, the others answered."""
    place = tmp_path / "pictures, many"
    for number in (2, 0):
        (place / "in").mkdir(parents=True, exist_ok=True)
        saved(place / "in", quarter(number), f"{number}.png")
    saved(place, quarter(3), "ü.png")
    (place / "notes.txt").write_text("no picture")
    names = tmp_path / "names"
    names.write_text("a\nb\nc\nd\n")
    assert predict(final, place, "--csv", "--labels", names) == 0
    out, err = capsys.readouterr()
    rows = list(csv.DictReader(io.StringIO(out)))
    assert err == ""
    assert [(Path(row["image"]).name, row["predicted_label"]) for row in rows] == [
        ("0.png", "a"), ("2.png", "c"), ("ü.png", "d"),
    ]  # fmt: skip
    assert list(rows[0]) == ["image", "predicted_label", "score"] + [
        f"{word}_{n}" for n in (2, 3, 4) for word in ("label", "score")
    ]
    assert float(rows[0]["score"]) == pytest.approx(1, abs=1e-3)
    (place / "in" / "1.png").write_bytes(b"broken")
    assert predict(final, place, "--csv") == 2
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 4
    assert "1.png: is no picture that can be read" in err
    (tmp_path / "none").mkdir()
    assert_refused(capsys, [final, tmp_path / "none"], "none: holds no pictures")
    with pytest.raises(SystemExit):
        predict(final, place, "--csv", "--json")
