"""`caffe device_query`: what each GPU is."""

from __future__ import annotations

from caffe_mnist.brew.devices import find_gpus
from caffe_mnist.engine.flags import Flags


def device_query(flags: Flags) -> int:
    """Say what each GPU is."""
    import torch

    from caffe_mnist.engine.glog import info

    info("caffe.cpp:139", f"Querying GPUs {flags.gpu or 'all'}")
    for index in find_gpus(flags.gpu or "all"):
        about = torch.cuda.get_device_properties(index)
        for name, value in (
            ("Device id", index),
            ("Major revision number", about.major),
            ("Minor revision number", about.minor),
            ("Name", about.name),
            ("Total global memory", about.total_memory),
            ("Number of multiprocessors", about.multi_processor_count),
        ):
            info("common.cpp:180", f"{name + ':':31}{value}")
    return 0
