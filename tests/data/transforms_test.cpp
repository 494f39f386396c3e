#include <xgrad/data/loader.hpp>
#include <xgrad/data/transforms.hpp>
#include <xgrad/ops/arithmetic.hpp>
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/join.hpp>
#include <xgrad/ops/pad.hpp>
#include <xgrad/ops/shape.hpp>
#include <xgrad/random.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <doctest/doctest.h>
#include <functional>
#include <map>
#include <utility>
#include <vector>

#include "support/errors.hpp"

using test::mentions;
using test::message_of;
using xgrad::Dtype;
using xgrad::DtypeError;
using xgrad::Shape;
using xgrad::ShapeError;
using xgrad::Tensor;
using xgrad::TensorList;
using xgrad::ValueError;
using namespace xgrad::data;

namespace {
// Every pixel another number, from 1 on.
Tensor numbered(const Shape& shape, Dtype dtype = xgrad::float32) {
  std::int64_t count = 1;
  for (const std::int64_t size : shape) count *= size;
  return xgrad::arange(1, count + 1).reshape(shape).to(dtype);
}
// A result of height x width whose pixel (y, x) is the image's at place(y, x), or `fill` where that is outside.
using Place = std::function<std::pair<std::int64_t, std::int64_t>(std::int64_t, std::int64_t)>;
std::vector<double> moved(const Tensor& image, std::int64_t height, std::int64_t width, double fill,
                          const Place& place) {
  const std::vector<double> from = image.to_vector<double>();
  const std::int64_t h = image.size(-2), w = image.size(-1), planes = h * w == 0 ? 0 : image.numel() / (h * w);
  std::vector<double> to;
  for (std::int64_t p = 0; p < planes; ++p)
    for (std::int64_t y = 0; y < height; ++y)
      for (std::int64_t x = 0; x < width; ++x) {
        const auto [i, j] = place(y, x);
        const bool inside = i >= 0 && i < h && j >= 0 && j < w;
        to.push_back(inside ? from[static_cast<std::size_t>((p * h + i) * w + j)] : fill);
      }
  return to;
}
bool same(const Tensor& a, const Tensor& b) {
  return a.sizes() == b.sizes() && a.dtype() == b.dtype() && a.to_vector<double>() == b.to_vector<double>();
}
constexpr Dtype all_dtypes[] = {xgrad::float32, xgrad::float64, xgrad::int64, xgrad::int32, xgrad::uint8};
}  // namespace

TEST_CASE("Normalize by channel") {
  for (const Dtype dtype : {xgrad::float32, xgrad::float64}) {
    const Tensor batch = numbered({2, 3, 4, 5}, dtype);
    const Tensor result = Normalize({1, 2, 3}, {0.5, 2, -4})(batch);
    CHECK(result.dtype() == dtype);
    const std::vector<double> from = batch.to_vector<double>(), to = result.to_vector<double>();
    const double mean[] = {1, 2, 3}, std[] = {0.5, 2, -4};
    for (std::size_t i = 0; i < to.size(); ++i) CHECK(to[i] == (from[i] - mean[i / 20 % 3]) / std[i / 20 % 3]);
    CHECK(same(Normalize({0.5}, {0.25})(batch[0]), (batch[0] - 0.5) / 0.25));
  }
  CHECK(Normalize({0}, {1})(xgrad::zeros({0, 3, 2, 2})).numel() == 0);
  CHECK(std::isnan(Normalize({0}, {1})(xgrad::full({1, 1, 1}, NAN)).item<double>()));
  CHECK(mentions(message_of<ShapeError>([] {
                   Normalize({1, 2}, {1, 1})(numbered({3, 2, 2}));
                 }),
                 {"Normalize", "2 numbers", "3 channels", "[3, 2, 2]", "transforms_test.cpp:"}));
  CHECK_THROWS_AS(Normalize({0}, {1})(numbered({3, 2, 2}, xgrad::uint8)), DtypeError);
  CHECK(mentions(message_of<ValueError>([] { Normalize({1, 2}, {1, 0}); }), {"channel 1", "0"}));
  CHECK_THROWS_AS(Normalize({1, 2}, {1}), ValueError);
  CHECK_THROWS_AS(Normalize({}, {}), ValueError);
}

TEST_CASE("Pad in every mode and dtype") {
  for (const Dtype dtype : all_dtypes) {
    const Tensor image = numbered({2, 3, 4}, dtype);
    const Tensor constant = Pad({1, 2, 3, 0}, {.fill = 7})(image);
    CHECK(constant.dtype() == dtype);
    CHECK(constant.sizes() == Shape{2, 5, 8});
    CHECK(constant.to_vector<double>() ==
          moved(image, 5, 8, 7, [](std::int64_t y, std::int64_t x) { return std::pair(y - 2, x - 1); }));
  }
  const Tensor batch = numbered({2, 3, 4, 5});
  // The operation's own tests are against PyTorch.
  CHECK(same(Pad({1, 2, 4, 3}, {.padding_mode = "reflect"})(batch), xgrad::pad(batch, {1, 4, 2, 3}, "reflect")));
  CHECK(same(Pad({1, 2, 9, 3}, {.padding_mode = "edge"})(batch), xgrad::pad(batch, {1, 9, 2, 3}, "replicate")));
  // Mirrored at the outer edge: 2 1 | 1 2 3 | 3 2 1.
  const Tensor line = xgrad::tensor({{{1.0, 2.0, 3.0}}});
  CHECK(Pad({2, 0, 3, 0}, {.padding_mode = "symmetric"})(line).to_vector<int>() ==
        std::vector<int>{2, 1, 1, 2, 3, 3, 2, 1});
  CHECK(Pad({2, 0}, {.padding_mode = "reflect"})(line).to_vector<int>() == std::vector<int>{3, 2, 1, 2, 3, 2, 1});
  CHECK(Pad(1)(xgrad::zeros({1, 0, 0})).sizes() == Shape{1, 2, 2});

  CHECK(mentions(message_of<ShapeError>([&] {
                   Pad({3, 0}, {.padding_mode = "reflect"})(line);
                 }),
                 {"Pad", "reflect", "axis of 3", "3 and 3"}));
  CHECK_THROWS_AS(Pad({4, 0}, {.padding_mode = "symmetric"})(line), ShapeError);
  CHECK_THROWS_AS(Pad(1, {.padding_mode = "edge"})(xgrad::zeros({1, 0, 2})), ShapeError);
  CHECK_THROWS_AS(Pad(1)(xgrad::zeros({2, 2})), ShapeError);
  CHECK_THROWS_AS(Pad(1)(Tensor()), xgrad::Error);
  CHECK(mentions(message_of<DtypeError>([] {
                   Pad(1, {.fill = 256})(numbered({1, 1, 1}, xgrad::uint8));
                 }),
                 {"Pad", "256", "uint8"}));
  CHECK_THROWS_AS(Pad(1, {.fill = 0.5})(numbered({1, 1, 1}, xgrad::int64)), DtypeError);
  CHECK(mentions(message_of<ValueError>([] { Pad({1, -2}); }), {"padding", "-2"}));
  CHECK(mentions(message_of<ValueError>([] { Pad(1, {.padding_mode = "circular"}); }), {"padding_mode", "circular"}));
}

TEST_CASE("CenterCrop") {
  const Tensor image = numbered({2, 7, 8});
  auto check = [&](xgrad::IntPair size, std::int64_t top, std::int64_t left) {
    CAPTURE(size.h);
    const Tensor result = CenterCrop(size)(image);
    CHECK(result.sizes() == Shape{2, size.h, size.w});
    CHECK(result.to_vector<double>() == moved(image, size.h, size.w, 0, [&](std::int64_t y, std::int64_t x) {
            return std::pair(y + top, x + left);
          }));
  };
  check(4, 2, 2);       // 1.5 and 2
  check({2, 3}, 2, 2);  // 2.5 twice
  check({7, 8}, 0, 0);
  check({10, 5}, -1, 2);  // a row above, two below
  check({7, 11}, 0, -1);
  CHECK_THROWS_AS(CenterCrop(0), ValueError);
}

TEST_CASE("RandomCrop takes every place about equally often") {
  xgrad::manual_seed(3);
  const Tensor image = numbered({1, 4, 5});
  const Tensor batch = image.expand({6000, 1, 4, 5});
  const Tensor crops = RandomCrop({3, 2})(batch);
  CHECK(crops.sizes() == Shape{6000, 1, 3, 2});
  const std::vector<double> values = crops.to_vector<double>();
  std::map<double, int> places;
  for (std::size_t i = 0; i < values.size(); i += 6) {
    const double first = values[i];
    ++places[first];
    CHECK((values[i + 1] == first + 1 && values[i + 2] == first + 5 && values[i + 5] == first + 11));
  }
  CHECK(places.size() == 8);
  // Each 750 times; the standard deviation is 26.
  for (const auto& [first, count] : places) CHECK(std::abs(count - 750) < 110);
}

TEST_CASE("RandomCrop of an image with a border, and of one that is too small") {
  xgrad::manual_seed(4);
  const Tensor image = numbered({2, 3, 3}, xgrad::uint8);
  const RandomCrop crop(3, {.padding = {1, 2}, .fill = 9});
  for (int i = 0; i < 30; ++i) {
    const std::vector<double> part = crop(image).to_vector<double>();
    bool found = false;
    for (std::int64_t top = -2; top <= 2; ++top)
      for (std::int64_t left = -1; left <= 1; ++left)
        found = found || part == moved(image, 3, 3, 9,
                                       [&](std::int64_t y, std::int64_t x) { return std::pair(y + top, x + left); });
    CHECK(found);
  }
  CHECK(same(RandomCrop({3, 3})(image), image));
  CHECK(same(RandomCrop({3, 3}, {.padding = {0, 0, 0, 0}, .pad_if_needed = true})(image), image));
  // One column lacks, so that there is one more on each side.
  const Tensor wider = RandomCrop({3, 4}, {.pad_if_needed = true, .padding_mode = "edge"})(numbered({1, 3, 3}));
  const std::vector<double> row = wider[0][0].to_vector<double>();
  CHECK((row == std::vector<double>{1, 1, 2, 3} || row == std::vector<double>{1, 2, 3, 3}));
  CHECK(mentions(message_of<ShapeError>([&] {
                   RandomCrop({4, 6}, {.padding = {1, 1}})(image);
                 }),
                 {"RandomCrop", "(4, 6)", "(5, 5)"}));
  CHECK_THROWS_AS(RandomCrop({0, 2}), ValueError);
  CHECK_THROWS_AS(RandomCrop(2, {.padding = -1}), ValueError);
  CHECK_THROWS_AS(RandomCrop(2, {.padding_mode = "none"}), ValueError);
}

TEST_CASE("flips draw for each image of a batch") {
  for (const Dtype dtype : all_dtypes) {
    const Tensor image = numbered({2, 3, 7}, dtype);
    CHECK(RandomHorizontalFlip(1)(image).to_vector<double>() ==
          moved(image, 3, 7, 0, [](std::int64_t y, std::int64_t x) { return std::pair(y, 6 - x); }));
    CHECK(RandomVerticalFlip(1)(image).to_vector<double>() ==
          moved(image, 3, 7, 0, [](std::int64_t y, std::int64_t x) { return std::pair(2 - y, x); }));
    CHECK(same(RandomHorizontalFlip(0)(image), image));
  }
  xgrad::manual_seed(5);
  const Tensor batch = numbered({1, 1, 2, 2}).expand({4000, 1, 2, 2});
  const std::vector<double> values = RandomHorizontalFlip(0.25)(batch).to_vector<double>();
  int flipped = 0;
  for (std::size_t i = 0; i < values.size(); i += 4) {
    flipped += values[i] == 2;
    CHECK(values[i] + values[i + 1] == 3);
    CHECK(values[i + 2] == values[i] + 2);
  }
  // The standard deviation is 27.
  CHECK(std::abs(flipped - 1000) < 110);
  CHECK(same(RandomHorizontalFlip(1)(numbered({2, 3, 4}).transpose(1, 2)),
             RandomHorizontalFlip(1)(numbered({2, 3, 4}).transpose(1, 2).contiguous())));
  CHECK(RandomVerticalFlip()(xgrad::zeros({0, 1, 2, 2})).sizes() == Shape{0, 1, 2, 2});
  CHECK(mentions(message_of<ValueError>([] { RandomHorizontalFlip(1.5); }), {"RandomHorizontalFlip", "1.5"}));
  CHECK_THROWS_AS(RandomVerticalFlip(NAN), ValueError);
  CHECK_THROWS_AS(RandomVerticalFlip()(xgrad::zeros({2, 2})), ShapeError);
}

TEST_CASE("RandomErasing") {
  xgrad::manual_seed(6);
  constexpr std::int64_t side = 20;
  const Tensor batch = numbered({300, 2, side, side});
  const std::vector<double> from = batch.to_vector<double>();
  const std::vector<double> to = RandomErasing({.p = 0.75, .value = {-1, -2}})(batch).to_vector<double>();
  int erased_images = 0;
  for (std::int64_t i = 0; i < 300; ++i) {
    std::int64_t top = side, left = side, bottom = -1, right = -1, count = 0;
    for (std::int64_t y = 0; y < side; ++y)
      for (std::int64_t x = 0; x < side; ++x) {
        const auto first = static_cast<std::size_t>((2 * i * side + y) * side + x), second = first + side * side;
        const bool gone = to[first] == -1;
        CHECK(gone == (to[second] == -2));
        if (!gone) CHECK((to[first] == from[first] && to[second] == from[second]));
        if (!gone) continue;
        ++count;
        top = std::min(top, y), bottom = std::max(bottom, y);
        left = std::min(left, x), right = std::max(right, x);
      }
    if (count == 0) continue;
    ++erased_images;
    const auto h = static_cast<double>(bottom - top + 1), w = static_cast<double>(right - left + 1);
    CHECK(static_cast<double>(count) == h * w);
    // The exact height and width are within a half of the rounded ones.
    CHECK((h + 0.5) * (w + 0.5) >= 0.02 * side * side);
    CHECK((h - 0.5) * (w - 0.5) <= 0.33 * side * side);
    CHECK((h + 0.5) / (w - 0.5) >= 0.3);
    CHECK((h - 0.5) / (w + 0.5) <= 3.3);
  }
  // The standard deviation is 7.5.
  CHECK(std::abs(erased_images - 225) < 32);

  const Tensor image = xgrad::full({3, side, side}, 100.0);
  CHECK(same(RandomErasing({.p = 0})(image), image));
  // As large as the image is too large.
  CHECK(same(RandomErasing({.p = 1, .scale = {1, 1}, .ratio = {1, 1}})(image), image));
  const Tensor noisy = RandomErasing({.p = 1, .scale = {0.5, 0.5}, .ratio = {1, 1}, .value = {}})(image);
  std::vector<double> noise;
  for (const double value : noisy.to_vector<double>())
    if (value != 100) noise.push_back(value);
  CHECK(noise.size() == 3 * 14 * 14);
  double sum = 0, squares = 0;
  for (const double value : noise) sum += value, squares += value * value;
  CHECK(std::abs(sum / 588) < 0.17);
  CHECK(std::abs(squares / 588 - 1) < 0.24);

  CHECK(mentions(message_of<ShapeError>([&] { RandomErasing({.value = {1, 2}})(image); }), {"2 values", "3 channels"}));
  CHECK_THROWS_AS(RandomErasing({.value = {}})(image.to(xgrad::uint8)), DtypeError);
  CHECK_THROWS_AS(RandomErasing({.value = {0.5}})(image.to(xgrad::uint8)), DtypeError);
  CHECK(mentions(message_of<ValueError>([] { RandomErasing({.scale = {0.5, 0.2}}); }), {"scale", "0.5", "0.2"}));
  CHECK_THROWS_AS(RandomErasing({.ratio = {0, 1}}), ValueError);
  CHECK_THROWS_AS(RandomErasing({.p = -1}), ValueError);
}

TEST_CASE("a chain of transforms is governed by the seed") {
  const Compose train({RandomCrop(8, {.padding = 2}), RandomHorizontalFlip(), Normalize({0.5}, {0.5}),
                       [](const Tensor& x) { return x * 2; }});
  const Tensor batch = numbered({16, 3, 8, 8});
  xgrad::manual_seed(1);
  const Tensor first = train(batch), second = train(batch);
  CHECK_FALSE(same(first, second));
  xgrad::manual_seed(1);
  CHECK(same(train(batch), first));
  CHECK(same(Compose({})(batch), batch));
  CHECK(mentions(message_of<ValueError>([] { Compose({RandomHorizontalFlip(), Transform()}); }), {"Compose", "1"}));
  const Tensor leaf = xgrad::ones({1, 8, 8}, {.requires_grad = true});
  CHECK_FALSE(RandomHorizontalFlip(1)(leaf).requires_grad());
}

TEST_CASE("a transformed data set is the same for any number of workers") {
  const TensorDataset images({numbered({40, 3, 8, 8}), xgrad::arange(40)});
  const Compose augment({RandomCrop(8, {.padding = 2}), RandomHorizontalFlip(), RandomErasing()});
  for (const bool batched : {false, true}) {
    std::vector<TensorList> epochs;
    for (const std::int64_t workers : {0, 1, 2, 4}) {
      DataLoader loader(TransformedDataset(images, augment, {.batched = batched}),
                        {.batch_size = 6, .shuffle = true, .num_workers = workers, .seed = 3});
      TensorList parts;
      for (const auto& [x, y] : loader) {
        CHECK(x.sizes() == Shape{y.size(0), 3, 8, 8});
        parts.push_back(x);
      }
      epochs.push_back({xgrad::cat(parts)});
    }
    for (const TensorList& epoch : epochs) CHECK(same(epoch[0], epochs[0][0]));
  }
  const TransformedDataset whole(images, RandomVerticalFlip(1), {.batched = true});
  CHECK(same(whole.get(7)[0], RandomVerticalFlip(1)(images.get(7)[0])));
  CHECK(whole.get(7)[1].item<int>() == 7);
  CHECK_THROWS_AS(TransformedDataset(images, Transform()), ValueError);
  CHECK_THROWS_AS(TransformedDataset(DatasetPointer(), RandomVerticalFlip()), ValueError);
}

TEST_CASE("images of many sizes become samples of one") {
  class Growing : public Dataset {
   public:
    std::int64_t size() const override { return 3; }
    TensorList get(std::int64_t index) const override { return {numbered({1, 3 + index, 4})}; }
  };
  const TransformedDataset cropped(Growing(), CenterCrop(2));
  CHECK(cropped.get_batch({0, 2, 1})[0].sizes() == Shape{3, 1, 2, 2});
}
