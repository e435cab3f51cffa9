#!/usr/bin/env bash
# The light half by itself, beside old libraries: bash scripts/light.sh [FOLDER]
#
# Makes a virtual environment in FOLDER (.cache/light) with this package as `pip install .`
# gives it, no extras, and with what conda's build of Caffe pins: protobuf 3.16, numpy 1.21. No
# Python of today runs those, so its interpreter is that of real Caffe (scripts/install_caffe.sh;
# CAFFE_PREFIX as in test.sh). FOLDER/tools has pytest for it. Run again, it brings the package
# up to date without the network. Exit status 75: something could not be downloaded.
set -euo pipefail

die() { echo "light.sh: error: $1" >&2; exit "${2:-1}"; }

cd "$(dirname "${BASH_SOURCE[0]}")/.."
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
light=${1:-.cache/light}
base=$(readlink -f "${CAFFE_PREFIX:-.caffe}")/root
python=.venv/bin/python
[ -x "$base/usr/bin/python3.9" ] || die "real Caffe is not in ${base%/root}: run scripts/install_caffe.sh" 75
[ -x $python ] || die "run scripts/setup.sh first"
mkdir -p "$light"
light=$(cd "$light" && pwd)
exec 9<"$light"
flock 9 # a second run beside this one waits, and then finds it done

# attempt COMMAND...: tells a network that is down from what is wrong here
attempt() {
    "$@" 2>"$light/log" && return
    ! grep -q 'Retrying (Retry(' "$light/log" || die "cannot download: is the network down?" 75
    cat "$light/log" >&2
    die "pip failed"
}

# pip inside the environment, from a folder of its own: the environment has what `.` asks for
light_pip() {
    PYTHONPATH=$light/pip attempt "$light/bin/python" -m pip install -qq --no-build-isolation "$@"
}

# interpreter FOLDER: bin/python, which finds its libraries in real Caffe's folder
interpreter() {
    local lib=lib/x86_64-linux-gnu
    mkdir -p "$1/bin" "$1/lib/python3.9/site-packages"
    ln -sf "$base/usr/bin/python3.9" "$1/bin/python3.9"
    printf 'home = %s\ninclude-system-site-packages = false\n' "$base/usr/bin" >"$1/pyvenv.cfg"
    cat >"$1/bin/python" <<WRAPPER
#!/bin/sh
exec "$base/$lib/ld-2.31.so" --library-path \\
    "$base/usr/lib:$base/usr/$lib:$base/$lib:$base/usr/$lib/openblas-pthread:$base/usr/$lib/hdf5/serial" \\
    "$1/bin/python3.9" "\$@"
WRAPPER
    chmod 755 "$1/bin/python"
    # What Python starts as sys.executable needs the same libraries; Debian leaves out distutils,
    # which pip asks unless told otherwise.
    printf '%s\n' 'import sys, sysconfig' "sys.executable = '$1/bin/python'" \
        'sysconfig._PIP_USE_SYSCONFIG = True' >"$1/lib/python3.9/site-packages/sitecustomize.py"
}

# source_copy: a copy of this checkout to build from, for setuptools writes into what it builds
source_copy() {
    rm -rf "$light/source"
    mkdir "$light/source"
    cp -r caffe_mnist pyproject.toml README.md "$light/source"
    find "$light/source" -name __pycache__ -prune -exec rm -r {} +
}

wanted=$(echo "$light" "$base" | cat - pyproject.toml scripts/light.sh | sha256sum)
sources=$(find caffe_mnist README.md -type f ! -name '*.pyc' -print0 | sort -z | xargs -0 sha256sum | sha256sum)
if [ "$(cat "$light/installed" 2>/dev/null)" != "$wanted" ]; then
    echo "Making $light (half a minute) ..."
    rm -rf "$light"/*
    interpreter "$light"
    printf '%s\n' 'protobuf==3.16.*' 'numpy==1.21.*' >"$light/pins"
    attempt $python -m pip install -qq --target "$light/pip" 'pip<26' 'setuptools<81' # the last for 3.9
    source_copy
    light_pip -c "$light/pins" "$light/source"
    light_pip --target "$light/tools" 'pytest>=8' pytest-timeout hypothesis
    echo "$sources" >"$light/package"
    echo "$wanted" >"$light/installed"
fi
if [ "$(cat "$light/package")" != "$sources" ]; then
    source_copy
    light_pip --no-index --no-deps --force-reinstall "$light/source"
    echo "$sources" >"$light/package"
fi
rm -rf "$light/source"
echo "Ready: $light/bin/python"
