#!/usr/bin/env python3
"""The other side of npy_interchange_test.cpp: npy_interchange.py DIRECTORY checks what xgrad wrote there, from_xgrad.npz,
packed.npz and array.npy, and writes what xgrad is to read: NumPy's own files of every type, order and version."""
import io
import sys
from pathlib import Path

import numpy as np

folder = Path(sys.argv[1])


def expected():
    """The arrays that the test makes, by the formulas that it uses."""
    i = np.arange(24)
    return {
        "f4": (i / 8 - 1).astype(np.float32).reshape(2, 3, 4),
        "f8": (i / 3).reshape(4, 6),
        "i8": (i.astype(np.int64) - 5) * 10**12,
        "i4": (i - 7).astype(np.int32).reshape(24, 1),
        "u1": (i * 10 + 5).astype(np.uint8),
        "b1": i % 3 == 0,
        "transposed": (i / 3).reshape(4, 6).T,
        "part/of.it": np.arange(0, 24, 2) / 3,
        "scalar": np.float64(2.5),
        "none": np.zeros((0, 3), np.float32),
    }


def check(name, got, want):
    want = np.asarray(want)
    assert got.dtype == want.dtype, f"{name}: {got.dtype}, not {want.dtype}"
    assert got.shape == want.shape, f"{name}: {got.shape}, not {want.shape}"
    assert np.array_equal(got, want), f"{name}: {got}, not {want}"


for archive in ("from_xgrad.npz", "packed.npz"):
    with np.load(folder / archive) as arrays:
        assert arrays.files == list(expected()), arrays.files
        for name, want in expected().items():
            check(f"{archive} {name}", arrays[name], want)
check("array.npy", np.load(folder / "array.npy"), expected()["f8"])

# Each type in both orders of bytes, by rows and by columns.
values = np.arange(-6, 6).reshape(3, 4)
arrays = {}
for kind in "f2 f4 f8 i1 i2 i4 i8 u1 u2 u4 u8 b1".split():
    data = values % 2 == 0 if kind == "b1" else np.abs(values) * 21 if kind[0] == "u" else values * 21
    for order in "<>":
        arrays[f"{order}{kind}"] = data.astype(f"{order}{kind}")
        arrays[f"{order}{kind} fortran"] = np.asfortranarray(data.astype(f"{order}{kind}"))
arrays["scalar"] = np.float32(0.1)
arrays["none"] = np.zeros((3, 0), ">f8")
arrays["largest"] = np.array([255, 65535, 4294967295, 9223372036854775807], np.uint64)
np.savez(folder / "plain.npz", **arrays)
np.savez_compressed(folder / "compressed.npz", **arrays)
for version in (1, 2, 3):
    with open(folder / f"version{version}.npy", "wb") as file:
        np.lib.format.write_array(file, values.astype(np.float64), version=(version, 0))
np.save(folder / "objects.npy", np.array([{}, "a"], dtype=object), allow_pickle=True)
np.save(folder / "complex.npy", np.zeros(3, complex))
np.save(folder / "text.npy", np.array(["a", "bc"]))
np.save(folder / "records.npy", np.zeros(2, dtype=[("a", "f4"), ("b", "i4")]))
np.save(folder / "dates.npy", np.zeros(2, dtype="M8[s]"))
np.save(folder / "beyond.npy", np.array([1, 2**63], np.uint64))
