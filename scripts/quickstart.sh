#!/bin/sh
# Installs what is missing, builds in Release, and trains examples/fashion_mnist.cpp on Fashion-MNIST.
# Arguments go to that program: scripts/quickstart.sh --model mlp --epochs 3
set -eu
cd "$(dirname "$0")/.."

files="train-images-idx3-ubyte.gz train-labels-idx1-ubyte.gz t10k-images-idx3-ubyte.gz t10k-labels-idx1-ubyte.gz"
source=https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion
downloads=build/data/fashion-mnist

say() { echo "xgrad: $*"; }
have() { command -v "$1" >/dev/null 2>&1; }

is_complete() {
  for file in $files; do
    [ -s "$1/$file" ] || return 1
  done
}

fetch() {
  if have curl; then
    curl -fsSL --retry 2 --connect-timeout 20 -o "$2" "$1"
  elif have wget; then
    wget -q --tries=3 --timeout=20 -O "$2" "$1"
  else
    say "neither curl nor wget is installed"
    return 1
  fi
}

# gzip's own checksum tells a whole file from a cut one.
download() {
  say "downloading Fashion-MNIST from $source into $downloads"
  mkdir -p "$downloads"
  for file in $files; do
    [ -s "$downloads/$file" ] && continue
    fetch "$source/$file" "$downloads/$file.part" && gzip -t "$downloads/$file.part" || return 1
    mv "$downloads/$file.part" "$downloads/$file"
  done
}

# Sets `data` to a folder with the four files: the package's, or a downloaded one.
find_data() {
  for data in "$downloads" /usr/share/datasets/fashion-mnist; do
    is_complete "$data" && return 0
  done
  status=0
  scripts/dependencies.sh data || status=$?
  if [ "$status" = 0 ] && is_complete "$data"; then
    return 0
  fi
  say "the data set is not to be had as the package dataset-fashion-mnist on this system"
  data=$downloads
  if ! download; then
    say "The data set could not be downloaded either. Please get these four files by other means:"
    for file in $files; do say "  $source/$file"; done
    say "put them into $downloads, and start scripts/quickstart.sh again;"
    say "or put them anywhere and start it with --data FOLDER."
    exit 1
  fi
}

own_data=
for argument in "$@"; do
  case $argument in --data | --data=*) own_data=yes ;; esac
done

scripts/dependencies.sh
[ -n "$own_data" ] || find_data
cmake --preset release -DXGRAD_BUILD_EXAMPLES=ON
cmake --build --preset release --target fashion_mnist
if [ -n "$own_data" ]; then
  exec build/release/examples/fashion_mnist "$@"
fi
exec build/release/examples/fashion_mnist --data "$data" "$@"
