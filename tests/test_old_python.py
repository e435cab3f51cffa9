"""Scripts of Python 2 brought to Python 3."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from caffe_mnist import old_python
from caffe_mnist.errors import CaffeMnistError


@pytest.fixture(params=["lib2to3", "fissix"], autouse=True)
def library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Each of those that rewrite, where it is there (lib2to3: up to Python 3.12)."""
    pytest.importorskip(f"{request.param}.refactor")
    monkeypatch.setattr(old_python, "LIBRARIES", (request.param,))
    old_python._library.cache_clear()
    yield request.param
    old_python._library.cache_clear()


def _says(text: str, folder: Path) -> tuple[str, str]:
    """What the modernised text prints, and what was done to it."""
    new, done = old_python.modern(text.encode(), folder / "script.py")
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(new, {"__name__": "script"})
    return out.getvalue(), done


def test_sorting_of_python_2(tmp_path: Path) -> None:
    """`cmp=` becomes a key, wherever its expression ends; other text stays to the letter."""
    path = tmp_path / "a.py"
    path.write_text("x = [3, 1]\n# é\nx.sort(cmp=lambda a, b: (a -\n  b), reverse=True)  # cmp=1\n"
                    "y = sorted(x, cmp=lambda a, b: a - b); z = dict(cmp=1)\n")  # fmt: skip
    assert old_python.modernise(path)
    found: dict[str, object] = {}
    exec(path.read_text(), found)
    assert (found["x"], found["y"], found["z"]) == ([3, 1], [1, 3], {"cmp": 1})
    assert old_python.modernise(path) == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("print 'a', 1\n", "a 1\n"),
        ("print('x: %d') % 5\n", "x: 5\n"),
        ("import sys\nreload(sys)\nsys.setdefaultencoding('utf8')\nprint(1)\n", "1\n"),
        ("if 1:\n    import sys; sys.setdefaultencoding('utf8')\nprint 'é'\n", "é\n"),
        ("for i in xrange(2): print(i, end=' ')\n", "0 1 "),
        ("d = {'a': 1}\nif d.has_key('a'): print([k for k in d.iterkeys()])\n", "['a']\n"),
        ("import commands\nprint(commands.getstatusoutput('echo hi'))\n", "(0, 'hi')\n"),
        ("from StringIO import StringIO\nprint(StringIO('x').read())\n", "x\n"),
        ("try:\n    1 / 0\nexcept ZeroDivisionError, error:\n    print 'no'\n", "no\n"),
    ],
)
def test_what_python_2_says(tmp_path: Path, text: str, said: str) -> None:
    """Statements and names alike, also where the text parses as Python 3."""
    assert _says(text, tmp_path)[0] == said
    assert _says(text, tmp_path)[1]


@pytest.mark.parametrize(
    "text",
    [
        "try:\n    xrange\nexcept NameError:\n    xrange = range\nprint(list(xrange(2)))\n",
        "try:\n    import cPickle as pickle\nexcept ImportError:\n    import pickle\n",
        "import sys\nif sys.version_info[0] == 2:\n    text = unicode\nprint(7 / 2)\n",
        "from functools import reduce\nprint(reduce(max, [1, 2]), 7 / 2)\n",
        "print('a %d' % 1)\n",
        "from functools import *\nprint(reduce(max, [1, 2]), 7 / 2)\n",
        "PY2 = False\nif PY2:\n    print(unicode(7 / 2))\n",
        "class D(dict):\n    def iteritems(self):\n        return self.items()\nD().iteritems()\n",
    ],
)
def test_what_suits_python_3_stays(tmp_path: Path, text: str) -> None:
    """To the byte: a text that provides for itself knows what it does."""
    assert old_python.modern(text.encode(), tmp_path / "x.py") == (text.encode(), "")


def test_a_module_of_ones_own_stays(tmp_path: Path) -> None:
    """`commands` may be a file that lies beside the script."""
    (tmp_path / "commands.py").write_text("")
    assert old_python.modern(b"import commands\n", tmp_path / "x.py")[1] == ""


def test_division_of_python_2(tmp_path: Path) -> None:
    """Whole numbers give whole ones, wherever the quotient stands; others what they are."""
    text = """
n, f = 10, 10.0
print n / 4, f / 4, -n/4, 12*3/5/2, n / (3 + 1) % 2, (n - 1)/ 2
n /= 4
f /= 4
print n, f, range(256)[65280 / 256]
"""
    assert _says(text, tmp_path)[0] == "2 2.5 -3 3 0 4\n2 2.5 255\n"
    future = "from __future__ import division\nprint 7 / 2\n"
    assert _says(future, tmp_path)[0] == "3.5\n"
    assert _says("for k, v in {1: 7}.iteritems(): print(v / 2)\n", tmp_path)[0] == "3.5\n"


def test_what_is_no_python_at_all(tmp_path: Path) -> None:
    """Named with its line."""
    with pytest.raises(CaffeMnistError, match=r"script.py:2: does not parse"):
        old_python.modern(b"x = 1\nif x\n", tmp_path / "script.py")
