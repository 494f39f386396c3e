#include <xgrad/data/idx.hpp>
#include <xgrad/data/mnist.hpp>

#include <array>
#include <utility>

#include "core/tensor_impl.hpp"
#include "data/image_files.hpp"
#include "io/file.hpp"
#include "kernels/parallel.hpp"

namespace xgrad::data {

namespace {
using detail::FileTask;
using detail::PixelScaling;

constexpr std::int64_t side = 28;
constexpr std::uint8_t classes = 10;

Tensor read_images(const char* op, const std::string& path, const PixelScaling& scaling, Here here) {
  const Tensor raw = read_idx(path, here);
  if (raw.dtype() != uint8 || raw.dim() != 3 || raw.size(1) != side || raw.size(2) != side)
    FileTask{op, path, here}.fail("it holds {} {}; images are uint8 [n, {}, {}]", raw.dtype(), raw.sizes(), side, side);
  const std::array<float, 256> value = detail::pixel_values(scaling);
  const Tensor images = detail::make_tensor(Shape{raw.size(0), 1, side, side}, float32);
  const auto* from = detail::data<std::uint8_t>(raw);
  auto* to = detail::data<float>(images);
  detail::parallel_for(images.numel(), 1 << 16, images.numel(), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) to[i] = value[from[i]];
  });
  return images;
}

Tensor read_labels(const char* op, const std::string& path, std::int64_t count, Here here) {
  const FileTask task{op, path, here};
  const Tensor raw = read_idx(path, here);
  if (raw.dtype() != uint8 || raw.dim() != 1)
    task.fail("it holds {} {}; labels are uint8 [n]", raw.dtype(), raw.sizes());
  if (raw.numel() != count) task.fail("it holds {} labels for {} images", raw.numel(), count);
  const Tensor labels = detail::make_tensor(raw.sizes(), int64);
  const auto* from = detail::data<std::uint8_t>(raw);
  auto* to = detail::data<std::int64_t>(labels);
  for (std::int64_t i = 0; i < count; ++i) {
    if (from[i] >= classes) task.fail("label {} is {}; labels are below {}", i, from[i], classes);
    to[i] = from[i];
  }
  return labels;
}

TensorList read(const char* op, const std::string& directory, const MNISTOptions& options, const PixelScaling& scaling,
                Here here) {
  const char* images = options.train ? "train-images-idx3-ubyte" : "t10k-images-idx3-ubyte";
  const char* labels = options.train ? "train-labels-idx1-ubyte" : "t10k-labels-idx1-ubyte";
  Tensor pixels = read_images(op, detail::find_data_file(op, directory, images, here),
                              options.normalize ? scaling : PixelScaling{}, here);
  Tensor numbers = read_labels(op, detail::find_data_file(op, directory, labels, here), pixels.size(0), here);
  return {std::move(pixels), std::move(numbers)};
}
}  // namespace

MNIST::MNIST(const char* op, const std::string& directory, const MNISTOptions& options, double mean, double std,
             Here here)
    : TensorDataset(read(op, directory, options, {mean, std}, here), here) {}

MNIST::MNIST(const std::string& directory, const MNISTOptions& options, Here here)
    : MNIST("MNIST", directory, options, 0.1307, 0.3081, here) {}

FashionMNIST::FashionMNIST(const std::string& directory, const MNISTOptions& options, Here here)
    : MNIST("FashionMNIST", directory, options, 0.2860, 0.3530, here) {}

}  // namespace xgrad::data
