#!/usr/bin/env bash
# All checks of this checkout: bash scripts/test.sh [ARGUMENTS OF PYTEST]
#
# Sets up .venv, real Caffe in .caffe and Chromium in .chromium (unless CAFFE_PREFIX or
# CHROMIUM_PREFIX name others), at the same time; then style, types and tests. The tests run in
# several processes, one more than there are processors (-n 0 for one alone). The exit status is
# that of pytest, or 1 where only style or types are at fault.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
unset PYTHONDONTWRITEBYTECODE # the tests start hundreds of programs, and each would compile its own
notes=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$notes"' EXIT

caffe=
chromium=
[ -n "${CAFFE_PREFIX:-}" ] || { bash scripts/install_caffe.sh & caffe=$!; }
[ -n "${CHROMIUM_PREFIX:-}" ] || { bash scripts/install_chromium.sh & chromium=$!; }
bash scripts/setup.sh dev
python=$PWD/.venv/bin/python
status=0

# Types take a minute, beside the tests; a few tests that were asked for are done sooner.
check_types() {
    "$python" -m mypy >"$notes/types" 2>&1 || touch "$notes/fault"
    cat "$notes/types"
}
check_types &
types=$!
"$python" -m ruff check . || status=1
"$python" -m ruff format --check . || status=1
# In a new checkout one process compiles what all of them would, each for itself, beside downloads.
[ $# -ne 0 ] || [ -d tests/__pycache__ ] || "$python" -m pytest --collect-only -qq >/dev/null 2>&1 || true
[ -z "$caffe" ] || wait $caffe ||
    echo "test.sh: without real Caffe; the tests that ask it skip" >&2
[ -z "$chromium" ] || wait $chromium ||
    echo "test.sh: without Chromium; the tests in a browser skip" >&2
[ $# -eq 0 ] || wait $types
tested=0
"$python" -m pytest -n $(($(env -u OMP_NUM_THREADS nproc) + 1)) --dist loadfile --no-loadscope-reorder "$@" || tested=$?
wait $types
[ ! -e "$notes/fault" ] || status=1
[ $tested -eq 0 ] || exit $tested
exit $status
