"""Which fields of Caffe's messages hold paths, and what the paths lead to.

The two tables name every string field of the schema; a test holds that no field is missing, so
a path cannot be overlooked.
"""

from __future__ import annotations

# Roles: code (nets), data, model (snapshots and weights).
PATHS = {
    "SolverParameter.net": "code",
    "SolverParameter.train_net": "code",
    "SolverParameter.test_net": "code",
    "SolverParameter.snapshot_prefix": "model",
    "SolverParameter.weights": "model",
    "SolverState.learned_net": "model",
    "TransformationParameter.mean_file": "data",
    "DataParameter.source": "data",
    "DataParameter.mean_file": "data",
    "HDF5DataParameter.source": "data",
    "HDF5OutputParameter.file_name": "model",
    "ImageDataParameter.source": "data",
    "ImageDataParameter.mean_file": "data",
    "ImageDataParameter.root_folder": "data",
    "InfogainLossParameter.source": "data",
    "WindowDataParameter.source": "data",
    "WindowDataParameter.mean_file": "data",
    "WindowDataParameter.root_folder": "data",
    "V0LayerParameter.source": "data",
    "V0LayerParameter.meanfile": "data",
}

# Paths that name something the training writes: it need not be there before.
WRITTEN = frozenset({"SolverParameter.snapshot_prefix", "HDF5OutputParameter.file_name"})
NETS = frozenset(name for name, role in PATHS.items() if role == "code")
# Caffe takes several weights files in one string, separated by commas.
LISTS = frozenset({"SolverParameter.weights"})
# The embedded engine takes parts of datasets and mixtures here: schema/sources.py.
SOURCES = frozenset({"DataParameter.source"})

NO_PATHS = frozenset(
    {
        "FillerParameter.type",
        "LayerParameter.bottom",
        "LayerParameter.name",
        "LayerParameter.top",
        "LayerParameter.type",
        "NetParameter.input",
        "NetParameter.name",
        "NetState.stage",
        "NetStateRule.not_stage",
        "NetStateRule.stage",
        "ParamSpec.name",
        "PythonParameter.layer",
        "PythonParameter.module",
        "PythonParameter.param_str",
        "SolverParameter.lr_policy",
        "SolverParameter.regularization_type",
        "SolverParameter.type",
        "V0LayerParameter.det_crop_mode",
        "V0LayerParameter.name",
        "V0LayerParameter.type",
        "V1LayerParameter.bottom",
        "V1LayerParameter.name",
        "V1LayerParameter.param",
        "V1LayerParameter.top",
        "WindowDataParameter.crop_mode",
    }
)
