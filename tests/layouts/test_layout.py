"""Layouts: those that come along, and those of the user's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.layouts.layout import find_layout, layouts, read_layout

BUILT_IN = {
    "modelarts": ("/home/work/user-job-dir/caffe_mnist", "/home/work/dataset",
                  "/home/work/lenet_mnist"),
    "local": ("", "data", "model"),
    "sagemaker": ("/opt/ml/code", "/opt/ml/input/data/training", "/opt/ml/model"),
}  # fmt: skip


def own(tmp_path: Path, text: str) -> Path:
    """A layout file."""
    path = tmp_path / "own.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_layouts_are_those_of_the_table() -> None:
    """No layout is without a line here."""
    assert list(layouts) == sorted(BUILT_IN)


@pytest.mark.parametrize("name", BUILT_IN)
def test_the_folders_of_each_layout(name: str) -> None:
    """Code, data and model lie where the container has them."""
    layout = find_layout(name)
    folders = tuple(layout.folder(role) for role in ("code", "data", "model"))
    assert (layout.name, folders) == (name, BUILT_IN[name])


@pytest.mark.parametrize("suffix", ["codes", "codes/", "/codes/"])
def test_modelarts_puts_code_below_the_last_folder_of_its_url(suffix: str) -> None:
    """The suffix is that folder, with slashes or without."""
    assert find_layout("modelarts").folder("code", suffix) == "/home/work/user-job-dir/codes"


@pytest.mark.parametrize("suffix", [None, ""])
def test_an_empty_suffix_is_none(suffix: str | None) -> None:
    """ModelArts passes empty fields of its form, too."""
    folder = find_layout("modelarts").folder("code", suffix)
    assert folder == "/home/work/user-job-dir/caffe_mnist"


def test_an_unknown_layout_lists_the_known() -> None:
    """A typo is answered with what there is."""
    known = ", ".join(sorted(BUILT_IN))
    with pytest.raises(CaffeMnistError, match=rf"'modelart' \(known: {known}\)"):
        find_layout("modelart")


def test_a_layout_of_ones_own(tmp_path: Path) -> None:
    """Three folders in TOML; the name is the file's unless given."""
    path = own(tmp_path, 'code = "/c/{suffix}"\ndata = "/d"\nmodel = "m"\nsuffix = "s"\n')
    layout = find_layout(str(path))
    assert (layout.name, layout.folder("code"), layout.folder("code", "t")) == (
        "own", "/c/s", "/c/t",
    )  # fmt: skip
    named = own(tmp_path, 'name = "mine"\ncode = ""\ndata = "/d"\nmodel = "m"\n')
    assert read_layout(named).name == "mine"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('code = "c"\ndata = "d"', "own.toml: missing key model"),
        ('code = "c"\ndata = "d"\nmodl = "m"', "own.toml: unknown key modl (known: code, data"),
        ('code = "c"\ndata = 3\nmodel = "m"', "own.toml: data is 3, expected a string"),
        ('code = "c\ndata = "d"', "own.toml: is no TOML: "),
        ('code = "c/{sufix}"\ndata = "d"\nmodel = "m"', "only {suffix} has a meaning"),
        ("", "own.toml: missing key code, data, model"),
    ],
)
def test_a_wrong_layout_file_is_named(tmp_path: Path, text: str, what: str) -> None:
    """What is wrong with it stands in one line."""
    with pytest.raises(CaffeMnistError) as caught:
        read_layout(own(tmp_path, text))
    assert what in str(caught.value)


def test_a_layout_file_that_cannot_be_read(tmp_path: Path) -> None:
    """Missing, a folder, no text: named, not raised as what Python says."""
    (tmp_path / "bytes.toml").write_bytes(b'code = "\xff"')
    for path, what in (
        (tmp_path / "none.toml", "No such file"),
        (tmp_path, "Is a directory"),
        (tmp_path / "bytes.toml", "is no TOML"),
    ):
        with pytest.raises(CaffeMnistError, match=what):
            find_layout(f"{path}")


def test_a_suffix_that_is_needed_and_absent(tmp_path: Path) -> None:
    """No folder gets a hole in its middle."""
    layout = read_layout(own(tmp_path, 'code = "/c/{suffix}/x"\ndata = "d"\nmodel = "m"\n'))
    with pytest.raises(CaffeMnistError, match="--data-path-suffix NAME"):
        layout.folder("code")
    assert layout.folder("data") == "d"
