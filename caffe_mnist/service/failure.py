"""What a package's own class could not answer."""

from __future__ import annotations


class CustomError(Exception):
    """The user's class raised; `answer` is what the platform says then."""

    def __init__(self, reason: str) -> None:
        self.answer = {"erno": "MR.0105", "msg": "Recognition failed", "words_result": {}}
        super().__init__(reason)
