"""What a request brings: files from a form, or base64 text from JSON, within limits."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

LARGEST_FIELD = 2**20


@dataclass(frozen=True)
class Limits:
    """How much one request may bring. The platform's own limit for a body is 12 MB."""

    body: int = 12 * 10**6
    files: int = 16
    pixels: int = 25_000_000
    seconds: float = 40.0


class RefusedError(Exception):
    """A request that is not answered: status, a short code, one sentence."""

    def __init__(self, status: int, code: str, message: str) -> None:
        self.status, self.code, self.message = status, code, message
        super().__init__(message)


@dataclass(frozen=True)
class File:
    """One file of a request: the field and the name that it came under, and its bytes."""

    field: str
    name: str
    content: bytes


async def read_files(
    request: Request, limits: Limits, anything: bool = False
) -> tuple[list[File], Any]:
    """The files of a form, or of JSON with base64 text; and the JSON itself (None for a form).

    With `anything`, JSON need not have pictures: a class of the package's own reads it. Raises
    RefusedError with a 4xx status for everything else.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in ("multipart/form-data", "application/json"):
        raise RefusedError(
            415, "media_type", "send multipart/form-data with a file in the field images"
        )
    body = await _body(request, limits.body)
    if kind == "application/json":
        found = _json(body)
        return ([] if anything else _files_of_json(found, limits)), found
    return await _files_of_form(request.headers, body, limits), None


async def _body(request: Request, limit: int) -> bytes:
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length) > limit:
        raise RefusedError(413, "too_large", f"the request is larger than {limit} bytes")
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > limit:
                raise RefusedError(413, "too_large", f"the request is larger than {limit} bytes")
    except ClientDisconnect:
        raise RefusedError(400, "disconnected", "the request ended in its middle") from None
    return bytes(body)


async def _files_of_form(headers: Headers, body: bytes, limits: Limits) -> list[File]:
    async def stream() -> AsyncIterator[bytes]:
        yield body

    parser = MultiPartParser(
        headers,
        stream(),  # type: ignore[arg-type]
        max_files=limits.files,
        max_fields=limits.files,
        max_part_size=LARGEST_FIELD,
    )
    try:
        form = await parser.parse()
    except MultiPartException as error:
        if "Too many files" in error.message:
            raise _too_many(limits) from None
        raise RefusedError(400, "bad_form", f"the form cannot be read: {error.message}") from None
    except (ValueError, KeyError, AssertionError, LookupError):
        raise RefusedError(400, "bad_form", "the form cannot be read") from None
    files = []
    for field, value in form.multi_items():
        if isinstance(value, UploadFile):
            files.append(File(field, value.filename or "", await value.read()))
            await value.close()
    if not files:
        raise RefusedError(
            400, "no_picture", "there is no file in the form: send one in the field images"
        )
    return files


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise RefusedError(400, "bad_json", "the body is no JSON") from None


def _files_of_json(found: Any, limits: Limits) -> list[File]:
    images = found.get("images") if isinstance(found, dict) else None
    texts = images if isinstance(images, list) else [images]
    if not texts or not all(isinstance(text, str) for text in texts):
        raise RefusedError(
            400, "no_picture", "the JSON has no images: send base64 text, or a list of it"
        )
    if len(texts) > limits.files:
        raise _too_many(limits)
    try:
        return [
            File("images", str(index), base64.b64decode(_bare(text), validate=True))
            for index, text in enumerate(texts)
        ]
    except (binascii.Error, ValueError):
        raise RefusedError(400, "bad_base64", "images is no base64 text") from None


def _bare(text: str) -> str:
    """Base64 as programs write it in lines, and as browsers give it in data: URLs."""
    head, comma, rest = text.partition(",")
    if comma and head.startswith("data:") and head.endswith(";base64"):
        text = rest
    return "".join(text.split())


def _too_many(limits: Limits) -> RefusedError:
    return RefusedError(413, "too_many", f"there are more than {limits.files} pictures")
