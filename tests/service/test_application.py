"""The service called in process: answers, limits, refusals."""

from __future__ import annotations

import base64
import io
import json
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("starlette")

from PIL import Image
from starlette.testclient import TestClient

from caffe_mnist.service.answers import Model
from caffe_mnist.service.application import Service, Settings
from caffe_mnist.service.package import read_package
from caffe_mnist.service.requests import Limits
from tests.fixtures.jobs import until
from tests.service.pictures import digit_picture, encoded, hostile

TOKEN = "a-token-of-some-length"


@pytest.fixture(scope="module")
def model(final: Path) -> Model:
    """The trained model."""
    return Model(read_package(final))


@pytest.fixture
def client(model: Model) -> Iterator[TestClient]:
    """The service as it stands on loopback."""
    service = Service(model, None, Settings(hosts=["testserver"]))
    with TestClient(service.application, raise_server_exceptions=False) as found:
        yield found
    service.close()


def _post(client: TestClient, *pictures: bytes, query: str = "", **more: Any) -> Any:
    files = [("images", (f"{index}.png", content)) for index, content in enumerate(pictures)]
    return client.post(f"/{query}", files=files, **more)


def test_the_answer_is_the_contract(client: TestClient) -> None:
    """`predicted_label` a string, `scores` the five best pairs, best first."""
    for number in (1, 7):
        answer = _post(client, digit_picture(number)).json()
        assert answer["predicted_label"] == str(number)
        assert len(answer["scores"]) == 5
        assert answer["scores"][0][0] == str(number)
        values = [value for _, value in answer["scores"]]
        assert values == sorted(values, reverse=True)
        assert set(answer) == {"predicted_label", "scores"}


def test_it_says_what_predict_says(client: TestClient, final: Path, tmp_path: Path) -> None:
    """The same numbers as the command, also for other sizes and kinds of pictures."""
    from caffe_mnist import predict

    for name, content in {
        "a.png": digit_picture(3), "b.jpg": digit_picture(5, 90, "JPEG"),
        "c.gif": digit_picture(2, 40, "GIF"), "d.bmp": digit_picture(8, 28, "BMP"),
    }.items():  # fmt: skip
        (tmp_path / name).write_bytes(content)
        out = io.StringIO()
        import contextlib

        with contextlib.redirect_stdout(out):
            assert predict.main([str(final), str(tmp_path / name), "--json"]) == 0
        told = json.loads(out.getvalue())
        answer = _post(client, content).json()
        assert answer.get("predicted_label") == told["predicted_label"], answer
        for (one, value), (other, expected) in zip(answer["scores"], told["scores"]):
            assert one == other
            assert value == pytest.approx(expected, abs=1e-5)


def test_several_pictures_are_a_list(client: TestClient) -> None:
    """In the order of the form, each with its file's name."""
    answers = _post(client, *(digit_picture(number) for number in (0, 1, 2))).json()
    assert [answer["file"] for answer in answers] == ["0.png", "1.png", "2.png"]
    assert [answer["predicted_label"] for answer in answers] == ["0", "1", "2"]


def test_json_with_base64(client: TestClient) -> None:
    """A text, or a list of them."""
    text = base64.b64encode(digit_picture(4)).decode()
    assert client.post("/", json={"images": text}).json()["predicted_label"] == "4"
    assert len(client.post("/", json={"images": [text, text]}).json()) == 2
    lines = base64.encodebytes(digit_picture(4)).decode()  # as `base64 FILE` writes it
    for written in (lines, f"data:image/png;base64,{text}"):
        assert client.post("/", json={"images": written}).json()["predicted_label"] == "4"
    for broken in ("data:image/png;base64,", "data:image/png,abc", f"{text}!"):
        assert client.post("/", json={"images": broken}).status_code == 400


def test_black_on_white(client: TestClient) -> None:
    """Turned on request, or where the border is light; the view shows what the net saw."""
    with Image.open(io.BytesIO(digit_picture(6))) as picture:
        light = encoded(Image.fromarray(255 - np.asarray(picture)))
    for invert, inverted in (("auto", True), ("1", True)):
        answer = _post(client, light, query=f"?invert={invert}&view=1").json()
        assert answer["predicted_label"] == "6"
        assert answer["inverted"] is inverted
        head, _, content = answer["view"].partition(",")
        assert head == "data:image/png;base64"
        with Image.open(io.BytesIO(base64.b64decode(content))) as view:
            assert view.size == (28, 28)
            assert np.asarray(view)[0].max() < 40
    dark = _post(client, digit_picture(6), query="?invert=auto&view=1").json()
    assert (dark["predicted_label"], dark["inverted"]) == ("6", False)


@pytest.mark.parametrize("name", sorted(hostile()))
def test_hostile_pictures(client: TestClient, name: str) -> None:
    """4xx with one sentence; the next request is answered."""
    response = _post(client, hostile()[name])
    assert response.status_code in (400, 413)
    answer = response.json()
    assert answer["error_code"]
    assert "\n" not in answer["error_msg"]
    assert "Traceback" not in answer["error_msg"]
    assert _post(client, digit_picture(1)).status_code == 200


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ({"content": b""}, 415),
        ({"content": b"x", "headers": {"content-type": "text/plain"}}, 415),
        ({"content": b"x", "headers": {"content-type": "multipart/form-data"}}, 400),
        ({"content": b"x", "headers": {"content-type": "multipart/form-data; boundary=b"}}, 400),
        ({"content": b"--b\r\n", "headers": {"content-type": "multipart/form-data; boundary=b"}},
         400),
        ({"data": {"images": "text"}}, 415),
        ({"files": {"other": ("x", b"")}}, 400),
        ({"content": b"{", "headers": {"content-type": "application/json"}}, 400),
        ({"content": b"[" * 10**6, "headers": {"content-type": "application/json"}}, 400),
        ({"json": {}}, 400),
        ({"json": []}, 400),
        ({"json": {"images": 7}}, 400),
        ({"json": {"images": []}}, 400),
        ({"json": {"images": "no base64!"}}, 400),
        ({"json": {"images": [""] * 17}}, 413),
        ({"params": {"invert": "2"}, "json": {"images": ""}}, 400),
    ],
)  # fmt: skip
def test_wrong_requests(client: TestClient, request_: dict[str, Any], status: int) -> None:
    """A 4xx and an error of two texts."""
    response = client.post("/", **request_)
    assert response.status_code == status, response.text
    assert set(response.json()) == {"error_code", "error_msg"}


def test_paths_and_methods(client: TestClient) -> None:
    """What is not there is 404, what may not be done 405; no path leads to a file."""
    for path in ("/nowhere", "/../../etc/passwd", "/page.html", "/model/config.json", "//"):
        assert client.get(path).status_code in (404, 200 if path == "//" else 404)
    assert client.delete("/").status_code == 405
    assert client.post("/health").status_code == 405
    assert client.get("/health").json() == {"health": "true"}


def test_names_and_origins(client: TestClient) -> None:
    """Pages of other sites cannot use a service on this machine, by whatever name."""
    assert client.get("/health", headers={"host": "evil.example"}).status_code == 400
    good, evil = {"origin": "http://testserver"}, {"origin": "http://evil.example"}
    assert _post(client, digit_picture(1), headers=good).status_code == 200
    assert _post(client, digit_picture(1), headers=evil).status_code == 403
    assert client.get("/info", headers=evil).status_code == 403


def test_limits(model: Model) -> None:
    """Body, number of pictures, pixels."""
    settings = Settings(Limits(body=20000, files=2, pixels=10000))
    service = Service(model, None, settings)
    with TestClient(service.application) as client:
        assert _post(client, bytes(30000)).status_code == 413

        def pieces() -> Iterator[bytes]:  # without a Content-Length
            for _ in range(30):
                yield bytes(1000)

        headers = {"content-type": "multipart/form-data; boundary=b"}
        assert client.post("/", content=pieces(), headers=headers).status_code == 413
        assert _post(client, *[digit_picture(1)] * 3).status_code == 413
        texts = [base64.b64encode(digit_picture(1)).decode()] * 3
        assert client.post("/", json={"images": texts}).status_code == 413
        assert _post(client, digit_picture(1, 200)).status_code == 413
        assert _post(client, digit_picture(1)).status_code == 200
    service.close()


def test_a_token(model: Model) -> None:
    """Without it nothing of the model is told; the page and /health are for everybody."""
    service = Service(model, None, Settings(token=TOKEN))
    with TestClient(service.application) as client:
        for headers in ({}, {"x-auth-token": "wrong"}, {"authorization": f"Basic {TOKEN}"}):
            assert _post(client, digit_picture(1), headers=headers).status_code == 401
            for path in ("/info", "/metrics", "/openapi.json"):
                assert client.get(path, headers=headers).status_code == 401
        for headers in ({"x-auth-token": TOKEN}, {"authorization": f"Bearer {TOKEN}"}):
            assert _post(client, digit_picture(1), headers=headers).status_code == 200
            assert client.get("/info", headers=headers).status_code == 200
        assert client.get("/").status_code == 200
        assert client.get("/health").status_code == 200
    service.close()


class SlowModel(Model):
    """A model whose net waits."""

    def __init__(self, model: Model) -> None:
        """Take over a model."""
        self.__dict__.update(model.__dict__)
        self.go_on = threading.Event()

    def scores(self, pictures: Sequence[Any]) -> list[Any]:
        """Wait first."""
        self.go_on.wait(60)
        return super().scores(pictures)


def test_a_full_queue_and_the_time_limit(model: Model) -> None:
    """429 with Retry-After when too many wait; 504 when the net takes too long."""
    slow = SlowModel(model)
    service = Service(slow, None, Settings(Limits(seconds=0.5), queue=2, largest_batch=1))
    statuses: list[int] = []
    with TestClient(service.application) as client:

        def ask() -> None:
            statuses.append(_post(client, digit_picture(1)).status_code)

        threads = [threading.Thread(target=ask) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert set(statuses) == {429, 504}
        slow.go_on.set()
        response = _post(client, digit_picture(1))
        assert response.status_code in (200, 429)
        assert _post(client, *[digit_picture(1)] * 3).status_code == 413  # would never fit
    service.close()


def test_busy_says_when_to_come_again(model: Model) -> None:
    """Retry-After, in seconds."""
    slow = SlowModel(model)
    service = Service(slow, None, Settings(Limits(seconds=5), queue=1, largest_batch=1))
    with TestClient(service.application) as client:
        threads = [threading.Thread(target=_post, args=(client, digit_picture(1))) for _ in "12"]
        for thread in threads:
            thread.start()
        until(lambda: service.batcher.waiting == 1)
        response = _post(client, digit_picture(1))
        assert (response.status_code, response.headers["retry-after"]) == (429, "1")
        assert response.json()["error_code"] == "busy"
        slow.go_on.set()
        for thread in threads:
            thread.join(60)
    service.close()


def test_alive_and_ready_are_apart(model: Model) -> None:
    """Alive at once; ready when the model is there, and not any more when the end is near."""
    service = Service(None, None, Settings())
    paths = ("/health", "/health/live", "/health/ready")
    with TestClient(service.application) as client:

        def statuses() -> list[int]:
            return [client.get(path).status_code for path in paths]

        assert statuses() == [503, 200, 503]
        assert client.get("/").status_code == 200
        for response in (_post(client, digit_picture(1)), client.get("/info")):
            assert (response.status_code, response.headers["retry-after"]) == (503, "1")
            assert response.json()["error_code"] == "loading"
        assert "caffe_mnist_ready 0.0" in client.get("/metrics").text
        service.begin(model, None)
        assert statuses() == [200, 200, 200]
        assert client.get("/health").json() == {"health": "true"}
        assert _post(client, digit_picture(1)).status_code == 200
        service.ending = True
        assert statuses() == [503, 200, 503]
    service.close()


def test_metrics(client: TestClient) -> None:
    """Prometheus' own parser reads them; they count what happened."""
    from prometheus_client.parser import text_string_to_metric_families

    _post(client, digit_picture(1), digit_picture(2))
    _post(client, b"x")
    response = client.get("/metrics")
    found = {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(response.text)
        for sample in family.samples
    }
    assert found["caffe_mnist_requests_total", ("200",)] == 1
    assert found["caffe_mnist_requests_total", ("400",)] == 1
    assert found["caffe_mnist_pictures_total", ()] == 2


def test_the_page_needs_nothing_from_elsewhere(client: TestClient) -> None:
    """No address of another place is in it, and its policy forbids them."""
    response = client.get("/")
    assert response.headers["content-type"].startswith("text/html")
    assert "default-src 'self'" in response.headers["content-security-policy"]
    assert "://" not in response.text


def test_colour_and_names(final: Path, tmp_path: Path) -> None:
    """labels.txt names the classes; as many as the net has, or it is refused."""
    import shutil

    from caffe_mnist.errors import CaffeMnistError

    shutil.copytree(final, tmp_path / "final")
    names = ["zero", "一", *(f"class {number}" for number in range(2, 10))]
    (tmp_path / "final" / "labels.txt").write_text("\n".join(names), encoding="utf-8")
    model = Model(read_package(tmp_path / "final"))
    service = Service(model, None, Settings())
    with TestClient(service.application) as client:
        assert _post(client, digit_picture(1)).json()["predicted_label"] == "一"
        assert client.get("/info").json()["labels"] == names
    service.close()
    (tmp_path / "final" / "labels.txt").write_text("one\ntwo\n")
    with pytest.raises(CaffeMnistError, match="2 names for 10 classes"):
        Model(read_package(tmp_path / "final"))
