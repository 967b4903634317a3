#!/bin/sh
# What has to hold before a change lands. Usage: tools/check.sh PYTEST-ARGUMENT...
set -eu
ruff format --check .
ruff check .
mypy
exec python -m pytest -n 2 --dist loadscope --no-loadscope-reorder "$@"
