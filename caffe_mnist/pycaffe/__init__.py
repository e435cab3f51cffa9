"""The pycaffe API over the engine: `from caffe_mnist import pycaffe as caffe`.

With `install()`, `import caffe` finds this package too.
"""

from __future__ import annotations

import sys

from caffe_mnist.engine.presence import require_engine_of_script

require_engine_of_script("python -m caffe_mnist.pycaffe")

from caffe_mnist.pycaffe import (
    caffe_io,
    classifier,
    coord_map,
    detector,
    draw,
    engine_face,
    net_spec,
    proto,
)
from caffe_mnist.pycaffe import caffe_io as io
from caffe_mnist.pycaffe import engine_face as pycaffe
from caffe_mnist.pycaffe.classifier import Classifier
from caffe_mnist.pycaffe.detector import Detector
from caffe_mnist.pycaffe.engine_face import (
    NCCL,
    AdaDeltaSolver,
    AdaGradSolver,
    AdamSolver,
    Blob,
    Layer,
    NesterovSolver,
    Net,
    RMSPropSolver,
    SGDSolver,
    Solver,
    Timer,
    get_solver,
    has_nccl,
    init_log,
    layer_type_list,
    log,
    set_device,
    set_mode_cpu,
    set_mode_gpu,
    set_multiprocess,
    set_random_seed,
    set_solver_count,
    set_solver_rank,
    solver_count,
    solver_rank,
)
from caffe_mnist.pycaffe.failures import CaffeError
from caffe_mnist.pycaffe.install import install
from caffe_mnist.pycaffe.mode import TEST, TRAIN
from caffe_mnist.pycaffe.net_spec import NetSpec, layers, params, to_proto

__version__ = "1.0.0"
_caffe = engine_face
# Under their pycaffe names, for `import caffe_mnist.pycaffe.io`.
sys.modules[f"{__name__}.io"] = caffe_io
sys.modules[f"{__name__}.pycaffe"] = engine_face

__all__ = [
    "NCCL",
    "TEST",
    "TRAIN",
    "AdaDeltaSolver",
    "AdaGradSolver",
    "AdamSolver",
    "Blob",
    "CaffeError",
    "Classifier",
    "Detector",
    "Layer",
    "NesterovSolver",
    "Net",
    "NetSpec",
    "RMSPropSolver",
    "SGDSolver",
    "Solver",
    "Timer",
    "classifier",
    "coord_map",
    "detector",
    "draw",
    "get_solver",
    "has_nccl",
    "init_log",
    "install",
    "io",
    "layer_type_list",
    "layers",
    "log",
    "net_spec",
    "params",
    "proto",
    "pycaffe",
    "set_device",
    "set_mode_cpu",
    "set_mode_gpu",
    "set_multiprocess",
    "set_random_seed",
    "set_solver_count",
    "set_solver_rank",
    "solver_count",
    "solver_rank",
    "to_proto",
]
