#!/usr/bin/env bash
# The Python environment of this checkout: bash scripts/setup.sh [EXTRAS]
#
# Makes .venv with this package (editable) and its EXTRAS of pyproject.toml, in the versions of
# constraints.txt; the default is engine,images. Run again, it returns at once and without the
# network, unless one of those files has changed. PYTHON names the interpreter to use.
set -euo pipefail

die() { echo "setup.sh: error: $*" >&2; exit 1; }

extras=${1:-engine,images}
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/debian.sh
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
python=.venv/bin/python
files=$(cat pyproject.toml constraints.txt scripts/setup.sh | sha256sum | cut -c1-64)
exec 9<.
flock 9 # a second setup beside this one waits, and then finds it done

# .venv/installed: the place, the checksum of those files, the extras; one line each.
installed() { sed -n "${1}p" .venv/installed 2>/dev/null || true; }

# A .venv that was moved, that is half made or of an old Python is made anew.
usable() {
    [ "$(installed 1)" = "$PWD" ] || [ ! -e .venv/installed ] || return 1
    $python -c 'import pip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

find_python() {
    local candidate
    for candidate in ${PYTHON:-python3.11 python3.12 python3.13 python3}; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    die "needs Python 3.11 or later${PYTHON:+, which $PYTHON is not} (apt-get install python3)"
}

# Debian keeps pip in packages of its own; where they are missing, a downloaded one serves.
make_environment() {
    local base aside=.venv.part
    base=$(find_python)
    rm -rf .venv $aside
    if ! "$base" -m venv .venv >/dev/null 2>&1; then
        echo "Python has no pip here: taking Debian's ..."
        rm -rf .venv
        "$base" -m venv --without-pip .venv || die "$base cannot make a virtual environment"
        debian_download "$(. /etc/os-release && echo "${VERSION_CODENAME:-none}")" $aside python3-pip-whl &&
            debian_unpack $aside $aside/root ||
            die "Python has no pip and none can be downloaded (apt-get install python3-venv): $fault"
        local wheel=($aside/root/usr/share/python-wheels/pip-*.whl)
        $python "${wheel[0]}/pip" install -q --no-index "${wheel[0]}" || die "pip cannot be installed"
        rm -rf $aside
    fi
}

usable || make_environment
missing=
for extra in ${extras//,/ }; do
    case ",$(installed 3)," in *",$extra,"* | *,dev,*) ;; *) missing=yes ;; esac
done
if [ -n "$missing" ] || [ "$(installed 2)" != "$files" ]; then
    [ ! -e .venv/installed ] || extras=$(echo "$extras,$(installed 3)" | tr , '\n' | sort -u | paste -sd,)
    echo "Installing into .venv: $extras (a minute or two) ..."
    # Half of pip's time goes into compiling 14,000 files, most of which nobody imports. Python keeps
    # what it compiles of the others, unless it was told not to.
    compile=--no-compile
    [ -z "${PYTHONDONTWRITEBYTECODE:-}" ] || compile=--compile
    # As a path in a .pth file: the finder that it makes otherwise costs every start 20 ms.
    $python -m pip install -qq $compile -c constraints.txt --config-settings editable_mode=compat -e ".[$extras]" ||
        die "pip could not install what constraints.txt names; is the network down?"
    # Where Python may not keep what it compiles, every start would compile all of it again.
    $python -m compileall -q caffe_mnist || true
    $python -c 'import caffe_mnist.engine.solver' 2>/dev/null || true # torch, once for all starts
    printf '%s\n%s\n%s\n' "$PWD" "$files" "$extras" >.venv/installed
fi
echo "Ready: .venv with $(installed 3)"
