// Cross-validation: a data set in k parts, each of which is the test part once.
#pragma once
#include <xgrad/data/dataset.hpp>

#include <cstdint>
#include <vector>

namespace xgrad::data {

// shuffle: parts of random samples, by the seed; otherwise as the samples follow each other.
struct KFoldOptions {
  std::int64_t n_splits = 5;
  bool shuffle = false;
  std::uint64_t seed = 0;
};

// Parts of n / n_splits samples, of which the first n % n_splits have one more. The numbers of a fold are ascending.
class KFold {
 public:
  // ValueError when n_splits is below 2.
  explicit KFold(const KFoldOptions& options = {}, Here here = {});
  // The folds of samples 0 ... count - 1. ValueError when there are fewer samples than parts.
  std::vector<SplitIndices> split(std::int64_t count, Here here = {}) const;

 private:
  KFoldOptions options_;
};

// Parts with the same share of each label, as far as whole samples allow; their sizes differ by at most one, and so do
// the numbers of a label in them.
class StratifiedKFold {
 public:
  // ValueError when n_splits is below 2.
  explicit StratifiedKFold(const KFoldOptions& options = {}, Here here = {});
  // The folds of samples with these labels. ValueError when no label has as many samples as there are parts.
  std::vector<SplitIndices> split(const std::vector<std::int64_t>& labels, Here here = {}) const;
  // The same for an integer tensor [n]. ShapeError, DtypeError: another one.
  std::vector<SplitIndices> split(const Tensor& labels, Here here = {}) const;

 private:
  KFoldOptions options_;
};

}  // namespace xgrad::data
