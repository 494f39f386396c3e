// MNIST and Fashion-MNIST from their four IDX files.
#pragma once
#include <xgrad/data/dataset.hpp>

#include <array>
#include <string>

namespace xgrad::data {

// train: the 60000 training images, or else the 10000 test images. normalize: pixels with mean 0 and standard deviation
// 1 over the training images, instead of in [0, 1].
struct MNISTOptions {
  bool train = true;
  bool normalize = false;
};

// Images [n, 1, 28, 28] float32 and labels [n] int64, 0 ... 9, of MNIST.
class MNIST : public TensorDataset {
 public:
  // Reads train-images-idx3-ubyte and train-labels-idx1-ubyte, or t10k-..., from a directory, each as it is or with
  // ".gz". IoError: a file that is missing, cannot be read, or does not hold such images or labels.
  explicit MNIST(const std::string& directory, const MNISTOptions& options = {}, Here here = {});
  const Tensor& images() const noexcept { return tensors()[0]; }
  const Tensor& labels() const noexcept { return tensors()[1]; }

 protected:
  // The mean and standard deviation that normalize works with.
  MNIST(const char* op, const std::string& directory, const MNISTOptions& options, double mean, double std, Here here);
};

// The same of Fashion-MNIST.
class FashionMNIST : public MNIST {
 public:
  explicit FashionMNIST(const std::string& directory, const MNISTOptions& options = {}, Here here = {});
  // What the labels stand for.
  static constexpr std::array<const char*, 10> class_names{"T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
                                                           "Sandal",      "Shirt",   "Sneaker",  "Bag",   "Ankle boot"};
};

}  // namespace xgrad::data
