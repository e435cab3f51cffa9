"""caffe.io, Classifier and Detector: pictures resized, cropped, transformed and scored."""

import caffe
import numpy as np
from caffe.proto import caffe_pb2
from notes import note, save

NET = """
name: "deploy" input: "data" input_dim: 4 input_dim: 3 input_dim: 20 input_dim: 20
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
  convolution_param { num_output: 4 kernel_size: 3 weight_filler { type: "xavier" } } }
layer { name: "ip" type: "InnerProduct" bottom: "conv" top: "ip"
  inner_product_param { num_output: 5 weight_filler { type: "xavier" } } }
layer { name: "prob" type: "Softmax" bottom: "ip" top: "prob" }
"""
random = np.random.RandomState(0)
io = caffe.io

for channels in (1, 2, 3, 5):
    image = (random.rand(23, 31, channels) * 200 + 20).astype(np.float32)
    for sizes in ((23, 31), (10, 12), (50, 70), (11, 64), (46, 62), (1, 1), (5, 1)):
        for order in (0, 1, 3) if channels in (1, 3) else (0, 1):
            note(f"{channels} channels as {sizes}, {order}", io.resize_image(image, sizes, order))
note("of one colour", io.resize_image(np.full((4, 4, 3), 7.0), (2, 2)))
note("of bytes", io.resize_image((random.rand(9, 9, 3) * 255).astype(np.uint8), (4, 13)))
note("of doubles", io.resize_image(random.rand(9, 9, 3), (4, 13)))
note("ten crops", io.oversample(list(random.rand(2, 9, 11, 3)), (4, 5)))
note("ten crops of arrays", io.oversample(random.rand(2, 9, 12, 1), np.array([5, 5])))

made = io.Transformer({"data": (1, 3, 6, 7)})
picture = random.rand(6, 7, 3)
for name, setting in {
    "two axes": lambda: made.set_transpose("data", (2, 0)),
    "no input": lambda: made.set_transpose("nothing", (2, 0, 1)),
    "two channels": lambda: made.set_channel_swap("data", (1, 0)),
    "mean of two": lambda: made.set_mean("data", np.ones(2)),
    "mean of four axes": lambda: made.set_mean("data", np.ones((1, 1, 1, 1))),
    "transpose": lambda: made.set_transpose("data", (2, 0, 1)),
    "swap": lambda: made.set_channel_swap("data", (2, 0, 1)),
    "raw scale": lambda: made.set_raw_scale("data", 255),
    "mean": lambda: made.set_mean("data", np.array([1.0, 2, 3])),
    "scale": lambda: made.set_input_scale("data", 0.017),
    "mean image": lambda: made.set_mean("data", random.rand(3, 6, 7)),
    "mean of another size": lambda: made.set_mean("data", random.rand(3, 9, 4)),
}.items():
    note("set " + name, setting)
    note("with " + name, lambda: made.preprocess("data", picture))
note("from another size", made.preprocess("data", random.rand(9, 9, 3)))
note("back", made.deprocess("data", made.preprocess("data", picture)))
note("back from a batch", made.deprocess("data", made.preprocess("data", picture)[np.newaxis]))

blob = caffe_pb2.BlobProto(data=[1, 2, 3, 4], diff=[4, 3, 2, 1])
note("no shape", lambda: io.blobproto_to_array(blob))
blob.shape.dim.extend([2, 2])
note("a shape", io.blobproto_to_array(blob))
note("its diff", io.blobproto_to_array(blob, True))
blob.num = blob.channels = blob.width = 1
blob.height = 4
note("an old shape", io.blobproto_to_array(blob))
note("one number", io.blobproto_to_array(caffe_pb2.BlobProto(data=[123])))
pair = [random.rand(2, 3), random.rand(4)]
note("to a blob", io.array_to_blobproto(pair[0], 2 * pair[0]))
note("to a vector", io.arraylist_to_blobprotovector_str(pair))
back = io.blobprotovector_str_to_arraylist(io.arraylist_to_blobprotovector_str(pair))
note("from a vector", back)
note("of two axes", lambda: io.array_to_datum(pair[0]))
for kind in (np.uint8, np.int64, np.float32):
    datum = io.array_to_datum(np.arange(6).reshape(1, 2, 3).astype(kind), 3)
    note("to a datum: " + kind.__name__, datum)
    note("from a datum: " + kind.__name__, io.datum_to_array(datum))

with open("deploy.prototxt", "w") as file:
    file.write(NET)
caffe.set_random_seed(3)
caffe.Net("deploy.prototxt", caffe.TEST).save("deploy.caffemodel")
pictures = [random.rand(40, 50, 3) for _ in range(3)]
for name, settings in {
    "plain": {},
    "larger": {"image_dims": (30, 32)},
    "all": {
        "image_dims": (30, 32),
        "mean": np.array([1.0, 2, 3]),
        "raw_scale": 255,
        "channel_swap": (2, 1, 0),
        "input_scale": 0.01,
    },
    "mean image": {"mean": random.rand(3, 20, 20)},
}.items():
    classifier = caffe.Classifier("deploy.prototxt", "deploy.caffemodel", **settings)
    note("scores, " + name, classifier.predict(pictures))
    note("scores of the middle, " + name, classifier.predict(pictures, oversample=False))
detector = caffe.Detector("deploy.prototxt", "deploy.caffemodel", mean=np.array([0.1, 0.2, 0.3]))
for window in ([0, 0, 20, 20], [5, 6, 30, 20], [2, 30, 12, 49]):
    note(f"window {window}", detector.crop(pictures[0], np.array(window)))
save()
