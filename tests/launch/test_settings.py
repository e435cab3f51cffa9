"""The arguments of ModelArts to the letter, the same with hyphens, and a file for all."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.launch.arguments import make_parser
from caffe_mnist.launch.settings import Settings, parse


def settings(*arguments: str) -> Settings:
    """The settings of a command line."""
    return parse(arguments, "train")[0]


MODELARTS = [
    "--data_url=s3://b/data/",
    "--train_url=s3://b/out/",
    "--num_gpus=2",
    "--data_path_suffix=codes",
    "--data_local_path=/home/work/dataset",
    "--model_local_path=/home/work/lenet_mnist",
]


@pytest.mark.parametrize("change", [lambda a: a, lambda a: a.replace("_", "-", 9)])
def test_the_platforms_arguments(change: object) -> None:
    """With underscores as the platform passes them, and with hyphens."""
    arguments = [
        change(name) + "=" + value  # type: ignore[operator]
        for name, _, value in (argument.partition("=") for argument in MODELARTS)
    ]
    found = settings(*arguments)
    assert found.data_url == "s3://b/data/"
    assert found.train_url == "s3://b/out/"
    assert found.data_path_suffix == "codes"
    assert found.data_local_path == "/home/work/dataset"
    assert found.model_local_path == "/home/work/lenet_mnist"
    assert found.gpus == "0,1"


def test_empty_values_are_not_given() -> None:
    """The platform passes a field of its form even when it is empty."""
    assert settings("--data_url=", "--num_gpus=", "--train_url", "") == Settings()


@pytest.mark.parametrize(
    ("arguments", "gpus"),
    [
        ([], ""),
        (["--num_gpus", "0"], ""),
        (["--num_gpus", "3"], "0,1,2"),
        (["--gpu", "all"], "all"),
    ],
)
def test_gpus(arguments: list[str], gpus: str) -> None:
    """0 runs without -gpu, N adds the first N."""
    assert settings(*arguments).gpus == gpus


def test_unknown_arguments_are_noted_and_ignored() -> None:
    """A job must not fail over what the platform adds; a slip is pointed out."""
    found, notes = parse(
        ["--init_method=tcp://job", "--task_index", "0", "--keep", "2", "--train-ulr=x"], "train"
    )
    assert found == Settings(keep=2)
    assert any("--init-method" in note for note in notes)
    assert any("--train-ulr" in note and "did you mean --train-url?" in note for note in notes)


def test_a_file_for_all(tmp_path: Path) -> None:
    """The command line goes before the file, the file before the defaults."""
    path = tmp_path / "run.toml"
    path.write_text(
        'train-url = "out"\nkeep = 3\nupload_every = 5\nsnapshot = "auto"\n'
        '[set]\nmax_iter = 200\ntest_iter = [1, 2]\n[map]\n"/old" = "/new"\n'
    )
    found = settings("--config", str(path), "--keep", "7")
    assert found.train_url == "out"
    assert found.keep == 7
    assert found.upload_every == 5.0
    assert found.snapshot == "auto"
    assert found.set == ("max_iter=200", "test_iter=1,2")
    assert found.map == ("/old=/new",)
    assert settings("--config", str(path), "--set=max_iter=9").set[-1] == "max_iter=9"
    assert "test_iter=1,2" in settings("--config", str(path), "--set=max_iter=9").set


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tran_url = 'x'", "unknown key tran_url.*did you mean train_url"),
        ("keep = 'x'", "keep cannot be 'x'"),
        ("keep = ", "is no TOML"),
        ("dry_run = 1", "dry_run cannot be 1"),
    ],
)
def test_a_file_with_faults(tmp_path: Path, text: str, message: str) -> None:
    """The file and the key are named."""
    (tmp_path / "run.toml").write_text(text)
    with pytest.raises(CaffeMnistError, match=rf"run.toml: .*{message}"):
        settings("--config", str(tmp_path / "run.toml"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--snapshot", "auto", "--weights", "w"], None),
        (["--snapshot", "x.solverstate", "--weights", "w"], "give one"),
        (["--gpu", "one"], "no list of numbers"),
        (["--keep", "-1"], "cannot be negative"),
    ],
)
def test_what_does_not_go_together(arguments: list[str], message: str | None) -> None:
    """Contradictions are said before anything runs; auto with weights starts from them."""
    if message is None:
        assert settings(*arguments).snapshot == "auto"
        return
    with pytest.raises(CaffeMnistError, match=message):
        settings(*arguments)


def test_secrets_in_urls_are_not_recorded() -> None:
    """`run.json` never holds a password or a signature."""
    values = {
        "train_url": "https://user:pass@host/path?sig=abc",
        "set": ("x=s3://k:pass@b/x?sig=a",),
    }
    public = Settings(**values).public()
    assert (public["train_url"], public["set"]) == ("https://host/path", ("x=s3://b/x",))


@pytest.mark.parametrize("name", ["train_url", "data_url", "weights", "snapshot"])
@pytest.mark.parametrize(
    "url",
    [
        "s3://key:hun/ter2@bucket/x", "s3://key:hunter2@bucket", "obs://hunter2@bucket/x",
        "s3://bucket/x?X-Amz-Date=1&X-Amz-Signature=hunter2", "az://box/x?sp=r&sig=hunter2",
        "https://joe:hunter2@host/x", "https://host/x?Signature=hunter2",
    ],
)  # fmt: skip
def test_secrets_in_urls_are_refused(name: str, url: str) -> None:
    """Processes' arguments and logs would show them; the line that says so does not."""
    with pytest.raises(CaffeMnistError) as caught:
        settings(f"--{name}={url}")
    assert "ter2" not in str(caught.value)
    assert "holds a key" in str(caught.value) or "unknown scheme https" in str(caught.value)


def test_the_page_names_every_argument() -> None:
    """docs/train.md and the parser agree."""
    page = (Path(__file__).resolve().parents[2] / "docs" / "train.md").read_text()
    table = page.partition("## Arguments")[2].partition("```toml")[0]
    named = set(re.findall(r"^\| `(--[a-z-]+)", table, re.MULTILINE))
    options = [each for action in make_parser("train")._actions for each in action.option_strings]
    assert named == set(options) - {"-h", "--help"}
