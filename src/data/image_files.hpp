// What the readers of published sets of images share.
#pragma once
#include <xgrad/error.hpp>

#include <array>
#include <cstdint>
#include <string>

namespace xgrad::detail {

// The path of a file in a directory, as it is or with ".gz". IoError, in the name of op, where there is neither.
std::string find_data_file(const char* op, const std::string& directory, const std::string& name, Here here);

// Of pixels in [0, 1].
struct PixelScaling {
  double mean = 0, std = 1;
};
// What each byte becomes.
std::array<float, 256> pixel_values(const PixelScaling& scaling) noexcept;

}  // namespace xgrad::detail
