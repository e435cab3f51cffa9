"""Why a store failed, in a few words, from what the library says about it.

Nothing of a request's query is repeated: some stores' addresses hold signatures there.
"""

from __future__ import annotations

import re

NO_PERMISSION = "no permission"

# The code of a store's answer, and what it means. The first that is found counts.
REASONS = {
    "SignatureDoesNotMatch": "the access key or its secret is wrong",
    "InvalidAccessKeyId": "the access key is unknown",
    "AuthenticationFailed": "the access key or its secret is wrong",
    "NoSuchBucket": "there is no such bucket",
    "ContainerNotFound": "there is no such container",
    "BadDigest": "the data was damaged on the way",
    "XAmzContentSHA256Mismatch": "the data was damaged on the way",
    "Md5Mismatch": "the data was damaged on the way",
    "NoSuchUpload": "the upload in parts was lost",
    "QuotaExceeded": "the store is full",
    "ExpiredToken": "the access token has expired",
    "RequestTimeTooSkewed": "this machine's clock differs too much from the store's",
    "PermanentRedirect": "the bucket is in another region",
    "AuthorizationHeaderMalformed": "the region is wrong",
    "AccessDenied": NO_PERMISSION,
    "SlowDown": "the store is too busy",
    "ServerBusy": "the store is too busy",
    "403 Forbidden": NO_PERMISSION,
    "401 Unauthorized": NO_PERMISSION,
    "503 Service Unavailable": "the store is too busy",
    "429 Too Many Requests": "the store is too busy",
    "No space left on device": "the disk is full",
    "Permission denied": NO_PERMISSION,
    "object with invalid path": "an object here has a name that is no path within a folder",
}

# Of these, trying again a little later may help.
PASSING = (
    "BadDigest", "XAmzContentSHA256Mismatch", "Md5Mismatch", "NoSuchUpload", "SlowDown",
    "ServerBusy", "503 Service Unavailable", "429 Too Many Requests", "500 Internal Server Error",
    "502 Bad Gateway", "504 Gateway Timeout", "HTTP error",
)  # fmt: skip

NO_STORE = "what answers there is no such store (is the endpoint right?)"
SILENT = "the store does not answer (is the endpoint right?)"
LATE = "the store did not answer in time"


def reason(error: Exception, act: str = "") -> str:
    """The cause in the store's words: the code of its answer, or the innermost of a chain.

    `act` is what was tried ("write"), for where there is no permission for it.
    """
    text, _, more = str(error).partition("\n\nDebug source")
    for word, meaning in REASONS.items():
        if word in text:
            tried = f" to {act}" if act and meaning == NO_PERMISSION else ""
            return f"{meaning}{tried} ({_quoted(text) or word})"
    if "<html" in text.lower():  # a web server's page, or a proxy's
        return NO_STORE
    for field in ("<Message>", "Message: "):
        if field in text:
            return " ".join(text.split(field, 1)[1].split("<", 1)[0].split())
    if "dns error" in more:
        return "there is no such host (is the endpoint right?)"
    if "InvalidContentType" in more or "Parse(" in more:
        return NO_STORE
    if is_late(error):
        return LATE
    if "HTTP error" in text:
        return "the connection broke" if "kind: Body" in more else SILENT
    if "No such file" in text or "os error" in text:
        return text.rsplit(": ", 1)[-1]
    if "invalid list response" in text or "from headers" in text:
        return NO_STORE
    return re.sub(r"\?\S+", "", " ".join(text.split()))[:300]


def _quoted(text: str) -> str:
    """The name in a complaint of the library's about a path, as it may be shown."""
    match = re.search(r'invalid path: .*?[Pp]ath "([^"]*)"', text)
    return repr(match.group(1))[:200] if match else ""


def is_late(error: Exception) -> bool:
    """Whether the time for a request ran out while there was a connection."""
    text = str(error)
    return "kind: Timeout" in text or "operation timed out" in text


def is_passing(error: Exception) -> bool:
    """Whether the same request may well succeed when it is made again."""
    text = str(error).partition("\n\nDebug source")[0]
    return is_late(error) or any(word in text for word in PASSING)
