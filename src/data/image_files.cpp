#include "data/image_files.hpp"

#include <unistd.h>

#include "io/file.hpp"

namespace xgrad::detail {

std::string find_data_file(const char* op, const std::string& directory, const std::string& name, Here here) {
  const std::string plain = directory + "/" + name;
  for (const std::string& path : {plain, plain + ".gz"})
    if (::access(path.c_str(), F_OK) == 0) return path;
  FileTask{op, plain, here}.fail("there is no such file, nor {}.gz beside it", name);
}

std::array<float, 256> pixel_values(const PixelScaling& scaling) noexcept {
  std::array<float, 256> value;
  for (std::size_t i = 0; i < value.size(); ++i)
    value[i] = static_cast<float>((static_cast<double>(i) / 255 - scaling.mean) / scaling.std);
  return value;
}

}  // namespace xgrad::detail
