"""Old nets and solvers in today's words: python -m caffe_mnist.upgrade net|solver IN OUT."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from caffe_mnist.errors import CaffeMnistError, exit_status, one_line_usage

PROGRAM = "python -m caffe_mnist.upgrade"
EPILOG = """\
IN may be prototxt or binary (such as a .caffemodel); OUT is of the same kind unless --text or
--binary say otherwise, and may be IN itself.

examples:
  upgrade net old_train_val.prototxt train_val.prototxt
  upgrade net old.caffemodel new.caffemodel
  upgrade solver old_solver.prototxt solver.prototxt

exit status: 0; 1 if the net says things that never meant anything (OUT is written without
them); 2 for bad input.
"""
CONTROLS = frozenset(range(0x20)) - frozenset(b"\t\n\v\f\r")
HDF5 = b"\x89HDF\r\n\x1a\n"


def main(argv: Sequence[str] | None = None) -> int:
    """Upgrade one file; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Write an old net or solver in today's way, as Caffe's upgrade tools do.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    one_line_usage(parser)
    parser.add_argument("kind", choices=["net", "solver"], help="what IN is")
    parser.add_argument("source", metavar="IN", help="the file to read")
    parser.add_argument("out", metavar="OUT", help="the file to write")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--text", action="store_true", help="write prototxt")
    form.add_argument("--binary", action="store_true", help="write the binary form")

    def command() -> int:
        options = parser.parse_args(argv)
        text = True if options.text else False if options.binary else None
        upgrade = upgrade_net_file if options.kind == "net" else upgrade_solver_file
        found, faults = upgrade(options.source, options.out, text)
        for fault in faults:
            print(f"{PROGRAM}: warning: {options.source}: {fault}", file=sys.stderr)
        said = f"upgraded {', '.join(found)}" if found else "was written in today's way already"
        print(f"{options.out}: {said}")
        return 1 if faults else 0

    return exit_status(command, PROGRAM)


def upgrade_net_file(
    source: str, out: str, text: bool | None = None
) -> tuple[list[str], list[str]]:
    """Write the net of `source` to `out`, as `text`, binary, or (None) of the kind it is.

    Returns what was old and what of it meant nothing, in words. Raises CaffeMnistError, with
    `out` as it was, for a file that is no net and a net that cannot be upgraded.
    """
    from caffe_mnist.schema.upgrade import old_ways, upgrade_net

    was_text = is_text(source)
    net = _read(source, "NetParameter", was_text)
    if not was_text and not (net.layer or net.layers or net.input):
        raise CaffeMnistError("holds no layers, so it is no net", where=source)
    found, faults = old_ways(net), list[str]()
    _write(out, upgrade_net(net, source, faults.append), was_text if text is None else text)
    return found, faults


def upgrade_solver_file(
    source: str, out: str, text: bool | None = None
) -> tuple[list[str], list[str]]:
    """Write the solver of `source` to `out`; else like `upgrade_net_file`."""
    from caffe_mnist.schema.upgrade_solver import upgrade_solver

    was_text = is_text(source)
    solver = _read(source, "SolverParameter", was_text)
    found = ["solver_type"] if solver.HasField("solver_type") else []
    upgrade_solver(solver, source)
    _write(out, solver, was_text if text is None else text)
    return found, []


def is_text(path: str) -> bool:
    """Whether a file is prototxt: UTF-8 without control characters."""
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise CaffeMnistError(f"cannot read: {error.strerror}", where=path) from None
    if content.startswith(HDF5):
        raise CaffeMnistError("is HDF5, which has no old nets", where=path)
    if not CONTROLS.isdisjoint(content[:4096]) or not CONTROLS.isdisjoint(content):
        return False
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _read(path: str, kind: str, text: bool) -> Any:
    """A message of class `kind`; a binary one with its blobs' numbers packed."""
    from caffe_mnist.schema import caffe_pb2
    from caffe_mnist.schema.messages import read_text
    from caffe_mnist.schema.packed import read_packed

    return read_text(path, getattr(caffe_pb2, kind)) if text else read_packed(path, kind)


def _write(path: str, content: Any, text: bool) -> None:
    from caffe_mnist.schema import caffe_pb2
    from caffe_mnist.schema.messages import write_binary, write_text

    if text:
        plain = getattr(caffe_pb2, content.DESCRIPTOR.name)
        write_text(path, plain.FromString(content.SerializePartialToString()))
    else:
        write_binary(path, content)


if __name__ == "__main__":
    sys.exit(main())
