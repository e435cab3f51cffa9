"""The service as an application: routes, limits and errors around a model."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from caffe_mnist.datasets.picture import PictureError
from caffe_mnist.service.batching import Batcher, FullError
from caffe_mnist.service.counts import Counts
from caffe_mnist.service.description import describe
from caffe_mnist.service.failure import CustomError
from caffe_mnist.service.requests import File, Limits, RefusedError, read_files

if TYPE_CHECKING:
    from caffe_mnist.service.answers import Model, Seen
    from caffe_mnist.service.custom import CustomService

PAGE = Path(__file__).with_name("page.html")
# The page needs nothing from elsewhere, and may load nothing from elsewhere.
PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; script-src 'unsafe-inline'; "
    "style-src 'unsafe-inline'; img-src 'self' data: blob:; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
INVERT = {"0": False, "1": True, "auto": None}
DECODERS = 2
# What the net does with a lone picture in less (seconds) needs no thread: the way there and back is
# about as long as LeNet takes.
MOMENT = 0.003
# A picture of so few bytes and pixels is decoded at once.
SMALL, SMALL_PIXELS = 2**15, 2**16


@dataclass
class Settings:
    """How the application behaves. `hosts` are the names it may be called by, None for any."""

    limits: Limits = field(default_factory=Limits)
    token: str | None = None
    queue: int = 256
    largest_batch: int = 64
    hosts: Sequence[str] | None = None


class Service:
    """One model behind HTTP; `application` is what a server runs.

    Until `begin` it is alive and not ready: what needs the model is answered with 503.
    """

    def __init__(
        self, model: Model | None, custom: CustomService | None, settings: Settings
    ) -> None:
        """`custom`, where there is one, answers instead of the model; without both, not yet."""
        self.settings = settings
        self.model: Model | None = None
        self.custom: CustomService | None = None
        self.ending = False
        self.counts = Counts()
        self._decoders = ThreadPoolExecutor(DECODERS, "decode")
        self._batcher: Batcher | None = None
        self.application = self._application()
        if model is not None or custom is not None:
            self.begin(model, custom)

    def begin(self, model: Model | None, custom: CustomService | None) -> None:
        """Answer from now on."""
        self.model, self.custom = model, custom
        compute = custom.answers if custom else self._scores
        largest = 1 if custom else self.settings.largest_batch
        moment = 0.0 if custom else MOMENT  # nobody knows what code of others does
        self._batcher = Batcher(compute, largest, self.settings.queue, self.counts.batch, moment)

    @property
    def ready(self) -> bool:
        """Whether requests will be answered: the model is loaded, and no end is near."""
        return self._batcher is not None and not self.ending

    @property
    def batcher(self) -> Batcher:
        """What computes; raises RefusedError while the model is being loaded."""
        if self._batcher is None:
            raise RefusedError(503, "loading", "the model is being loaded, try again")
        return self._batcher

    def _application(self) -> Starlette:
        hosts = self.settings.hosts
        return Starlette(
            routes=[
                Route("/", self._predict, methods=["POST"]),
                Route("/", self._page, methods=["GET"]),
                Route("/health", self._health),
                Route("/health/live", self._live),
                Route("/health/ready", self._health),
                Route("/info", self._guarded(self._info)),
                Route("/metrics", self._guarded(self._metrics)),
                Route("/openapi.json", self._guarded(self._openapi)),
            ],
            middleware=(
                [Middleware(TrustedHostMiddleware, allowed_hosts=list(hosts))] if hosts else []
            ),
            exception_handlers={HTTPException: _not_found, RefusedError: _refused},
        )

    async def _predict(self, request: Request) -> Response:
        begun = time.monotonic()
        asked: list[File] = []
        try:
            response = await asyncio.wait_for(
                self._answer(request, asked), self.settings.limits.seconds
            )
        except RefusedError as error:
            response = _refusal(error)
        except asyncio.TimeoutError:
            if asked:
                response = _error(504, "timeout", "no answer within the time limit")
            else:
                response = _error(408, "slow", "the request took too long to arrive")
        self.counts.requests.labels(str(response.status_code)).inc()
        self.counts.seconds.observe(time.monotonic() - begun)
        return response

    async def _answer(self, request: Request, asked: list[File]) -> Response:
        self._check(request)
        batcher = self.batcher
        query = request.query_params
        invert, view = query.get("invert", "0"), query.get("view", "0")
        if invert not in INVERT or view not in ("0", "1"):
            raise RefusedError(400, "bad_query", "invert takes 0, 1 or auto, view takes 0 or 1")
        files, content = await read_files(request, self.settings.limits, self.custom is not None)
        asked += files
        if len(files) > self.settings.queue and self.custom is None:
            most = f"there are more than {self.settings.queue} pictures"
            raise RefusedError(413, "too_many", most)
        try:
            if self.custom is not None:
                question = content if content is not None else files
                return JSONResponse((await batcher.submit([question]))[0])
            return JSONResponse(await self._answers(files, INVERT[invert], view == "1"))
        except FullError:
            raise RefusedError(429, "busy", "too many requests are waiting, try again") from None
        except CustomError as error:
            return JSONResponse(error.answer, 400)

    async def _answers(self, files: Sequence[File], invert: bool | None, view: bool) -> Any:
        assert self.model is not None
        seen = [await self._decoded(file, invert) for file in files]
        scores = await self.batcher.submit([one.values for one in seen])
        answers = []
        for file, one, row in zip(files, seen, scores):
            answer = self.model.answer(row)
            if len(files) > 1:
                answer["file"] = file.name
            if view:
                answer.update(view=self.model.picture_url(one), inverted=one.inverted)
            answers.append(answer)
        return answers[0] if len(answers) == 1 else answers

    async def _decoded(self, file: File, invert: bool | None) -> Seen:
        """In a thread where it may take long; a small picture takes less than the way there."""
        assert self.model is not None
        if len(file.content) < SMALL:
            with contextlib.suppress(PictureError):
                return self.model.see(
                    file.content, invert, min(SMALL_PIXELS, self.settings.limits.pixels)
                )
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._decoders, self._see, file, invert)

    def _see(self, file: File, invert: bool | None) -> Seen:
        assert self.model is not None
        try:
            return self.model.see(file.content, invert, self.settings.limits.pixels)
        except PictureError as error:
            name = f"{file.name[:100]!r}: " if file.name else ""
            status = 413 if "too many" in error.what else 400
            raise RefusedError(status, "bad_picture", f"{name}{error.what}") from None

    def _scores(self, pictures: Sequence[Any]) -> Sequence[Any]:
        assert self.model is not None
        return self.model.scores(pictures)

    def _check(self, request: Request) -> None:
        """The token, and that no page of another site asks in its visitor's name."""
        origin = request.headers.get("origin")
        if origin is not None and origin.partition("://")[2] != request.headers.get("host"):
            raise RefusedError(403, "origin", "pages of other sites may not ask")
        token = self.settings.token
        if token is None:
            return
        given = request.headers.get("x-auth-token") or ""
        kind, _, value = request.headers.get("authorization", "").partition(" ")
        given = given or (value if kind.lower() == "bearer" else "")
        if not hmac.compare_digest(given.encode("utf-8", "replace"), token.encode()):
            raise RefusedError(401, "token", "send the service's token as X-Auth-Token")

    def _guarded(
        self, endpoint: Callable[[Request], Awaitable[Response]]
    ) -> Callable[[Request], Awaitable[Response]]:
        async def guarded(request: Request) -> Response:
            self._check(request)
            return await endpoint(request)

        return guarded

    async def _page(self, request: Request) -> Response:
        return Response(PAGE.read_bytes(), media_type="text/html", headers=PAGE_HEADERS)

    async def _live(self, request: Request) -> Response:
        return JSONResponse({"health": "true"})

    async def _health(self, request: Request) -> Response:
        """The platform's question, whether requests may come: 200 with the contract's answer."""
        if self.ready:
            return JSONResponse({"health": "true"})
        return JSONResponse({"health": "false"}, 503, headers={"Retry-After": "1"})

    async def _info(self, request: Request) -> Response:
        if self._batcher is None:
            return _error(503, "loading", "the model is being loaded, try again")
        model = self.model
        if model is None:
            return JSONResponse({"name": self.custom.name if self.custom else "", "custom": True})
        return JSONResponse(
            {
                "name": model.package.name,
                "input": model.input,
                "labels": list(model.labels),
                "custom": False,
            }
        )

    async def _metrics(self, request: Request) -> Response:
        self.counts.waiting.set(self._batcher.waiting if self._batcher else 0)
        self.counts.ready.set(self.ready)
        return Response(self.counts.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    async def _openapi(self, request: Request) -> Response:
        labels = self.model.labels if self.model is not None else ()
        return JSONResponse(describe(labels, self.settings.token is not None))

    def close(self) -> None:
        """End the threads."""
        if self._batcher is not None:
            self._batcher.close()
        self._decoders.shutdown(wait=False)


def _error(status: int, code: str, message: str) -> Response:
    headers = {"Retry-After": "1"} if status in (429, 503) else {}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse({"error_code": code, "error_msg": message}, status, headers=headers)


def _refusal(error: RefusedError) -> Response:
    return _error(error.status, error.code, error.message)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, RefusedError)
    return _refusal(error)


async def _not_found(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    words = {404: "there is nothing here", 405: "this method is not for this path"}
    response = _error(error.status_code, "http", words.get(error.status_code, error.detail))
    response.headers.update(error.headers or {})
    return response
