"""train --dashboard: the live view of a job, its buttons, and the view in a real browser."""

from __future__ import annotations

import json
import os
import re
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.jobs import Job, until

pytest.importorskip("starlette")
ROOT = Path(__file__).resolve().parents[2]


def _address(job: Job) -> tuple[str, str]:
    """URL and token, once they were said."""
    found: list[str] = []
    until(lambda: found or found.extend(re.findall(r"live view: (\S+)", job.stderr())))
    url, _, token = found[0].partition("#")
    return url, token


def _state(url: str) -> Any:
    with urllib.request.urlopen(f"{url}state", timeout=30) as answer:
        return json.load(answer)


def _press(url: str, action: str, token: str) -> None:
    request = urllib.request.Request(url + action, b"", {"X-Token": token})
    with urllib.request.urlopen(request, timeout=30):
        return


def test_a_running_job_is_seen_and_steered(job: Job) -> None:
    """Progress, snapshots and where they are; a snapshot now, a pause, a stop with a snapshot."""
    with job.started("--dashboard", "--set=max_iter=3000", FAKE_PACE="0.05") as process:
        url, token = _address(job)
        until(lambda: _state(url)["iteration"] > 0)
        found = _state(url)
        assert (found["total"], found["status"]) == (3000, "running")
        assert found["seconds_left"] > 0
        until(lambda: any(one["safe"] for one in _state(url)["snapshots"]))
        before = len(_state(url)["snapshots"])
        _press(url, "snapshot", token)
        until(lambda: len(_state(url)["snapshots"]) > before)
        _press(url, "pause", token)
        until(lambda: _state(url)["status"] == "paused")
        _press(url, "resume", token)
        until(lambda: _state(url)["status"] == "running")
        _press(url, "pause", token)
        _press(url, "stop", token)
        assert process.wait(60) == 130
        assert _state(url)["status"] == "stopped"  # the last state can still be seen
        assert not _state(url)["can_act"]


def test_a_paused_job_can_be_stopped_from_outside(job: Job) -> None:
    """SIGTERM to the launcher: the trainer goes on in order to stop with a snapshot."""
    with job.started("--dashboard", "--set=max_iter=3000", FAKE_PACE="0.05") as process:
        url, token = _address(job)
        until(lambda: _state(url)["iteration"] > 0)
        _press(url, "pause", token)
        process.terminate()
        assert process.wait(60) == 143
    assert job.snapshots()


@pytest.mark.parametrize("port", ["70000", "-1", "x"])
def test_bad_ports(job: Job, port: str) -> None:
    """One line, before anything is done."""
    done = job.run(f"--dashboard={port}")
    assert done.status == 2
    assert not job.calls()


def test_in_a_browser(job: Job, browser: Any) -> None:
    """The page updates by itself, fits a phone, has its buttons and keeps the last state."""
    with job.started("--dashboard", "--set=max_iter=800", FAKE_PACE="0.05") as process:
        url, token = _address(job)
        browser.set_window_size(480, 850)
        browser.get(f"{url}#{token}")

        def text(name: str) -> str:
            return str(browser.find_element("id", name).text)

        until(lambda: "of 800" in text("numbers"))
        seen = text("numbers")
        until(lambda: text("numbers") != seen)
        until(lambda: "safe in" in text("snapshots"))
        assert browser.find_elements("css selector", "#loss polyline")
        wide, shown = browser.execute_script(
            "return [document.documentElement.scrollWidth, document.documentElement.clientWidth]"
        )
        assert wide <= shown
        if folder := os.environ.get("SCREENSHOTS"):
            browser.save_screenshot(str(ROOT / folder / "dashboard-phone.png"))
            browser.set_window_size(1100, 860)
            browser.save_screenshot(str(ROOT / folder / "dashboard.png"))
        browser.find_element("id", "pause").click()
        until(lambda: text("status") == "paused")
        assert "Paused" in text("fault")
        browser.find_element("id", "pause").click()
        until(lambda: text("status") == "running")
        for fragment, shown in (("", False), ("#wrong", True), (f"#{token}", True)):
            browser.get("about:blank")
            browser.get(f"{url}{fragment}")
            until(lambda: text("status") == "running")
            assert browser.find_element("id", "buttons").is_displayed() is shown
            if fragment == "#wrong":
                browser.find_element("id", "snapshot").click()
                until(lambda: "token" in text("fault"))
                numbers = [text("numbers")]
                until(lambda found=numbers: text("numbers") not in found)
                assert "token" in text("fault")  # it stays, while the page goes on
        browser.find_element("id", "stop").click()
        assert process.wait(60) == 130
        until(lambda: text("status") == "stopped")
        assert not browser.find_element("id", "stop").is_enabled()
