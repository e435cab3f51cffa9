"""Settings of the machines' meeting: `--rdzv-conf last_call_timeout=10,keep_alive_interval=1`.

They are those of PyTorch's rendezvous, which passes over names that it does not know.
"""

from __future__ import annotations

from caffe_mnist.errors import CaffeMnistError

# Seconds, but for the attempts.
NAMES = (
    "last_call_timeout", "join_timeout", "close_timeout", "heartbeat_timeout", "timeout",
    "read_timeout", "keep_alive_interval", "keep_alive_max_attempt",
)  # fmt: skip


def meeting_settings(conf: str) -> dict[str, str]:
    """The settings by their names; raises CaffeMnistError for others, and for no whole number."""
    found = {}
    for word in filter(None, map(str.strip, conf.split(","))):
        name, _, value = (part.strip() for part in word.partition("="))
        if name not in NAMES:
            known = ", ".join(NAMES)
            raise CaffeMnistError(
                f"{name!r} is no setting of the meeting",
                where="--rdzv-conf",
                hint=f"known: {known}",
            )
        if not (value.isascii() and value.isdigit() and int(value)):
            what = f"{word!r} gives no whole number of 1 or more"
            raise CaffeMnistError(what, where="--rdzv-conf", hint=f"as {name}=10")
        found[name] = value
    return found
