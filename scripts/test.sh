#!/bin/sh
# Installs what is missing, builds in Release and runs the tests. Arguments go to CMake.
set -eu
cd "$(dirname "$0")/.."
scripts/dependencies.sh
cmake --preset release -DXGRAD_BUILD_TESTS=ON "$@"
cmake --build --preset release --target xgrad_tests
ctest --preset release -LE examples -j "$(getconf _NPROCESSORS_ONLN)"
