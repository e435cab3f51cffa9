"""The notebook, executed from start to end with a store that has keys; its twin is the same."""

from __future__ import annotations

import ast
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.swift import Swift

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")
pytest.importorskip("torch")

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def test_the_notebook(
    swift: Swift, small_mnist: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Data and picture from the store, a curve drawn in place, the result, nothing left over."""
    for key, value in swift.env().items():
        monkeypatch.setenv(key, value)
    bucket = swift.bucket()
    objects = swift.objects(bucket)
    for file in small_mnist.glob("*-ubyte"):
        objects.put(f"digits/{file.name}", file.read_bytes())
    picture = seven(small_mnist, tmp_path)
    objects.put("7.jpg", picture.read_bytes())
    monkeypatch.setenv("DATA_URL", f"s3://{bucket}/digits/")
    monkeypatch.setenv("TRAIN_URL", f"s3://{bucket}/out/")
    monkeypatch.setenv("SRC_PATH", f"s3://{bucket}/7.jpg")
    monkeypatch.setenv("ITERATIONS", "100")
    monkeypatch.delenv("CAFFE", raising=False)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    shutil.copytree(ROOT / "prototxt", tmp_path / "prototxt")
    solver = tmp_path / "prototxt" / "lenet" / "lenet_solver.prototxt"
    solver.write_text(solver.read_text().replace("test_iter: 100\n", "test_iter: 3\n"))
    (tmp_path / "notebooks").mkdir()

    book = nbformat.read(NOTEBOOKS[0], as_version=4)
    count = len(book.cells)
    book.cells += [nbformat.v4.new_code_cell('os.environ["CLEAN_UP"] = "yes"'), book.cells[-1]]
    client = nbclient.NotebookClient(
        book, timeout=300, resources={"metadata": {"path": str(tmp_path / "notebooks")}}
    )
    names = []
    with client.setup_kernel():
        for part in (range(count), range(count, count + 2)):
            for index in part:
                client.execute_cell(book.cells[index], index)
            names.append([entry["path"] for page in objects.list("out") for entry in page])

    cells = [cell for cell in book.cells if cell.cell_type == "code"]
    assert "The result: [7]" in text(cells[4])
    assert "train-images-idx3-ubyte" in text(cells[1])
    assert "final/" in text(cells[3])
    pictures = [out for out in cells[2].outputs if "image/png" in out.get("data", {})]
    assert len(pictures) == 1, "the curve is drawn in place"
    assert "'test0_accuracy': " in text(cells[2])
    assert not [out for cell in cells for out in cell.outputs if out.get("name") == "stderr"]
    assert {f"out/{place}/manifest.json" for place in ("1", "2", "final")} <= set(names[0])
    assert names[1] == [], "CLEAN_UP empties the store"
    assert list((tmp_path / "notebooks").iterdir()) == []


def seven(folder: Path, where: Path) -> Path:
    """A picture of the first 7 among the test images."""
    from PIL import Image

    labels = (folder / "t10k-labels-idx1-ubyte").read_bytes()[8:]
    images = (folder / "t10k-images-idx3-ubyte").read_bytes()[16:]
    place = labels.index(7)
    pixels = images[784 * place : 784 * place + 784]
    Image.frombytes("L", (28, 28), pixels).resize((280, 280)).save(where / "7.jpg")
    return where / "7.jpg"


def text(cell: Any) -> str:
    """Everything that a cell has printed or returned."""
    parts = [
        out.get("text", "") or out.get("data", {}).get("text/plain", "") for out in cell.outputs
    ]
    return "\n".join(parts)


def test_the_twins_are_the_same_program() -> None:
    """Only words differ: comments, docstrings and the text between."""
    english, chinese = (code(path) for path in NOTEBOOKS)
    assert english == chinese
    books = [nbformat.read(path, as_version=4) for path in NOTEBOOKS]
    for book in books:
        nbformat.validate(book)
    assert books[0].metadata == books[1].metadata
    assert re.search("[一-鿿]", NOTEBOOKS[1].read_text(encoding="utf-8"))


def code(path: Path) -> list[str]:
    """The code cells without comments and docstrings."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    found = []
    for cell in cells:
        if cell["cell_type"] == "code":
            source = re.sub(r"(?m)^(\s*)!(.*)$", r"\1shell('''\2''')", "".join(cell["source"]))
            tree = ast.parse(source)
            for node in ast.walk(tree):
                if isinstance(node, ast.FunctionDef) and ast.get_docstring(node):
                    node.body = node.body[1:]
            found.append(ast.unparse(tree))
    return found


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_committed_without_outputs(path: Path) -> None:
    """No outputs, no numbers of runs, and links that lead somewhere."""
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            assert (cell["outputs"], cell["execution_count"]) == ([], None)
        links = re.findall(r"\]\(([^)#:]+)\)", "".join(cell["source"]))
        assert [link for link in links if not (path.parent / link).exists()] == []
