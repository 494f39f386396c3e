#!/bin/sh
# Installs from the distribution's packages what is missing to build xgrad, on Debian and Ubuntu; elsewhere says what is
# missing. Does nothing when nothing is missing.
#
#   scripts/dependencies.sh        what the library, its tests and its examples need
#   scripts/dependencies.sh data   the Fashion-MNIST data set; exit status 3 when there is no package of it
#   scripts/dependencies.sh ci     what .ci/run needs beside
set -eu

libraries="libxtensor-dev libxtensor-blas-dev libxsimd-dev libopenblas-dev libfmt-dev zlib1g-dev libzip-dev
  nlohmann-json3-dev doctest-dev libcli11-dev gnuplot-nox libdnnl-dev"
needed_cmake=3.25

say() { echo "xgrad: $*"; }
have() { command -v "$1" >/dev/null 2>&1; }
has_apt() { have apt-get && have dpkg-query; }
installed() { [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

cmake_version() { cmake --version | sed -n '1s/[^0-9]*\([0-9][0-9.]*\).*/\1/p'; }
cmake_is_new_enough() {
  lowest=$(printf '%s\n%s\n' "$needed_cmake" "$(cmake_version)" | sort -V | head -n 1)
  [ "$lowest" = "$needed_cmake" ]
}

# The command that runs apt-get with the rights it needs, or a failure with what to type.
become_root() {
  if [ "$(id -u)" = 0 ]; then
    root=
  elif have sudo && sudo -n true 2>/dev/null; then
    root="sudo -n"
  elif have sudo && [ -t 0 ] && [ -z "${CI:-}" ]; then
    root=sudo
  else
    say "no right to install packages. Please run, as root, and start again:"
    say "  apt-get update && apt-get install --no-install-recommends $*"
    exit 1
  fi
}

apt() { $root env DEBIAN_FRONTEND=noninteractive apt-get -q -o Dpkg::Use-Pty=0 "$@" </dev/null >>"$log" 2>&1; }

update_lists() {
  [ -z "${lists_updated:-}" ] || return 0
  lists_updated=yes
  apt update || say "the package lists could not be updated; trying with those that are here"
}

apt_install() {
  log=$(mktemp)
  become_root "$@"
  say "installing with apt-get:" "$@"
  update_lists
  if ! apt install -y --no-install-recommends "$@"; then
    cat "$log" >&2
    say "apt-get could not install the packages above"
    rm -f "$log"
    exit 1
  fi
  rm -f "$log"
}

install_missing() {
  missing=
  for package in "$@"; do
    installed "$package" || missing="$missing $package"
  done
  [ -z "$missing" ] || apt_install $missing
}

need_build() {
  tools=
  have "${CXX:-c++}" || tools="$tools g++"
  have cmake || tools="$tools cmake"
  have ninja || tools="$tools ninja-build"
  if has_apt; then
    wanted=
    for package in $tools $libraries; do
      installed "$package" || wanted="$wanted $package"
    done
    have gnuplot || wanted="$wanted gnuplot-nox"
    [ -z "$wanted" ] || apt_install $wanted
  elif [ -n "$tools" ]; then
    say "missing here:$tools (a C++20 compiler, CMake $needed_cmake or newer and Ninja are needed)."
    say "The libraries needed: xtensor, xtensor-blas, xsimd, fmt, OpenBLAS (or another BLAS and LAPACK), zlib,"
    say "libzip, nlohmann_json, doctest, CLI11; oneDNN 2.6 for fast convolutions and gnuplot for the examples' pictures."
    say "Packages are installed by this script on Debian and Ubuntu only."
    exit 1
  fi
  if ! cmake_is_new_enough; then
    say "CMake $needed_cmake or newer is needed, and $(command -v cmake) is $(cmake_version)."
    say "This system's packages have no newer one: see https://cmake.org/download/"
    exit 1
  fi
}

need_data() {
  has_apt || exit 3
  package=dataset-fashion-mnist
  installed "$package" && return 0
  log=$(mktemp)
  become_root "$package"
  update_lists
  case $(apt-cache policy "$package" 2>/dev/null) in
    *"Candidate: "[0-9]*) rm -f "$log" ;;
    *) rm -f "$log"; exit 3 ;;
  esac
  apt_install "$package"
}

need_ci() {
  if has_apt; then
    install_missing clang libomp-dev ccache
  else
    for tool in clang++ ccache; do
      have "$tool" || { say "missing here: $tool"; exit 1; }
    done
  fi
}

case ${1:-build} in
  build) need_build ;;
  data) need_data ;;
  ci) need_ci ;;
  *) say "unknown argument: $1"; exit 2 ;;
esac
