"""Addresses of this machine, asked of the system; nothing is sent.

An address is ours when a socket can be bound to it. Which of ours the others see is the one that
the system would send from to them (a UDP socket is connected, without a packet).
"""

from __future__ import annotations

import array
import fcntl
import socket
import struct

SIOCGIFCONF = 0x8912
SIZE = 40  # of struct ifreq on 64-bit Linux


class NoAddressError(Exception):
    """A host that has no address, as far as this machine can tell."""


def is_here(host: str) -> bool:
    """Whether one of the host's addresses is this machine's; raises NoAddressError."""
    for family, kind, protocol, _, address in _addresses(host):
        with socket.socket(family, kind, protocol) as probe:
            try:
                probe.bind((address[0], 0, *address[2:]))
            except OSError:
                continue
            return True
    return False


def towards(host: str, port: int) -> str:
    """The address that this machine sends from to `host`; raises NoAddressError."""
    for family, kind, protocol, _, address in _addresses(host):
        with socket.socket(family, kind, protocol) as probe:
            try:
                probe.connect((address[0], port, *address[2:]))
                return str(probe.getsockname()[0])
            except OSError:
                continue
    raise NoAddressError(f"no way to {host} from here")


def interface_of(address: str) -> str:
    """The network interface that has this IPv4 address; empty where none is found."""
    try:
        wanted = socket.inet_aton(socket.gethostbyname(address))
    except (OSError, UnicodeError):
        return ""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        room = array.array("B", bytes(128 * SIZE))
        place, _ = room.buffer_info()
        asked = struct.pack("iL", len(room), place)
        try:
            filled = struct.unpack("iL", fcntl.ioctl(probe.fileno(), SIOCGIFCONF, asked))[0]
        except OSError:
            return ""
    content = room.tobytes()[:filled]
    for start in range(0, filled, SIZE):
        if content[start + 20 : start + 24] == wanted:
            return content[start : start + 16].rstrip(b"\0").split(b"\0")[0].decode()
    return ""


def _addresses(host: str) -> list[tuple[int, int, int, str, tuple[str, int]]]:
    try:
        found = socket.getaddrinfo(host, 0, type=socket.SOCK_DGRAM)
    except (OSError, UnicodeError):
        raise NoAddressError(f"{host} has no address, as far as this machine knows") from None
    return found  # type: ignore[return-value]
