"""What would make a job fail is said before anything is copied or trained."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from caffe_mnist import train
from caffe_mnist.launch import devices, memory, preflight
from caffe_mnist.launch.devices import lacking
from caffe_mnist.launch.memory import free_memory, held_numbers, size_words
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.messages import parse_text
from tests.fixtures.jobs import SOLVER, Job


def test_a_job_that_can_work(job: Job, capsys: pytest.CaptureFixture[str]) -> None:
    """Memory, disk and store are said; nothing is left, nothing is made."""
    (job.folder / "store").mkdir()
    arguments = job.command("--preflight-only", caffe="embedded")[3:]
    assert train.main(arguments) == 0
    said = capsys.readouterr().err
    for words in ("of memory, this machine has", "snapshot(s) of", "the store of --train-url can",
                  "preflight: nothing stands in the way"):  # fmt: skip
        assert words in said
    assert not job.model.exists()
    assert list(job.store.iterdir()) == []


def test_data_of_any_size_may_be_still_to_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing here says how large its pictures are: that is no fault."""
    pytest.importorskip("torch")
    monkeypatch.chdir(tmp_path)
    Path("net.prototxt").write_text("""
layer { name: "data" type: "Data" top: "data" top: "label"
  transform_param { mean_file: "gone/mean.binaryproto" }
  data_param { source: "gone/train_lmdb?shuffle=1&seed=7" batch_size: 4 backend: LMDB } }
layer { name: "ip" type: "InnerProduct" bottom: "data" top: "ip"
  inner_product_param { num_output: 2 } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "label" top: "loss" }
""")
    solver = 'net: "net.prototxt" base_lr: 0.1 lr_policy: "fixed" max_iter: 9 snapshot_prefix: "x"'
    Path("solver.prototxt").write_text(solver)
    Path("there").mkdir()
    look = ["--solver=solver.prototxt", "--preflight-only", "--caffe=embedded"]
    assert train.main([*look, "--data-url=there"]) == 0
    assert "can be told once the data is here" in capsys.readouterr().err


def test_all_that_stands_in_the_way(
    job: Job, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Shapes, memory, disk, GPU, weights and store, all at once, in one line each."""
    monkeypatch.setattr(preflight, "free_memory", lambda gpus: (2**20, "this machine"))
    monkeypatch.setattr(preflight.shutil, "disk_usage", lambda path: memory_of(2**20))
    arguments = [
        *job.command("--preflight-only", "--weights=gone.caffemodel", caffe="embedded")[3:],
        "--train-url=/proc/nowhere", "--set=snapshot=1",
    ]  # fmt: skip
    assert train.main(arguments) == 1
    said = capsys.readouterr().err
    assert "the training needs about" in said
    assert "31 snapshot(s) of 3.3 MiB need 102.0 MiB" in said
    assert "gone.caffemodel: there is no such file" in said
    assert "/proc/nowhere" in said
    assert "the job would fail: 4 faults" in said
    arguments = job.command("--preflight-only", "--gpu=0", caffe="embedded")[3:]
    arguments += ["--set=layer[conv2].convolution_param.kernel_size=50"]
    assert train.main(arguments) == 1
    said = capsys.readouterr().err
    assert "layer 'conv2' (Convolution): kernel 50 is larger than the padded input" in said
    assert f"{SOLVER.parent}/lenet_train_test.prototxt:" in said


def memory_of(size: int) -> object:
    """What `shutil.disk_usage` would say."""
    return type("Usage", (), {"free": size, "total": size})()


def test_at_the_start_of_every_job(job: Job, tmp_path: Path) -> None:
    """What is wrong with the text of nets ends a job before the store is touched; or is not looked
    for."""
    net = (SOLVER.parent / "lenet_train_test.prototxt").read_text()
    net = net.replace('bottom: "conv1"', 'bottom: "cnv1"')
    (tmp_path / "lenet_train_test.prototxt").write_text(net)
    (tmp_path / "s.prototxt").write_text(SOLVER.read_text())
    done = job.run("--solver=s.prototxt")
    assert (done.status, job.calls()) == (2, [])
    assert "bottom 'cnv1' is made by no layer (did you mean conv1?)" in done.errors[0]
    assert not job.store.exists()
    assert job.run("--solver=s.prototxt", "--no-preflight").status == 0


def test_free_memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The container's limit goes before the machine's, files that it has read do not count; a GPU
    that is not there has none."""
    (tmp_path / "max").write_text("1000\n")
    (tmp_path / "current").write_text("400\n")
    here = (str(tmp_path / "max"), str(tmp_path / "current"), "inactive_file")
    monkeypatch.setattr(memory, "GROUPS", (here, ("/none", "/none", "")))
    assert free_memory("") == (600, "this machine")
    (tmp_path / "memory.stat").write_text("anon 1\nactive_file 70\ninactive_file 300\n")
    assert free_memory("") == (900, "this machine")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert free_memory("0") == (None, "the GPU")
    assert [size_words(size) for size in (5, 2048, 3 * 2**20, 2**41)] == [
        "5 B", "2 KiB", "3.0 MiB", "2048.0 GiB"
    ]  # fmt: skip


def test_gpus_that_cannot_be_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """None at all, too few, or a PyTorch without them; other drivers are left to the trainer."""
    assert "has no GPU" in lacking("0", False, tmp_path)
    assert lacking("", True, tmp_path) == ""
    for name in ("nvidia0", "nvidia1", "nvidiactl"):
        (tmp_path / name).touch()
    assert lacking("0,1", False, tmp_path) == ""
    assert lacking("all", False, tmp_path) == ""
    assert lacking("2", False, tmp_path) == "-gpu 2: this machine has 2 GPUs, from 0 on"
    monkeypatch.setattr(devices, "_torch", lambda: "2.9.0+cpu")
    assert "the installed PyTorch (2.9.0+cpu) is one for the CPU alone" in lacking(
        "0", True, tmp_path
    )
    (tmp_path / "wsl").mkdir()
    (tmp_path / "wsl" / "dxg").touch()
    assert lacking("3", False, tmp_path / "wsl") == ""


@pytest.mark.parametrize("caffe", ["embedded", None])
def test_shapes_memory_disk_and_gpu_at_the_start_of_every_job(
    job: Job, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, caffe: str | None
) -> None:
    """Of a job whose data are here, whoever trains, without the engine; all of it in a moment."""
    monkeypatch.setattr(subprocess, "run", None)  # no program is asked
    faulty = "--set=layer[conv2].convolution_param.kernel_size=50"
    assert train.main(job.command(faulty, "--gpu=0", caffe=caffe)[3:]) == 2
    said = capsys.readouterr().err
    assert "layer 'conv2' (Convolution): kernel 50 is larger than the padded input 12" in said
    monkeypatch.setattr(preflight, "free_memory", lambda gpus: (2**24, "this machine"))
    monkeypatch.setattr(preflight.shutil, "disk_usage", lambda path: memory_of(2**22))
    monkeypatch.setattr(preflight, "lacking", lambda gpus, embedded: "no GPU")
    assert train.main(job.command("--set=snapshot=1", caffe=caffe)[3:]) == 2
    said = capsys.readouterr().err
    assert "the training needs about 21.9 MiB" in said
    assert "31 snapshot(s) of 3.3 MiB need 102.0 MiB" in said
    assert "no GPU" in said
    assert not job.model.exists()
    # Those that are there already need no room any more.
    job.model.mkdir()
    for number in range(30):
        for kind in ("caffemodel", "solverstate"):
            (job.model / f"mnist_lenet_iter_{number}.{kind}").touch()
    assert train.main(job.command("--set=snapshot=1", caffe=caffe)[3:]) == 2
    assert "snapshot(s) of" not in capsys.readouterr().err


def test_what_a_net_holds() -> None:
    """As real Caffe allocates: nothing for what is in place or only shaped anew, no gradients of
    data; one more gradient for a second reader. No job is refused for memory that it never takes.
    """
    net = parse_text(
        """
layer { name: "data" type: "Input" top: "data" }
layer { name: "c" type: "Convolution" bottom: "data" top: "c" }
layer { name: "r" type: "ReLU" bottom: "c" top: "c" }
layer { name: "s" type: "Sigmoid" bottom: "c" top: "s" }
layer { name: "e" type: "Eltwise" bottom: "c" bottom: "s" top: "e" }
layer { name: "f" type: "Flatten" bottom: "e" top: "f" }
layer { name: "a" type: "ArgMax" bottom: "f" top: "a" }
""",
        caffe_pb2.NetParameter,
        "here",
    )
    shapes = [(2, 5), (2, 100), (2, 100), (2, 100), (2, 100), (2, 100), (2, 1)]
    layers = [(layer, list(layer.top), [shape], 7 * (layer.name == "c"))
              for layer, shape in zip(net.layer, shapes)]  # fmt: skip
    data = 10 + 3 * 200 + 2
    assert held_numbers(layers, gradients=False) == data
    assert held_numbers(layers, gradients=True) == data + 3 * 200 + 200
