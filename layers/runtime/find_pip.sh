#!/bin/sh
# Print what can install the layer: a Python with pip, else uv. The first Python on the PATH may have none, as in an
# environment that uv made, so all of them are asked. PYTHON names one and is then the only one.
set -u

has_pip() {
    "$1" -c 'import sys, pip; sys.exit(int(pip.__version__.split(".")[0]) < 21)' >/dev/null 2>&1
}

if [ -n "${PYTHON:-}" ]; then
    has_pip "$PYTHON" && printf '%s\n' "$PYTHON" && exit
    echo "PYTHON=$PYTHON has no pip of version 21 or newer, or does not run. Name another one, or none to let the build look for one." >&2
    exit 1
fi

old=$IFS
IFS=:
for folder in $PATH; do
    IFS=$old
    for python in "${folder:-.}"/python3 "${folder:-.}"/python3.1[1-9] "${folder:-.}"/python; do
        [ -x "$python" ] && has_pip "$python" && printf '%s\n' "$python" && exit
    done
done

command -v uv && exit
echo "No Python on the PATH has pip (21 or newer), and there is no uv. Install one (Debian: apt-get install python3-pip), or name one: PYTHON=/path/to/python3 sam build" >&2
exit 1
