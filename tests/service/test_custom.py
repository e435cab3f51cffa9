"""`customize_service.py`: classes written for the platform run unchanged, when trusted."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("starlette")

from starlette.testclient import TestClient

from caffe_mnist import package as command
from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.service.application import Service, Settings
from caffe_mnist.service.custom import CustomService, plain
from caffe_mnist.service.package import read_package
from tests.fixtures import warm
from tests.service.pictures import digit_picture

# As the platform's sample is built: the class's free name, its own constructor and caffe.io.
SAMPLE = """
from model_service.caffe_model_service import CaffeBaseService

import numpy as np
import os, json
import caffe
from names import NAMES


class AnyName(CaffeBaseService):

    def __init__(self, model_name, model_path):
        super(AnyName, self).__init__(model_name, model_path)
        transformer = caffe.io.Transformer({'data': self.net.blobs['data'].data.shape})
        transformer.set_transpose('data', (2, 0, 1))
        self.transformer = transformer

    def _preprocess(self, data):
        for name, files in data.items():
            for file_name, content in files.items():
                im = caffe.io.load_image(content, color=False)
                self.net.blobs['data'].data[...] = self.transformer.preprocess('data', im)

    def _postprocess(self, data):
        self.net.forward()
        prob = self.net.blobs['prob'].data[0]
        best = np.argsort(-prob)[:5]
        return {"predicted_label": NAMES[best[0]],
                "scores": [[NAMES[i], prob[i]] for i in best]}
"""


@pytest.fixture
def folder(final: Path, tmp_path: Path) -> Path:
    """A package without a class of its own."""
    assert command.main([str(final), str(tmp_path / "package")]) == 0
    return tmp_path / "package"


def _client(folder: Path) -> TestClient:
    service = Service(None, CustomService(read_package(folder)), Settings())
    return TestClient(service.application, raise_server_exceptions=False)


def _custom(folder: Path, text: str) -> None:
    (folder / "model" / "customize_service.py").write_text(text)


def test_a_class_of_the_platform(folder: Path) -> None:
    """With helpers beside it, its own preprocessing and NumPy's numbers in its answer."""
    _custom(folder, SAMPLE)
    (folder / "model" / "names.py").write_text("NAMES = [str(n) for n in range(10)]\n")
    with _client(folder) as client:
        for number in (1, 4):
            files = {"images": ("x.png", digit_picture(number))}
            answer = client.post("/", files=files).json()
            assert answer["predicted_label"] == str(number)
            assert isinstance(answer["scores"][0][1], float)
        broken = client.post("/", files={"images": ("x.png", b"no picture")})
        assert broken.status_code == 400
        assert broken.json()["erno"] == "MR.0105"
        assert client.post("/", files={"images": ("x.png", digit_picture(2))}).status_code == 200


def test_the_class_that_package_writes(final: Path, tmp_path: Path) -> None:
    """It prepares pictures as the training did: the scores are those without it."""
    from caffe_mnist.service.answers import Model

    assert command.main([str(final), str(tmp_path / "p"), "--customize"]) == 0
    model = Model(read_package(final))
    with _client(tmp_path / "p") as client:
        for number in (0, 5, 9):
            content = digit_picture(number)
            expected = model.answer(model.scores([model.see(content).values])[0])
            answer = client.post("/", files={"images": ("x.png", content)}).json()
            assert answer["predicted_label"] == expected["predicted_label"]
            for (one, value), (other, score) in zip(answer["scores"], expected["scores"]):
                assert one == other
                assert value == pytest.approx(score, abs=1e-5)


def test_json_reaches_the_class(folder: Path) -> None:
    """As the parsed object."""
    _custom(folder, "from model_service.caffe_model_service import CaffeBaseService\n"
            "class S(CaffeBaseService):\n"
            "    def _inference(self, data):\n        return data\n")  # fmt: skip
    with _client(folder) as client:
        question = {"images": "eA==", "data": {"req_data": [1, 2]}}
        assert client.post("/", json=question).json() == question


def test_json_without_pictures_and_an_exit(folder: Path) -> None:
    """Tables reach the class as they are; what it raises, `sys.exit` too, ends no more than one."""
    _custom(folder, "from model_service.caffe_model_service import CaffeBaseService\n"
            "import sys\n"
            "class Base(CaffeBaseService):\n    pass\n"
            "class S(Base):\n"
            "    def _preprocess(self, data):\n"
            "        return sys.exit(3) if 'end' in data else data['data']['req_data']\n"
            "    def _inference(self, data):\n        return [row['a'] for row in data]\n"
            "    def _postprocess(self, data):\n        return {'data': {'resp_data': data}}\n"
            )  # fmt: skip
    with _client(folder) as client:
        question = {"meta": {"uuid": "x"}, "data": {"req_data": [{"a": 1}, {"a": 2}]}}
        for _ in range(2):
            assert client.post("/", json=question).json() == {"data": {"resp_data": [1, 2]}}
            ended = client.post("/", json={"end": 1})
            assert (ended.status_code, ended.json()["erno"]) == (400, "MR.0105")


def test_a_class_for_python_2(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The platform's Python: print statements, iteritems and `/`, in modules beside it, too."""
    _custom(folder, """
import caffe
import numpy as np
import shown
from model_service.caffe_model_service import CaffeBaseService

class Old(CaffeBaseService):
    def __init__(self, model_name, model_path):
        super(Old, self).__init__(model_name, model_path)
        print 'loading', model_name
        self.zeros = (56 / 2) * [0]
    def _preprocess(self, data):
        for field, files in data.iteritems():
            self.field = field
        self.net.blobs['data'].data[...] = np.tile(self.zeros, (28, 1))
    def _postprocess(self, data):
        return shown.answer(self.field, data['prob'][0])
""")  # fmt: skip
    (folder / "model" / "shown.py").write_text(
        "def answer(field, prob):\n    print field\n    return {'of': len(prob)}\n"
    )
    before = sorted((folder / "model").iterdir())
    with _client(folder) as client:
        files = {"images": ("x.png", digit_picture(1))}
        assert client.post("/", files=files).json() == {"of": 10}
    out = capsys.readouterr().out
    assert f"loading {folder.name}" in out
    assert "images\n" in out
    assert sorted((folder / "model").iterdir()) == before


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("def broken(:\n", r"customize_service.py:1: does not parse"),
        ("import sys\nsys.exit('bye')\n", "cannot be imported: SystemExit: bye"),
        ("import nothing_of_this_name\n", "nothing_of_this_name"),
        ("x = 1\n", "0 subclasses"),
        ("from model_service.caffe_model_service import CaffeBaseService as B\n"
         "class A(B): pass\nclass C(B): pass\n", "2 subclasses"),
        ("from model_service.caffe_model_service import CaffeBaseService as B\n"
         "class A(B):\n    def __init__(self, n, p): raise ValueError('x')\n",
         "A cannot be made: ValueError: x"),
    ],
)  # fmt: skip
def test_what_cannot_be_used(folder: Path, text: str, words: str) -> None:
    """One line that says where it failed."""
    _custom(folder, text)
    with pytest.raises(CaffeMnistError, match=words):
        CustomService(read_package(folder))


def test_answers_as_json_has_them() -> None:
    """NumPy's types, bytes and numbers that JSON has not."""
    import numpy as np

    assert plain({1: np.float32(0.5), "a": (np.int64(1), np.array([1.0, np.nan])), "b": b"x"}) == {
        "1": 0.5, "a": [1, [1.0, None]], "b": "x",
    }  # fmt: skip


def test_nothing_runs_without_trust(folder: Path, tmp_path: Path) -> None:
    """A package's code is not executed unless it is said to be trusted."""
    mark = tmp_path / "was-here"
    _custom(folder, f"open({str(mark)!r}, 'w')\n")
    command_line = [sys.executable, "-m", "caffe_mnist.serve", str(folder), "--port=0"]
    process = subprocess.Popen(command_line, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    lines = []
    for line in process.stderr:
        lines.append(line)
        if " at http://" in line:
            break
    process.terminate()
    assert process.wait(60) == 0
    assert any("--trust-code" in line for line in lines)
    assert not mark.exists()
    done = warm.run([*command_line, "--trust-code"])
    assert done.returncode == 2
    assert "0 subclasses" in done.stderr
    assert mark.exists()
