"""python -m caffe_mnist.serve as a process: its address, its end, its refusals; and its page."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.jobs import until
from tests.fixtures.swift import Swift

COMMAND = [sys.executable, "-m", "caffe_mnist.serve"]
ROOT = Path(__file__).resolve().parents[1]


@contextlib.contextmanager
def served(*arguments: str, **environment: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The running service and its URL."""
    process = subprocess.Popen(
        [*COMMAND, *arguments, "--port=0"],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )
    lines: list[str] = []
    try:
        assert process.stderr is not None
        for line in process.stderr:
            lines.append(line)
            if " at http://" in line:
                break
        else:
            raise AssertionError(lines)
        threading.Thread(target=process.stderr.read, daemon=True).start()
        yield process, lines[-1].rpartition(" at ")[2].strip()
    finally:
        process.kill()
        process.wait()


def ask(url: str, content: bytes, **headers: str) -> Any:
    """POST one picture as JSON."""
    body = json.dumps({"images": base64.b64encode(content).decode()}).encode()
    request = urllib.request.Request(
        url, body, {"Content-Type": "application/json", **headers}, method="POST"
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def test_it_answers_and_ends_on_sigterm(final: Path) -> None:
    """On loopback; SIGTERM ends it with status 0."""
    from tests.service.pictures import digit_picture

    with served(str(final)) as (process, url):
        assert url.startswith("http://127.0.0.1:")
        assert ask(url, digit_picture(7))["predicted_label"] == "7"
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


def test_a_running_request_is_answered_before_the_end(final: Path) -> None:
    """SIGTERM while requests are under way loses none of them."""
    from tests.service.pictures import digit_picture

    content, answers = digit_picture(3, 2000), []
    with served(str(final)) as (process, url):
        threads = [
            threading.Thread(target=lambda: answers.append(ask(url, content))) for _ in range(8)
        ]
        metrics = f"{url}metrics"
        for thread in threads:
            thread.start()
        until(lambda: answers or b'status="200"' in urllib.request.urlopen(metrics).read())
        process.send_signal(signal.SIGTERM)
        for thread in threads:
            thread.join(60)
        assert process.wait(60) == 0
    assert 1 <= len(answers) <= 8


def test_a_model_in_a_store(final: Path, swift: Swift) -> None:
    """Fetched and checked; a package too; what is no complete snapshot is refused."""
    from caffe_mnist.storage.copies import upload_folder
    from tests.service.pictures import digit_picture

    environment = swift.env()
    url = f"s3://{swift.bucket()}/run/final"
    with pytest.MonkeyPatch.context() as patch:
        for key, value in environment.items():
            patch.setenv(key, value)
        upload_folder(final, url)
    with served(url, **environment) as (_, address):
        assert ask(address, digit_picture(1))["predicted_label"] == "1"
    done = subprocess.run(
        [*COMMAND, url.replace("final", "1")],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode in (1, 2)
    assert "no complete snapshot" in done.stderr


SLOW = """
import os, time
from model_service.caffe_model_service import CaffeBaseService

class Slow(CaffeBaseService):
    def __init__(self, model_name, model_path):
        super(Slow, self).__init__(model_name, model_path)
        while not os.path.exists(os.environ["GO_ON"]):
            time.sleep(0.05)

    def _preprocess(self, data):
        self.net.blobs["data"].data[...] = 0
"""


def test_it_lives_while_the_model_is_loaded(final: Path, tmp_path: Path) -> None:
    """Liveness is answered at once, readiness when the model is there, POST meanwhile by 503."""
    from caffe_mnist import package

    assert package.main([str(final), str(tmp_path / "p")]) == 0
    (tmp_path / "p" / "model" / "customize_service.py").write_text(SLOW)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}/"
    process = subprocess.Popen(
        [*COMMAND, str(tmp_path / "p"), "--trust-code", f"--port={port}"],
        env={**os.environ, "GO_ON": str(tmp_path / "go-on")},
        stderr=subprocess.DEVNULL,
    )
    try:
        until(lambda: _status(f"{url}health/live") == 200)
        assert _status(f"{url}health/ready") == _status(f"{url}health") == 503
        with pytest.raises(urllib.error.HTTPError, match="503"):
            ask(url, b"x")
        (tmp_path / "go-on").touch()
        until(lambda: _status(f"{url}health/ready") == 200)
        assert _status(f"{url}health") == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()


def _status(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["{final}", "--host=0.0.0.0"], "a token is needed"),
        (["{final}", "--host=0.0.0.0", "--token-file={short}"], "at least 16"),
        (["{final}", "--token-file=nowhere"], "cannot read the token"),
        (["{final}", "--port=99999"], "no port"),
        (["{final}", "--port={taken}"], "cannot listen: Address already in use"),
        (["{final}", "--host=203.0.113.7", "--token-file={long}"], "cannot listen"),
        (["nowhere"], "there is no such folder"),
        (["{empty}"], "no complete snapshot: there is no manifest.json"),
        (["{half}"], "no complete snapshot: there is no manifest.json"),
    ],
)
def test_refusals(final: Path, tmp_path: Path, arguments: list[str], words: str) -> None:
    """One line, before the model is loaded."""
    (tmp_path / "empty").mkdir()
    shutil.copytree(final, tmp_path / "half", ignore=shutil.ignore_patterns("manifest.json"))
    (tmp_path / "short").write_text("secret")
    (tmp_path / "long").write_text("a-token-of-some-length\n")
    (tmp_path / "long").chmod(0o600)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        places = {
            "final": final,
            "taken": taken.getsockname()[1],
            **{name: tmp_path / name for name in ("empty", "half", "short", "long")},
        }
        done = subprocess.run(
            [*COMMAND, *(argument.format(**places) for argument in arguments)],
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert done.returncode in (1, 2)
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_wrong_place_is_said_at_once() -> None:
    """Before torch is loaded; and the service answers that it lives before that, too."""
    code = (
        "import sys; from caffe_mnist.serve import main; status = main(['nowhere'])\n"
        "import caffe_mnist.service.server\n"
        "sys.exit(10 * ('torch' in sys.modules) + status)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, "no such folder" in done.stderr) == (2, True)


def test_a_token_that_others_can_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Is taken, with a word of warning."""
    from caffe_mnist.service.server import read_token

    path = tmp_path / "token"
    path.write_text("a-token-of-some-length\n")
    path.chmod(0o644)
    assert read_token(str(path)) == "a-token-of-some-length"
    assert f"chmod 600 {path}" in capsys.readouterr().err
    path.chmod(0o600)
    assert read_token(str(path))
    assert capsys.readouterr().err == ""


def test_beyond_loopback_with_a_token(final: Path, tmp_path: Path) -> None:
    """By any name, but not without the token."""
    from tests.service.pictures import digit_picture

    (tmp_path / "token").write_text("a-token-of-some-length\n")
    with served(str(final), "--host=0.0.0.0", f"--token-file={tmp_path / 'token'}") as (_, url):
        url = url.replace("0.0.0.0", "127.0.0.1")
        with pytest.raises(urllib.error.HTTPError, match="401"):
            ask(url, digit_picture(1))
        found = ask(url, digit_picture(1), **{"X-Auth-Token": "a-token-of-some-length"})
        assert found["predicted_label"] == "1"


def _draw_seven(browser: Any) -> None:
    """Two strokes with the mouse."""
    from selenium.webdriver import ActionChains

    pad = browser.find_element("id", "pad")
    size = pad.size["width"]
    points = [(0.28, 0.25), (0.5, 0.25), (0.72, 0.25), (0.62, 0.5), (0.48, 0.8)]
    moves = ActionChains(browser, duration=20)
    places = [(round((x - 0.5) * size), round((y - 0.5) * size)) for x, y in points]
    moves.move_to_element_with_offset(pad, *places[0]).click_and_hold()
    for place in places[1:]:
        moves.move_to_element_with_offset(pad, *place)
    moves.release().perform()


def _text(browser: Any, name: str) -> str:
    return str(browser.find_element("id", name).text)


def test_the_page(final: Path, tmp_path: Path, browser: Any) -> None:
    """Draw a digit, upload one, upload what is none: results, and a clear word."""
    from tests.service.pictures import digit_picture

    (tmp_path / "two.png").write_bytes(digit_picture(2, 120))
    (tmp_path / "broken.png").write_bytes(b"no picture")
    with served(str(final)) as (_, url):
        browser.get(url)
        until(lambda: browser.find_element("id", "pad").is_displayed())
        _draw_seven(browser)
        until(lambda: _recognised(browser))
        assert "0." in _text(browser, "scores") or "1.0000" in _text(browser, "scores")
        view = browser.find_element("id", "view")
        assert view.is_displayed()
        assert browser.execute_script("return arguments[0].naturalWidth", view) == 28
        _keep(browser, "serve.png")
        browser.find_element("id", "file").send_keys(str(tmp_path / "broken.png"))
        until(lambda: "no picture" in _text(browser, "error"))
        assert _text(browser, "result") == "–"
        browser.find_element("id", "file").send_keys(str(tmp_path / "two.png"))
        until(lambda: _text(browser, "result") == "2")
        assert _text(browser, "error") == ""
        browser.find_element("id", "clear").click()
        assert _text(browser, "result") == "–"


def test_the_page_on_a_phone(final: Path, browser: Any) -> None:
    """Nothing is wider than the screen, and the drawing can be reached."""
    with served(str(final)) as (_, url):
        browser.set_window_size(500, 850)
        browser.get(url)
        until(lambda: browser.find_element("id", "pad").is_displayed())
        wide, shown = browser.execute_script(
            "return [document.documentElement.scrollWidth, document.documentElement.clientWidth]"
        )
        assert wide <= shown
        _draw_seven(browser)
        until(lambda: _recognised(browser))
        places = [browser.find_element("id", name).rect["y"] for name in ("pad", "result", "drop")]
        assert places == sorted(places)  # the answer stands below what was drawn


def test_the_page_asks_for_the_token(final: Path, tmp_path: Path, browser: Any) -> None:
    """And keeps it for its session."""
    (tmp_path / "token").write_text("a-token-of-some-length\n")
    with served(str(final), f"--token-file={tmp_path / 'token'}") as (_, url):
        browser.get(url)
        until(lambda: _alert(browser) is not None)
        alert = browser.switch_to.alert
        alert.send_keys("a-token-of-some-length")
        alert.accept()
        until(lambda: browser.find_element("id", "pad").is_displayed())
        _draw_seven(browser)
        until(lambda: _recognised(browser))


def _recognised(browser: Any) -> bool:
    """Whether a digit is shown, the first of the scores beside it."""
    result = _text(browser, "result")
    return result.isdigit() and _text(browser, "scores").split()[0] == result


def _alert(browser: Any) -> Any:
    from selenium.common.exceptions import NoAlertPresentException

    try:
        return browser.switch_to.alert
    except NoAlertPresentException:
        return None


def _keep(browser: Any, name: str) -> None:
    """A picture for the documents, when asked for: SCREENSHOTS=docs."""
    if folder := os.environ.get("SCREENSHOTS"):
        browser.save_screenshot(str(ROOT / folder / name))
