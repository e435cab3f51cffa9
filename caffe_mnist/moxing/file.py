"""`mox.file`: all of MoXing's file functions, for local paths and URLs of stores alike."""

from caffe_mnist.moxing.auth import set_auth
from caffe_mnist.moxing.changing import (
    append,
    append_remote,
    copy,
    copy_parallel,
    make_dirs,
    mk_dir,
    read,
    remove,
    rename,
    write,
)
from caffe_mnist.moxing.exceptions import (
    MoxFileNameDuplicateException,
    MoxFileNotExistsException,
    MoxFileReadException,
    MoxFileRespException,
)
from caffe_mnist.moxing.looking import (
    exists,
    get_size,
    glob,
    is_directory,
    list_directory,
    scan_dir,
    stat,
    walk,
)
from caffe_mnist.moxing.opened import File
from caffe_mnist.moxing.shift import shift

__all__ = [
    "File",
    "MoxFileNameDuplicateException",
    "MoxFileNotExistsException",
    "MoxFileReadException",
    "MoxFileRespException",
    "append",
    "append_remote",
    "copy",
    "copy_parallel",
    "exists",
    "get_size",
    "glob",
    "is_directory",
    "list_directory",
    "make_dirs",
    "mk_dir",
    "read",
    "remove",
    "rename",
    "scan_dir",
    "set_auth",
    "shift",
    "stat",
    "walk",
    "write",
]
