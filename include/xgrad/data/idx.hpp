// The IDX format of the MNIST files.
#pragma once
#include <xgrad/tensor.hpp>

#include <string>

namespace xgrad::data {

// Reads an IDX file, packed with gzip or not, into a tensor of the shape it states. uint8 -> uint8; int8, int16 and
// int32 -> int32; float -> float32; double -> float64.
// IoError, which names the file and what is wrong: a file that cannot be read, is not IDX, is cut, damaged, or holds
// more than its header says. Memory is taken for what the file holds, not for what its header claims.
Tensor read_idx(const std::string& path, Here here = {});

}  // namespace xgrad::data
