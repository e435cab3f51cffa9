"""Caffe's protocol: ours is real Caffe's, field by field, and lives beside real pycaffe."""

from __future__ import annotations

import importlib.util
import subprocess
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool

from caffe_mnist.schema import caffe_pb2

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = ROOT / "caffe_mnist" / "schema"

DUMP = """
import sys
from caffe.proto import caffe_pb2
sys.stdout.buffer.write(caffe_pb2.DESCRIPTOR.serialized_pb)
"""


def _ours() -> descriptor_pb2.FileDescriptorProto:
    content = (SCHEMA / "caffe_pb2.binpb").read_bytes()
    return descriptor_pb2.FileDescriptorSet.FromString(content).file[0]


def _declarations(file: Any) -> set[tuple[Any, ...]]:
    """Every field and enum value of a file as a tuple of all that matters on the wire."""
    found: set[tuple[Any, ...]] = set()
    _add_enums(found, "", file.enum_type)
    for kind in file.message_type:
        found.add(("message", kind.name))
        _add_enums(found, kind.name, kind.enum_type)
        assert not kind.nested_type
        for field in kind.field:
            declared = (field.name, field.number, field.label, field.type, field.type_name)
            meaning = (field.default_value, field.options.packed)
            found.add(("field", kind.name, *declared, *meaning))
    return found


def _add_enums(found: set[tuple[Any, ...]], scope: str, enums: Any) -> None:
    for enum in enums:
        for value in enum.value:
            found.add(("enum", scope, enum.name, value.name, value.number))


def test_schema_is_real_caffes(real_caffe: Path) -> None:
    """Names, numbers, labels, types, defaults and packing are those of real pycaffe."""
    dumped = subprocess.run(
        [real_caffe / "caffe-python", "-c", DUMP], capture_output=True, check=True, timeout=60
    )
    theirs = descriptor_pb2.FileDescriptorProto.FromString(dumped.stdout)
    assert len(_declarations(theirs)) > 500
    assert _declarations(_ours()) == _declarations(theirs)


def test_compiled_files_are_up_to_date(tmp_path: Path) -> None:
    """`caffe_pb2.binpb`, its stub and `forks.binpb` are what scripts/compile_schema.py makes."""
    pytest.importorskip("grpc_tools", reason="protoc is not installed (extra dev)")
    spec = importlib.util.spec_from_file_location(
        "compile_schema", ROOT / "scripts" / "compile_schema.py"
    )
    assert spec is not None
    assert spec.loader is not None
    compile_schema = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(compile_schema)
    assert compile_schema.compile_schema(tmp_path) == 0
    for name in ("caffe_pb2.binpb", "caffe_pb2.pyi", "forks.binpb"):
        assert (tmp_path / name).read_bytes() == (SCHEMA / name).read_bytes(), name


def test_pool_is_private() -> None:
    """protobuf's default pool knows nothing of our messages, so pycaffe may register its own."""
    assert caffe_pb2.NetParameter(name="n").name == "n"
    with pytest.raises(KeyError):
        descriptor_pool.Default().FindMessageTypeByName("caffe.NetParameter")


def test_loading_twice_gives_separate_messages() -> None:
    """A changed copy of the schema (packed blobs) does not touch the ordinary one."""

    def change(file: Any) -> None:
        file.message_type[0].field[0].name = "other"

    first = _ours().message_type[0]
    changed = caffe_pb2.load(change)[first.name]
    plain = getattr(caffe_pb2, first.name)
    assert changed.DESCRIPTOR.fields[0].name == "other"
    assert plain.DESCRIPTOR.fields[0].name == first.field[0].name


def test_enum_values_are_module_attributes() -> None:
    """As in pycaffe's own module."""
    assert (caffe_pb2.TRAIN, caffe_pb2.TEST) == (0, 1)


BOTH = """
import sys
for name in sys.argv[1:]:
    __import__(name)
import caffe
from caffe.proto import caffe_pb2 as theirs
from caffe_mnist.schema import caffe_pb2 as ours
net = ours.NetParameter(name="n", layer=[{"name": "l", "type": "ReLU"}])
again = theirs.NetParameter.FromString(net.SerializeToString())
assert str(again) == str(net) and type(again) is not type(net)
assert caffe.Net and again.layer[0].type == "ReLU"
print("both")
"""


@pytest.mark.parametrize("order", ["caffe {ours}", "{ours} caffe"])
def test_lives_beside_real_pycaffe(real_caffe: Path, order: str) -> None:
    """Imported in either order into one process, both work and speak the same bytes."""
    ended = subprocess.run(
        [
            real_caffe / "caffe-python",
            "-c",
            BOTH,
            *order.format(ours="caffe_mnist.schema.caffe_pb2").split(),
        ],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(ROOT), "GLOG_minloglevel": "2"},
        timeout=60,
        check=False,
    )
    assert ended.stdout == "both\n", ended.stderr
