#!/bin/sh
# Carries saved plans and their stacks to another machine, encrypted with PLAN_KEY: a plan may hold secrets.
# Usage: tools/plan_archive.sh pack|unpack FOLDER FILE
set -eu
action=$1 folder=$2 file=$3
cipher="-aes-256-cbc -pbkdf2 -iter 600000 -pass env:PLAN_KEY"

fail() {
    echo "Error: $*" >&2
    exit 1
}

[ -n "${PLAN_KEY:-}" ] || fail "PLAN_KEY is not set; it is a secret of your own, for example from \`openssl rand -base64 32\`."
if [ "$action" = pack ]; then
    ls "$folder"/stacks/*/plan.tfplan >/dev/null 2>&1 || fail "there is no saved plan in $folder; run \`make plan SAVE=1\` first."
    mkdir -p "$(dirname "$file")"
    # shellcheck disable=SC2086
    tar -cz -C "$folder" manifest.json stacks | openssl enc -e $cipher -out "$file"
else
    [ -f "$file" ] || fail "there is no $file."
    rm -rf "$folder/stacks" "$folder/manifest.json"
    mkdir -p "$folder"
    # shellcheck disable=SC2086
    openssl enc -d $cipher -in "$file" | tar -xz -C "$folder" 2>/dev/null ||
        fail "$file cannot be opened: it is damaged, or was packed with another PLAN_KEY."
fi
