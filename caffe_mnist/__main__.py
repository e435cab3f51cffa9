"""All commands under one name: python -m caffe_mnist, or caffe-mnist."""

from __future__ import annotations

import ast
import difflib
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from caffe_mnist.errors import CaffeMnistError, exit_status

PROGRAM = "caffe-mnist"
HERE = Path(__file__).parent
SHELLS = ("bash", "zsh", "fish")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command, or say which there are; returns the command's exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    first = words[0] if words else "--help"
    if first == "help" and len(words) > 1:
        return exit_status(lambda: _run(words[1], ["--help"]), PROGRAM)
    if first in ("--help", "-h", "help"):
        return exit_status(_help, PROGRAM)
    if first in ("--version", "version"):
        return exit_status(_version, PROGRAM)
    if first == "completion":
        return exit_status(lambda: _completion(words[1:]), PROGRAM)
    if first == "--complete":
        return exit_status(lambda: _complete(words[1:]), PROGRAM)
    return exit_status(lambda: _run(first, words[1:]), PROGRAM)


def commands() -> dict[str, str]:
    """Every command and what it does, in one line: the first one of its own file."""
    found = {}
    for path in sorted([*HERE.glob("*.py"), *HERE.glob("*/__main__.py")]):
        name = path.stem if path.parent == HERE else path.parent.name
        text = path.read_text(encoding="utf-8")
        if name.startswith("_") or not re.search(r"^def main\(", text, re.MULTILINE):
            continue
        line = (ast.get_docstring(ast.parse(text)) or "").split("\n")[0]
        line = re.sub(rf"^python -m caffe_mnist\.{name}: ", "", line)
        line = re.sub(rf"(:|, by) python -m caffe_mnist\.{name}\b.*$", "", line).rstrip(".")
        found[name] = line[:1].upper() + line[1:]
    return found


def _help() -> int:
    found = commands()
    width = max(map(len, found))
    print(f"usage: {PROGRAM} COMMAND …   (or python -m caffe_mnist.COMMAND …)\n")
    for name, line in found.items():
        print(f"  {name:{width}}  {line}")
    print(f"\n  {'completion':{width}}  Completion for a shell: {', '.join(SHELLS)}")
    print(f"\n{PROGRAM} COMMAND --help says more; --version says which release this is.")
    return 0


def _version() -> int:
    import caffe_mnist

    print(f"{PROGRAM} {caffe_mnist.__version__}")
    return 0


def _run(name: str, words: list[str]) -> int:
    import importlib

    wanted = name.replace("-", "_")
    known = commands()
    if wanted not in known:
        close = difflib.get_close_matches(wanted, known, 1)
        hint = f"did you mean {close[0]}?" if close else f"{PROGRAM} lists them"
        raise CaffeMnistError(f"there is no command {name!r}", hint=hint)
    package = (HERE / wanted / "__main__.py").is_file()
    module = importlib.import_module(f"caffe_mnist.{wanted}{'.__main__' if package else ''}")
    status: int = module.main(words)
    return status


def _completion(words: list[str]) -> int:
    """A script that asks `caffe-mnist --complete` for what may come next."""
    if len(words) != 1 or words[0] not in SHELLS:
        raise CaffeMnistError("completion takes one of: " + ", ".join(SHELLS))
    print(_SCRIPTS[words[0]], end="")
    return 0


def _complete(words: list[str]) -> int:
    """What may stand where the last of `words` is: commands, subcommands or options."""
    *before, last = words or [""]
    known = commands()
    name = before[0].replace("-", "_") if before else ""
    if not before:
        found = [*known, "completion", "--help", "--version"]
    elif name == "completion":
        found = list(SHELLS)
    elif name in known:
        found = _offered(name, before[1:])
    else:
        found = []
    print("\n".join(word for word in found if word.startswith(last)))
    return 0


def _offered(name: str, before: list[str]) -> list[str]:
    """The options and subcommands that a command's help names."""
    import subprocess

    words = [word for word in before[:1] if not word.startswith("-")]
    for arguments in ([*words, "--help"], ["--help"]):
        command = [sys.executable, "-m", f"caffe_mnist.{name}", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            break
    text = done.stdout.replace("python -m caffe_mnist", "")
    options = re.findall(r"(?<![\w-])--?[a-z][\w-]*", text)
    subcommands = [] if words else re.findall(r"^    ([a-z][\w-]*)  ", done.stdout, re.MULTILINE)
    return list(dict.fromkeys([*subcommands, *options]))


_SCRIPTS = {
    "bash": """\
_caffe_mnist() {
    local IFS=$'\\n'
    COMPREPLY=($(caffe-mnist --complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
    [ -n "${COMPREPLY[*]}" ] || COMPREPLY=($(compgen -f -- "${COMP_WORDS[COMP_CWORD]}"))
}
complete -o filenames -F _caffe_mnist caffe-mnist
""",
    "zsh": """\
#compdef caffe-mnist
_caffe_mnist() {
    local -a found
    found=("${(@f)$(caffe-mnist --complete "${(@)words[2,CURRENT]}" 2>/dev/null)}")
    found=("${(@)found:#}")
    (( ${#found} )) && compadd -- "${found[@]}" || _files
}
compdef _caffe_mnist caffe-mnist
""",
    "fish": """\
function __caffe_mnist
    set -l words (commandline -opc) (commandline -ct)
    caffe-mnist --complete $words[2..-1] 2>/dev/null
end
complete -c caffe-mnist -a '(__caffe_mnist)'
""",
}


if __name__ == "__main__":
    sys.exit(main())
