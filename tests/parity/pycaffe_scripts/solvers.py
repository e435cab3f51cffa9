"""Solvers by pycaffe: steps, callbacks, snapshots, tests, weights that are shared."""

import os

import caffe
import numpy as np
from notes import note, save

NET = """
name: "trained"
layer { name: "data" type: "DummyData" top: "data" top: "label" dummy_data_param {
  shape { dim: 5 dim: 2 dim: 3 dim: 4 } shape { dim: 5 }
  data_filler { type: "gaussian" std: 1 } data_filler { type: "constant" } } }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
  param { decay_mult: 1 } param { decay_mult: 0 lr_mult: 2 }
  convolution_param { num_output: 11 kernel_size: 2 pad: 3 weight_filler { type: "xavier" } } }
layer { name: "relu" type: "ReLU" bottom: "conv" top: "conv" }
layer { name: "drop" type: "Dropout" bottom: "conv" top: "conv" }
layer { name: "ip" type: "InnerProduct" bottom: "conv" top: "ip"
  inner_product_param { num_output: 13 weight_filler { type: "gaussian" std: 0.1 } } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "label" top: "loss" }
"""
SOLVER = """
net: "net.prototxt" test_iter: 3 test_interval: 10 base_lr: 0.01 weight_decay: 0.0005
lr_policy: "inv" gamma: 0.01 power: 0.75 max_iter: 20 snapshot_after_train: false
snapshot_prefix: "model" test_initialization: false
"""


def solver_file(name, more):
    """Write a solver; returns its name."""
    with open(name, "w") as file:
        file.write(SOLVER + more)
    return name


def state(net):
    """Parameters and their gradients."""
    blobs = [blob for blobs in net.params.values() for blob in blobs]
    return {"data": [blob.data for blob in blobs], "diff": [blob.diff for blob in blobs]}


with open("net.prototxt", "w") as file:
    file.write(NET)
caffe.set_random_seed(11)
solver = caffe.get_solver(solver_file("sgd.prototxt", "momentum: 0.9"))
note("made", [type(solver).__name__, solver.iter, len(solver.test_nets), solver.param.max_iter])
note("rate", solver.lr)
held = [blob.data for blobs in solver.net.params.values() for blob in blobs]
held += [blob.data for blob in solver.net.blobs.values()]
held += [blob.diff for blobs in solver.net.params.values() for blob in blobs]
called = []
solver.add_callback(lambda: called.append("start"), lambda: called.append("gradients"))
solver.net.after_forward(lambda index: called.append(index))
solver.net.before_backward(lambda index: called.append(-index))
solver.step(2)
note("called", called)
note("after two", [solver.iter, solver.lr, state(solver.net)])
note("held", held)
note("tested", state(solver.test_nets[0])["data"])
solver.solve()
note("solved", [solver.iter, solver.lr, state(solver.net)])
solver.snapshot()
note("files", sorted(name for name in os.listdir(".") if name.startswith("model")))
solver.net.forward()
solver.net.backward()
solver.apply_update()
note("one update", [solver.iter, state(solver.net)])
solver.net.params["ip"][0].data[...] = 0.5
note("test net sees it", solver.test_nets[0].params["ip"][0].data)

again = caffe.SGDSolver("sgd.prototxt")
again.restore("model_iter_20.solverstate")
note("restored", [again.iter, state(again.net)["data"]])
again.step(3)
note("went on", [again.iter, state(again.net)])
third = caffe.SGDSolver("sgd.prototxt")
third.solve("model_iter_20.solverstate")
note("nothing left", third.iter)

for kind in ("SGD", "Nesterov", "AdaGrad", "RMSProp", "AdaDelta", "Adam"):
    momentum = "" if kind in ("AdaGrad", "RMSProp") else "momentum: 0.9"
    more = f'type: "{kind}" random_seed: 5 delta: 1e-2 {momentum}'
    name = solver_file(f"{kind}.prototxt", more)
    made = caffe.get_solver(name)
    made.step(6)
    note(kind, [type(made).__name__, state(made.net)])
    named = getattr(caffe, kind + "Solver")(name)
    named.step(1)
    note(kind + " by name", state(named.net))

net = caffe.Net("net.prototxt", caffe.TRAIN)
made.share_weights(net)
note("shared", state(net)["data"])
kept = [made.net, *list(made.test_nets)]
del made
note("kept", [state(one) for one in kept])
caffe.set_random_seed(9)
note("drawn anew", [net.forward()["loss"] for _ in range(3)])
note("no file", lambda: caffe.Net("nothing", caffe.TRAIN))
note("sums", [float(np.abs(values).sum()) for values in state(net)["data"]])
save()
