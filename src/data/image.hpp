// Images whose rows and columns are put elsewhere: crops, borders and flips as plain moves of memory.
#pragma once
#include <xgrad/tensor.hpp>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace xgrad::detail {

// A batch of images as row-major memory; an image by itself is a batch of one.
struct Images {
  // ShapeError, in the name of op, unless x is [C, H, W] or [N, C, H, W].
  Images(const char* op, const Tensor& x, Here here);
  // The shape of images of another size.
  Shape shape_for(std::int64_t new_height, std::int64_t new_width) const;

  Tensor data;
  std::int64_t count = 1, channels = 0, height = 0, width = 0;
};

// Which row (or column) of an image each row of the result is; -1: none of them.
using AxisMap = std::vector<std::int64_t>;
AxisMap whole_axis(std::int64_t size);
// With more places before and after, which the mode fills; counts are not negative. ShapeError, in the name of op,
// where the mode needs a longer axis.
AxisMap pad_axis(const char* op, const AxisMap& axis, std::int64_t before, std::int64_t after, const std::string& mode,
                 Here here);
bool is_padding_mode(const std::string& mode);

struct ImageMaps {
  std::span<const std::int64_t> rows, columns;
};
// Images of height x width whose pixels come from the places that maps[i] says for image i, or are `fill`. DtypeError,
// in the name of op, for a fill that the dtype does not have.
Tensor move_images(const char* op, const Images& images, std::int64_t height, std::int64_t width,
                   const std::vector<ImageMaps>& maps, double fill, Here here);

// DtypeError, in the name of op, unless the dtype has the value.
void check_value(const char* op, double value, Dtype dtype, Here here);

}  // namespace xgrad::detail
