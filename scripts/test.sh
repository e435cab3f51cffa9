#!/usr/bin/env bash
# All checks of this checkout: bash scripts/test.sh [ARGUMENTS OF PYTEST]
#
# Sets up .venv, real Caffe in .caffe and Chromium in .chromium (unless CAFFE_PREFIX or
# CHROMIUM_PREFIX name others); then style, types and tests. The exit status is that of pytest, or
# 1 where only style or types are at fault.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
bash scripts/setup.sh dev
[ -n "${CAFFE_PREFIX:-}" ] || bash scripts/install_caffe.sh ||
    echo "test.sh: without real Caffe; the tests that ask it skip" >&2
[ -n "${CHROMIUM_PREFIX:-}" ] || bash scripts/install_chromium.sh ||
    echo "test.sh: without Chromium; the tests in a browser skip" >&2

python=$PWD/.venv/bin/python
status=0
"$python" -m ruff check . || status=1
"$python" -m ruff format --check . || status=1
"$python" -m mypy || status=1
"$python" -m pytest "$@" || exit
exit $status
