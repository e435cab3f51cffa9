"""Normalisations, and pictures of another size."""

from __future__ import annotations

import numpy as np

from caffe_mnist.exchange.arriving.draft import UnfitError
from caffe_mnist.exchange.arriving.parts.resampling import interpolation, resampled
from caffe_mnist.exchange.arriving.parts.scaling import normalised
from caffe_mnist.exchange.arriving.site import Result, Site, operators


@operators.register("BatchNormalization")
def batch_normalization(site: Site) -> Result:
    """By the statistics in the file."""
    if site.number("training_mode", 0) or sum(map(bool, site.node.outputs)) > 1:
        raise UnfitError("normalises in training mode", hint="export it after model.eval()")
    return normalised(
        site.draft, site.value(), site.weights(1), site.weights(2), site.weights(3),
        site.weights(4), site.number("epsilon", 1e-5),
    )  # fmt: skip


@operators.register("LRN")
def lrn(site: Site) -> Result:
    """Across channels; both divide alpha by the size."""
    value = site.draft.plain(site.value())
    size = int(site.number("size", 0))
    if size % 2 == 0 or len(value.shape) != 4:
        raise UnfitError(f"normalises over {size} channels; Caffe takes an odd number")
    param = {
        "local_size": size, "alpha": site.number("alpha", 1e-4), "beta": site.number("beta", 0.75),
        "k": site.number("bias", 1),
    }  # fmt: skip
    return site.draft.layer("LRN", [value], value.shape, lrn_param=param)


@operators.register("Resize")
def resize(site: Site) -> Result:
    """Arguments are X, roi, scales, sizes since opset 11, X, scales before."""
    old = site.opset < 11
    coordinates = (
        "asymmetric" if old else site.argument("coordinate_transformation_mode", "half_pixel")
    )
    return _resized(site, 1 if old else 2, coordinates, None if old else 3)


@operators.register("Upsample")
def upsample(site: Site) -> Result:
    """Resize's predecessor: the scales are a setting up to opset 8, an argument in 9."""
    return _resized(site, "scales" if site.opset < 9 else 1, "asymmetric", None)


def _resized(site: Site, scales_at: int | str, coordinates: str, sizes_at: int | None) -> Result:
    value = site.value()
    shape = value.shape
    mode = site.argument("mode", "nearest")
    scales = site.constant(scales_at) if site.argument(scales_at) is not None else np.zeros(0)
    axes = site.ints("axes", range(len(shape)))
    if site.number("antialias", 0) or site.number("exclude_outside", 0):
        raise UnfitError("resizes with antialias or exclude_outside")
    if site.argument("keep_aspect_ratio_policy", "stretch") != "stretch":
        raise UnfitError("resizes by keep_aspect_ratio_policy")
    if scales.size:
        factors = {axis: float(one) for axis, one in zip(axes, scales)}
        new = {axis: int(np.floor(shape[axis] * one)) for axis, one in factors.items()}
    else:
        new = dict(zip(axes, site.ints(sizes_at)))  # type: ignore[arg-type]
        factors = {axis: size / shape[axis] for axis, size in new.items()}
    if any(new.get(axis, shape[axis]) != shape[axis] for axis in (0, 1)) or len(shape) != 4:
        raise UnfitError("resizes something else than the pictures' two axes")
    matrices = [
        interpolation(
            shape[axis], new.get(axis, shape[axis]), factors.get(axis, 1.0),
            {"bilinear": "linear"}.get(mode, mode), coordinates,
            nearest=site.argument("nearest_mode", "round_prefer_floor" if sizes_at else "floor"),
            cubic=site.number("cubic_coeff_a", -0.75),
        )
        for axis in (2, 3)
    ]  # fmt: skip
    return resampled(site.draft, value, *matrices)
