#include <xgrad/data/cifar.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "core/tensor_impl.hpp"
#include "data/image_files.hpp"
#include "io/stream.hpp"
#include "kernels/parallel.hpp"

namespace xgrad::data {

namespace {
using detail::FileTask;
using detail::PixelScaling;

constexpr std::int64_t side = 32, channels = 3, plane = side * side, pixels = channels * plane;

// An image is a record: a byte for each of its labels, then red, green and blue. `bounds`: how many there are of each.
struct Format {
  const char* op;
  std::vector<std::pair<const char*, std::uint8_t>> bounds;
  std::array<PixelScaling, channels> scaling;
  std::int64_t record() const noexcept { return static_cast<std::int64_t>(bounds.size()) + pixels; }
};

// Appends the records of a file.
void read_records(const Format& format, const std::string& path, std::vector<std::uint8_t>& bytes, Here here) {
  const FileTask task{format.op, path, here};
  detail::InputStream stream(task);
  const std::int64_t step = 1000 * format.record(), before = static_cast<std::int64_t>(bytes.size());
  for (std::int64_t filled = before;;) {
    bytes.resize(static_cast<std::size_t>(filled + step));
    const std::int64_t got = stream.read(bytes.data() + filled, step);
    filled += got;
    bytes.resize(static_cast<std::size_t>(filled));
    if (got < step) break;
  }
  const std::int64_t size = static_cast<std::int64_t>(bytes.size()) - before;
  if (size == 0 || size % format.record() != 0)
    task.fail("cut or damaged: it holds {} bytes, which is no whole number of images of {} bytes each", size,
              format.record());
  for (std::int64_t i = 0; i < size / format.record(); ++i)
    for (std::size_t l = 0; l < format.bounds.size(); ++l) {
      const auto [name, bound] = format.bounds[l];
      const std::uint8_t label = bytes[static_cast<std::size_t>(before + i * format.record()) + l];
      if (label >= bound) task.fail("{} {} is {}; they are below {}", name, i, label, bound);
    }
}

// Images, then the labels of each kind.
TensorList read_files(const Format& format, const std::string& directory, const std::vector<std::string>& names,
                      bool normalize, Here here) {
  std::vector<std::uint8_t> bytes;
  for (const std::string& name : names)
    read_records(format, detail::find_data_file(format.op, directory, name, here), bytes, here);
  const std::int64_t record = format.record(), count = static_cast<std::int64_t>(bytes.size()) / record;

  TensorList result{detail::make_tensor(Shape{count, channels, side, side}, float32)};
  auto* to = detail::data<float>(result[0]);
  std::array<std::array<float, 256>, channels> value;
  for (std::size_t c = 0; c < value.size(); ++c)
    value[c] = detail::pixel_values(normalize ? format.scaling[c] : PixelScaling{});
  detail::parallel_for(count, 16, count * pixels, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::uint8_t* from = bytes.data() + (i + 1) * record - pixels;
      for (std::int64_t p = 0; p < pixels; ++p)
        to[i * pixels + p] = value[static_cast<std::size_t>(p / plane)][from[p]];
    }
  });
  for (std::size_t l = 0; l < format.bounds.size(); ++l) {
    result.push_back(detail::make_tensor(Shape{count}, int64));
    auto* labels = detail::data<std::int64_t>(result.back());
    for (std::int64_t i = 0; i < count; ++i) labels[i] = bytes[static_cast<std::size_t>(i * record) + l];
  }
  return result;
}

TensorList read_cifar10(const std::string& directory, const CIFAR10Options& options, Here here) {
  const Format format{"CIFAR10", {{"label", 10}}, {{{0.4914, 0.2470}, {0.4822, 0.2435}, {0.4465, 0.2616}}}};
  std::vector<std::string> names{"test_batch.bin"};
  if (options.train)
    names = {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"};
  return read_files(format, directory, names, options.normalize, here);
}
}  // namespace

CIFAR10::CIFAR10(const std::string& directory, const CIFAR10Options& options, Here here)
    : TensorDataset(read_cifar10(directory, options, here), here) {}

CIFAR100::Contents CIFAR100::read(const std::string& directory, const CIFAR100Options& options, Here here) {
  const Format format{"CIFAR100",
                      {{"coarse label", 20}, {"fine label", 100}},
                      {{{0.5071, 0.2673}, {0.4865, 0.2564}, {0.4409, 0.2762}}}};
  TensorList tensors =
      read_files(format, directory, {options.train ? "train.bin" : "test.bin"}, options.normalize, here);
  return {std::move(tensors[0]), std::move(tensors[1]), std::move(tensors[2])};
}
CIFAR100::CIFAR100(const std::string& directory, const CIFAR100Options& options, Here here)
    : CIFAR100(read(directory, options, here), options.coarse, here) {}
CIFAR100::CIFAR100(Contents contents, bool coarse, Here here)
    : TensorDataset({std::move(contents.images), coarse ? contents.coarse : contents.fine}, here),
      fine_(std::move(contents.fine)),
      coarse_(std::move(contents.coarse)) {}

}  // namespace xgrad::data
