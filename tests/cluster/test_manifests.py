"""scripts/cluster/: manifests and scripts say what the commands' own parsers understand."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from caffe_mnist.cluster.machines import find_machines
from caffe_mnist.launch.settings import parse
from tests.engine.test_caffe import NET, SOLVER

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "scripts/cluster"
PODS = {"Kubernetes": {"JOB_COMPLETION_INDEX": "1"}, "PyTorchJob": {
    "RANK": "1", "WORLD_SIZE": "3", "MASTER_ADDR": "caffe-train-master-0"}}  # fmt: skip


def containers(content: Any) -> Iterator[Any]:
    """Every container of a manifest, however deep."""
    if isinstance(content, dict):
        for key, value in content.items():
            yield from value if key == "containers" else containers(value)
    elif isinstance(content, list):
        for value in content:
            yield from containers(value)


def found(name: str) -> list[Any]:
    """The documents of a manifest."""
    return list(yaml.safe_load_all((FOLDER / name).read_text()))


def arguments(container: Any, environment: Mapping[str, str]) -> list[str]:
    """The arguments as the kubelet writes them: $(NAME) is the variable's value."""
    return [re.sub(r"\$\((\w+)\)", lambda m: environment[m[1]], word) for word in container["args"]]


@pytest.mark.parametrize(
    ("name", "kind", "nodes"),
    [("train-job.yaml", "Kubernetes", "2:3"), ("train-pytorchjob.yaml", "PyTorchJob", "3")],
)
def test_training_manifests(name: str, kind: str, nodes: str) -> None:
    """Each pod's command is one of caffe_mnist.train, all of whose arguments are known."""
    seen = list(containers(found(name)))
    assert len(seen) == (1 if kind == "Kubernetes" else 2)
    for container in seen:
        assert container["command"] == ["python", "-m", "caffe_mnist.train"]
        settings, notes = parse(arguments(container, PODS[kind]), "train")
        assert notes == []
        assert (settings.nodes, settings.node_rank, settings.resume) == (nodes, 1, True)
        machines = find_machines(nodes, settings.rdzv or "", settings.node_rank)
        assert (machines.port, machines.first) == (29400, False)
        assert machines.most == 3


def test_the_indexed_job_meets_at_its_pod_0() -> None:
    """The service, the subdomain and the job's name make the name of the pod."""
    service, job = found("train-job.yaml")
    name, spec = job["metadata"]["name"], job["spec"]
    pod = spec["template"]["spec"]
    assert service["spec"]["clusterIP"] == "None"
    assert service["spec"]["publishNotReadyAddresses"]
    assert service["spec"]["selector"] == {"job-name": name}
    assert service["metadata"]["name"] == pod["subdomain"]
    rdzv = next(word for word in pod["containers"][0]["args"] if word.startswith("--rdzv="))
    assert rdzv == f"--rdzv={name}-0.{pod['subdomain']}:29400"
    assert spec["completionMode"] == "Indexed"
    assert spec["completions"] == spec["parallelism"] == 3


def run(script: str, folder: Path, *words: str, **environment: str) -> str:
    """What a script says, with the stand-ins for Slurm's commands first on the path."""
    path = f"{folder / 'bin'}:{os.environ['PATH']}"
    given = {**os.environ, "PATH": path, "PYTHON": sys.executable, **environment}
    command = ["bash", str(FOLDER / script), *words]
    result = subprocess.run(
        command, cwd=folder, env=given, capture_output=True, text=True, timeout=120
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout + result.stderr


def stand_in(folder: Path, name: str, text: str) -> None:
    """A program of this name."""
    (folder / "bin").mkdir(exist_ok=True)
    path = folder / "bin" / name
    path.write_text("#!/usr/bin/env bash\n" + text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder with a folder of pictures in two classes."""
    import cv2
    import numpy as np

    for index in range(100):
        folder = tmp_path / "pictures" / "ab"[index % 2]
        folder.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / f"{index}.png"), np.full((6, 6, 3), 2 * index, np.uint8))
    return tmp_path


def test_the_slurm_script_of_a_training(tmp_path: Path) -> None:
    """srun's tasks are the machines: each knows its number, and all meet at the first."""
    (tmp_path / "net.prototxt").write_text(NET)
    (tmp_path / "solver.prototxt").write_text(SOLVER)
    stand_in(tmp_path, "srun", """
while [ "${1#--}" != "$1" ]; do shift; done
export SLURM_STEP_NUM_TASKS=2 SLURM_STEP_NUM_NODES=2 SLURM_STEP_NODELIST=localhost
for i in 0 1; do SLURM_PROCID=$i "$@"; done
""")  # fmt: skip
    said = run(
        "train.slurm", tmp_path, "--dry-run",
        SLURM_JOB_ID="12", DATA_URL="data", TRAIN_URL="out", SOLVER="solver.prototxt",
    )  # fmt: skip
    commands = [line for line in said.splitlines() if line.startswith("run ")]
    ends = [line.partition("-nodes ")[2] for line in commands]
    assert ends == [f"2 -rdzv localhost:29413 -node_rank {rank}" for rank in (0, 1)]
    assert "caffe-12/model" in said
    assert "ignoring" not in said


def test_the_slurm_script_of_a_conversion(pictures: Path) -> None:
    """It submits an array job and the merge after it; run, they make one dataset."""
    stand_in(pictures, "sbatch", 'echo "sbatch MERGE=${MERGE:-} $*" >> calls\necho 77\n')
    at = {"SRC": "pictures", "OUT": "made", "SHARDS": "2"}
    options = ("--resize-height", "4", "--resize-width", "4")
    run("convert.slurm", pictures, *options, **at)
    first, second = (pictures / "calls").read_text().splitlines()
    assert "--array=0-1" in first
    assert first.endswith(" ".join(options))
    assert "MERGE=yes" in second
    assert "--dependency=afterok:77" in second
    for task in "01":
        run("convert.slurm", pictures, *options, **at, SLURM_ARRAY_TASK_ID=task)
    run("convert.slurm", pictures, **at, MERGE="yes", SLURM_ARRAY_TASK_ID="0")
    assert (pictures / "made/dataset.json").is_file()


def test_the_jobs_of_a_conversion(pictures: Path) -> None:
    """Every index of the Job, and the merge after it, as they stand but for the paths."""
    jobs = found("convert-job.yaml")
    convert, merge = (next(containers(job)) for job in jobs)
    assert jobs[0]["spec"]["completionMode"] == "Indexed"
    shards = jobs[0]["spec"]["completions"]
    for index in range(shards):
        words = arguments(convert, {"JOB_COMPLETION_INDEX": str(index)})
        assert f"--shard={index}/{shards}" in words
    from caffe_mnist import convert as command

    (pictures / "shared").mkdir()
    (pictures / "pictures").rename(pictures / "shared/pictures")
    for container, environment in [
        *((convert, {"JOB_COMPLETION_INDEX": str(index)}) for index in range(shards)),
        (merge, {}),
    ]:
        words = [
            word.replace("/shared", f"{pictures}/shared")
            for word in arguments(container, environment)
        ]
        assert command.main(words) == 0
    assert (pictures / "shared/flowers/dataset.json").is_file()
