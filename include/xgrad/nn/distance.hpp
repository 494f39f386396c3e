// Distances and similarities of vectors as layers of two tensors. Shapes and errors are those of the functions.
#pragma once
#include <xgrad/nn/pair_layer.hpp>

#include <cstdint>

namespace xgrad::nn {

struct CosineSimilarityOptions {
  std::int64_t dim = 1;
  double eps = 1e-8;
};
// xgrad::cosine_similarity along dim, which goes.
class CosineSimilarity : public PairLayer {
 public:
  explicit CosineSimilarity(const CosineSimilarityOptions& options = {});
  Tensor forward(const Arg& x1, const Arg& x2) const override;

 private:
  CosineSimilarityOptions options_;
};

struct PairwiseDistanceOptions {
  double p = 2;
  double eps = 1e-6;
  bool keepdim = false;
};
// xgrad::pairwise_distance along the last dimension.
class PairwiseDistance : public PairLayer {
 public:
  explicit PairwiseDistance(const PairwiseDistanceOptions& options = {});
  Tensor forward(const Arg& x1, const Arg& x2) const override;

 private:
  PairwiseDistanceOptions options_;
};

}  // namespace xgrad::nn
