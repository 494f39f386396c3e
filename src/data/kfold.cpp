#include <xgrad/data/kfold.hpp>

#include <algorithm>
#include <map>

#include "core/check.hpp"
#include "data/splitmix.hpp"

namespace xgrad::data {

namespace {
using detail::check;
using Numbers = std::vector<std::int64_t>;

KFoldOptions checked(const char* op, const KFoldOptions& options, Here here) {
  check<ValueError>(options.n_splits >= 2, here, "{}: n_splits must be at least 2, got {}", op, options.n_splits);
  return options;
}

// Folds from the part that each sample is tested in.
std::vector<SplitIndices> folds(const Numbers& part, std::int64_t n_splits) {
  std::vector<SplitIndices> result(static_cast<std::size_t>(n_splits));
  for (std::size_t i = 0; i < part.size(); ++i)
    for (std::size_t fold = 0; fold < result.size(); ++fold)
      (static_cast<std::int64_t>(fold) == part[i] ? result[fold].test : result[fold].train)
          .push_back(static_cast<std::int64_t>(i));
  return result;
}
}  // namespace

KFold::KFold(const KFoldOptions& options, Here here) : options_(checked("KFold", options, here)) {}
std::vector<SplitIndices> KFold::split(std::int64_t count, Here here) const {
  const std::int64_t n_splits = options_.n_splits;
  check<ValueError>(count >= n_splits, here, "KFold.split: {} samples are too few for {} parts", count, n_splits);
  Numbers order;
  if (options_.shuffle) order = shuffled_indices(count, options_.seed);
  Numbers part(static_cast<std::size_t>(count));
  std::size_t next = 0;
  for (std::int64_t fold = 0; fold < n_splits; ++fold)
    for (std::int64_t left = count / n_splits + (fold < count % n_splits); left > 0; --left, ++next)
      part[options_.shuffle ? static_cast<std::size_t>(order[next]) : next] = fold;
  return folds(part, n_splits);
}

StratifiedKFold::StratifiedKFold(const KFoldOptions& options, Here here)
    : options_(checked("StratifiedKFold", options, here)) {}

// The labels, sorted, are dealt to the parts in turn. That says how many of a label each part gets; which ones it gets
// is decided by the order of the samples, or at random.
std::vector<SplitIndices> StratifiedKFold::split(const Numbers& labels, Here here) const {
  const std::int64_t n_splits = options_.n_splits;
  // Classes in the order in which their labels first come.
  std::map<std::int64_t, std::size_t> class_of;
  std::vector<std::vector<std::size_t>> members;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const auto [at, is_new] = class_of.try_emplace(labels[i], members.size());
    if (is_new) members.emplace_back();
    members[at->second].push_back(i);
  }
  std::size_t most = 0;
  for (const std::vector<std::size_t>& samples : members) most = std::max(most, samples.size());
  check<ValueError>(static_cast<std::int64_t>(most) >= n_splits, here,
                    "StratifiedKFold.split: the most frequent label has {} samples, too few for {} parts", most,
                    n_splits);

  detail::SplitMix random(options_.seed, 0);
  Numbers part(labels.size());
  std::int64_t dealt = 0;
  for (const std::vector<std::size_t>& samples : members) {
    const auto size = static_cast<std::int64_t>(samples.size());
    Numbers share(static_cast<std::size_t>(n_splits));
    for (std::int64_t i = 0; i < size; ++i) ++share[static_cast<std::size_t>((dealt + i) % n_splits)];
    dealt += size;
    const Numbers order = options_.shuffle ? shuffled_indices(size, random.next()) : Numbers();
    std::size_t next = 0;
    for (std::int64_t fold = 0; fold < n_splits; ++fold)
      for (std::int64_t left = share[static_cast<std::size_t>(fold)]; left > 0; --left, ++next)
        part[samples[options_.shuffle ? static_cast<std::size_t>(order[next]) : next]] = fold;
  }
  return folds(part, n_splits);
}
std::vector<SplitIndices> StratifiedKFold::split(const Tensor& labels, Here here) const {
  if (!labels.defined()) detail::raise_undefined(here);
  check<ShapeError>(labels.dim() == 1, here, "StratifiedKFold.split: labels are [n], got {}", labels.sizes());
  check<DtypeError>(!labels.is_floating_point(), here, "StratifiedKFold.split: labels are integers, got {}",
                    labels.dtype());
  return split(labels.to_vector<std::int64_t>(), here);
}

}  // namespace xgrad::data
