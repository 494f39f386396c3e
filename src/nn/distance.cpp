#include <xgrad/nn/distance.hpp>
#include <xgrad/ops/distance.hpp>

namespace xgrad::nn {

CosineSimilarity::CosineSimilarity(const CosineSimilarityOptions& options) : options_(options) {}
Tensor CosineSimilarity::forward(const Arg& x1, const Arg& x2) const {
  return cosine_similarity(x1, x2, options_.dim, options_.eps);
}

PairwiseDistance::PairwiseDistance(const PairwiseDistanceOptions& options) : options_(options) {}
Tensor PairwiseDistance::forward(const Arg& x1, const Arg& x2) const {
  return pairwise_distance(x1, x2, options_.p, options_.eps, options_.keepdim);
}

}  // namespace xgrad::nn
