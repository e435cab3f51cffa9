"""The options of `convert images` and `convert imageset`: `convert_imageset`'s by their names.

Its spellings are taken too: underscores, one dash, `-gray=true`, `--noshuffle`.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence

from caffe_mnist.datasets.pictures.listing import CLASS, FORMS, KINDS, Decoding, Labels
from caffe_mnist.errors import CaffeMnistError

SWITCHES = ("gray", "shuffle", "encoded", "check-size")
VALUES = ("resize-height", "resize-width", "encode-type", "backend")
TRUE, FALSE = {"1", "t", "true", "y", "yes"}, {"0", "f", "false", "n", "no"}
# What scripts pass for the log of convert_imageset, and whether a value may follow as a word.
LOGGING = {"logtostderr", "alsologtostderr", "colorlogtostderr", "log-prefix"}
LOGGING_VALUES = {"minloglevel", "stderrthreshold", "v", "log-dir", "vmodule", "logbufsecs"}
LARGEST_SIDE = 65_500


def add_images(parser: argparse.ArgumentParser) -> None:
    """The arguments of `convert images`."""
    parser.add_argument("source", metavar="SRC", help="folder, list file or CSV; or the URL of one")
    parser.add_argument("out", metavar="OUT_DIR", help="folder for the databases and all else")
    parser.add_argument("--form", metavar="|".join(FORMS), help="what SRC is; told if not given")
    parser.add_argument("--root", metavar="DIR", help="where a list's paths start (its own folder)")
    _add_decoding(parser)
    parser.add_argument(
        "--shorter-side", type=_side, default=0, metavar="N", help="resize this side, keep shape"
    )
    parser.add_argument(
        "--val", type=_share, default=0.0, metavar="SHARE", help="of each class, to val_lmdb"
    )
    _add_labels(parser)
    parser.add_argument("--append", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--shards", type=int, metavar="N", help="N databases and one index")
    parser.add_argument("--shard", metavar="I/N", help="one of N, from 0; then convert merge")
    _add_work(parser)
    parser.add_argument("--dry-run", action="store_true", help="say what SRC holds, write nothing")


def add_imageset(parser: argparse.ArgumentParser) -> None:
    """The arguments of `convert imageset`: those of convert_imageset, and a few more."""
    parser.add_argument("root", metavar="ROOTFOLDER/", help="put before every path of the list")
    parser.add_argument("source", metavar="LISTFILE", help="a path and its label on each line")
    parser.add_argument("out", metavar="DB_NAME", help="the database to make")
    _add_decoding(parser)
    _add_labels(parser)
    parser.add_argument("--label-db", metavar="DB", help="where labels of several numbers go")
    parser.add_argument("--append", action="store_true", help="add to the database that is there")
    _add_work(parser)
    parser.set_defaults(shorter_side=0)


def labels_of(options: argparse.Namespace) -> Labels:
    """What the options ask of labels; raises CaffeMnistError for a kind that there is not."""
    if options.labels not in KINDS:
        known = ", ".join(KINDS)
        raise CaffeMnistError(f"--labels {options.labels}: unknown", hint=f"known: {known}")
    names = (name.strip() for name in (options.label_columns or "").split(","))
    return Labels(options.labels, tuple(name for name in names if name))


def decoding_of(options: argparse.Namespace) -> Decoding:
    """What the options make of each picture; raises CaffeMnistError where they disagree."""
    height, width = options.resize_height, options.resize_width
    if bool(height) != bool(width):
        raise CaffeMnistError(
            "--resize-height and --resize-width go together",
            hint="--shorter-side N keeps the proportions",
        )
    if height and options.shorter_side:
        raise CaffeMnistError("--shorter-side goes without --resize-height and --resize-width")
    return Decoding(
        height,
        width,
        options.shorter_side,
        options.gray,
        options.encoded or bool(options.encode_type),
        options.encode_type,
        options.check_size,
    )


def respelled(words: Sequence[str]) -> list[str]:
    """Arguments with convert_imageset's spellings of its flags as this parser knows them."""
    found: list[str] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word == "--":
            return [*found, word, *rest]
        match = re.fullmatch(r"--?([A-Za-z][A-Za-z0-9_-]*)(=.*)?", word, re.DOTALL)
        if match is None:
            found.append(word)
            continue
        name, value = match[1].replace("_", "-"), match[2]
        if name in LOGGING_VALUES and value is None and rest:
            rest.pop(0)
        elif name not in LOGGING | LOGGING_VALUES:
            switch = re.sub("^no", "", name)
            if switch in SWITCHES:  # the last word counts
                found = [one for one in found if one != f"--{switch}"]
            found += _respelled(word, name, value)
    return found


def _respelled(word: str, name: str, value: str | None) -> list[str]:
    on = name not in {f"no{switch}" for switch in SWITCHES}
    switch = name if on else name[len("no") :]
    if switch in SWITCHES:
        if value is not None:
            on = _truth(word, value[1:])
        return [f"--{switch}"] if on else []
    if name in VALUES:
        return [f"--{name}{value or ''}"]
    return [f"--{name}{value or ''}" if word.startswith("--") else word]


def _truth(word: str, value: str) -> bool:
    if value.lower() not in TRUE | FALSE:
        raise CaffeMnistError(f"{word}: neither true nor false")
    return value.lower() in TRUE


def _add_decoding(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--resize-height", type=_side, default=0, metavar="N", help="0 as it is")
    parser.add_argument("--resize-width", type=_side, default=0, metavar="N", help="0 as it is")
    parser.add_argument("--gray", action="store_true", help="one channel")
    parser.add_argument("--shuffle", action="store_true", help="an order drawn from --seed")
    parser.add_argument("--encoded", action="store_true", help="keep the files' bytes in records")
    parser.add_argument(
        "--encode-type", default="", metavar="png|jpg|…", help="encode the pictures as this"
    )
    parser.add_argument("--check-size", action="store_true", help="refuse pictures of other sizes")
    parser.add_argument("--backend", default="lmdb", metavar="lmdb", help="the only one written")


def _add_labels(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--labels",
        default=CLASS,
        metavar="|".join(KINDS),
        help="one class a picture, numbers as they are, or any number of classes",
    )
    parser.add_argument(
        "--label-columns", metavar="NAME,…", help="the columns of a table that hold the labels"
    )


def _add_work(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seed", type=int, default=0, metavar="SEED", help="default: 0")
    parser.add_argument("--workers", type=_workers, metavar="N", help="default: all cores")
    parser.add_argument(
        "--allow-skips", type=_number, default=0, metavar="N", help="so many broken ones are fine"
    )
    parser.add_argument("--resume", action="store_true", help="go on with what was interrupted")
    parser.add_argument("--overwrite", action="store_true", help="replace what was made before")


def _number(text: str) -> int:
    if not text.isascii() or not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no number of at least 0")
    return int(text)


def _workers(text: str) -> int:
    number = _number(text)
    if not 1 <= number <= 1024:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 to 1024")
    return number


def _side(text: str) -> int:
    number = _number(text)
    if number > LARGEST_SIDE:
        raise argparse.ArgumentTypeError(f"{text!r} is more than {LARGEST_SIDE}")
    return number


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no share from 0 to 1, such as 0.2")
    return share
