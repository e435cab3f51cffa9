"""`--nodes MIN:MAX`, `--rdzv HOST:PORT` and what follows from them for this machine."""

from __future__ import annotations

from dataclasses import dataclass

from caffe_mnist.cluster.address import NoAddressError, interface_of, is_here, towards
from caffe_mnist.errors import CaffeMnistError

PORT = 29400


@dataclass(frozen=True)
class Machines:
    """A job on `least` to `most` machines that meet at `host`:`port`.

    `first` is the one that keeps the store of the meeting, the log and the snapshots. `address`
    is this machine's own towards the others, `interface` the network interface that has it.
    """

    least: int
    most: int
    host: str
    port: int
    first: bool
    address: str = ""
    interface: str = ""

    @property
    def endpoint(self) -> str:
        """HOST:PORT; an IPv6 address in brackets."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def find_machines(nodes: str, rdzv: str, rank: int | None = None) -> Machines:
    """Of the arguments as given; without a `rank` the machine that has HOST's address is first.

    Raises CaffeMnistError for values that cannot be used, and for a host that nobody knows.
    """
    least, most = nodes_range(nodes)
    if not rdzv:
        raise CaffeMnistError(
            "several machines need a place to meet", hint="--rdzv HOST:PORT of the first of them"
        )
    host, port = _endpoint(rdzv)
    if rank is not None and not 0 <= rank < most:
        raise CaffeMnistError(f"{rank} is not 0 to {most - 1}", where="--node-rank")
    try:
        here = is_here(host)
        first = here if rank is None else rank == 0
        address = host if here else towards(host, port)
    except NoAddressError as error:
        if rank is None:
            raise CaffeMnistError(str(error), where=f"--rdzv {rdzv}") from None
        return Machines(least, most, host, port, rank == 0)
    interface = interface_of(address)
    if interface == "lo":  # an address of this machine's that no other can mean by it
        return Machines(least, most, host, port, first)
    return Machines(least, most, host, port, first, address, interface)


def nodes_range(nodes: str) -> tuple[int, int]:
    """MIN and MAX of `N` or `MIN:MAX`; raises CaffeMnistError."""
    least, colon, most = nodes.partition(":")
    words = (least, most if colon else least)
    if not all(word.isascii() and word.isdigit() for word in words):
        raise CaffeMnistError(f"{nodes!r} is no number, nor MIN:MAX", where="--nodes")
    found = (int(words[0]), int(words[1]))
    if not 1 <= found[0] <= found[1]:
        raise CaffeMnistError(f"{nodes}: MIN is 1 or more, and MAX not less", where="--nodes")
    return found


def _endpoint(rdzv: str) -> tuple[str, int]:
    host, colon, port = rdzv.rpartition(":") if not rdzv.endswith("]") else (rdzv, "", "")
    if not colon:
        host, port = rdzv, str(PORT)
    if not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise CaffeMnistError(f"{rdzv!r} is not HOST:PORT", where="--rdzv")
    host = host.strip("[]")
    if not host:
        raise CaffeMnistError(f"{rdzv!r} names no host", where="--rdzv")
    return host, int(port)
