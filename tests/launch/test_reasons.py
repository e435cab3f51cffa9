"""What a trainer's failure means: real Caffe, provoked, and statuses that say all there is."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from caffe_mnist.launch.known_failures import KNOWN
from caffe_mnist.launch.reasons import explain

DATA = (
    'layer { name: "d" type: "DummyData" top: "data" top: "label" dummy_data_param { '
    "shape { dim: 4 dim: 1 dim: 8 dim: 8 } shape { dim: 4 } "
    'data_filler { type: "gaussian" } data_filler { type: "constant" value: 1 } } }\n'
)
IP = (
    'layer { name: "ip" type: "InnerProduct" bottom: "data" top: "ip" '
    'inner_product_param { num_output: 5 weight_filler { type: "xavier" } } }\n'
)
LOSS = 'layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "label" top: "loss" }\n'
NET = DATA + IP + LOSS
SOLVER = 'net: "n" base_lr: 0.1 lr_policy: "fixed" max_iter: 1 snapshot_prefix: "x" type: "SGD"\n'
CONV = (
    'layer { name: "ip" type: "Convolution" bottom: "data" top: "ip" convolution_param { %s } }\n'
)
READ = (
    'layer { name: "d" type: "%s" top: "data" top: "label" '
    '%s { source: "gone" batch_size: 2 %s } }\n'
)
# Net, solver, flags; what it means.
PROVOKED = {
    "lmdb": (READ % ("Data", "data_param", "backend: LMDB") + IP + LOSS, SOLVER, (),
             "a database that the net reads is not there, in layer 'd'"),
    "leveldb": (READ % ("Data", "data_param", "") + IP + LOSS, SOLVER, (),
                "gone is no LevelDB that can be opened, or is not there"),
    "hdf5": (READ % ("HDF5Data", "hdf5_data_param", "") + IP + LOSS, SOLVER, (),
             "the list gone is not there, in layer 'd'"),
    "images": (READ % ("ImageData", "image_data_param", "") + IP + LOSS, SOLVER, (),
               "the list of pictures is empty or not there, in layer 'd'"),
    "type": (NET.replace("InnerProduct", "InnerProd"), SOLVER, (),
             "there is no layer type InnerProd in this Caffe, in layer 'ip'"),
    "bottom": (NET.replace('"data" top: "ip"', '"dta" top: "ip"'), SOLVER, (),
               "layer 'ip' reads 'dta', which no layer before it makes"),
    "field": (NET.replace("num_output", "num_outputs"), SOLVER, (),
              "NetParameter has a fault in line 2, column 99: Message type"),
    "no net": (NET, SOLVER.replace('"n"', '"gone"'), (), "gone is not there"),
    "policy": (NET, SOLVER.replace("fixed", "stp"), (), "there is no lr_policy stp"),
    "solver": (NET, SOLVER.replace("SGD", "Adm"), (), "there is no solver type Adm"),
    "folder": (NET, SOLVER.replace('"x"', '"gone/x"'), (), "a snapshot could not be written"),
    "kernel": (DATA + CONV % "num_output: 2 kernel_size: 30" + LOSS, SOLVER, (),
               "its kernel is larger than the picture that it gets, in layer 'ip'"),
    "labels": (DATA + CONV % "num_output: 2 kernel_size: 3" + LOSS, SOLVER, (),
               "the loss has another number of labels than of predictions, in layer 'loss'"),
    "twice": (NET + LOSS, SOLVER, (), "two layers make the blob 'loss'"),
    "range": (NET.replace("value: 1", "value: 4000000"), SOLVER, (), "it wrote "),
    "filler": (NET.replace("xavier", "xaver"), SOLVER, (), "there is no filler xaver"),
    "memory": (NET.replace("num_output: 5", "num_output: 999999999"), SOLVER, (),
               "a blob would have more than 2^31 numbers, in layer 'ip'"),
    "gpu": (NET, SOLVER, ("-gpu", "0"), "this Caffe was built without CUDA"),
    "weights": (NET, SOLVER, ("-weights", "gone.caffemodel"), "the weights gone.caffemodel"),
    "broken": (NET, SOLVER, ("-weights", "b"), "b is no NetParameter: cut off, damaged"),
    "state": (NET, SOLVER, ("-snapshot", "gone.solverstate"), "gone.solverstate is not there"),
    "momentum": (NET, SOLVER.replace("SGD", "AdaGrad") + "momentum: 0.9", (), "AdaGrad takes no"),
    "interval": (NET, SOLVER + "test_iter: 1", (), "the solver has test_iter, but no"),
    "python": (NET + 'layer { name: "p" type: "Python" bottom: "ip" top: "p" python_param { '
               'module: "nomodule" layer: "L" } }', SOLVER, (),
               "a layer written in Python cannot be imported: No module named 'nomodule'"),
    "old and new": (NET + 'layers { name: "x" type: RELU bottom: "ip" top: "x" }', SOLVER, (),
                    "the net has layers of the old kind (layers) and of the new one"),
}  # fmt: skip


@pytest.mark.parametrize("name", list(PROVOKED))
def test_real_caffe_in_plain_words(name: str, real_caffe: Path, tmp_path: Path) -> None:
    """Each provoked failure has a cause with the layer or file, and a remedy."""
    net, solver, flags, cause = PROVOKED[name]
    (tmp_path / "n").write_text(net)
    (tmp_path / "b").write_bytes(b"\x0a\xff\xff\xff")
    (tmp_path / "s").write_text(solver + " solver_mode: CPU")
    command = [str(real_caffe / "caffe"), "train", "-solver", "s", *flags]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode != 0
    lines = done.stderr.splitlines(keepends=True)[-200:]
    reason, hint = explain(134, lines, tmp_path)
    assert reason.startswith(cause), done.stderr[-3000:]
    assert hint
    assert "Check failed" not in reason


@pytest.mark.parametrize(
    ("status", "cause"),
    [(137, "killed from outside"), (139, "a segmentation fault"), (132, "an instruction"),
     (135, "lost its memory"), (1, "its log is empty")],
)  # fmt: skip
def test_where_only_the_status_speaks(status: int, cause: str, tmp_path: Path) -> None:
    """Signals have causes; a stack is none."""
    assert cause in explain(status, [], tmp_path)[0]
    lines = ["I1120 22:48:49.121243 1 solver.cpp:1] Iteration 0\n", "*** SIGSEGV (@0x0)\n"]
    assert explain(139, [lines[0], "    @     0x7f main\n"], tmp_path)[0].startswith("it wrote")


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        ("F1 syncedmem.cpp:71] Check failed: error == cudaSuccess (2 vs. 0)  out of memory",
         "the GPU is out of memory"),
        ("F1 common.cpp:152] Check failed: error == cudaSuccess (10 vs. 0)  invalid device ordinal",
         "there is no GPU of that number here"),
        ("F1 math_functions.cu:26] Check failed: error == cudaSuccess (8 vs. 0) "
         "invalid device function", "it was built for other GPUs"),
        ("F1 cudnn_conv_layer.cpp:53] Check failed: status == CUDNN_STATUS_SUCCESS (4 vs. 0)  "
         "CUDNN_STATUS_INTERNAL_ERROR", "cuDNN could not begin its work"),
        ("F1 cudnn_conv_layer.cu:34] Check failed: status == CUDNN_STATUS_SUCCESS (8 vs. 0)  "
         "CUDNN_STATUS_EXECUTION_FAILED", "cuDNN refuses: EXECUTION_FAILED"),
        ("F1 layer_factory.hpp:81] Check failed: registry.count(type) == 1 (0 vs. 1) Unknown layer "
         "type: Python (known types: AbsVal)", "this Caffe was built without layers in Python"),
        ("F1 db_lmdb.hpp:15] Check failed: mdb_status == 0 (28 vs. 0) No space left on device",
         "the disk is full"),
        ("F1 db_lmdb.hpp:15] Check failed: mdb_status == 0 (-30793 vs. 0) MDB_INVALID: File is "
         "not an LMDB file", "a database cannot be opened: MDB_INVALID"),
        ("terminate called after throwing an instance of 'std::bad_alloc'", "out of memory"),
        ("F1 syncedmem.hpp:33] Check failed: *ptr host allocation of size 3136000000 failed",
         "out of memory"),
        ("caffe: error while loading shared libraries: libboost.so.1: cannot open",
         "this Caffe does not find the library libboost.so.1"),
        ("F1 data_transformer.cpp:63] Check failed: datum_height >= crop_size (28 vs. 40) ",
         "crop_size is larger than the pictures (28 pixels, cropped to 40)"),
        ("F1 net.cpp:757] Cannot copy param 0 weights from layer 'ip'; shape mismatch.  Source "
         "param shape is 10 784 (7840); target param shape is 7 784 (5488). To learn this",
         "the weights of layer 'ip' are of another shape (10 784 (7840), the net's 7 784"),
        ("F1 x.cpp:1] Check failed: something new", "Check failed: something new"),
    ],
)  # fmt: skip
def test_lines_of_other_machines(line: str, cause: str, tmp_path: Path) -> None:
    """Of GPUs, full disks and foreign builds; what is not known is said as Caffe says it."""
    text = re.sub(r"^F1 ", "F1120 22:48:49.121243 16156 ", line)
    assert explain(134, [text + "\n"], tmp_path)[0].startswith(cause)


def test_every_cause_is_made_of_what_its_pattern_finds() -> None:
    """No cause names a group that its pattern has not."""
    for known in KNOWN:
        groups = re.compile(known.pattern).groups
        named = [int(one) for one in re.findall(r"\{(\d+)", known.cause)]
        assert all(one <= groups for one in named), known.pattern
