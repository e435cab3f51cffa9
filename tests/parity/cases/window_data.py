"""WindowData in many settings."""

from __future__ import annotations

from pathlib import Path

from tests.parity.cases.case import Case
from tests.parity.cases.image_data import write_pictures

# In a.png (20 rows, 24 columns): one in the middle, one that reaches to the border.
OBJECT = (3, 2, 14, 17)
OTHER = (0, 9, 20, 19)


def _windows(folder: Path) -> None:
    write_pictures(folder)
    lines = ["# 0", "a.png", "3 20 24", "3"]
    for label, overlap, corners in ((4, 0.9, OBJECT), (2, 0.1, OTHER), (1, 0.4, (1, 1, 2, 2))):
        lines.append(f"{label} {overlap} " + " ".join(map(str, corners)))
    lines += ["# 1", "d.jpg", "3 26 20", "0"]
    (folder / "windows.txt").write_text("\n".join(lines) + "\n")


def _many(folder: Path) -> None:
    """Windows of two pictures, some of which reach over the border with their context."""
    write_pictures(folder)
    lines = []
    for number, (name, size) in enumerate((("a.png", "3 20 24"), ("d.jpg", "3 26 20"))):
        lines += [f"# {number}", name, size, "6"]
        for k in range(6):
            overlap, corners = (0.2, 0.6, 0.8)[k % 3], (k, 2 * k, 9 + 2 * k, 12 + k)
            lines.append(f"{k + 1} {overlap} " + " ".join(map(str, corners)))
    (folder / "windows.txt").write_text("\n".join(lines) + "\n")


def _window(name: str, settings: str, transform: str, phase: str = "TEST") -> Case:
    text = (
        'window_data_param { source: "FOLDER/windows.txt" root_folder: "FOLDER/" '
        f"batch_size: 4 bg_threshold: 0.3 {settings} }} transform_param {{ {transform} }}"
    )
    files = _many if phase == "TRAIN" else _windows
    return Case(f"window-{name}", "WindowData", text, (), 2, phase, files=files, passes=4)


CASES = [
    _window("warp", "", "crop_size: 12"),
    _window("fraction", "fg_fraction: 0.5 cache_images: true", "crop_size: 17"),
    _window("context", "context_pad: 3", "crop_size: 16"),
    _window("square", 'crop_mode: "square"', "crop_size: 15"),
    _window("square-context", 'crop_mode: "square" context_pad: 2', "crop_size: 18"),
    _window("scale", "scale: 0.5 context_pad: 2", "crop_size: 14 mean_value: 100"),
    _window("means", "", "crop_size: 14 mean_value: 90 mean_value: 100 mean_value: 110"),
    _window("mean-file", "context_pad: 4", 'crop_size: 16 mean_file: "FOLDER/mean.binaryproto"'),
    _window("large-context", "context_pad: 6 fg_fraction: 0.75", "crop_size: 17"),
    _window("mirror", "context_pad: 5", "crop_size: 17 mirror: true"),
    _window("train", "fg_fraction: 0.5", "crop_size: 11", "TRAIN"),
    _window("train-mirror", "", "crop_size: 11 mirror: true mean_value: 5", "TRAIN"),
    _window("train-context", "context_pad: 3", "crop_size: 13 mirror: true", "TRAIN"),
    _window("train-square", 'crop_mode: "square" context_pad: 2', "crop_size: 12", "TRAIN"),
]
