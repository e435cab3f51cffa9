"""The command for mean images, beside real Caffe's tool."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from caffe_mnist.compute_image_mean import main
from caffe_mnist.datasets.writer import DatabaseWriter
from caffe_mnist.engine.data.transform import read_mean
from caffe_mnist.schema.caffe_pb2 import Datum


def database(path: Path, data: Iterator[Datum]) -> Path:
    """An LMDB of these records."""
    with DatabaseWriter(path) as writer:
        writer.put([(b"%08d" % k, one.SerializeToString()) for k, one in enumerate(data)])
    return path


def bytes_of(count: int, *shape: int, least: int = 0) -> Iterator[Datum]:
    """Records of random 8-bit pixels, from `least` on."""
    rng = np.random.default_rng(1)
    for pixels in rng.integers(least, 256, (count, *shape), dtype=np.uint8):
        yield Datum(
            channels=shape[0], height=shape[1], width=shape[2], data=pixels.tobytes(), label=1
        )


def floats(count: int) -> Iterator[Datum]:
    """Records of floats, some of them negative."""
    rng = np.random.default_rng(2)
    for values in rng.normal(size=(count, 12)):
        yield Datum(channels=2, height=3, width=2, float_data=values.tolist())


def pictures(channels: int) -> Iterator[Datum]:
    """Encoded pictures."""
    cv2 = pytest.importorskip("cv2")
    rng = np.random.default_rng(3)
    shape = (8, 9, 3) if channels == 3 else (8, 9)
    for ending in (".png", ".jpg", ".png"):
        content = cv2.imencode(ending, rng.integers(0, 256, shape, dtype=np.uint8))[1]
        yield Datum(encoded=True, data=content.tobytes(), channels=channels, height=8, width=9)


def mixed() -> Iterator[Datum]:
    """Floats first, then bytes: sums with fractions."""
    yield from floats(3)
    yield from bytes_of(300, 2, 3, 2)


CASES: dict[str, Callable[[], Iterator[Datum]]] = {
    "grey": lambda: bytes_of(700, 1, 5, 4),
    "colour": lambda: bytes_of(70, 3, 6, 7),
    "rounded sums": lambda: bytes_of(70_000, 1, 1, 2, least=240),
    "floats": lambda: floats(50),
    "mixed": mixed,
    "encoded grey": lambda: pictures(1),
    "encoded colour": lambda: pictures(3),
}


@pytest.mark.parity
@pytest.mark.parametrize("name", CASES)
def test_files_equal_real_caffes(
    name: str, real_caffe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Byte by byte, also where single precision rounds, and the same means of channels."""
    source = database(tmp_path / "db", CASES[name]())
    command = [real_caffe / "compute_image_mean", source, tmp_path / "real"]
    log = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stderr
    assert main([str(source), str(tmp_path / "ours")]) == 0
    assert (tmp_path / "ours").read_bytes() == (tmp_path / "real").read_bytes()
    printed = capsys.readouterr().out.splitlines()[1:]
    assert printed == [line.partition("] ")[2] for line in log.splitlines() if "mean_value" in line]


def test_nets_read_the_file(tmp_path: Path) -> None:
    """The mean is that of the pixels, C × H × W, as a transform reads it."""
    source = database(tmp_path / "db", bytes_of(300, 3, 4, 5))
    assert main([str(source), str(tmp_path / "mean")]) == 0
    records = [np.frombuffer(one.data, np.uint8) for one in bytes_of(300, 3, 4, 5)]
    wanted = np.mean(records, axis=0).reshape(3, 4, 5)
    np.testing.assert_allclose(read_mean(str(tmp_path / "mean")), wanted, rtol=1e-6)


def test_without_a_file_the_means_are_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """OUT may be missing, as with Caffe's tool."""
    source = database(tmp_path / "db", iter([next(bytes_of(1, 1, 1, 1, least=255))]))
    assert main(["-backend", "lmdb", str(source)]) == 0
    assert capsys.readouterr().out == "mean_value channel [0]: 255\n"
    assert [path.name for path in tmp_path.iterdir()] == ["db"]


def different() -> Iterator[Datum]:
    """Two sizes."""
    yield from bytes_of(2, 1, 2, 2)
    yield from bytes_of(1, 1, 3, 2)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (different, "record 00000002: 1 x 3 x 2, unlike 1 x 2 x 2"),
        (lambda: iter([*floats(1), *bytes_of(1, 1, 3, 2)]), "1 x 3 x 2 after 2 x 3 x 2"),
        (lambda: iter([Datum(encoded=True, data=b"no picture")]), "record 00000000: an encoded"),
        (lambda: iter([Datum(channels=1, height=2, width=2, data=b"abc")]), "3 bytes of pixels"),
    ],
)
def test_bad_records_are_one_line(
    data: Callable[[], Iterator[Datum]],
    message: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Exit status 2, the record named, and no file."""
    source = database(tmp_path / "db", data())
    assert main([str(source), str(tmp_path / "mean")]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / "mean").exists()


def test_bad_arguments_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No database, another backend, a folder that is not there, no arguments at all."""
    source = database(tmp_path / "db", bytes_of(2, 1, 2, 2))
    calls = (["/nowhere", "out"], ["--backend", "leveldb", "db"], [], [str(source), "/no/where"])
    assert [main(call) for call in calls] == [2, 2, 2, 2]
    errors = capsys.readouterr().err.splitlines()
    assert len([line for line in errors if "error: " in line]) == 4
    assert "/no/where: cannot write: No such file or directory" in errors[-1]
