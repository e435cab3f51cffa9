"""Memory of a training run beside real Caffe's: LeNet (batch 64) and CaffeNet (batch 16).

    python benchmarks/memory.py [--nets LeNet,CaffeNet] [--caffe BIN] [--iterations 6]

While each trains, /proc/PID/smaps_rollup is read again and again; the most is kept. Resident is
everything, anonymous what is not a mapped file: without the pages of libraries. Of the engine's
the anonymous memory of a process that has loaded the same libraries and trains nothing is taken
away ("beyond the libraries"); of real Caffe's nothing is. Prints a Markdown table; exit status 1
when the engine needs more than 1.3 times real Caffe's resident memory.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nets

ROOT = Path(__file__).resolve().parent.parent
MOST = 1.3
NETS = {"LeNet": nets.lenet, "CaffeNet": nets.caffenet}
# What the engine loads for a training, without a net.
IDLE = """
import sys
from caffe_mnist.engine.lean_torch import start_lean
start_lean()
import caffe_mnist.caffe, caffe_mnist.engine.solver, caffe_mnist.engine.layer as layer
list(layer.layers)
import torch
torch.mm(torch.ones(64, 64), torch.ones(64, 64))
print("ready", flush=True)
sys.stdin.read()
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--nets", default=",".join(NETS))
    parser.add_argument("--caffe", default=str(ROOT / ".caffe/bin/caffe"))
    parser.add_argument("--iterations", type=int, default=6)
    parser.add_argument("--batch", type=int, help="another batch size for every net")
    arguments = parser.parse_args()
    libraries = _idle()
    print(f"Libraries alone: {libraries[0]:.0f} MiB resident, {libraries[1]:.0f} anonymous.\n")
    print("| net | who | resident MiB | anonymous MiB | beyond the libraries | ÷ real Caffe |")
    print("| --- | --- | --- | --- | --- | --- |")
    too_much = False
    for name in arguments.nets.split(","):
        with tempfile.TemporaryDirectory() as folder:
            text = NETS[name](*[arguments.batch] * bool(arguments.batch))
            solver = _solver(Path(folder), text, arguments.iterations)
            real = None
            if os.access(arguments.caffe, os.X_OK):
                real = _most([arguments.caffe, "train", "-solver", str(solver)])
                print(f"| {name} | real Caffe | {real[0]:.0f} | {real[1]:.0f} | | |", flush=True)
            engine = [sys.executable, "-m", "caffe_mnist.caffe", "train", "-solver", str(solver)]
            ours = _most(engine)
            beyond = ours[1] - libraries[1]
            share = f"{beyond / real[0]:.2f}" if real else "no real Caffe here"
            too_much |= bool(real) and beyond > MOST * real[0] if real else False
            print(
                f"| {name} | engine | {ours[0]:.0f} | {ours[1]:.0f} | {beyond:.0f} | {share} |",
                flush=True,
            )
    return int(too_much)


def _solver(folder: Path, net: str, iterations: int) -> Path:
    (folder / "net.prototxt").write_text(net)
    solver = folder / "solver.prototxt"
    solver.write_text(
        f'net: "{folder}/net.prototxt" base_lr: 0.001 momentum: 0.9 weight_decay: 0.0005 '
        f'lr_policy: "fixed" max_iter: {iterations} display: 1 snapshot_after_train: false '
        "solver_mode: CPU"
    )
    return solver


def _most(command: list[str]) -> tuple[float, float]:
    """The most resident and anonymous memory (MiB) of a program, from start to end."""
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    found = (0.0, 0.0)
    while process.poll() is None:
        now = _memory(process.pid)
        found = (max(found[0], now[0]), max(found[1], now[1]))
        time.sleep(0.02)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    return found


def _idle() -> tuple[float, float]:
    process = subprocess.Popen(
        [sys.executable, "-c", IDLE], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.readline()
    found = _memory(process.pid)
    process.communicate()
    return found


def _memory(process: int) -> tuple[float, float]:
    """Resident and anonymous MiB now; zeros when the process has gone."""
    try:
        text = Path(f"/proc/{process}/smaps_rollup").read_text()
    except OSError:
        return 0.0, 0.0
    values = {line.split(":")[0]: line.split()[1] for line in text.splitlines() if "kB" in line}
    return int(values.get("Rss", 0)) / 1024, int(values.get("Anonymous", 0)) / 1024


if __name__ == "__main__":
    sys.exit(main())
