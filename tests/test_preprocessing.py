"""What the TEST phase does to pictures travels with the model: all programs feed the same."""

from __future__ import annotations

import io
import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

pytest.importorskip("torch")
pytest.importorskip("PIL")

from PIL import Image

from caffe_mnist import package, predict
from caffe_mnist.datasets.fitting import SHORTER_SIDE, STRETCH, WHOLE, fitted
from caffe_mnist.datasets.writer import DatabaseWriter
from caffe_mnist.engine.layer import Surroundings
from caffe_mnist.engine.net import Net
from caffe_mnist.engine.picture_input import PictureInput
from caffe_mnist.engine.random_numbers import RandomNumbers
from caffe_mnist.engine.weights import save_weights
from caffe_mnist.launch.final import deploy_file, mean_files
from caffe_mnist.launch.plan import Plan, make_plan
from caffe_mnist.launch.settings import Settings
from caffe_mnist.layouts.rewrite import write_tree
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.messages import read_text, write_binary
from caffe_mnist.storage.snapshots import publish

COUNT, SIDE, CROP = 6, 20, 12
NET = """
name: "n"
layer { name: "data" type: "%s" top: "data" top: "label" include { phase: TRAIN } %s }
layer { name: "data" type: "%s" top: "data" top: "label" include { phase: TEST } %s }
layer { name: "ip" type: "InnerProduct" bottom: "data" top: "ip"
  inner_product_param { num_output: 4 weight_filler { type: "gaussian" std: 0.01 } } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "label" top: "loss" }
"""
SOLVER = 'net: "net.prototxt" test_iter: 1 test_interval: 9 max_iter: 1 base_lr: 1\n'
Bytes = npt.NDArray[np.uint8]


def pictures(channels: int, side: int = SIDE) -> Bytes:
    """Noise, N × C × H × W."""
    random = np.random.default_rng(channels)
    return random.integers(0, 256, (COUNT, channels, side, side), np.uint8)


def database(folder: Path, values: Bytes, encoded: bool = False) -> Path:
    """Those pictures as records, labels 0 … 3."""
    records = []
    for number, one in enumerate(values):
        datum = caffe_pb2.Datum(label=number % 4)
        if encoded:
            datum.encoded, datum.data = True, png(one)
        else:
            datum.channels, datum.height, datum.width = one.shape
            datum.data = one.tobytes()
        records.append((b"%08d" % number, datum.SerializeToString()))
    with DatabaseWriter(folder) as writer:
        writer.put(records)
    return folder


def image(values: Bytes) -> Any:
    """C × H × W (B, G, R or gray) as Pillow has it."""
    return Image.fromarray(values[0] if len(values) == 1 else values[::-1].transpose(1, 2, 0))


def png(values: Bytes) -> bytes:
    """The same as a file's bytes."""
    file = io.BytesIO()
    image(values).save(file, "PNG")
    return file.getvalue()


def plan(folder: Path, train: str, test: str, kind: str = "Data", deploy: str = "") -> Plan:
    """A job whose prototxts are rewritten, and nothing else done."""
    (folder / "net.prototxt").write_text(NET % (kind, train, kind, test))
    (folder / "solver.prototxt").write_text(SOLVER)
    if deploy:
        (folder / "n_deploy.prototxt").write_text(deploy)
    settings = Settings(
        solver=str(folder / "solver.prototxt"),
        caffe="embedded",
        data_local_path=str(folder),
        model_local_path=str(folder / "model"),
    )
    made = make_plan(settings)
    write_tree(made.solver, made.run_folder, made.rules)
    return made


def data(transform: str, source: Path) -> str:
    """A Data layer's fields."""
    return f"""transform_param {{ {transform} }}
      data_param {{ source: "{source}" batch_size: {COUNT} backend: LMDB }}"""


@pytest.fixture(scope="module", params=["colour, mean image", "gray, forced", "plain"])
def trained(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A final folder, the scores of the TEST phase of its net, and the pictures scored."""
    folder = tmp_path_factory.mktemp("model")
    if request.param == "plain":
        values = pictures(1, CROP)
        source = database(folder / "db", values)
        train = test = data("scale: 0.00390625", source)
    elif request.param == "gray, forced":
        values = pictures(3)
        source = database(folder / "db", values, encoded=True)
        train = data("crop_size: 8 mirror: true force_gray: true", source)
        test = data(f"crop_size: {CROP} mean_value: 90 scale: 0.02 force_gray: true", source)
    else:
        values = pictures(3)
        source = database(folder / "db", values)
        mean = caffe_pb2.BlobProto(data=(values.mean(0) / 2).ravel().tolist())
        mean.num, mean.channels, mean.height, mean.width = 1, *values.shape[1:]
        write_binary(folder / "the.mean", mean)
        train = data("mirror: true mean_value: 1", source)
        test = data(f'crop_size: {CROP} scale: 0.01 mean_file: "{folder}/the.mean"', source)
    job = plan(folder, train, test)
    net = Net(read_text(job.run_folder / "net.prototxt", caffe_pb2.NetParameter),
              Surroundings(caffe_pb2.TEST, generator=RandomNumbers(1)))  # fmt: skip
    net.forward()
    scores = np.exp(net.blobs["ip"].data.numpy())
    save_weights(net, folder / "n_iter_1.caffemodel")
    deploy = deploy_file(job)
    assert deploy is not None
    files = [folder / "n_iter_1.caffemodel", deploy, *mean_files(job)]
    publish(str(folder / "final"), files, 1)
    return folder / "final", scores / scores.sum(1, keepdims=True), values


def test_predict_serve_and_the_platforms_class_score_as_the_test_phase(
    trained: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Crop, mean, scale, channels: all from the final folder alone, for the records' pictures."""
    final, expected, values = trained
    paths = []
    for number, one in enumerate(values):
        image(one).save(tmp_path / f"{number}.png")
        paths.append(str(tmp_path / f"{number}.png"))
    found = [dict(one.scores) for one in predict.predict(final, *paths)]
    said = [[one[str(label)] for label in range(4)] for one in found]
    np.testing.assert_allclose(said, expected, rtol=0.02 if len(values[0]) > 1 else 1e-4, atol=1e-4)
    check_others(final, tmp_path, [Path(path).read_bytes() for path in paths], said)
    capsys.readouterr()


def check_others(final: Path, folder: Path, files: list[bytes], said: Any) -> None:
    """The service's model and the class that `package --customize` writes say the same."""
    from caffe_mnist.service.answers import Model
    from caffe_mnist.service.custom import CustomService
    from caffe_mnist.service.package import read_package
    from caffe_mnist.service.requests import File

    assert package.main([str(final), str(folder / "p"), "--customize"]) == 0
    made = read_package(folder / "p")
    model, custom = Model(made), CustomService(made)
    scores = model.scores([model.see(one).values for one in files])
    np.testing.assert_allclose(scores, said, rtol=1e-5, atol=1e-6)
    for content, row in zip(files, said):
        (answer,) = custom.answers([[File("images", "x", content)]])
        for label, score in answer["scores"]:
            assert score == pytest.approx(row[int(label)], rel=1e-4, abs=1e-5)
    (several,) = custom.answers([[File("images", "a", files[0]), File("images", "b", files[1])]])
    assert [one["predicted_label"] for one in several] == [str(np.argmax(row)) for row in said[:2]]


def test_odd_pictures_are_the_same_bytes_everywhere(trained: Any, tmp_path: Path) -> None:
    """Long, wide, turned by EXIF, transparent, 16 bits: predict, service and class agree."""
    final, _, _ = trained
    random = np.random.default_rng(5)
    wide = Image.fromarray(random.integers(0, 256, (15, 40, 3), np.uint8))
    clear = Image.fromarray(random.integers(0, 256, (33, 21, 4), np.uint8), "RGBA")
    deep = Image.fromarray(random.integers(0, 65536, (30, 25)).astype(np.uint16))
    turn = Image.Exif()
    turn[0x112] = 6
    files = []
    for number, (one, options) in enumerate(
        [(wide, {"exif": turn}), (wide.rotate(90, expand=True), {}), (clear, {}), (deep, {})]
    ):
        path = tmp_path / f"{number}.png"
        one.save(path, **options)
        files.append(path)
    said = [
        [dict(found.scores)[str(label)] for label in range(4)]
        for found in predict.predict(final, *files)
    ]
    check_others(final, tmp_path, [path.read_bytes() for path in files], said)


def test_onnx_with_the_preprocessing_inside(trained: Any, tmp_path: Path) -> None:
    """`export --raw` takes the records' pictures and gives the scores of the TEST phase."""
    onnxruntime = pytest.importorskip("onnxruntime")
    from caffe_mnist import export

    final, expected, values = trained
    out = tmp_path / "m.onnx"
    assert export.main([str(final), str(out), "--raw"]) == 0
    session = onnxruntime.InferenceSession(out, providers=["CPUExecutionProvider"])
    (taken,) = session.get_inputs()
    if taken.shape[1] != values.shape[1]:  # what forces gray makes it before
        values = np.stack([fitted(image(one), taken.shape[1:], WHOLE, False) for one in values])
    (scores,) = session.run(None, {taken.name: values})
    np.testing.assert_allclose(scores, expected, rtol=0.02, atol=1e-3)
    words = session.get_modelmeta().custom_metadata_map
    assert (words.get("resize") == f"stretch, {SIDE} × {SIDE}") is (values.shape[-1] == SIDE)


def test_the_size_before_a_crop(tmp_path: Path) -> None:
    """Of records all alike both sides; of records of one shorter side that one; else none."""
    shapes = {
        "alike": [(3, 20, 20)] * 3,
        "shorter": [(3, 20, 30), (3, 25, 20)],
        "wide": [(3, 20, 30)] * 2,
        "mixed": [(3, 20, 30), (3, 40, 25)],
        "as cropped": [(3, 12, 12)] * 2,
    }
    found = {}
    for name, sizes in shapes.items():
        folder = tmp_path / name
        folder.mkdir()
        values = [np.zeros(size, np.uint8) for size in sizes]
        test = data(f"crop_size: {CROP}", database(folder / "db", values))  # type: ignore[arg-type]
        path = deploy_file(plan(folder, test, test))
        assert path is not None
        taken = PictureInput(read_text(path, caffe_pb2.NetParameter), path)
        assert (taken.channels, taken.height, taken.width) == (3, CROP, CROP)
        found[name] = (taken.resize, taken.taken[1:])
    assert found == {
        "alike": (STRETCH, (20, 20)),
        "shorter": (SHORTER_SIDE, (20, 20)),
        "wide": (SHORTER_SIDE, (20, 20)),
        "mixed": (WHOLE, (12, 12)),
        "as cropped": (WHOLE, (12, 12)),
    }


def test_three_ways_to_a_size() -> None:
    """As a whole on its border's colour, stretched, or the middle of the shorter side's square."""
    values = np.zeros((10, 20), np.uint8)
    values[:, 5:15] = 200
    picture, shape = Image.fromarray(values), (1, 10, 10)
    stretched = fitted(picture, shape, STRETCH, False)[0]
    assert (stretched[:, 0] < 10).all()
    assert (stretched[:, 4:6] > 190).all()
    assert (fitted(picture, shape, SHORTER_SIDE, False) == 200).all()
    whole = fitted(picture, shape, WHOLE, False)[0]
    assert (whole[[0, 1, 8, 9]] < 10).all()
    assert whole[5, 5] > 190


def test_a_given_deploy_net_says_what_the_test_phase_says(tmp_path: Path) -> None:
    """Its text stays, its numbers go where they are others; the user hears it."""
    text = """# mine
layer { name: "data" type: "Input" top: "data"
  transform_param { scale: 0.5 }  # of another training
  input_param { shape { dim: 1 dim: 3 dim: 12 dim: 12 } } }
layer { name: "ip" type: "InnerProduct" bottom: "data" top: "ip"
  inner_product_param { num_output: 4 } }
layer { name: "prob" type: "Softmax" bottom: "ip" top: "prob" }
"""
    source = database(tmp_path / "db", pictures(3))
    heard: list[str] = []
    test = data(f"crop_size: {CROP} mean_value: 4", source)
    path = deploy_file(plan(tmp_path, test, test, deploy=text), heard.append)
    assert path is not None
    assert path.name == "n_deploy.prototxt"
    written = path.read_text()
    assert written.startswith("# mine\n")
    assert "# of another training" in written
    layer = read_text(path, caffe_pb2.NetParameter).layer[0]
    transform = layer.transform_param
    assert (transform.scale, transform.crop_size, list(transform.mean_value)) == (1, CROP, [4])
    assert (layer.image_data_param.new_height, layer.image_data_param.new_width) == (SIDE, SIDE)
    assert len(heard) == 1
    assert "n_deploy.prototxt says otherwise than the TEST phase" in heard[0]


def test_other_data_layers(tmp_path: Path) -> None:
    """ImageData says its size itself; where nothing tells it, a line says so."""
    image(pictures(3)[0]).save(tmp_path / "a.png")
    (tmp_path / "list").write_text("a.png 0\n")
    fields = f"""transform_param {{ crop_size: {CROP} }} image_data_param {{ is_color: false
      source: "{tmp_path}/list" root_folder: "{tmp_path}/" new_height: 16 new_width: 18 }}"""
    path = deploy_file(plan(tmp_path, fields, fields, "ImageData"))
    assert path is not None
    taken = PictureInput(read_text(path, caffe_pb2.NetParameter), path)
    assert (taken.channels, taken.height, taken.taken) == (1, CROP, (1, 16, 18))
    heard: list[str] = []
    fields = f'hdf5_data_param {{ source: "{tmp_path}/list" batch_size: 1 }}'
    assert deploy_file(plan(tmp_path, fields, fields, "HDF5Data"), heard.append) is None
    assert heard[0].startswith("no deploy net goes with the model: layer 'data': the HDF5Data")


def test_a_test_net_of_its_own(tmp_path: Path) -> None:
    """What `test_net` does to pictures, not what the train net does."""
    source = database(tmp_path / "db", pictures(1))
    made = plan(tmp_path, data("scale: 2", source), data("scale: 2", source))
    made.run_solver.write_text('train_net: "net.prototxt" test_net: "test.prototxt" ' + SOLVER[20:])
    text = (made.run_folder / "net.prototxt").read_text()
    (made.run_folder / "test.prototxt").write_text(text.replace("scale: 2", "scale: 3"))
    path = deploy_file(made)
    assert path is not None
    assert read_text(path, caffe_pb2.NetParameter).layer[0].transform_param.scale == 3


def test_a_deploy_net_that_contradicts_itself_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Pictures that its transform_param makes of another size than it takes."""
    text = 'layer { name: "data" type: "Input" top: "data" transform_param { crop_size: 9 } '
    text += "input_param { shape { dim: 1 dim: 1 dim: 12 dim: 12 } } }"
    (tmp_path / "d.prototxt").write_text(text)
    write_binary(tmp_path / "w.caffemodel", caffe_pb2.NetParameter())
    image(pictures(1)[0]).save(tmp_path / "a.png")
    words = [str(tmp_path / name) for name in ("w.caffemodel", "a.png")]
    assert predict.main([*words, "--deploy", str(tmp_path / "d.prototxt")]) == 2
    assert "takes 1 × 12 × 12, its transform_param makes 1 × 9 × 9" in capsys.readouterr().err


def test_predict_takes_a_package(trained: Any, tmp_path: Path, capsys: Any) -> None:
    """The folder or URL that `package` made, with its names of classes."""
    final, _, values = trained
    (tmp_path / "names").write_text("a\nb\nc\nd\n")
    out = tmp_path / "package"
    assert package.main([str(final), str(out), f"--labels={tmp_path}/names"]) == 0
    image(values[0]).save(tmp_path / "a.png")
    capsys.readouterr()
    answers = []
    for model in (out, out / "model", out.as_uri()):
        assert predict.main([str(model), str(tmp_path / "a.png"), "--json"]) == 0
        answers.append(json.loads(capsys.readouterr().out))
    assert answers[0] == answers[1] == answers[2]
    assert answers[0]["predicted_label"] in "abcd"


PLATFORM = """
import glob, json, sys, types
import caffe


class CaffeBaseService(object):
    def __init__(self, model_name, model_path):
        self.model_name, self.model_path = model_name, model_path
        files = [glob.glob(model_path + end)[0] for end in ("/*.prototxt", "/*.caffemodel")]
        self.net = caffe.Net(files[0], files[1], caffe.TEST)


sys.modules["model_service"] = types.ModuleType("model_service")
module = types.ModuleType("model_service.caffe_model_service")
module.CaffeBaseService = CaffeBaseService
sys.modules["model_service.caffe_model_service"] = module
folder = sys.argv[1]
sys.path.insert(0, folder)
import customize_service

service, found = customize_service.PictureService("m", folder), []
for name in sys.argv[2:]:
    with open(name, "rb") as content:
        service._preprocess({"images": {name: content}})
        service.net.forward()
        found.append(dict(service._postprocess(None)["scores"]))
print(json.dumps(found))
"""


@pytest.mark.parity
def test_the_class_in_real_pycaffe(trained: Any, real_caffe: Path, tmp_path: Path) -> None:
    """With real Caffe, its NumPy and its Pillow, as on the platform: the scores of predict."""
    final, _, values = trained
    random = np.random.default_rng(9)
    image(values[0]).save(tmp_path / "0.png")
    Image.fromarray(random.integers(0, 256, (15, 40, 4), np.uint8), "RGBA").save(tmp_path / "1.png")
    names = [str(tmp_path / f"{number}.png") for number in range(2)]
    assert package.main([str(final), str(tmp_path / "p"), "--customize"]) == 0
    (tmp_path / "asks.py").write_text(PLATFORM)
    done = subprocess.run(
        [real_caffe / "caffe-python", tmp_path / "asks.py", tmp_path / "p" / "model", *names],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    for real, ours in zip(found, predict.predict(final, *names)):
        assert set(real) == {name for name, _ in ours.scores}
        for name, score in ours.scores:
            assert real[name] == pytest.approx(score, rel=1e-3, abs=1e-5)
