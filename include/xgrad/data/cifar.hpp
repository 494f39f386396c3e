// CIFAR-10 and CIFAR-100 from the files of their binary versions.
#pragma once
#include <xgrad/data/dataset.hpp>

#include <array>
#include <string>

namespace xgrad::data {

// train: the 50000 training images, or else the 10000 test images. normalize: pixels whose channels have mean 0 and
// standard deviation 1 over the training images, instead of in [0, 1].
struct CIFAR10Options {
  bool train = true;
  bool normalize = false;
};

// Images [n, 3, 32, 32] float32 (red, green, blue) and labels [n] int64, 0 ... 9.
class CIFAR10 : public TensorDataset {
 public:
  // Reads data_batch_1.bin ... data_batch_5.bin, or test_batch.bin, from a directory, each as it is or with ".gz".
  // IoError: a file that is missing, cannot be read, is damaged or cut, or holds another label.
  explicit CIFAR10(const std::string& directory, const CIFAR10Options& options = {}, Here here = {});
  const Tensor& images() const noexcept { return tensors()[0]; }
  const Tensor& labels() const noexcept { return tensors()[1]; }
  // What the labels stand for.
  static constexpr std::array<const char*, 10> class_names{"airplane", "automobile", "bird",  "cat",  "deer",
                                                           "dog",      "frog",       "horse", "ship", "truck"};
};

// coarse: a sample's label is that of its superclass, 0 ... 19.
struct CIFAR100Options {
  bool train = true;
  bool normalize = false;
  bool coarse = false;
};

// Images as of CIFAR10 and labels [n] int64, 0 ... 99.
class CIFAR100 : public TensorDataset {
 public:
  // Reads train.bin or test.bin, as CIFAR10 does.
  explicit CIFAR100(const std::string& directory, const CIFAR100Options& options = {}, Here here = {});
  const Tensor& images() const noexcept { return tensors()[0]; }
  // Those of the samples: fine or coarse.
  const Tensor& labels() const noexcept { return tensors()[1]; }
  const Tensor& fine_labels() const noexcept { return fine_; }
  const Tensor& coarse_labels() const noexcept { return coarse_; }

 private:
  struct Contents {
    Tensor images, coarse, fine;
  };
  CIFAR100(Contents contents, bool coarse, Here here);
  static Contents read(const std::string& directory, const CIFAR100Options& options, Here here);
  Tensor fine_, coarse_;
};

}  // namespace xgrad::data
