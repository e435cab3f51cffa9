"""The template command as a user meets it: files of all kinds, options, wrong things."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from caffe_mnist.datasets import mnist
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.messages import read_text
from caffe_mnist.template import main

ROOT = Path(__file__).parents[1]
LENET = ROOT / "prototxt" / "lenet"
SOLVER, NET = LENET / "lenet_solver.prototxt", LENET / "lenet_train_test.prototxt"
PROGRAM = "python -m caffe_mnist.template"

FOLDERS = {
    "modelarts": ("/home/work/user-job-dir/caffe_mnist", "/home/work/dataset",
                  "/home/work/lenet_mnist"),
    "sagemaker": ("/opt/ml/code", "/opt/ml/input/data/training", "/opt/ml/model"),
    "local": ("{out}", "data", "model"),
}  # fmt: skip


def template(*arguments: object) -> int:
    """The command in this process."""
    return main([str(argument) for argument in arguments])


def assert_refused(
    capsys: pytest.CaptureFixture[str], arguments: list[object], *lines: str
) -> None:
    """Exit status 2, nothing on standard output, and just these parts of lines on the other."""
    assert template(*arguments) == 2
    out, err = capsys.readouterr()
    found = err.splitlines()
    assert (out, len(found)) == ("", len(lines)), err
    for line, part in zip(found, lines):
        assert line.startswith(f"{PROGRAM}: error: ")
        assert part in line


def lenet(folder: Path) -> Path:
    """A copy of the ready LeNet; returns its solver."""
    shutil.copytree(LENET, folder)
    return folder / SOLVER.name


def expected(code: str, data: str, model: str) -> tuple[str, str]:
    """The ready solver and net with other folders, and nothing else changed."""
    solver = SOLVER.read_text(encoding="utf-8").replace("/home/work/lenet_mnist", model)
    net = NET.read_text(encoding="utf-8").replace("/home/work/dataset", data)
    return solver.replace("/home/work/user-job-dir/codes", code), net


@pytest.mark.parametrize("layout", FOLDERS)
def test_a_solver_and_its_net_move_into_a_layout(layout: str, tmp_path: Path) -> None:
    """Paths by their roles; all else, comments too, to the letter."""
    assert template(SOLVER, "--layout", layout, "--out", tmp_path) == 0
    code, data, model = FOLDERS[layout]
    texts = ((tmp_path / one.name).read_text(encoding="utf-8") for one in (SOLVER, NET))
    assert tuple(texts) == expected(code.format(out=tmp_path), data, model)
    assert sorted(path.name for path in tmp_path.iterdir()) == [SOLVER.name, NET.name]


@pytest.mark.parametrize("option", ["--data_path_suffix", "--data-path-suffix"])
def test_the_code_folder_of_modelarts(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The platform's own argument names it, with underscores or hyphens."""
    assert template(SOLVER, "--layout", "modelarts", option, "codes") == 0
    assert capsys.readouterr().out == SOLVER.read_text(encoding="utf-8")


def test_a_layout_of_ones_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A small TOML file."""
    own = tmp_path / "own.toml"
    own.write_text('code = "/c"\ndata = "/d d"\nmodel = "/m"\n')
    assert template(SOLVER, "--layout", own, "--out", tmp_path / "out") == 0
    assert (tmp_path / "out" / NET.name).read_text("utf-8") == expected("", "/d d", "")[1]


def test_roles_and_maps(capsys: pytest.CaptureFixture[str]) -> None:
    """A map goes before a role, a role before the layout's folder."""
    options = ["--layout", "sagemaker", "--model", "/r", "--map", "/home/work/user-job-dir=/maps"]
    assert template(SOLVER, *options) == 0
    assert capsys.readouterr().out == expected("/maps/codes", "", "/r")[0]


def test_without_options_a_file_comes_out_as_it_is(capsysbinary: pytest.CaptureFixture[bytes],
                                                   tmp_path: Path) -> None:  # fmt: skip
    """Whatever its bytes: CRLF, Latin-1, no line end."""
    path = tmp_path / "x_solver.prototxt"
    path.write_bytes(b'# gr\xfc\xdfe\r\nnet: "a/\xfc.prototxt"\r\nmax_iter: 3 # end')
    assert template(path) == 0
    assert capsysbinary.readouterr().out == path.read_bytes()


def test_settings(tmp_path: Path) -> None:
    """--solver-mode and --set, in the solver and in layers of its net."""
    options = ["--solver-mode", "GPU", "--set", "max_iter=2000", "--set", "type=Adam",
               "--set", "layer[mnist].data_param.source=/kept/lmdb",
               "--set", "layer[conv1].convolution_param.num_output=30"]  # fmt: skip
    assert template(SOLVER, "--layout", "sagemaker", *options, "--out", tmp_path) == 0
    solver, net = expected("/opt/ml/code", "", "/opt/ml/model")
    solver = solver.replace("max_iter: 10000", "max_iter: 2000").replace(": CPU", ": GPU")
    assert (tmp_path / SOLVER.name).read_text("utf-8") == solver + 'type: "Adam"\n'
    net = re.sub(r'source: ".*"', 'source: "/kept/lmdb"', NET.read_text(encoding="utf-8"))
    net = net.replace("num_output: 20", "num_output: 30")
    assert (tmp_path / NET.name).read_text("utf-8") == net


def test_an_inline_net_of_old_and_new_layers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Sources of every kind, means and matrices, in net_param, V1 and V0 layers."""
    text = """\
net_param { # inline
  layer { type: "HDF5Data" hdf5_data_param { source: 'lists/h5.txt' } }
  layer { type: "ImageData" image_data_param < source: "l/i.txt" root_folder: "/i/" > }
  layer { type: "WindowData" window_data_param { source: "l/w.txt", mean_file: "" } }
  layer { type: "InfogainLoss"; infogain_loss_param { source: "m/h.binaryproto"; } }
  layers { type: DATA data_param { source: "v1/lmdb/" } transform_param { mean_file: "q/m" } }
  layers { layer { type: "data" source: "v0/db" meanfile: "v0/mean" } }
  layer { type: "HDF5Output" hdf5_output_param { file_name: "out/x.h5" } }
}
snapshot_prefix: "snap/"  weights: "a/w1,b/w2"
"""
    (tmp_path / "s.prototxt").write_text(text)
    assert template(tmp_path / "s.prototxt", "--data", "/D", "--model", "/M") == 0
    new = text
    for old, role in (("lists/", "/D/"), ("l/", "/D/"), ("/i/", "/D/i/"), ("m/", "/D/"),
                      ("v1/", "/D/"), ("q/", "/D/"), ("v0/", "/D/"), ("out/", "/M/"),
                      ("snap/", "/M/"), ("a/w1,b/", "/M/w1,/M/")):  # fmt: skip
        new = re.sub(f"(['\"]){re.escape(old)}", rf"\1{role}", new)
    assert capsys.readouterr().out == new


def test_in_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Solver and net change where they are, and name each other there; links stay links."""
    monkeypatch.chdir(tmp_path)
    lenet(tmp_path / "nets")
    (tmp_path / "link_solver.prototxt").symlink_to(Path("nets") / SOLVER.name)
    assert template("nets/lenet_solver.prototxt", "--layout", "local", "--in-place") == 0
    texts = ((tmp_path / "nets" / one.name).read_text("utf-8") for one in (SOLVER, NET))
    assert tuple(texts) == expected("nets", "data", "model")
    assert template("link_solver.prototxt", "--set", "max_iter=7", "--in-place") == 0
    assert (tmp_path / "link_solver.prototxt").is_symlink()
    assert "max_iter: 7\n" in (tmp_path / "nets" / SOLVER.name).read_text("utf-8")
    assert sorted(path.name for path in (tmp_path / "nets").iterdir()) == sorted(
        path.name for path in LENET.iterdir()
    )


def test_in_place_is_all_or_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A fault in the second file leaves the first as it was."""
    solver = lenet(tmp_path / "nets")
    net = tmp_path / "nets" / NET.name
    net.write_text(net.read_text("utf-8").replace("data_param", "data_parm"), encoding="utf-8")
    before = solver.read_bytes()
    assert_refused(
        capsys,
        [solver, "--layout", "local", "--in-place"],
        f"{net}:10:3: LayerParameter has no field 'data_parm' (did you mean data_param?)",
        f"{net}:23:3: LayerParameter has no field 'data_parm'",
    )
    assert solver.read_bytes() == before


def test_several_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All go to one folder, each once; to standard output goes one."""
    deploy = LENET / "lenet_deploy.prototxt"
    assert template(SOLVER, deploy, NET, SOLVER, "--layout", "local", "--out", tmp_path) == 0
    assert len(list(tmp_path.iterdir())) == 3
    assert_refused(capsys, [SOLVER, deploy], "several files need --out DIR or --in-place")


def test_nothing_is_written_over_its_source(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """--out is another folder, by whatever name the old one goes."""
    solver = lenet(tmp_path / "nets")
    (tmp_path / "same").symlink_to(tmp_path / "nets")
    what = "would overwrite what it is made of (--in-place, or another --out)"
    for out in (tmp_path / "nets", tmp_path / "same", tmp_path / "nets" / ".." / "nets"):
        assert_refused(capsys, [solver, "--layout", "local", "--out", out], what)
    assert solver.read_bytes() == SOLVER.read_bytes()


def test_targets_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file where a folder should be, a folder where a file should be."""
    (tmp_path / "file").touch()
    (tmp_path / "out" / NET.name).mkdir(parents=True)
    for out, what in (
        (tmp_path / "file", "cannot make the folder: File exists"),
        (tmp_path / "file" / "below", "cannot make the folder: Not a directory"),
        (tmp_path / "out", "cannot write: Is a directory"),
    ):
        assert_refused(capsys, [SOLVER, "--layout", "local", "--out", out], what)
    names = [path.name for path in (tmp_path / "out").iterdir() if path.name[0] == "."]
    assert not names


def test_check_says_what_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With file, line and column; status 1; nothing is written unless asked."""
    assert template(SOLVER, "--layout", "sagemaker", "--check") == 1
    assert capsys.readouterr().out.splitlines() == [
        f"{SOLVER}:3:6: net: /opt/ml/code/lenet_train_test.prototxt does not exist",
        f"{SOLVER}:23:18: snapshot_prefix: /opt/ml/model does not exist",
        f"{NET}:11:13: source: /opt/ml/input/data/training/mnist_train_lmdb does not exist",
        f"{NET}:24:13: source: /opt/ml/input/data/training/mnist_test_lmdb does not exist",
    ]


def test_check_of_what_was_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Status 0 as soon as everything is there; of a snapshot_prefix its folder."""
    options = ["--data", tmp_path / "d", "--model", tmp_path / "m", "--out", tmp_path / "o"]
    assert template(SOLVER, *options, "--check") == 1
    assert f"{tmp_path / 'o' / NET.name}:11:13: source: " in capsys.readouterr().out
    for name in ("d/mnist_train_lmdb", "d/mnist_test_lmdb", "m"):
        (tmp_path / name).mkdir(parents=True)
    assert template(SOLVER, *options, "--check") == 0
    assert capsys.readouterr().out == "every path exists\n"


def test_check_of_names_that_are_no_utf8(
    tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    """Their bytes come out as they are."""
    (tmp_path / "x.prototxt").write_bytes(b'layer { data_param { source: "gr\xfc\xdf" } }')
    assert template(tmp_path / "x.prototxt", "--check") == 1
    assert b"source: gr\xfc\xdf does not exist" in capsysbinary.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["none.prototxt"], "none.prototxt: cannot read: No such file or directory"),
        ([LENET], "cannot read: Is a directory"),
        ([SOLVER, "--layout", "modelart"], "unknown layout 'modelart' (known: "),
        ([SOLVER, "--layout", "none.toml"], "none.toml: cannot read: No such file"),
        ([SOLVER, "--data_path_suffix", "codes"], "--data-path-suffix: is for a layout"),
        ([SOLVER, "--map", "x"], "--map: 'x' is no map (OLD=NEW)"),
        ([SOLVER, "--set", "x"], "--set: 'x' is no setting (KEY=VALUE)"),
        ([SOLVER, "--set", "max_itr=1"], "no field 'max_itr' (did you mean max_iter?)"),
        ([SOLVER, "--set", "max_iter=1.5"], "max_iter is a whole number, not '1.5'"),
        ([SOLVER, "--set", "layer[99].name=x"], "layer[99].name needs a net with such a layer"),
        ([NET, "--set", "max_iter=1"], "max_iter needs a solver, there is none"),
        ([NET, "--solver-mode", "GPU"], "solver_mode needs a solver, there is none"),
    ],
)
def test_a_wrong_call_is_one_line(
    arguments: list[object], what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says what was given and what to do."""
    assert_refused(capsys, arguments, what)


def test_faults_have_file_line_and_column(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All at once; a net that is nowhere, too, when it is to be written."""
    path = tmp_path / "bad.prototxt"
    path.write_text('net: "n.prototxt"\n  max_itr: 3\nsolver_mode: gpu\n')
    assert_refused(
        capsys,
        [path, "--data", "/d"],
        f"{path}:2:3: SolverParameter has no field 'max_itr' (did you mean max_iter?)",
        f"{path}:3:14: solver_mode cannot be 'gpu' (known: CPU, GPU)",
    )
    path.write_text('max_iter: 3\nnet: "q/n.prototxt"\n')
    assert_refused(
        capsys,
        [path, "--data", "/d", "--out", tmp_path / "out"],
        f"{path}:2:6: the net 'q/n.prototxt' is not there",
    )
    assert not (tmp_path / "out").exists()


def test_wrong_options_are_usage(capsys: pytest.CaptureFixture[str]) -> None:
    """Status 2 from the parser as well."""
    for arguments in ([], ["x", "--solver-mode", "TPU"], ["x", "--out", "a", "--in-place"]):
        with pytest.raises(SystemExit) as caught:
            main(arguments)
        assert caught.value.code == 2


def test_a_full_disk_below_standard_output_is_one_line() -> None:
    """`template … > file` where nothing more fits."""
    command = [sys.executable, "-m", "caffe_mnist.template", str(SOLVER)]
    with open("/dev/full", "wb") as full:
        done = subprocess.run(command, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 2
    assert done.stderr == f"{PROGRAM}: error: output: No space left on device\n"


def test_help_needs_nothing_heavy() -> None:
    """It answers at once, so no protobuf is loaded for it."""
    code = "import sys; from caffe_mnist.template import main\n"
    code += "try: main(['--help'])\nexcept SystemExit: pass\n"
    code += "print([name for name in sys.modules if name.startswith(('google', 'numpy', 'torch'))])"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_ready_files_have_no_faults() -> None:
    """Every solver and net in prototxt/, and each solver's nets."""
    ready = sorted((ROOT / "prototxt").rglob("*.prototxt"))
    assert ready
    for path in ready:
        kind = caffe_pb2.SolverParameter if "solver" in path.name else caffe_pb2.NetParameter
        read_text(path, kind)
        assert template(path) == 0


@pytest.fixture
def moved(small_mnist: Path, tmp_path: Path) -> Path:
    """The ready LeNet, templated onto databases in a folder, for three iterations."""
    mnist.convert(small_mnist, tmp_path / "data")
    (tmp_path / "model").mkdir()
    options = ["--data", tmp_path / "data", "--model", tmp_path / "model", "--solver-mode", "CPU"]
    for setting in ("max_iter=3", "test_iter=1", "layer[mnist].data_param.batch_size=10"):
        options += ["--set", setting]
    assert template(SOLVER, *options, "--out", tmp_path / "nets", "--check") == 0
    return tmp_path


def assert_trains(command: list[object], folder: Path) -> None:
    """`caffe train` ends well and leaves a snapshot where the solver says."""
    run = [*map(str, command), "train", "-solver", str(folder / "nets" / SOLVER.name)]
    done = subprocess.run(run, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert (folder / "model" / "mnist_lenet_iter_3.caffemodel").is_file()


@pytest.mark.parity
def test_real_caffe_trains_what_was_templated(real_caffe: Path, moved: Path) -> None:
    """The ready solver and net, on this machine's paths."""
    assert_trains([real_caffe / "caffe"], moved)


def test_the_engine_trains_what_was_templated(moved: Path) -> None:
    """The same with the embedded engine."""
    pytest.importorskip("torch", reason="the embedded engine needs torch")
    assert_trains([sys.executable, "-m", "caffe_mnist.caffe"], moved)
