#!/bin/sh
# SPDX-License-Identifier: MIT
# The Python package passes its tests, and a wheel of it does elsewhere. Needs
# a python3 with numpy and pytest, which building does not: without them this
# says so and checks nothing; without setuptools and wheel no wheel is made.
set -u
BUILD=${BUILD:-build}
[ "$BUILD" = build ] || exit 0 # a sanitized library cannot be loaded by python
python=
for candidate in "${PYTHON:-python3}" /usr/bin/python3; do
  if "$candidate" -c 'import numpy, pytest' 2>/dev/null; then
    python=$candidate
    break
  fi
done
if [ -z "$python" ]; then
  echo "python3 with numpy and pytest is not here: not checked"
  exit 0
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT INT TERM
TRITON_METAL_CACHE_DIR=$folder/cache
PYTHONDONTWRITEBYTECODE=1
export TRITON_METAL_CACHE_DIR PYTHONDONTWRITEBYTECODE
"$python" -m pytest -q -p no:cacheprovider python/tests || exit 1

if ! "$python" -c 'import setuptools, wheel, pip' 2>/dev/null; then
  echo "pip with setuptools and wheel is not here: no wheel was made"
  exit 0
fi
cp -R python include "$folder" # building leaves files beside the sources
TRITON_METAL_BUILD=$(pwd)/$BUILD "$python" -m pip -q wheel --no-build-isolation --no-deps --no-index \
  -w "$folder" "$folder/python" >"$folder/log" 2>&1 &&
  "$python" -m pip -q install --no-deps --no-index --no-compile --target "$folder/installed" \
    "$folder"/triton_metal-*.whl >>"$folder/log" 2>&1 || {
  cat "$folder/log"
  exit 1
}
cd "$folder" || exit 1
unset TRITON_METAL_SOFTMETAL # its own is to be found
TRITON_METAL_TEST_INSTALLED=1 PYTHONPATH=$folder/installed "$python" -m pytest -q -p no:cacheprovider \
  -o testpaths= python/tests/test_launch.py python/tests/test_wheel.py
