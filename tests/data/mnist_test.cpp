#include <xgrad/data/mnist.hpp>

#include <doctest/doctest.h>
#include <string>
#include <vector>

#include "support/files.hpp"
#include "support/gzip.hpp"

using namespace std::string_literals;
using test::mentions;
using test::message_of;
using xgrad::Shape;
using xgrad::data::FashionMNIST;
using xgrad::data::MNIST;

namespace {
// n images whose pixel p of image i is (i + p) % 256.
std::string images(int n, int side = 28) {
  std::string bytes = "\x00\x00\x08\x03\x00\x00\x00"s + static_cast<char>(n) + "\x00\x00\x00"s +
                      static_cast<char>(side) + "\x00\x00\x00"s + static_cast<char>(side);
  for (int i = 0; i < n; ++i)
    for (int p = 0; p < side * side; ++p) bytes += static_cast<char>(i + p);
  return bytes;
}
std::string labels(const std::string& values) {
  return "\x00\x00\x08\x01\x00\x00\x00"s + static_cast<char>(values.size()) + values;
}
struct Fixture {
  test::TemporaryDirectory directory;
  Fixture() {
    test::write_gzip(directory / "train-images-idx3-ubyte.gz", images(3));
    test::write_gzip(directory / "train-labels-idx1-ubyte.gz", labels("\x07\x00\x09"s));
    test::write_file(directory / "t10k-images-idx3-ubyte", images(1));
    test::write_file(directory / "t10k-labels-idx1-ubyte", labels("\x04"s));
  }
};
}  // namespace

TEST_CASE_FIXTURE(Fixture, "packed and plain files become images and labels") {
  const MNIST train(directory.path());
  CHECK(train.size() == 3);
  CHECK(train.images().sizes() == Shape{3, 1, 28, 28});
  CHECK(train.images().dtype() == xgrad::float32);
  CHECK(train.labels().dtype() == xgrad::int64);
  CHECK(train.labels().to_vector<int>() == std::vector<int>{7, 0, 9});
  const std::vector<float> pixels = train.images().to_vector<float>();
  CHECK(pixels[0] == 0);
  CHECK(pixels[255] == 1);
  CHECK(pixels[784 + 50] == doctest::Approx(51 / 255.0).epsilon(1e-6));

  const FashionMNIST test(directory.path(), {.train = false});
  CHECK(test.size() == 1);
  CHECK(test.get(0)[1].item<int>() == 4);
  CHECK(FashionMNIST::class_names[9] == "Ankle boot"s);
}

TEST_CASE_FIXTURE(Fixture, "normalised pixels") {
  const std::vector<float> digits = MNIST(directory.path(), {.normalize = true}).images().to_vector<float>();
  CHECK(digits[0] == doctest::Approx(-0.1307 / 0.3081).epsilon(1e-6));
  CHECK(digits[255] == doctest::Approx((1 - 0.1307) / 0.3081).epsilon(1e-6));
  const std::vector<float> clothes = FashionMNIST(directory.path(), {.normalize = true}).images().to_vector<float>();
  CHECK(clothes[255] == doctest::Approx((1 - 0.2860) / 0.3530).epsilon(1e-6));
}

TEST_CASE_FIXTURE(Fixture, "files that do not fit together are named") {
  auto error = [&] {
    const std::string message = message_of<xgrad::IoError>([&] { MNIST(directory.path(), {.train = false}); });
    CHECK(mentions(message, {directory.path(), "mnist_test.cpp:"}));
    return message;
  };
  test::write_file(directory / "t10k-labels-idx1-ubyte", labels("\x04\x05"s));
  CHECK(mentions(error(), {"MNIST", "t10k-labels", "2 labels for 1 images"}));
  test::write_file(directory / "t10k-labels-idx1-ubyte", labels("\x0a"s));
  CHECK(mentions(error(), {"t10k-labels", "label 0 is 10"}));
  test::write_file(directory / "t10k-labels-idx1-ubyte", images(1));
  CHECK(mentions(error(), {"t10k-labels", "uint8 [1, 28, 28]"}));
  test::write_file(directory / "t10k-images-idx3-ubyte", images(1, 27));
  CHECK(mentions(error(), {"t10k-images", "[1, 27, 27]"}));
  std::filesystem::remove(directory / "t10k-images-idx3-ubyte");
  CHECK(mentions(error(), {"t10k-images-idx3-ubyte", "no such file", ".gz"}));
}

TEST_CASE("the packaged data set, where it is installed") {
  const std::string directory = "/usr/share/datasets/fashion-mnist";
  if (!std::filesystem::exists(directory)) return;
  const FashionMNIST test(directory, {.train = false});
  REQUIRE(test.images().sizes() == Shape{10000, 1, 28, 28});
  std::vector<int> count(10);
  for (const int label : test.labels().to_vector<int>()) ++count[static_cast<std::size_t>(label)];
  CHECK(count == std::vector<int>(10, 1000));
}
