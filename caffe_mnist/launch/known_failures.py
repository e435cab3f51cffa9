"""What Caffe's failures mean: a pattern of its log, the cause in plain words, and the remedy.

`{1}` and so on are what the pattern's groups found. The first pattern that is found counts, so that
those that explain an error come before those that follow from it. The words of the log are those
that Caffe 1.0 says when it is provoked (`tests/launch/test_reasons.py`).
"""

from __future__ import annotations

from typing import NamedTuple


class Known(NamedTuple):
    """One failure."""

    pattern: str
    cause: str
    remedy: str


CHECK = "python -m caffe_mnist.template check names every such fault with its line"
BATCH = "make batch_size smaller (iter_size makes up for it), or the net"
KNOWN = tuple(
    Known(*one)
    for one in (
        # the device
        (
            r"Cannot use GPU in CPU-only Caffe",
            "this Caffe was built without CUDA and cannot use -gpu",
            "train on the CPU (--num-gpus 0), or give another Caffe by --caffe",
        ),
        (
            r"no CUDA-capable device|CUDA driver version is insufficient|PyTorch finds no CUDA",
            "there is no GPU that it can use here",
            "train on the CPU (--num-gpus 0); nvidia-smi says whether the driver sees one",
        ),
        (
            r"(?:cudaSuccess|invalid device ordinal).*(?:invalid device ordinal|\(10 vs\. 0\))",
            "there is no GPU of that number here",
            "nvidia-smi lists them; --gpu takes their numbers from 0",
        ),
        (
            r"no kernel image is available|invalid device function",
            "it was built for other GPUs than the one here",
            "build Caffe for this GPU's compute capability, or --caffe embedded",
        ),
        (
            r"CUDNN_STATUS_(?:ALLOC_FAILED|NOT_INITIALIZED|INTERNAL_ERROR)",
            "cuDNN could not begin its work{layer}, most often because the GPU's memory is full or "
            "used by another",
            BATCH + "; nvidia-smi says who else uses it; engine: CAFFE in the layer does without",
        ),
        (
            r"CUDNN_STATUS_(?!SUCCESS)(\w+)",
            "cuDNN refuses: {1}{layer}",
            "is it the version that this Caffe was built for? engine: CAFFE does without cuDNN",
        ),
        # memory and disk
        (
            r"cudaSuccess \(2 vs\. 0\)|CUDA out of memory|CUDA error: out of memory",
            "the GPU is out of memory",
            BATCH + "; nvidia-smi says who else uses it",
        ),
        (
            r"host allocation of size \d+ failed|out of memory|bad_alloc|Cannot allocate memory"
            "|needs more memory than there is",
            "out of memory{layer}",
            BATCH,
        ),
        (
            r"blob size exceeds INT_MAX",
            "a blob would have more than 2^31 numbers{layer}",
            "are a num_output or the dims of an input too large? " + CHECK,
        ),
        (
            r"No space left on device|MDB_FULL",
            "the disk is full",
            "make room, or keep fewer snapshots (--keep-local)",
        ),
        (
            r"proto\.SerializeToOstream",
            "a snapshot could not be written",
            "is the folder of snapshot_prefix there, and is there room on the disk?",
        ),
        (
            r"Permission denied",
            "a file may not be read or written",
            "look at the owner and the rights of the paths in the log",
        ),
        # data
        (
            r"Check failed: mdb_status == 0 .* No such file",
            "a database that the net reads is not there{layer}",
            "check the source paths (python -m caffe_mnist.template --check)",
        ),
        (
            r"Check failed: mdb_status == 0 \(\S+ vs\. 0\) (.+)",
            "a database cannot be opened: {1}{layer}",
            "is it an LMDB, and whole? python -m caffe_mnist.convert check looks through it",
        ),
        (
            r"Failed to open leveldb (\S+)",
            "{1} is no LevelDB that can be opened, or is not there{layer}",
            "for an LMDB the net says backend: LMDB",
        ),
        (
            r"Failed to open source file: (\S+)",
            "the list {1} is not there{layer}",
            "check the source paths (python -m caffe_mnist.template --check)",
        ),
        (
            r"Failed opening HDF5 file: ?(\S*)",
            "the HDF5 file {1}, which a list names, cannot be opened{layer}",
            "paths in the list begin in the folder that the training is started in",
        ),
        (
            r"Check failed: !lines_\.empty\(\)",
            "the list of pictures is empty or not there{layer}",
            "check the source paths (python -m caffe_mnist.template --check)",
        ),
        (
            r"Could not (?:open or find file|load) (\S+)",
            "the picture {1} cannot be read{layer}",
            "names in the list follow root_folder as they stand: does it end with a slash?",
        ),
        (
            r"datum_height >= crop_size \((\d+) vs\. (\d+)\)|datum_width >= crop_size",
            "crop_size is larger than the pictures ({1} pixels, cropped to {2}){layer}",
            "make crop_size smaller, or convert the pictures larger",
        ),
        (
            r"datum_(?:height|width|channels) == data_mean_\.\w+\(\) \((\d+) vs\. (\d+)\)",
            "the mean image is of another size than the pictures ({2}, not {1}){layer}",
            "python -m caffe_mnist.compute_image_mean makes one of this very database",
        ),
        (
            r"Cannot specify mean_file and mean_value",
            "gives both mean_file and mean_value{layer}",
            "keep one of them",
        ),
        (
            r"Specify either 1 mean_value or as many as channels: (\d+)",
            "gives another number of mean_values than pictures have channels ({1}){layer}",
            "give one for all, or one a channel",
        ),
        (
            r"malloc\(\): |free\(\): |double free|corrupted size|Segmentation|SIGSEGV",
            "it wrote where it must not, and died of it",
            "most often a label is beyond the scores: labels go from 0 to num_output - 1 of the "
            "last layer (python -m caffe_mnist.convert info shows those of a database)",
        ),
        (
            r"label_value|Check failed: \S*label\S* [<>]=? ",
            "a label is not between 0 and the number of classes{layer}",
            "num_output of the last layer must be larger than the largest label",
        ),
        # text
        (
            r"Error parsing text-format \S*?\.?(\w+): (\d+):(\d+): (.+)",
            "{1} has a fault in line {2}, column {3}: {4}",
            "python -m caffe_mnist.template check says more; --lenient keeps fields of forks",
        ),
        (
            r"Failed to parse (\w+) file: (\S+)",
            "{2} is no {1}: cut off, damaged, or another kind of file",
            "fetch or write it again",
        ),
        (
            r"Refusing to upgrade inconsistent NetParameter",
            "the net has layers of the old kind (layers) and of the new one (layer)",
            "python -m caffe_mnist.upgrade net, for the old ones alone",
        ),
        # snapshots and weights
        (
            r"(?:File not found:|Couldn't open) (\S+\.caffemodel(?:\.h5)?)",
            "the weights {1} are not there",
            "python -m caffe_mnist.template state lets a solver state name those beside it",
        ),
        (
            r"(?:File not found:|Couldn't open) (\S+)",
            "{1} is not there",
            "relative paths begin in the folder that the training is started in",
        ),
        (
            r"Incorrect length of history blobs|history_size\(\) == history_\.size\(\)",
            "the solver state is of another net, or of another solver type",
            "resume with the net and the type that wrote it, or give its weights by --weights",
        ),
        (
            r"Cannot copy param (\d+) weights from layer '(.+?)'; shape mismatch\.\s*"
            r"Source param shape is (.+?); target param shape is (.+?)\. To learn",
            "the weights of layer {2!r} are of another shape ({3}, the net's {4})",
            "rename the layer in the net to learn it from scratch",
        ),
        # the net
        (
            r"Unknown layer type: Python\b",
            "this Caffe was built without layers in Python{layer}",
            "build it with WITH_PYTHON_LAYER := 1, or --caffe embedded",
        ),
        (
            r"Unknown layer type: (\S+)",
            "there is no layer type {1} in this Caffe{layer}",
            "is it a fork's? --caffe names another Caffe; else the spelling: " + CHECK,
        ),
        (
            r"Unknown solver type: (\S+)",
            "there is no solver type {1}",
            "type: AdaDelta, AdaGrad, Adam, Nesterov, RMSProp or SGD",
        ),
        (
            r"Unknown learning rate policy: (\S+)",
            "there is no lr_policy {1}",
            "fixed, step, exp, inv, multistep, poly or sigmoid",
        ),
        (r"Unknown filler name: (\S+)", "there is no filler {1}{layer}", CHECK),
        (
            r"Unknown regularization type: (\S+)",
            "there is no regularization_type {1}",
            "L1 or L2",
        ),
        (
            r"Unknown bottom blob '(.+?)' \(layer '(.+?)'",
            "layer {2!r} reads {1!r}, which no layer before it makes",
            "the spelling, the order, or the phase: " + CHECK,
        ),
        (
            r"Top blob '(.+?)' produced by multiple sources",
            "two layers make the blob {1!r}",
            "give one top another name: " + CHECK,
        ),
        (
            r"Cannot share param '(.+?)' owned by layer '(.+?)' with layer '(.+?)'; shape mismatch",
            "layers {2!r} and {3!r} share the parameter {1!r} and need it in two shapes",
            "another name in one param, or the same sizes",
        ),
        (
            r"Number of labels must match number of predictions",
            "the loss has another number of labels than of predictions{layer}",
            "a layer between pictures and classes (InnerProduct, global pooling) is missing, or "
            "labels are of another size: template check shows the shapes",
        ),
        (
            r"inputs must have the same (?:count|dimension)|Inputs must have the same dimension",
            "the two bottoms of the loss are of different shapes{layer}",
            "template check shows the shapes",
        ),
        (
            r"bottom\[0\]->shape\(\) == bottom\[i\]->shape\(\) (.*)",
            "its bottoms are of different shapes ({1}){layer}",
            "template check shows the shapes",
        ),
        (
            r"All inputs must have the same #axes|All inputs must have the same shape",
            "what it joins differs in more than one axis{layer}",
            "template check shows the shapes",
        ),
        (
            r"Check failed: shape\[i\] >= 0",
            "its kernel is larger than the picture that it gets{layer}",
            "pad, a smaller kernel_size, or larger pictures: template check shows the shapes",
        ),
        (
            r"kernel_size must be specified|Filter dimensions cannot be zero",
            "it has no kernel_size{layer}",
            CHECK,
        ),
        (
            r"Check failed: (?:threshold_ > 0|p >= 0|threshold_ < 1)",
            "its dropout_ratio is not between 0 and 1{layer}",
            "dropout_ratio: 0.5",
        ),
        (
            r"pad_[hw]_ < kernel_[hw]_",
            "its pad is as large as its kernel{layer}",
            "pad must be smaller than kernel_size",
        ),
        (
            r"% group_ == 0",
            "its group divides neither channels nor num_output{layer}",
            "group must divide both",
        ),
        (
            r"Input size incompatible with inner product parameters",
            "it gets another number of inputs than it has weights for{layer}",
            "pictures of another size than before? template check shows the shapes",
        ),
        (
            r"must be divisible by the product of the specified dimensions \((\d+)\)",
            "its dims do not divide what it gets{layer}",
            "template check shows the shapes",
        ),
        (
            r"Number of top blobs \((\d+)\) should evenly divide input slice axis \((\d+)\)",
            "it cannot slice {2} into {1} equal parts{layer}",
            "slice_point says where to cut",
        ),
        (
            r"(\w+) Layer (?:takes|produces) (?:at (?:least|most) )?(\d+) (bottom|top) blob",
            "a layer of type {1} takes {2} {3} blob(s), the net gives another number{layer}",
            CHECK,
        ),
        (
            r"Check failed: data_ *$",
            "a blob has no data: something in its shape is 0{layer}",
            "batch_size and num_output must be 1 or more",
        ),
        # the solver
        (
            r"must specify a train net",
            "the solver names no net",
            'net: "…" in the solver',
        ),
        (
            r"param_\.test_interval\(\) > 0",
            "the solver has test_iter, but no test_interval",
            "--set test_interval=500",
        ),
        (
            r"test_state must be unspecified or specified once per test net"
            r"|test_iter must be specified for each test network",
            "test_iter and test_state are not given once for each test net",
            "as many values as test nets",
        ),
        (
            r"Momentum cannot be used with (\w+)",
            "{1} takes no momentum",
            "--set momentum=0",
        ),
        (
            r"param_\.stepsize\(\) > 0",
            "lr_policy step has no stepsize",
            "--set stepsize=10000",
        ),
        # programs
        (
            r"ModuleNotFoundError: (.+)|ImportError: (.+)",
            "a layer written in Python cannot be imported: {1}",
            "PYTHONPATH must have the folder of the module",
        ),
        (
            r"error while loading shared libraries: (\S+):",
            "this Caffe does not find the library {1}",
            "install it, or set LD_LIBRARY_PATH; --caffe embedded does without",
        ),
        (
            r"GLIBC(?:XX)?_[\d.]+' not found",
            "this Caffe was built for another system",
            "build it here, or --caffe embedded",
        ),
    )
)  # fmt: skip
