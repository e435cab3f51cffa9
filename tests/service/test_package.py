"""Packages: what is read, what is refused, and what `package` makes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from caffe_mnist import package as command
from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.service.package import read_package
from tests.fixtures.swift import Swift


@pytest.fixture
def made(final: Path, tmp_path: Path) -> Path:
    """A package of the trained model."""
    assert command.main([str(final), str(tmp_path / "package")]) == 0
    return tmp_path / "package"


def test_it_is_what_the_platform_imports(made: Path, final: Path) -> None:
    """One net, one caffemodel, one config.json of the documented form in a folder `model`."""
    assert sorted(path.name for path in (made / "model").iterdir()) == [
        "config.json", "deploy.prototxt", "mnist_lenet.caffemodel",
    ]  # fmt: skip
    config = json.loads((made / "model" / "config.json").read_text())
    assert config["model_type"] == "Caffe"
    assert len(config["model_algorithm"]) <= 36
    assert config["runtime"] in command.RUNTIMES
    results = json.loads((final / "run.json").read_text())["results"]
    assert config["metrics"]["accuracy"] == pytest.approx(results["test0_accuracy"], abs=1e-6)
    (api,) = config["apis"]
    assert (api["protocol"], api["url"], api["method"]) == ("http", "/", "post")
    assert api["request"]["data"]["properties"] == {"images": {"type": "file"}}
    assert api["response"]["data"]["required"] == ["predicted_label", "scores"]
    weights = next(final.glob("*.caffemodel")).read_bytes()
    assert (made / "model" / "mnist_lenet.caffemodel").read_bytes() == weights


def test_packages_are_read(made: Path, final: Path) -> None:
    """The folder above `model`, `model` itself, and a final folder."""
    for folder in (made, made / "model", final):
        package = read_package(folder)
        assert package.deploy.suffix == ".prototxt"
        assert package.weights.suffix == ".caffemodel"


def test_nothing_is_replaced_unless_told(made: Path, final: Path) -> None:
    """A second package needs --overwrite; a folder `model` that is none stays."""
    before = (made / "model" / "config.json").stat().st_mtime_ns
    assert command.main([str(final), str(made)]) == 2
    assert (made / "model" / "config.json").stat().st_mtime_ns == before
    assert command.main([str(final), str(made), "--overwrite", "--name=other"]) == 0
    assert (made / "model" / "other.caffemodel").is_file()
    assert not (made / "model" / "mnist_lenet.caffemodel").exists()
    (made / "model" / "config.json").unlink()
    assert command.main([str(final), str(made), "--overwrite"]) == 2
    assert [path.name for path in made.iterdir()] == ["model"]


def test_into_a_store_and_out_of_it(
    final: Path, swift: Swift, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OUT may be a URL."""
    from caffe_mnist.storage.store import open_store

    for key, value in swift.env().items():
        monkeypatch.setenv(key, value)
    url = f"s3://{swift.bucket()}/package"
    assert command.main([str(final), url, "--customize"]) == 0
    names = [entry.name for entry in open_store(url).list()]
    files = ["config.json", "customize_service.py", "deploy.prototxt", "mnist_lenet.caffemodel"]
    assert names == [f"model/{name}" for name in files]
    assert command.main([str(final), url]) == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--algorithm=1x"], "a letter"),
        (["--algorithm=" + "x" * 40], "35"),
        (["--name=a b"], "letters, digits"),
        (["--customize=nowhere.py"], "nowhere.py"),
        (["--labels=nowhere.txt"], "nowhere.txt"),
        (["--runtime=python9"], "python9"),
    ],
)
def test_bad_arguments(
    final: Path,
    tmp_path: Path,
    arguments: list[str],
    words: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """One line, and nothing is made."""
    assert command.main([str(final), str(tmp_path / "out"), *arguments]) == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_what_is_no_snapshot(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder without a manifest, and none."""
    for place in (tmp_path, tmp_path / "nowhere"):
        assert command.main([str(place), str(tmp_path / "out")]) == 2
        assert "there is no" in capsys.readouterr().err


def _with_config(made: Path, text: str) -> Path:
    (made / "model" / "config.json").write_text(text)
    return made


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "is no JSON"),
        ("[]", "no JSON object"),
        ('{"model_type": "TensorFlow"}', "model_type 'TensorFlow'"),
        ('{"model_type": "Caffe", "apis": [{}, {}]}', "list of one"),
        ('{"model_type": "Caffe", "apis": [{"url": "/x"}]}', "'/x'"),
        ("[" * 100000, "is no JSON"),
    ],
)
def test_other_configs_are_refused(made: Path, text: str, words: str) -> None:
    """With the file's name and what was found."""
    with pytest.raises(CaffeMnistError, match=words):
        read_package(_with_config(made, text))


def test_configs_of_the_samples_are_taken(made: Path) -> None:
    """Unknown keys, `procotol`, no apis at all, a byte order mark."""
    for text in (
        '{"model_type": "Caffe", "service_name": "x", "tunable": false, '
        '"apis": [{"procotol": "http", "url": "/"}]}',
        '\ufeff{"model_type": "Caffe"}',
    ):
        assert read_package(_with_config(made, text)).deploy


def test_nothing_outside_is_read(made: Path, tmp_path: Path) -> None:
    """A link that leads out of the package is refused."""
    (tmp_path / "secret").write_text("x")
    (made / "model" / "labels.txt").symlink_to(tmp_path / "secret")
    with pytest.raises(CaffeMnistError, match="leads out"):
        read_package(made)


def test_two_models_are_one_too_many(made: Path) -> None:
    """Which one is meant cannot be known."""
    shutil.copy(made / "model" / "mnist_lenet.caffemodel", made / "model" / "b.caffemodel")
    with pytest.raises(CaffeMnistError, match="2 caffemodels"):
        read_package(made)
