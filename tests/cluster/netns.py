"""Machines in network namespaces: each with an address of its own on one bridge (needs root)."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

NETWORK = "10.231.77"


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, timeout=30)


@contextmanager
def machines(count: int) -> Iterator[list[str]]:
    """Names of namespaces; number i has the address NETWORK.(i + 1). Skips without them."""
    tag = f"cm{os.getpid() % 10000}"
    bridge, names = f"{tag}b", [f"{tag}n{i}" for i in range(count)]
    if shutil.which("ip") is None:
        pytest.skip("no ip command: network namespaces cannot be made")
    try:
        try:
            _ip("link", "add", bridge, "type", "bridge")
            _ip("link", "set", bridge, "up")
            for i, name in enumerate(names):
                _ip("netns", "add", name)
                _ip(
                    "link",
                    "add",
                    f"{tag}v{i}",
                    "type",
                    "veth",
                    "peer",
                    "name",
                    "eth0",
                    "netns",
                    name,
                )
                _ip("link", "set", f"{tag}v{i}", "master", bridge, "up")
                _ip("-n", name, "addr", "add", f"{NETWORK}.{i + 1}/24", "dev", "eth0")
                _ip("-n", name, "link", "set", "eth0", "up")
                _ip("-n", name, "link", "set", "lo", "up")
        except subprocess.CalledProcessError as error:
            pytest.skip(f"network namespaces cannot be made: {error.stderr.decode().strip()}")
        yield names
    finally:
        for i, name in enumerate(names):
            subprocess.run(["ip", "link", "del", f"{tag}v{i}"], capture_output=True, check=False)
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)
        subprocess.run(["ip", "link", "del", bridge], capture_output=True, check=False)
