#!/bin/sh
# What has to hold before a change lands. Usage: tools/check.sh PYTEST-ARGUMENT...
set -eu
ruff format --check .
ruff check .
mypy
# One more than a small machine has cores: deployments spend most of their time waiting.
exec python -m pytest -n 3 --dist loadscope --no-loadscope-reorder "$@"
