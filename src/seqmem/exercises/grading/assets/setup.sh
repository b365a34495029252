#!/usr/bin/env bash
# Makes the environment in which submissions are graded; Gradescope runs it once, when it builds the image.
set -euo pipefail
root=${AUTOGRADER_ROOT:-/autograder}

find_python() {
    local candidate
    for candidate in python3.13 python3.12 python3.11 python3; do
        if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2> /dev/null; then
            command -v "$candidate"
            return
        fi
    done
    return 1
}

if ! python=$(find_python); then
    apt-get update
    apt-get install -y python3.12 python3.12-venv || apt-get install -y python3.11 python3.11-venv
    python=$(find_python)
fi
"$python" -m venv "$root/venv"
"$root/venv/bin/python" -m pip install --quiet "numpy>=2.0"
chmod -R go+rX "$root/venv" "$root/source/package"
chmod go-rwx "$root/source/seed"
