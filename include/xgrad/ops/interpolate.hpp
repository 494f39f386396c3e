// Resampling of lines, images and volumes to another size.
#pragma once
#include <xgrad/ops/window.hpp>
#include <xgrad/tensor.hpp>

#include <cstdint>
#include <optional>
#include <string>

namespace xgrad {

// Options of interpolate. size or scale_factor: the output's size, or what the input's is multiplied by (and rounded
// down); mode: "nearest", "nearest-exact", "linear" (for [N, C, L]), "bilinear", "bicubic" (both for [N, C, H, W]),
// "trilinear" (for [N, C, D, H, W]) or "area" (adaptive_avg_pool); align_corners: the first and the last elements of
// input and output lie upon each other, not their outer edges (the interpolating modes only, default false);
// recompute_scale_factor: places are computed from the rounded size, not from scale_factor; antialias: windows widen
// when shrinking ("bilinear" and "bicubic" only).
struct InterpolateOptions {
  PerDimension<std::int64_t> size{};
  PerDimension<double> scale_factor{};
  std::string mode = "nearest";
  std::optional<bool> align_corners{};
  std::optional<bool> recompute_scale_factor{};
  bool antialias = false;
};

// The input [N, C, L], [N, C, H, W] or [N, C, D, H, W] at the places of a grid of another size. Element i of L' lies at
// (i + 1/2) s - 1/2, or at i (L - 1) / (L' - 1) with align_corners; s is 1 / scale_factor, or L / L' where the size is
// given. "nearest" takes element floor(i s), "nearest-exact" the one next to the place; "linear", "bilinear" and
// "trilinear" interpolate between the two neighbours along each dimension; "bicubic" by Keys' convolution of four (IEEE
// Trans. ASSP 29, 1981) with a = -0.75, or -0.5 with antialias. Linear, so differentiable to any order. ShapeError:
// other dimensions than the mode's, a list of another length, no elements. DtypeError unless floating. ValueError: not
// exactly one of size and scale_factor, an unknown mode, an option that the mode does not have.
Tensor interpolate(const Arg& x, const InterpolateOptions& options);

}  // namespace xgrad
