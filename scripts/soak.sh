#!/usr/bin/env bash
# Kills and restarts jobs through faults: bash scripts/soak.sh [--rounds 200] [--seed 1] [--lanes 2]
#
# Each round ends with the promises of docs/snapshots.md held against what the store really has.
# The last line says how many rounds, faults, kills and snapshots there were, and losses: 0.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
bash scripts/setup.sh dev
exec .venv/bin/python -m tests.faults.soak "$@"
