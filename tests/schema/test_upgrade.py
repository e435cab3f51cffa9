"""Old nets become what Caffe makes of them (that it is the same: tests/parity/test_upgrade.py)."""

from __future__ import annotations

from typing import Any

import pytest

from caffe_mnist.errors import CaffeMnistError
from caffe_mnist.schema import caffe_pb2
from caffe_mnist.schema.messages import parse_text
from caffe_mnist.schema.packed import numbers, packed
from caffe_mnist.schema.upgrade import old_ways, upgrade_net
from caffe_mnist.schema.upgrade_v0 import TYPES as V0_TYPES
from caffe_mnist.schema.upgrade_v1 import TYPES as V1_TYPES
from tests.schema import old_nets

LAYER = ' layer { name: "relu" type: "ReLU" bottom: "a" top: "a" }'


def net_of(text: str) -> Any:
    """The message that a prototxt is."""
    return parse_text(text, caffe_pb2.NetParameter, "net")


@pytest.mark.parametrize(
    "head",
    [
        'input: "a" input_dim: [1, 2, 3, 4]',
        'input: "a" input_shape { dim: [1, 2, 3, 4] }',
        'input: "a" input_shape { dim: [1, 2, 3, 4] } input_dim: 7',
    ],
)
def test_bare_inputs_become_an_input_layer(head: str) -> None:
    """Both old ways give one Input layer before all others, as in Caffe."""
    net = net_of(head + LAYER)
    wanted = (
        'layer { name: "input" type: "Input" top: "a" input_param { shape { dim: [1,2,3,4] } } }'
    )
    assert upgrade_net(net) == net_of(wanted + LAYER)
    assert net.input == ["a"]


def test_inputs_without_a_shape_go() -> None:
    """Caffemodels name inputs without shapes; nothing is made of them."""
    assert upgrade_net(net_of('input: "a"' + LAYER)) == net_of(LAYER)


@pytest.mark.parametrize("shapes", ["input_dim: [1, 2, 3, 4]", "input_shape { dim: 1 }"])
def test_shapes_that_do_not_reach_for_the_inputs_are_refused(shapes: str) -> None:
    """Two inputs with the shape of one between them are an error."""
    with pytest.raises(CaffeMnistError, match=r"names 2 inputs, with [01] input_shape and [04]"):
        upgrade_net(net_of(f'input: "a" input: "b" {shapes}'))


def test_a_net_of_today_is_given_back_as_it_is() -> None:
    """No copy is made where nothing is old."""
    net = net_of(LAYER)
    assert upgrade_net(net) is net
    assert old_ways(net) == []


def test_upgrading_changes_nothing_the_second_time() -> None:
    """What was upgraded is of today."""
    for text in (old_nets.PADDED, old_nets.SHARED, old_nets.PICTURES, old_nets.NORMALIZED):
        once = upgrade_net(net_of(text))
        assert old_ways(net_of(text))
        assert old_ways(once) == []
        assert upgrade_net(once) is once


def test_every_type_of_the_schema_has_a_name_of_today() -> None:
    """The tables hold the whole enum, and V0's types lead into it."""
    assert set(V1_TYPES) == set(caffe_pb2.V1LayerParameter.LayerType.keys())
    assert set(V0_TYPES.values()) < set(V1_TYPES)


def test_lists_of_v1_become_parameters() -> None:
    """Names, share modes, learning rates and decays go to `param`, each list as long as it is."""
    net = upgrade_net(net_of(old_nets.SHARED))
    wanted = 'layer { param { name: "w" share_mode: PERMISSIVE lr_mult: 1 } param { name: "" } }'
    assert net.layer[1].param == net_of(wanted).layer[0].param
    assert [one.decay_mult for one in net.layer[2].param] == [1, 2, 3]
    assert net.layer[2].include[0].stage == ["s"]


def test_padding_layers_become_padding() -> None:
    """The layers are gone; the convolution and the pooling above them pad."""
    net = upgrade_net(net_of(old_nets.PADDED))
    assert [layer.name for layer in net.layer] == ["input", "c1", "m2", "f2"]
    assert net.layer[1].convolution_param.pad == [2]
    assert (net.layer[2].pooling_param.pad, net.layer[2].bottom) == (1, ["c1"])


def test_pictures_settings_move_to_transform_param() -> None:
    """For all V1 data layers of a net in which one has them, and for no other layer."""
    net = upgrade_net(net_of(old_nets.PICTURES))
    assert net.layer[0].transform_param.scale == 0.5
    assert net.layer[0].transform_param.mean_value == [3]
    assert not net.layer[0].data_param.HasField("mirror")
    assert [one.HasField("transform_param") for one in net.layer] == [True] * 4 + [False]


def test_statistics_of_batch_norm_are_not_learnt() -> None:
    """Three parameters of an old BatchNorm learn no more; other layers are left alone."""
    net = upgrade_net(net_of(old_nets.NORMALIZED))
    assert [(one.lr_mult, one.decay_mult) for one in net.layer[1].param] == [(0, 0)] * 3
    assert net.layer[1].param[2].name == "n"
    assert net.layer[2].param[0].lr_mult == 1
    assert net.layer[3].data_param.scale == 0.5


def test_what_means_nothing_is_told() -> None:
    """A setting that a V0 type does not have is left out and named."""
    told: list[str] = []
    text = 'layers { layer { name: "r" type: "relu" num_output: 3 new_num: 3 } top: "b" }'
    upgrade_net(net_of(text), "net", told.append)
    assert told == ["layer 'r': num_output means nothing to a layer of type relu"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("both_kinds", r"net: has 1 old layers \{ … \} and 1 layer"),
        ("unknown_v0", "net: layer 'c': there was no V0 layer type 'convolution'"),
        ("no_such_blob", "net: layer 'c': there is no blob 'a' below it"),
        ("padded_relu", r"layer 'r': a padding layer \('p'\) may only .* here is 'relu'"),
        ("padded_twice", r"layer 'q': a padding layer \('p'\) may only .* here is 'padding'"),
    ],
)
def test_what_cannot_be_upgraded_is_named(name: str, message: str) -> None:
    """One line with the net, the layer and the reason."""
    with pytest.raises(CaffeMnistError, match=message):
        upgrade_net(net_of(old_nets.REFUSED[name]))


def test_weights_stay_packed() -> None:
    """Messages of the pool with packed numbers are upgraded too."""
    plain = old_nets.every_v0_setting(blobs=True)
    source: Any = packed("NetParameter").FromString(plain.SerializeToString())
    for ours, theirs in zip(upgrade_net(source).layer, plain.layers):
        assert ours.name == theirs.layer.name
        for blob, wanted in zip(ours.blobs, theirs.layer.blobs):
            blob.ClearField("shape")
            blob.num, blob.channels, blob.height, blob.width = 1, 1, 1, 2
            assert list(numbers(blob, "here")) == list(wanted.data)
