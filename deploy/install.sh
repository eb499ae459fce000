#!/bin/sh
# Make .venv exactly what requirements/dev.txt pins, with this project in it; where it is that already, do nothing.
#
# It needs Python 3.11 or newer with its venv module. What the system lacks is installed by apt as root on
# Debian or Ubuntu, and named elsewhere. pip uses the index and certificates that the machine is configured for,
# refuses files whose hash is not pinned, and runs no package's build script. The marks .venv/.pins and .venv/.project
# are written last, so that an interrupted installation is done again.
set -eu
cd "$(dirname "$0")/.."

say() { printf 'install: %s\n' "$*" >&2; }

# Install the Debian packages given, or say that they are missing and stop.
system_packages() {
    if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
        say "missing system packages: $*; on Debian or Ubuntu: sudo apt-get install $*"
        exit 1
    fi
    say "installing the system packages $*"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends "$@" >/dev/null
}

# Print the first Python that is new enough; 3.11, for which the pins are made, before others.
new_enough_python() {
    for candidate in python3.11 python3; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    return 1
}

# Print a fingerprint of the files given, of the place of this clone and of the Python in use.
fingerprint() { { cat -- "$@" && pwd && "$python" --version; } | cksum; }

# Succeed if .venv can run and its mark $1 holds the fingerprint $2.
marked() { [ -x .venv/bin/python ] && [ "$(cat ".venv/$1" 2>/dev/null)" = "$2" ]; }

pip() { .venv/bin/python -m pip --disable-pip-version-check --no-input --quiet "$@"; }

# Have what the pinned packages need of the system: a venv with pip in it, and OpenMP for llama.cpp.
install_system_packages() {
    set --
    "$python" -c 'import ensurepip, venv' 2>/dev/null ||
        set -- "$@" "$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')"
    "$python" -c 'import ctypes, sys; sys.platform != "linux" or ctypes.CDLL("libgomp.so.1")' 2>/dev/null ||
        set -- "$@" libgomp1
    [ $# -eq 0 ] || system_packages "$@"
}

# Have the command $1 of the Debian package $2. All the rest works without it, so that nothing stops here: $3 says what
# doesn't.
install_optional() {
    command -v "$1" >/dev/null && return
    if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null && system_packages "$2"; then
        return
    fi
    say "$2 is missing, so that $3; on Debian or Ubuntu: sudo apt-get install $2"
}

install_pins() {
    say "installing $(grep -c '==' requirements/dev.txt) pinned packages into .venv, which takes a minute or two"
    "$python" -m venv --clear .venv
    pip install --require-hashes --no-deps --only-binary :all: --requirement requirements/dev.txt
}

# One installation at a time; the lock is this file's and ends with the process.
if command -v flock >/dev/null; then
    exec 9<deploy/install.sh
    flock 9
fi

python=$(new_enough_python) || {
    system_packages python3
    python=$(new_enough_python) || { say "Quorum needs Python 3.11 or newer, and python3 is older"; exit 1; }
}
pins=$(fingerprint requirements/dev.txt)
project=$(fingerprint requirements/dev.txt pyproject.toml)

if ! marked .pins "$pins"; then
    install_system_packages
    install_pins
    echo "$pins" >.venv/.pins
fi
if ! marked .project "$project"; then
    pip install --no-deps --no-build-isolation --editable .
    echo "$project" >.venv/.project
fi
install_optional bwrap bubblewrap "verifiers can't run programs (docs/sandbox.md)"
install_optional redis-server redis-server "tests that need a real Redis are skipped; CI fails without it"
