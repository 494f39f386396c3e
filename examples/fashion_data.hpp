// Fashion-MNIST for the example programs, and what stands in for it in their short runs.
#pragma once
#include <xgrad/xgrad.hpp>

#include <array>
#include <cstdint>
#include <filesystem>
#include <fmt/format.h>
#include <numbers>
#include <string>

// The directory of the four files: the wanted one, or where there is none a usual one that exists.
inline std::string find_fashion_mnist(const std::string& wanted) {
  const std::array<std::string, 2> usual{"/usr/share/datasets/fashion-mnist", "data/fashion-mnist"};
  if (!wanted.empty()) return wanted;
  for (const std::string& directory : usual)
    if (std::filesystem::is_directory(directory)) return directory;
  throw xgrad::IoError(
      fmt::format("Fashion-MNIST was not found in {} or {}.\n"
                  "On Debian and Ubuntu: apt-get install dataset-fashion-mnist\n"
                  "Elsewhere: download its four files from https://github.com/zalandoresearch/fashion-mnist\n"
                  "and name their directory with --data.",
                  usual[0], usual[1]));
}

// Pictures of ten classes, in the form of Fashion-MNIST: one to five waves, lying or upright, under noise.
inline xgrad::data::TensorDataset make_waves(std::int64_t count) {
  xgrad::TensorList classes;
  for (int waves = 1; waves <= 5; ++waves) {
    const xgrad::Tensor wave = 0.5 + 0.5 * xgrad::sin(waves * 2 * std::numbers::pi / 28 * xgrad::arange(28));
    classes.push_back(wave.expand({1, 28, 28}));
    classes.push_back(wave.unsqueeze(1).expand({1, 28, 28}));
  }
  const xgrad::Tensor labels = xgrad::remainder(xgrad::arange(count), 10);
  const xgrad::Tensor images = xgrad::stack(classes).index_select(0, labels);
  return xgrad::data::TensorDataset({0.7 * images + 0.3 * xgrad::rand(images.sizes()), labels});
}
