"""The live view over HTTP: the page, the state, and the buttons behind the page's token."""

from __future__ import annotations

import hmac
import json
import math
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from caffe_mnist.dashboard.state import RunState

PAGE = Path(__file__).with_name("page.html")
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; script-src 'unsafe-inline'; "
    "style-src 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
# What each button sends to the trainer. One that waits must go on to hear that it is to stop.
ACTIONS = {
    "snapshot": (signal.SIGHUP,),
    "pause": (signal.SIGSTOP,),
    "resume": (signal.SIGCONT,),
    "stop": (signal.SIGINT, signal.SIGCONT),
}
LOCAL_NAMES = ["localhost", "127.0.0.1", "[::1]", "::1", "testserver"]


class Dashboard:
    """One run's live view; `application` is what a server runs."""

    def __init__(
        self, state: RunState, token: str, send: Callable[[int, int], None] = os.killpg
    ) -> None:
        self.state, self.asked = state, time.monotonic()
        self._token, self._send = token, send
        self.application = Starlette(
            routes=[
                Route("/", self._page),
                Route("/state", self._state),
                Route("/{action}", self._act, methods=["POST"]),
            ],
            middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=LOCAL_NAMES)],
        )

    async def _page(self, request: Request) -> Response:
        return Response(PAGE.read_bytes(), media_type="text/html", headers=HEADERS)

    async def _state(self, request: Request) -> Response:
        self.asked = time.monotonic()
        self.state.look()
        return _json(self.state.to_dict())

    async def _act(self, request: Request) -> Response:
        numbers = ACTIONS.get(request.path_params["action"])
        if numbers is None:
            return JSONResponse({"error": "there is no such action"}, 404)
        given = request.headers.get("x-token", "")
        if not hmac.compare_digest(given.encode("utf-8", "replace"), self._token.encode()):
            return JSONResponse({"error": "the page's token is missing or wrong"}, 403)
        if not self.state.running():
            return JSONResponse({"error": "the training has ended"}, 409)
        try:
            for number in numbers:
                self._send(self.state.trainer, number)
        except ProcessLookupError:
            return JSONResponse({"error": "the training has ended"}, 409)
        return JSONResponse({"done": request.path_params["action"]})


def _json(content: Any) -> Response:
    """JSON without nan and infinity, which browsers do not read."""
    text = json.dumps(_plain(content), ensure_ascii=False).encode("utf-8", "replace")
    return Response(text, media_type="application/json", headers={"Cache-Control": "no-store"})


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
