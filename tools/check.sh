#!/bin/sh
# What has to hold before a change lands. Usage: tools/check.sh PYTEST-ARGUMENT...
set -eu
ruff format --check .
ruff check .
# Beside the tests, which wait more than they work.
log=$(mktemp)
mypy >"$log" 2>&1 &
mypy=$!
trap 'kill $mypy 2>/dev/null || true; rm -f "$log"' EXIT
trap 'exit 130' INT TERM
status=0
python -m pytest --dist loadscope --no-loadscope-reorder "$@" || status=$?
wait $mypy || status=1
cat "$log"
exit $status
