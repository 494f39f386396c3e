// Tensors to and from NumPy's files: .npy holds one array, .npz a zip archive of named ones
// (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html).
#pragma once
#include <xgrad/state_dict.hpp>

#include <string>
#include <vector>

namespace xgrad {

// Reads one array, of versions 1 to 3 of the format, with bytes of either order, by rows or by columns (fortran_order);
// the tensor is contiguous. f4, f8, i4, i8, u1 and b1 keep their types; f2 becomes float32, i1, i2 and u2 int32, u4 and
// u8 int64.
// IoError, which names the file and what is wrong: a file that cannot be read, or is cut, too long or malformed; an
// array of Python objects, text, dates, complex numbers or records; a number beyond int64.
Tensor load_npy(const std::string& path, Here here = {});

// Writes a tensor of any dtype and strides, by rows. The file appears whole or not at all, as save() says. ValueError:
// an undefined tensor. IoError: whatever the system refuses.
void save_npy(const Tensor& tensor, const std::string& path, Here here = {});

// names: only these arrays are read, in this order; all of them where empty.
struct LoadNpzOptions {
  std::vector<std::string> names{};
};
// Reads the arrays of an archive in their order, packed or not; "weight.npy" in the archive is "weight" here. IoError:
// as load_npy, with the array's name; damaged packed data; a member that is not an array; a name that is not there.
//   StateDict data = load_npz("data.npz", {.names = {"x", "y"}});
StateDict load_npz(const std::string& path, const LoadNpzOptions& options = {}, Here here = {});

// compressed: packed by deflate, as numpy.savez_compressed does.
struct SaveNpzOptions {
  bool compressed = false;
};
// Writes an archive that numpy.load reads. The same tensors give the same bytes. The file appears whole or not at all.
// ValueError: a name that is not UTF-8. IoError: whatever the system refuses.
void save_npz(const StateDict& tensors, const std::string& path, const SaveNpzOptions& options = {}, Here here = {});

}  // namespace xgrad
