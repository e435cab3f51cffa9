"""The arguments of one training job, as argparse knows them; what they mean is in settings.py."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from caffe_mnist.errors import one_line_usage

# What the embedded engine can compute in (its `-precision`).
PRECISIONS = ("fp32", "tf32", "bf16", "fp16")


def make_parser(program: str) -> argparse.ArgumentParser:
    """The parser of `program`; what is not given stays None."""
    parser = argparse.ArgumentParser(
        prog=program,
        allow_abbrev=False,
        description="Train with Caffe and keep the snapshots safe in a store.",
        epilog="Names may be written with underscores, as ModelArts passes them. Credentials and "
        "endpoints of stores come from the environment (docs/storage.md).",
    )
    add = parser.add_argument
    add("--config", metavar="FILE", help="a TOML file with any of the arguments below")
    add("--data-url", metavar="URL", help="the dataset: a folder or a store's URL")
    add("--train-url", metavar="URL", help="where models go: a folder or a store's URL")
    add("--data-path-suffix", metavar="NAME", help="last folder of the code's URL (ModelArts)")
    add("--data-local-path", metavar="DIR", help="folder to keep the dataset in")
    add("--model-local-path", metavar="DIR", help="folder to keep the models in")
    add("--num-gpus", type=whole_number, metavar="N", help="0: the CPU; N: GPUs 0 to N-1")
    add("--solver", metavar="FILE", help="the solver (default: lenet_solver.prototxt in the code)")
    add("--layout", help="rewrite all paths for modelarts, local, sagemaker or a TOML file")
    add("--gpu", metavar="LIST", help="these GPUs: 0 or 0,1 or all")
    add("--workers", type=whole_number, metavar="N", help="processes together on this CPU (1)")
    add("--nodes", metavar="N|MIN:MAX", help="machines together (docs/distributed.md)")
    add("--rdzv", metavar="HOST:PORT", help="where they meet: an address of the first of them")
    add("--node-rank", type=whole_number, metavar="R", help="this machine's number; 0: the first")
    add("--rdzv-conf", metavar="KEY=VALUE,…", help="PyTorch's settings of the meeting")
    add("--max-restarts", type=whole_number, metavar="N", help="losses of workers to survive (10)")
    add(
        "--worker-timeout",
        type=whole_number,
        metavar="SECONDS",
        help="how long workers wait for each other before one counts as lost (300)",
    )
    add("--weights", metavar="FILE", help="start from these weights (a file or URL; a,b for two)")
    add(
        "--snapshot",
        metavar="FILE|auto|none",
        help="resume from a .solverstate, from the newest complete snapshot, or not (default)",
    )
    add(
        "--resume",
        action="store_const",
        const=True,
        help="as --snapshot auto, and take --train-url over from a job that died (docs/train.md)",
    )
    add("--caffe", metavar="auto|embedded|PATH", help="which Caffe trains (default: auto)")
    add(
        "--data-position",
        choices=["resume", "restart"],
        help="after a resume, where the data goes on (embedded engine; default: resume)",
    )
    add(
        "--precision",
        choices=PRECISIONS,
        help="numbers that heavy layers compute in (embedded engine; default: fp32, as Caffe)",
    )
    add(
        "--compile",
        action="store_const",
        const=True,
        help="compile the passes where that is faster (embedded engine; measured once)",
    )
    add("--upload-every", type=float, metavar="SECONDS", help="least time between uploads (0)")
    add("--keep", type=int, metavar="N", help="snapshots to keep in the store (default: all)")
    add("--keep-local", type=int, metavar="N", help="snapshots to keep on the disk (default: all)")
    add(
        "--snapshot-early",
        action="store_const",
        const=True,
        help="snapshots at 1, 2, 5, 10, 20 and 50 %% of the first interval too",
    )
    add(
        "--histograms",
        action="store_const",
        const=True,
        help="weights as histograms among the curves for TensorBoard, at each snapshot",
    )
    add(
        "--dashboard",
        nargs="?",
        const=0,
        type=whole_number,
        metavar="PORT",
        help="a page on loopback that shows the run, with buttons (any free port)",
    )
    add(
        "--stop-timeout",
        type=float,
        metavar="SECONDS",
        help="how long the trainer may take to stop before it is killed (120)",
    )
    add(
        "--drain-timeout",
        type=float,
        metavar="SECONDS",
        help="how long the last uploads may be tried again at the end (600)",
    )
    add("--set", action="append", metavar="KEY=VALUE", help="set a field of the solver or of a net")
    add("--map", action="append", metavar="OLD=NEW", help="replace the beginning of paths")
    add(
        "--epochs",
        type=float,
        metavar="N",
        help="train for so many passes over the data, in the place of max_iter",
    )
    add(
        "--test-once-over",
        action="store_const",
        const=True,
        help="test on the whole test set, exactly once, in the place of test_iter",
    )
    add("--best", metavar="METRIC", help="keep the model of the best value in best/: accuracy")
    add(
        "--early-stop",
        metavar="METRIC:PATIENCE",
        help="stop when so many tests in a row brought nothing better (accuracy:5)",
    )
    _switch(add, "stop-on-nan", "end a training whose loss is no number (default)")
    _switch(add, "preflight", "look at nets, memory and disk before anything is copied")
    add(
        "--preflight-only",
        "--check-only",
        action="store_const",
        const=True,
        help="look, say what was found, and train nothing",
    )
    add("--define", action="append", metavar="NAME=VALUE", help="the value of ${NAME} in prototxts")
    add(
        "--lenient",
        action="store_const",
        const=True,
        help="keep and report fields of prototxts that Caffe does not know",
    )
    add(
        "--paths-from",
        choices=["cwd", "solver"],
        help="where relative paths in prototxts begin: here (default), or in the solver's folder",
    )
    add("--dry-run", action="store_const", const=True, help="say what would be done, do nothing")
    one_line_usage(parser)
    return parser


def _switch(add: Callable[..., object], name: str, text: str) -> None:
    """`--NAME` and `--no-NAME`."""
    key = name.replace("-", "_")
    add(f"--{name}", dest=key, action="store_const", const=True, help=text)
    add(f"--no-{name}", dest=key, action="store_const", const=False, help="do not")


def whole_number(text: str) -> int | None:
    """A number; empty (as the platform passes it) means: not given."""
    return int(text) if text else None
