"""What a job would do, in words, without doing any of it."""

from __future__ import annotations

import os

from caffe_mnist.launch.plan import Plan
from caffe_mnist.layouts.source import read_prototxt, with_settings
from caffe_mnist.storage.survey import FINAL
from caffe_mnist.storage.urls import join


def describe(plan: Plan) -> str:
    """Every step, one line each."""
    settings, lines = plan.settings, [f"train with {plan.trainer.description}"]
    if settings.data_url:
        lines.append(f"copy the dataset {settings.data_url} to {plan.data_folder}")
    for path in (plan.solver, *plan.nets):
        lines.append(f"rewrite {path} to {plan.run_folder / path.name}")
        for item in with_settings(read_prototxt(path), plan.rules.settings).paths():
            if item.role == "code":
                new = os.path.join(plan.run_folder, os.path.basename(item.value))
            else:
                new = plan.rules.path(item.value, item.role)
            lines.append(f"    {item.field.split('.')[1]}: {item.value} -> {new}")
            if item.field == "DataParameter.source" and not os.path.exists(new):
                lines.append(f"    {new} is not there yet: made of the dataset where it is MNIST")
    lines += [f"    set {key}: {value}" for key, value in dict(plan.rules.settings).items()]
    start = settings.snapshot
    if start == "auto":
        start = f"the newest complete snapshot in {plan.model_folder}"
        start += f" or {settings.train_url}" if settings.train_url else ""
        start += f", else from {settings.weights or 'nothing'}"
    elif start == "none":
        start = settings.weights or "nothing"
    lines.append(f"start from {start}")
    if settings.train_url:
        every = f"at most every {settings.upload_every:g} s" if settings.upload_every else "at once"
        lines.append(
            f"upload each snapshot {plan.prefix}_iter_N to {settings.train_url}/1, /2, …, {every}"
        )
    weights = (settings.weights or "") if settings.snapshot == "none" else ""
    snapshot = "" if settings.snapshot == "none" else f"<{settings.snapshot}>"
    command = plan.trainer.arguments(
        str(plan.run_solver),
        settings.gpus,
        weights,
        snapshot,
        settings.data_position,
        plan.early,
        (*plan.engine_flags, *settings.reading_flags),
    )
    lines.append("run " + " ".join(command))
    if plan.early and not plan.trainer.embedded:
        wanted = ", ".join(map(str, plan.early))
        lines.append(f"ask it by SIGHUP for snapshots at about iteration {wanted}")
    if settings.train_url:
        lines.append(f"copy the final model to {join(settings.train_url, FINAL)}")
    return "\n".join(lines)
