#!/bin/sh
# Make .venv and install a lock file into it: `sh envs/setup.sh run|dev`. Whatever goes wrong is said in one line.
set -u
kind=$1
case $kind in run) lock=envs/requirements.txt ;; *) lock=envs/requirements-dev.txt ;; esac
log=build/setup.log
need_gb=6
mkdir -p build

fail() {
    echo "raw2fig: $*" >&2
    exit 2
}

if [ ! -x .venv/bin/python ]; then
    python=
    for candidate in ${PYTHON:-} python3 python3.14 python3.13 python3.12 python3.11; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            python=$candidate
            break
        fi
    done
    [ -n "$python" ] || fail "no Python 3.11 or newer found (python3 is $(python3 --version 2>/dev/null || echo missing)); install one, or name it: make PYTHON=/path/to/python3.11"
    free_gb=$(df -Pk . | awk 'NR == 2 { print int($4 / 1048576) }')
    [ "$free_gb" -ge "$need_gb" ] || fail "the environment and the results need $need_gb GB of disk, $free_gb GB are free here"
    echo "raw2fig: making .venv with $("$python" --version)"
    "$python" -m venv .venv >"$log" 2>&1 || {
        rm -rf .venv
        fail "cannot make a virtual environment with $python (on Debian: apt install python3-venv); details in $log"
    }
fi

echo "raw2fig: installing $lock (a few minutes the first time)"
if ! .venv/bin/python -m pip install --disable-pip-version-check -r "$lock" >>"$log" 2>&1 ||
    ! .venv/bin/python -m pip install --disable-pip-version-check --no-deps --no-build-isolation -e . >>"$log" 2>&1; then
    if grep -q "No space left" "$log"; then
        fail "the disk is full; the environment needs about $need_gb GB"
    elif grep -qE "NewConnectionError|ConnectTimeout|Failed to establish|Temporary failure in name resolution|ProxyError|Network is unreachable|from versions: none" "$log"; then
        fail "no package index with these packages can be reached; connect to the network, or set PIP_INDEX_URL to a mirror (details in $log)"
    fi
    fail "pip could not install $lock: $(grep -E '^ERROR' "$log" | tail -n 1) (details in $log)"
fi
touch ".venv/.installed-$kind"
