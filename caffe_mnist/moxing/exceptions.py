"""MoXing's exceptions, and how our stores' failures become them."""

from __future__ import annotations

import re
from dataclasses import dataclass

# The status of a store's answer by the code in it; others are the store's own fault.
STATUS = {
    "AccessDenied": 403,
    "AuthenticationFailed": 403,
    "ExpiredToken": 400,
    "InvalidAccessKeyId": 403,
    "NoSuchBucket": 404,
    "NoSuchKey": 404,
    "SignatureDoesNotMatch": 403,
    "SlowDown": 503,
}
BROKEN = "the connection broke"


@dataclass(frozen=True)
class Response:
    """What a store answered, under the names that its own library gives them."""

    status: int
    errorCode: str  # noqa: N815
    errorMessage: str  # noqa: N815

    @property
    def reason(self) -> str:
        """The same as the message."""
        return self.errorMessage


class MoxFileNotExistsException(FileNotFoundError):  # noqa: N818
    """There is no such file or folder."""


class MoxFileNameDuplicateException(Exception):  # noqa: N818
    """A folder and a file of one name, which a disk cannot hold."""


class _AnswerError(OSError):
    """A failure with the store's answer, `resp`."""

    def __init__(self, resp: object, *more: object) -> None:
        self.resp = resp
        super().__init__(*more or (str(resp),))


class MoxFileReadException(_AnswerError):  # noqa: N818
    """The stream broke while an object was read."""


class MoxFileRespException(_AnswerError):  # noqa: N818
    """The store refused: a status of 300 and up."""


def failure(text: str, missing: bool) -> Exception:
    """The exception for a store's failure that is described by `text`."""
    if missing:
        return MoxFileNotExistsException(text)
    if BROKEN in text:
        return MoxFileReadException(Response(200, "", text), text)
    code = re.search(r"\(([A-Z][A-Za-z]+)\)", text)
    name = code[1] if code else "InternalError"
    return MoxFileRespException(Response(STATUS.get(name, 500), name, text), text)
