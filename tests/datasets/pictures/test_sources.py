"""Sources of pictures: every form is recognised, and what is wrong with one is named."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from caffe_mnist.datasets.pictures.listing import Entry, Found, Labels
from caffe_mnist.datasets.pictures.sources import find
from caffe_mnist.errors import CaffeMnistError


def put(folder: Path, **files: str | bytes) -> Path:
    """Files in `folder`; "__" in a name stands for a slash, the last "_" for the dot."""
    for name, content in files.items():
        path = folder / ".".join(name.replace("__", "/").rsplit("_", 1))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def entries(found: Found) -> list[tuple[str, int]]:
    """Names and labels of what was found."""
    return [(entry.name, entry.label) for entry in found.listing.entries]


def refused(source: Path | str, what: str, **options: str) -> CaffeMnistError:
    """The one line with which a source is refused."""
    with pytest.raises(CaffeMnistError) as caught:
        find(str(source), **options)
    assert what in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
    return caught.value


@pytest.mark.parametrize(
    "text",
    [
        b"rose",
        b"rose\r\n",
        b"\xef\xbb\xbfrose  \t\r\nmore lines\r\n",
        "rose\n".encode("utf-16"),
        b"  rose\n" + b"x" * 10_000,
    ],
)
def test_pairs(tmp_path: Path, text: bytes) -> None:
    """The first line of n.txt names the class of n.jpg, however an editor wrote it."""
    put(tmp_path, a_jpg=b"-", a_txt=text, b_PNG=b"-", b_txt="tulip")
    found = find(str(tmp_path))
    assert found.listing.form == "pairs"
    assert found.listing.classes == ("rose", "tulip")
    assert entries(found) == [("a.jpg", 0), ("b.PNG", 1)]
    assert found.listing.path(found.listing.entries[0]) == str(tmp_path / "a.jpg")


def test_pairs_in_chinese(tmp_path: Path) -> None:
    """Chinese class names, in UTF-8 and as Windows in China writes them, are one class."""
    put(tmp_path, a_jpg=b"-", a_txt="玫瑰\n".encode("gb18030"), b_jpg=b"-", b_txt="玫瑰\n")
    found = find(str(tmp_path))
    assert found.listing.classes == ("玫瑰",)


def test_pairs_in_class_folders(tmp_path: Path) -> None:
    """Pairs may lie in folders; their texts name the class."""
    put(tmp_path, r__1_jpg=b"-", r__1_txt="rose", t__1_jpg=b"-", t__1_txt="tulip")
    found = find(str(tmp_path))
    assert found.listing.form == "pairs"
    assert entries(found) == [("r/1.jpg", 0), ("t/1.jpg", 1)]


def test_pairs_that_are_not(tmp_path: Path) -> None:
    """What lacks its other half, or names no class, is left out with its reason."""
    put(tmp_path, a_jpg=b"-", a_txt="rose", b_jpg=b"-", c_txt="rose", d_jpg=b"-", d_txt="")
    put(tmp_path, e_jpg=b"-", e_txt=b"\xff\xfe\x00", f_jpg=b"-", f_txt="\nrose", README_txt="hello")
    found = find(str(tmp_path))
    assert entries(found) == [("a.jpg", 0)]
    assert {one.name for one in found.left_out} == {"b.jpg", "c.txt", "d.jpg", "e.jpg", "f.jpg"}
    reasons = {one.name: one.reason for one in found.left_out}
    assert "b.txt" in reasons["b.jpg"]
    assert "no picture" in reasons["c.txt"]
    assert reasons["d.jpg"] == "d.txt: is empty"


def test_folders(tmp_path: Path) -> None:
    """One folder per class, sorted; numbers by value; what a system strews about is no picture."""
    put(tmp_path, _DS_Store="-", **{f"{n}__x_jpg": b"-" for n in (10, 2, 1)})
    put(tmp_path, **{"1__deep__y_JPEG": b"-", "2__Thumbs_db": b"-"})
    found = find(str(tmp_path))
    assert found.listing.form == "folders"
    assert found.listing.classes == ("1", "2", "10")
    assert entries(found) == [("1/deep/y.JPEG", 0), ("1/x.jpg", 0), ("2/x.jpg", 1), ("10/x.jpg", 2)]


def test_a_lone_folder_is_entered(tmp_path: Path) -> None:
    """An unpacked archive has one folder around the class folders."""
    put(tmp_path, set__roses__1_jpg=b"-", set__tulips__1_jpg=b"-")
    assert find(str(tmp_path)).listing.classes == ("roses", "tulips")


def test_a_split_set_is_refused(tmp_path: Path) -> None:
    """Folders train and val are no classes."""
    put(tmp_path, train__roses__1_jpg=b"-", val__roses__1_jpg=b"-")
    refused(tmp_path, "split already into train, val")


def test_links_that_go_in_circles(tmp_path: Path) -> None:
    """A link to a folder above is not followed for ever."""
    put(tmp_path, roses__1_jpg=b"-", tulips__1_jpg=b"-")
    (tmp_path / "roses" / "up").symlink_to(tmp_path)
    assert len(find(str(tmp_path)).listing.entries) == 2


LIST = b"a.jpg 3\r\nmy b.jpg\t0  \r\n\r\nd/c.jpg   1\r\na.jpg -2"


def test_list(tmp_path: Path) -> None:
    """Tabs, Windows' ends, blanks in names and at ends, no last newline; empty lines count."""
    put(tmp_path, a_jpg=b"-", train_txt=LIST)
    found = find(str(tmp_path / "train.txt"))
    assert found.listing.form == "list"
    assert found.listing.root == f"{tmp_path}/"
    assert entries(found) == [("a.jpg", 3), ("my b.jpg", 0), ("", 0), ("d/c.jpg", 1), ("a.jpg", -2)]
    assert found.listing.key(3) == b"00000003_d/c.jpg"
    assert not found.left_out
    assert any(": 1 of the pictures, the first is a.jpg" in remark for remark in found.remarks)
    assert entries(find(str(tmp_path))) == entries(found)  # the folder with the list in it


def test_list_with_a_root(tmp_path: Path) -> None:
    """--root is ROOTFOLDER, with or without a slash at its end; absolute paths need none."""
    put(tmp_path, pictures__a_jpg=b"-", lists__l_txt="a.jpg 0\n")
    source = str(tmp_path / "lists" / "l.txt")
    for root in (f"{tmp_path}/pictures", f"{tmp_path}/pictures/"):
        assert find(source, root=root).listing.root == f"{tmp_path}/pictures/"
    refused(source, "--root")
    put(tmp_path, lists__l_txt=f"{tmp_path}/pictures/a.jpg 0\n")
    assert find(source).listing.root == ""


def test_list_of_class_names(tmp_path: Path) -> None:
    """Labels may be names of classes."""
    put(tmp_path, a_jpg=b"-", l_txt="a.jpg tulip\nb.jpg rose\n")
    found = find(str(tmp_path / "l.txt"))
    assert found.listing.classes == ("rose", "tulip")
    assert entries(found) == [("a.jpg", 1), ("b.jpg", 0)]


def test_list_with_names_that_are_no_text(tmp_path: Path) -> None:
    """A name's bytes go into the key as they are."""
    (tmp_path / os.fsdecode(b"\xffa.jpg")).write_bytes(b"-")
    put(tmp_path, l_txt=b"\xffa.jpg 1\n")
    assert find(str(tmp_path / "l.txt")).listing.key(0) == b"00000000_\xffa.jpg"


def test_lines_without_labels(tmp_path: Path) -> None:
    """A line that has none, or one that no record holds, is left out but keeps its number."""
    lines = [f"{n}.jpg {n}" for n in range(30)]
    lines[2:4] = ["2.jpg", "3.jpg 99999999999"]
    put(tmp_path, l_txt="\n".join(lines), **{"0_jpg": b"-"})
    found = find(str(tmp_path / "l.txt"))
    assert [one.name for one in found.left_out] == ["2.jpg", "3.jpg"]
    assert entries(found)[1:5] == [("1.jpg", 1), ("", 0), ("", 0), ("4.jpg", 4)]


@pytest.mark.parametrize(
    "text",
    [
        "path,label\na.jpg,1\nb.jpg,0\n",
        "a.jpg,1\nb.jpg,0\n",
        '"a.jpg";"1"\n"b.jpg";"0"',
        "\ufefflabel;x;filename\r\n1;u;a.jpg\r\n0;v;b.jpg\r\n",
        "a.jpg\t 1\nb.jpg\t0",
    ],
)
def test_tables(tmp_path: Path, text: str) -> None:
    """With a first line of names or without; commas, semicolons, tabs; quoted or not."""
    put(tmp_path, a_jpg=b"-", b_jpg=b"-", t_csv=text)
    found = find(str(tmp_path / "t.csv"))
    assert entries(found) == [("a.jpg", 1), ("b.jpg", 0)]
    assert found.listing.root == f"{tmp_path}/"


def test_table_of_classes_in_its_folder(tmp_path: Path) -> None:
    """The table is found in the folder; a cell may hold the separator."""
    put(tmp_path, t_csv='path,class\n"a,1.jpg","rose, red"\nb.jpg,\nc.jpg,tulip\n')
    (tmp_path / "a,1.jpg").write_bytes(b"-")
    found = find(str(tmp_path))
    assert found.listing.form == "csv"
    assert found.listing.classes == ("rose, red", "tulip")
    assert entries(found) == [("a,1.jpg", 0), ("c.jpg", 1)]
    assert [one.name for one in found.left_out] == ["b.jpg"]


@pytest.mark.parametrize(
    ("lines", "number"),
    [
        ('a.jpg,"rose\nb.jpg,tulip\nc.jpg,lily\n', 2),  # never closed
        ('a.jpg,1\nb.jpg,"2\nc.jpg,"3\n', 3),  # closed by the next one's
        ('"a.jpg,1\n"b.jpg",2\n', 2),
        ('a.jpg,"1\nb.jpg,2"\nc.jpg,3\n', 2),
        ('a.jpg,"1\n' + "b.jpg,2\n" * 20000, 2),  # longer than csv takes for a cell
    ],
)
@pytest.mark.parametrize("kind", ["class", "float"])
def test_a_quote_that_is_not_closed(tmp_path: Path, lines: str, number: int, kind: str) -> None:
    """One error that names its line: the lines behind it do not vanish."""
    put(tmp_path, a_jpg=b"-", b_jpg=b"-", c_jpg=b"-", t_csv="path,label\n" + lines)
    with pytest.raises(CaffeMnistError, match=f"line {number}: a quote is opened here"):
        find(str(tmp_path / "t.csv"), labels=Labels(kind))


def test_cells_of_several_lines(tmp_path: Path) -> None:
    """Captions may have them, and lines are counted as an editor counts them."""
    text = 'path,caption,label\na.jpg,"well, a\nrose, red",1\nb.jpg,,\n'
    put(tmp_path, a_jpg=b"-", b_jpg=b"-", t_csv=text)
    found = find(str(tmp_path / "t.csv"))
    assert found.listing.entries == (Entry("a.jpg", 1),)
    assert found.left_out == (("b.jpg", "line 4: no label"),)


def test_several_forms(tmp_path: Path) -> None:
    """What can be read in two ways is not guessed at, and --form decides."""
    put(tmp_path, r__1_jpg=b"-", r__1_txt="rose", t__1_jpg=b"-")
    refused(tmp_path, "several forms at once: pairs (r/1.jpg), folders per class (t)")
    assert find(str(tmp_path), form="folders").listing.classes == ("r", "t")
    assert entries(find(str(tmp_path), form="pairs")) == [("r/1.jpg", 0)]
    refused(tmp_path, "known: pairs, folders, list, csv", form="zip")


def test_a_list_beside_class_folders(tmp_path: Path) -> None:
    """So are class folders with a list beside them, and two lists."""
    put(tmp_path, r__1_jpg=b"-", t__1_jpg=b"-", train_txt="r/1.jpg 0\nt/1.jpg 1\n")
    refused(tmp_path, "a list (train.txt), folders per class (r)")
    assert find(str(tmp_path), form="list").listing.form == "list"
    put(tmp_path, val_txt="r/1.jpg 0\n")
    refused(tmp_path, "found: train.txt, val.txt", form="list")


def test_empty_sources(tmp_path: Path) -> None:
    """BVLC/caffe #3019: nothing to convert is never a success."""
    refused(tmp_path / "nowhere", "no such file or folder")
    refused(tmp_path, "is an empty folder")
    put(tmp_path, l_txt="", n_txt="\n\n", x_csv="x,y\n1,2\n")
    refused(tmp_path / "l.txt", "is empty")
    refused(tmp_path / "n.txt", "is empty")
    refused(tmp_path / "x.csv", "cannot tell the columns")
    refused(tmp_path, "holds no pictures, only 3 other files")


def test_other_things(tmp_path: Path) -> None:
    """Pictures without classes, a picture, an archive, a database, fractions: said what it is."""
    put(tmp_path, a_jpg=b"-", z_zip=b"PK\0\0", f_txt="a.jpg 0.5\n", m_txt="no.jpg 1\n")
    refused(tmp_path / "a.jpg", "is a picture")
    refused(tmp_path / "z.zip", "unpack it first")
    refused(tmp_path / "f.txt", "0.5 is no whole number")
    refused(tmp_path / "m.txt", "none of its 1 pictures is there")
    refused(put(tmp_path / "flat", a_jpg=b"-"), "nothing that says their classes")
    refused(put(tmp_path / "db", data_mdb=b"-"), "a database already")


def test_remarks(tmp_path: Path) -> None:
    """Classes that differ in case only, labels that start late, other files: said, not changed."""
    put(tmp_path, rose__1_jpg=b"-", Rose__1_jpg=b"-", rose__notes_doc="-")
    remarks = find(str(tmp_path)).remarks
    assert any("Rose and rose differ only in case" in remark for remark in remarks)
    assert any("rose/notes.doc" in remark for remark in remarks)
    put(tmp_path, l_txt="rose/1.jpg 1\nRose/1.jpg 2\nrose/1.jpg 2\n")
    remarks = find(str(tmp_path / "l.txt")).remarks
    assert any("labels begin at 1" in remark for remark in remarks)
    assert any("different labels, the first is rose/1.jpg" in remark for remark in remarks)
