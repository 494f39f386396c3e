#include <xgrad/data/cifar.hpp>

#include <cstdint>
#include <doctest/doctest.h>
#include <filesystem>
#include <string>
#include <vector>

#include "support/files.hpp"
#include "support/gzip.hpp"

using namespace std::string_literals;
using test::mentions;
using test::message_of;
using xgrad::Shape;
using xgrad::Tensor;
using xgrad::data::CIFAR10;
using xgrad::data::CIFAR100;

namespace {
constexpr int pixels = 3 * 32 * 32;
// Labels and an image whose pixel p is (first + p / 1024 * 100 + p % 100).
std::string record(const std::string& labels, int first) {
  std::string bytes = labels;
  for (int p = 0; p < pixels; ++p) bytes += static_cast<char>(first + p / 1024 * 100 + p % 100);
  return bytes;
}
struct Fixture {
  test::TemporaryDirectory directory;
  Fixture() {
    test::write_file(directory / "data_batch_1.bin", record("\x03"s, 0) + record("\x09"s, 7));
    for (int i = 2; i < 5; ++i)
      test::write_file(directory / ("data_batch_" + std::to_string(i) + ".bin"),
                       record(std::string(1, char(i)), 2 * i));
    test::write_gzip(directory / "data_batch_5.bin.gz", record("\x00"s, 50));
    test::write_gzip(directory / "test_batch.bin.gz", record("\x08"s, 1));
    test::write_file(directory / "train.bin", record("\x13\x63"s, 4) + record("\x00\x05"s, 5));
    test::write_file(directory / "test.bin", record("\x02\x0a"s, 6));
  }
};
}  // namespace

TEST_CASE_FIXTURE(Fixture, "CIFAR-10 from packed and plain files, in their order") {
  const CIFAR10 train(directory.path());
  CHECK(train.size() == 6);
  CHECK(train.images().sizes() == Shape{6, 3, 32, 32});
  CHECK(train.images().dtype() == xgrad::float32);
  CHECK(train.labels().dtype() == xgrad::int64);
  CHECK(train.labels().to_vector<int>() == std::vector<int>{3, 9, 2, 3, 4, 0});
  const std::vector<float> values = train.images().to_vector<float>();
  const int first[] = {0, 7, 4, 6, 8, 50};
  bool all = true;
  for (int i = 0; i < 6; ++i)
    for (int p = 0; p < pixels; ++p)
      all = all && values[static_cast<std::size_t>(i * pixels + p)] ==
                       static_cast<float>((first[i] + p / 1024 * 100 + p % 100) % 256 / 255.0);
  CHECK(all);

  const CIFAR10 test(directory.path(), {.train = false, .normalize = true});
  CHECK(test.size() == 1);
  CHECK(CIFAR10::class_names[static_cast<std::size_t>(test.get(0)[1].item<int>())] == "ship"s);
  const double mean[] = {0.4914, 0.4822, 0.4465}, std[] = {0.2470, 0.2435, 0.2616};
  for (int c = 0; c < 3; ++c)
    CHECK(test.images()[0][c][0][2].item<double>() ==
          doctest::Approx(((1 + 100 * c + (1024 * c + 2) % 100) % 256 / 255.0 - mean[c]) / std[c]).epsilon(1e-6));
}

TEST_CASE_FIXTURE(Fixture, "CIFAR-100 with fine or coarse labels") {
  const CIFAR100 fine(directory.path());
  CHECK(fine.images().sizes() == Shape{2, 3, 32, 32});
  CHECK(fine.labels().to_vector<int>() == std::vector<int>{99, 5});
  CHECK(fine.fine_labels().to_vector<int>() == std::vector<int>{99, 5});
  CHECK(fine.coarse_labels().to_vector<int>() == std::vector<int>{19, 0});
  CHECK(fine.images()[1][0][0][3].item<float>() == static_cast<float>(8 / 255.0));
  const CIFAR100 coarse(directory.path(), {.train = false, .normalize = true, .coarse = true});
  CHECK(coarse.labels().to_vector<int>() == std::vector<int>{2});
  CHECK(coarse.get(0)[0].select(0, 2)[0][0].item<double>() ==
        doctest::Approx(((6 + 200 + 48) / 255.0 - 0.4409) / 0.2762).epsilon(1e-6));
}

TEST_CASE_FIXTURE(Fixture, "damaged files are named") {
  auto error = [&] {
    const std::string message = message_of<xgrad::IoError>([&] { CIFAR100(directory.path(), {.train = false}); });
    CHECK(mentions(message, {"CIFAR100", directory.path(), "test.bin", "cifar_test.cpp:"}));
    return message;
  };
  test::write_file(directory / "test.bin", record("\x02\x0a"s, 6).substr(1));
  CHECK(mentions(error(), {"3073 bytes", "3074"}));
  test::write_file(directory / "test.bin", "");
  CHECK(mentions(error(), {"0 bytes"}));
  test::write_file(directory / "test.bin", record("\x14\x0a"s, 6));
  CHECK(mentions(error(), {"coarse label 0 is 20", "below 20"}));
  test::write_file(directory / "test.bin", record("\x01\x0a"s, 6) + record("\x01\x64"s, 6));
  CHECK(mentions(error(), {"fine label 1 is 100", "below 100"}));
  std::filesystem::remove(directory / "test.bin");
  CHECK(mentions(error(), {"no such file", "test.bin.gz"}));
  test::write_gzip(directory / "test.bin.gz", record("\x02\x0a"s, 6));
  const std::string packed = test::read_file(directory / "test.bin.gz");
  test::write_file(directory / "test.bin.gz", packed.substr(0, packed.size() - 10));
  error();
  std::filesystem::remove(directory / "data_batch_3.bin");
  CHECK(mentions(message_of<xgrad::IoError>([&] { CIFAR10(directory.path()); }), {"CIFAR10", "data_batch_3.bin"}));
}
