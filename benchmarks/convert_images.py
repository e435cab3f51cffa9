"""Pictures to LMDB, whole process against whole process: this package and real Caffe.

    python benchmarks/convert_images.py [--caffe BIN] [--pictures N] [--rounds N]

Generated JPEGs of about 500 × 375 are resized to 256 × 256. Real convert_imageset, `convert
imageset` (the same) and `convert images` (with mean, report and contact sheet) take turns, each
into a new database on the same disk. Prints a Markdown table; exit status 1 if `imageset` is less
than three times as fast as real Caffe on two cores or more, or the records differ.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from caffe_mnist.datasets.database import Database  # noqa: E402

OURS = [sys.executable, "-m", "caffe_mnist.convert"]
SIDES = ["--resize-height", "256", "--resize-width", "256"]
TARGET = 3.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--caffe", default=ROOT / ".caffe" / "bin", type=Path, metavar="BIN")
    parser.add_argument("--pictures", default=2000, type=int, metavar="N")
    parser.add_argument("--rounds", default=5, type=int, metavar="N")
    parser.add_argument("--folder", metavar="FOLDER", help="where to work (default: TMPDIR)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        return _report(Path(folder), options.caffe, options.pictures, options.rounds)


def _generate(folder: Path, count: int) -> Path:
    """Seeded pictures with a photograph's blots, edges and noise; their list file."""
    import cv2
    import numpy as np

    cv2.setNumThreads(1)
    folder.mkdir()
    random = np.random.default_rng(5)
    textures = [_texture(random, blots) for blots in (6, 16, 48, 140, 1024)]
    lines = []
    for number in range(count):
        width, height = (int(side) for side in random.integers((460, 345), (541, 406)))
        pixels = np.full((height, width, 3), 128, np.float32)
        for texture in textures:
            x, y = random.integers(0, (1024 - width, 1024 - height))
            pixels += texture[y : y + height, x : x + width]
        name = f"{number:05}.jpg"
        cv2.imwrite(
            str(folder / name),
            np.clip(pixels, 0, 255).astype(np.uint8),
            [cv2.IMWRITE_JPEG_QUALITY, 90],
        )
        lines.append(f"{name} {number % 5}\n")
    listed = folder.parent / "list.txt"
    listed.write_text("".join(lines))
    return listed


def _texture(random: Any, blots: int) -> Any:
    """1024 × 1024 × 3 of so many blots a side, the fewer the stronger."""
    import cv2
    import numpy as np

    coarse = random.normal(0, 170 / blots**0.5, (blots, blots, 3)).astype(np.float32)
    return cv2.resize(coarse, (1024, 1024), interpolation=cv2.INTER_CUBIC)


def _report(folder: Path, caffe: Path, count: int, rounds: int) -> int:
    pictures = folder / "pictures"
    listed = _generate(pictures, count)
    size = sum(path.stat().st_size for path in pictures.iterdir()) / count / 1024
    places = [f"{pictures}/", str(listed)]
    commands = {
        "convert_imageset (real Caffe)": [
            str(caffe / "convert_imageset"), "--resize_height=256", "--resize_width=256", *places,
        ],
        "convert imageset": [*OURS, "imageset", *SIDES, *places],
        "convert images": [*OURS, "images", *SIDES, str(listed), "--root", str(pictures)],
    }  # fmt: skip
    if not (caffe / "convert_imageset").exists():
        del commands["convert_imageset (real Caffe)"]
    seconds = _take_turns(commands, folder, rounds)
    cores = len(os.sched_getaffinity(0))
    print(f"{count:,} JPEGs of about 500 × 375, {size:.0f} KiB each; {cores} cores\n")
    return _table(seconds, count, rounds, cores)


def _table(seconds: dict[str, list[float]], count: int, rounds: int, cores: int) -> int:
    middle = {name: statistics.median(runs) for name, runs in seconds.items()}
    real = middle.get("convert_imageset (real Caffe)")
    print("| command | seconds | pictures/s | times real Caffe |")
    print("| --- | --- | --- | --- |")
    for name, runs in seconds.items():
        times = f"{real / middle[name]:.2f}" if real else "-"
        shown = f"{middle[name]:.2f} ({min(runs):.2f})"
        print(f"| {name} | {shown} | {count / middle[name]:,.0f} | {times} |")
    print("\nSeconds: median (fastest) of", rounds, "runs, process start and imports included.")
    if real is None:
        return 0
    return 0 if cores < 2 or real / middle["convert imageset"] >= TARGET else 1


def _take_turns(
    commands: dict[str, list[str]], folder: Path, rounds: int
) -> dict[str, list[float]]:
    """Seconds of each command's runs; the first round warms up and compares."""
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for number in range(rounds + 1):
        made = {name: folder / f"made{at}" for at, name in enumerate(commands)}
        for name, command in commands.items():
            shutil.rmtree(made[name], ignore_errors=True)
            start = time.perf_counter()
            done = subprocess.run(
                [*command, str(made[name])],
                cwd=ROOT,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            if done.returncode:
                raise SystemExit(f"{name}: exit status {done.returncode}")
            if number:
                seconds[name].append(time.perf_counter() - start)
        if not number:
            _compare(
                [
                    path / "train_lmdb" if (path / "train_lmdb").exists() else path
                    for path in made.values()
                ]
            )
    return seconds


def _compare(paths: list[Path]) -> None:
    """All databases hold the same records."""
    with Database(paths[0]) as first:
        for path in paths[1:]:
            with Database(path) as other:
                same = len(first) == len(other) and all(
                    key == theirs and value == their_value
                    for (key, value), (theirs, their_value) in zip(first.records(), other.records())
                )
            if not same:
                raise SystemExit(f"{path}: the records differ")


if __name__ == "__main__":
    sys.exit(main())
