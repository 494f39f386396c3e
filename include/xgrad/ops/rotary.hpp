// Rotary position embedding.
#pragma once
#include <xgrad/tensor.hpp>

#include <cstdint>
#include <optional>

namespace xgrad {

// base: of the angles. interleaved: pairs are neighbours, as in the paper, elements 2 i and 2 i + 1; else elements i
// and i + dim / 2 (as in GPT-NeoX). offset: the position of the first row, for a sequence that comes in parts. dim: how
// many elements of a row are turned, an even number; the others stay as they are. All where it is empty.
struct RotaryOptions {
  double base = 10000;
  bool interleaved = true;
  std::int64_t offset = 0;
  std::optional<std::int64_t> dim{};
};

// Turns each pair (a, b) of elements of a row by an angle that grows with the row's position: (a cos t - b sin t,
// a sin t + b cos t), t = (offset + p) base^(-2 i / dim) for pair i of row p (Su et al., 2021, arXiv:2104.09864,
// equation 34). The product of a turned query and a turned key then depends on the distance of their positions alone.
// x is [..., length, D], as queries and keys of heads are, and so is the result. One pass; the gradient is turned back,
// at any order. ShapeError: fewer than 2 dimensions; DtypeError unless floating; ValueError: dim odd or not in 0..D,
// base not positive, offset negative.
Tensor rotary_embedding(const Arg& x, const RotaryOptions& options = {});

}  // namespace xgrad
