"""The live view over HTTP, called in process."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("starlette")
from starlette.testclient import TestClient

from caffe_mnist.dashboard.application import Dashboard
from caffe_mnist.dashboard.state import RunState
from tests.watch.test_metrics import LOG

TOKEN = {"x-token": "the-token"}


@pytest.fixture
def sent() -> list[tuple[int, int]]:
    """The signals that were sent."""
    return []


@pytest.fixture
def client(tmp_path: Path, sent: list[tuple[int, int]]) -> Iterator[TestClient]:
    """The live view of a run whose trainer is this process."""
    (tmp_path / "train.log").write_text(LOG + "I1121 x nan\n")
    state = RunState(tmp_path, trainer=os.getpid())
    dashboard = Dashboard(state, "the-token", lambda pid, number: sent.append((pid, number)))
    with TestClient(dashboard.application) as found:
        yield found


def test_the_state_is_json(client: TestClient) -> None:
    """Also where a value is nan."""
    found = json.loads(client.get("/state").text, parse_constant=lambda name: pytest.fail(name))
    assert found["iteration"] == 100
    assert found["can_act"]


@pytest.mark.parametrize(
    ("action", "numbers"),
    [
        ("snapshot", [signal.SIGHUP]),
        ("pause", [signal.SIGSTOP]),
        ("resume", [signal.SIGCONT]),
        ("stop", [signal.SIGINT, signal.SIGCONT]),
    ],
)
def test_buttons(
    client: TestClient, sent: list[tuple[int, int]], action: str, numbers: list[int]
) -> None:
    """Each sends its signals, and only with the page's token."""
    assert client.post(f"/{action}").status_code == 403
    assert client.post(f"/{action}", headers={"x-token": "wrong"}).status_code == 403
    assert not sent
    assert client.post(f"/{action}", headers=TOKEN).status_code == 200
    assert sent == [(os.getpid(), number) for number in numbers]


def test_other_paths_and_names(client: TestClient) -> None:
    """Nothing else is there, and no other site's name leads here."""
    assert client.post("/kill", headers=TOKEN).status_code == 404
    assert client.get("/train.log").status_code in (404, 405)
    assert client.get("/state", headers={"host": "evil.example"}).status_code == 400
    assert client.get("/snapshot").status_code == 405


def test_after_the_end(tmp_path: Path) -> None:
    """The last state is shown; the buttons say that there is nothing to do."""
    (tmp_path / "train.log").write_text(LOG)
    (tmp_path / "run.json").write_text(json.dumps({"status": "succeeded"}))
    dashboard = Dashboard(RunState(tmp_path), "the-token")
    with TestClient(dashboard.application) as client:
        assert client.get("/state").json()["status"] == "succeeded"
        assert client.post("/stop", headers=TOKEN).status_code == 409


def test_the_page_needs_nothing_from_elsewhere(client: TestClient) -> None:
    """Its only address is the name of SVG."""
    text = client.get("/").text.replace("http://www.w3.org/2000/svg", "")
    assert "://" not in text
