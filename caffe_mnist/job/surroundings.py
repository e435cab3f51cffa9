"""The environment variables of the container, of the samples' generation and of the later one."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence

from caffe_mnist.job.code import Code, value_of
from caffe_mnist.job.container import CAFFE, JOBS
from caffe_mnist.moxing.address import STORE

MA_HOME = "/home/ma-user"


def environment(
    code: Code, words: Sequence[str], store: str | None, python: Sequence[str]
) -> dict[str, str]:
    """The whole environment of a script; `python` are further folders with modules."""
    gpus = value_of(words, "num_gpus") or "0"
    paths = [f"{CAFFE}/python", *python, *filter(None, [os.environ.get("PYTHONPATH")])]
    given: Mapping[str, str] = {
        "DLS_APP_URL": f"file://{code.folder}/",
        "DLS_DATA_URL": value_of(words, "data_url") or "",
        "DLS_LOCAL_CACHE_PATH": "/cache",
        "DLS_TASK_INDEX": "0",
        "DLS_TASK_NUMBER": "1",
        "DLS_TRAIN_URL": value_of(words, "train_url") or "",
        "BATCH_CUSTOM0_HOSTS": "127.0.0.1:6666",
        "MA_HOME": MA_HOME,
        "MA_JOB_DIR": f"{MA_HOME}/modelarts/user-job-dir",
        "MA_LOG_DIR": f"{MA_HOME}/modelarts/log",
        "MA_MOUNT_PATH": f"{MA_HOME}/modelarts",
        "MA_NUM_GPUS": gpus,
        "MA_NUM_HOSTS": "1",
        "MA_TASK_NAME": "worker",
        # `python` in a shell is the Python that runs the script.
        "PATH": os.pathsep.join([os.path.dirname(sys.executable), os.environ.get("PATH", "")]),
        "PWD": JOBS,
        "PYTHONPATH": os.pathsep.join(paths),
        "VC_TASK_INDEX": "0",
        "VC_WORKER_HOSTS": "127.0.0.1",
        "VC_WORKER_NUM": "1",
        "WORKSPACE": f"{JOBS}/{code.name}",
        # The script's words are to be seen in their order among those of its programs.
        "PYTHONUNBUFFERED": "1",
    }
    kept = {name: value for name, value in os.environ.items() if name != STORE}
    return {**kept, **given, **({STORE: store} if store else {})}
