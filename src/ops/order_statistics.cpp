// The element of a rank: k-th values, medians, modes, quantiles.
#include <xgrad/ops/compare.hpp>
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/masked.hpp>
#include <xgrad/ops/order.hpp>
#include <xgrad/ops/pointwise.hpp>
#include <xgrad/ops/reduce.hpp>
#include <xgrad/ops/shape.hpp>

#include <cmath>
#include <limits>

#include "kernels/copy.hpp"
#include "ops/order.hpp"
#include "ops/reduce_common.hpp"

namespace xgrad {
namespace {

using namespace detail;

// One element of each line, of which `pick` leaves the place.
template <class Pick>
std::pair<Tensor, Tensor> pick_one(const char* name, const Arg& x, std::int64_t dim, bool keepdim, Pick&& pick) {
  const Reduction r = reduction(name, x.tensor(), {dim}, x.here());
  check<ShapeError>(r.count > 0 || numel(r.out) == 0, x.here(), "{}: expected elements along dimension {}, x is {}",
                    name, dim, x->sizes());
  dim = wrap_dim(name, dim, x->dim(), x.here());
  if (r.count == 0) return {make_tensor(r.shape(keepdim), x->dtype()), make_tensor(r.shape(keepdim), Dtype::int64)};
  return record_picked(name, x.here(), x.tensor(), pick_along(x.tensor(), dim, 1, r.shape(keepdim), pick), dim,
                       keepdim);
}

// ---- kthvalue

// Brings the element of this rank to its place by PyTorch's quickselect, so that of equal elements the same one is
// found.
template <class T>
void select_rank(Entry<T>* x, std::int64_t n, std::int64_t rank) noexcept {
  const auto order = [x](std::int64_t a, std::int64_t b) {
    if (x[b] < x[a]) std::swap(x[a], x[b]);
  };
  std::int64_t left = 0, right = n - 1;
  while (right > left + 1) {
    std::swap(x[left + (right - left) / 2], x[left + 1]);
    order(left + 1, right);
    order(left, right);
    order(left + 1, left);
    // Those at both ends stop the loops.
    const Entry<T> pivot = x[left];
    std::int64_t i = left + 1, j = right;
    while (true) {
      while (x[++i] < pivot) {
      }
      while (pivot < x[--j]) {
      }
      if (j < i) break;
      std::swap(x[i], x[j]);
    }
    std::swap(x[left], x[j]);
    if (j <= rank) left = i;
    if (j >= rank) right = j - 1;
  }
  if (right == left + 1) order(left, right);
}

// How many elements of a line are NaN, which is what entries say at their end.
template <class T>
std::int64_t count_nan(const T* line, std::int64_t n) {
  if constexpr (std::is_floating_point_v<T>) return std::count_if(line, line + n, [](T v) { return v != v; });
  return 0;
}

// ---- median: the element of rank (n - 1) / 2 of n that count

template <bool IgnoreNan>
auto median_picker(std::int64_t n) {
  return [n]<class T>(const T* line, Entry<T>* entries, std::int64_t* chosen) {
    const std::int64_t missing = count_nan(line, n);
    if (missing > 0 && (!IgnoreNan || missing == n)) {
      *chosen = std::find_if(line, line + n, [](T v) { return v != v; }) - line;
      return;
    }
    fill_entries(line, n, false, entries);
    const std::int64_t rank = (n - missing - 1) / 2;
    std::nth_element(entries, entries + rank, entries + n, before<T>);
    *chosen = entries[rank].place;
  };
}

template <bool IgnoreNan>
std::pair<Tensor, Tensor> median_along(const char* name, const Arg& x, std::int64_t dim, bool keepdim) {
  const std::int64_t at = wrap_dim(name, dim, x->dim(), x.here());
  return pick_one(name, x, dim, keepdim, median_picker<IgnoreNan>(x->dim() == 0 ? 1 : x->size(at)));
}

// Of all elements: dx = dy / n for each of the n elements equal to y.
template <bool IgnoreNan>
Tensor median_of_all(const char* name, const Arg& arg) {
  const Tensor& x = arg.tensor();
  check_computing(name, x, arg.here());
  check<ShapeError>(x.numel() > 0 || x.is_floating_point(), arg.here(), "{}: expected elements, x is {}", name,
                    x.sizes());
  Tensor y = make_tensor({}, x.dtype());
  if (x.numel() == 0) {
    fill_elements(y, std::numeric_limits<double>::quiet_NaN());
  } else {
    const Tensor packed = dense(x), flat = make_view(packed, {x.numel()}, {1}, impl(packed).offset);
    y = pick_along(flat, 0, 1, {}, median_picker<IgnoreNan>(x.numel())).first;
  }
  return record(name, arg.here(), y, {&x}, [&] {
    return [x = Saved(x), y = Saved::output(y)](Backward& bw) {
      const Tensor input = bw.load(x);
      Shape all(impl(input).shape.size(), 0);
      for (std::size_t d = 0; d < all.size(); ++d) all[d] = static_cast<std::int64_t>(d);
      bw.give(0, tie_weights(input, bw.load(y), all, bw.here()).mul({bw.grad(), bw.here()}));
    };
  });
}

// ---- quantile: gathers from the sorted lines, and a mean of two neighbours with their distances as weights

enum class Interpolation { linear, lower, higher, midpoint, nearest };

Interpolation interpolation_of(const char* name, const std::string& word, Here here) {
  constexpr std::pair<const char*, Interpolation> words[]{{"linear", Interpolation::linear},
                                                          {"lower", Interpolation::lower},
                                                          {"higher", Interpolation::higher},
                                                          {"midpoint", Interpolation::midpoint},
                                                          {"nearest", Interpolation::nearest}};
  for (const auto& [text, value] : words)
    if (word == text) return value;
  raise<ValueError>(here, "{}: interpolation must be linear, lower, higher, midpoint or nearest, got {}", name, word);
}

void check_shares(const char* name, const Tensor& q, Here here) {
  const Tensor values = q.detach(here).to(Dtype::float64, here).contiguous(here);
  for (std::int64_t i = 0; i < values.numel(); ++i)
    check<ValueError>(data<double>(values)[i] >= 0 && data<double>(values)[i] <= 1, here,
                      "{}: q must be in [0, 1], got {}", name, data<double>(values)[i]);
}

Tensor quantile_of(const char* name, const Arg& x, const Operand& share, std::optional<std::int64_t> dim, bool keepdim,
                   const std::string& word, bool ignore_nan) {
  const Here here = x.here();
  check_floating(name, x.tensor(), here);
  const Interpolation kind = interpolation_of(name, word, here);
  const Tensor q = share.is_tensor() ? share.tensor() : full({}, share.scalar(), {.dtype = x->dtype()}, here);
  check<ShapeError>(q.dim() <= 1, here, "{}: q must have at most one dimension, got {}", name, q.sizes());
  check_same_dtype(name, x.tensor(), q, here);
  check_shares(name, q, here);
  if (dim) wrap_dim(name, *dim, x->dim(), here);
  check<ShapeError>(x->numel() > 0, here, "{}: expected elements, x is {}", name, x->sizes());

  const Tensor lines = !dim || x->dim() == 0 ? x->reshape({-1}, here) : x->movedim(*dim, -1, here);
  const Tensor sorted = sort({lines, here}).first;
  const auto last = static_cast<double>(sorted.size(-1) - 1);
  // The ranks [..., m] of every line.
  Shape wide = sorted.sizes();
  wide[wide.size() - 1] = q.numel();
  const Tensor shares = q.reshape({-1}, here), missing = sorted.detach(here).isnan(here);
  Tensor ranks;
  if (ignore_nan) {
    const Tensor present = missing.logical_not(here).to(q.dtype(), here).sum(-1, true, here).sub({1.0, here});
    ranks = shares.mul({present.clamp(0.0, {}, here), here});
  } else {
    ranks = masked_fill({shares.mul({last, here}).expand(wide, here), here}, missing.any(-1, true, here), last);
  }
  const auto at = [&](const Tensor& rank) { return sorted.gather(-1, rank.detach(here).to(Dtype::int64, here), here); };
  Tensor found;
  switch (kind) {
    case Interpolation::lower:
      found = at(ranks.floor(here));
      break;
    case Interpolation::higher:
      found = at(ranks.ceil(here));
      break;
    case Interpolation::nearest:
      found = at(ranks.round(0, here));
      break;
    case Interpolation::midpoint: {
      const Tensor high = at(ranks.ceil(here));
      found = high.sub({high.sub({at(ranks.floor(here)), here}).mul({0.5, here}), here});
      break;
    }
    case Interpolation::linear: {
      // From the nearer end, which is then met exactly.
      const Tensor below = ranks.detach(here).floor(here), low = at(below), high = at(ranks.ceil(here));
      const Tensor weight = ranks.sub({below, here}), near = weight.detach(here).lt({0.5, here});
      const Tensor step = weight.sub({near.logical_not(here).to(weight.dtype(), here), here});
      found = where({near, here}, {low, here}, {high, here}).add({step.mul({high.sub({low, here}), here}), here});
    }
  }
  // [..., m] to the shape of a reduction, with m in front where q is a list.
  const Reduction r =
      reduction(name, x.tensor(), dim ? std::vector<std::int64_t>{*dim} : std::vector<std::int64_t>{}, here);
  Shape shape = r.shape(keepdim);
  if (q.dim() == 0) return found.reshape(shape, here);
  shape.insert(0, q.numel());
  return found.movedim(-1, 0, here).reshape(shape, here);
}

}  // namespace

std::pair<Tensor, Tensor> kthvalue(const Arg& x, std::int64_t k, std::int64_t dim, bool keepdim) {
  const std::int64_t at = wrap_dim("kthvalue", dim, x->dim(), x.here()), n = x->dim() == 0 ? 1 : x->size(at);
  check<ValueError>((k >= 1 && k <= n) || x->numel() == 0, x.here(),
                    "kthvalue: k must be from 1 to the size of dimension {}, got {}; x is {}", at, k, x->sizes());
  return pick_one("kthvalue", x, dim, keepdim, [n, k]<class T>(const T* line, Entry<T>* entries, std::int64_t* chosen) {
    fill_entries(line, n, false, entries);
    select_rank(entries, n, k - 1);
    *chosen = entries[k - 1].place;
  });
}

Tensor median(const Arg& x) { return median_of_all<false>("median", x); }
Tensor nanmedian(const Arg& x) { return median_of_all<true>("nanmedian", x); }
std::pair<Tensor, Tensor> median(const Arg& x, std::int64_t dim, bool keepdim) {
  return median_along<false>("median", x, dim, keepdim);
}
std::pair<Tensor, Tensor> nanmedian(const Arg& x, std::int64_t dim, bool keepdim) {
  return median_along<true>("nanmedian", x, dim, keepdim);
}

std::pair<Tensor, Tensor> mode(const Arg& x, std::int64_t dim, bool keepdim) {
  const std::int64_t at = wrap_dim("mode", dim, x->dim(), x.here()), n = x->dim() == 0 ? 1 : x->size(at);
  return pick_one("mode", x, dim, keepdim, [n]<class T>(const T* line, Entry<T>* entries, std::int64_t* chosen) {
    fill_entries(line, n, false, entries);
    std::sort(entries, entries + n, before<T>);
    std::int64_t longest = 0;
    for (std::int64_t first = 0, next = 0; first < n; first = next) {
      const T value = line[entries[first].place];
      do ++next;
      while (next < n && entries[next].key == entries[first].key && value == value);
      if (next - first > longest) *chosen = entries[next - 1].place, longest = next - first;
    }
  });
}

Tensor quantile(const Arg& x, const Operand& q, std::optional<std::int64_t> dim, bool keepdim,
                const std::string& interpolation) {
  return quantile_of("quantile", x, q, dim, keepdim, interpolation, false);
}
Tensor nanquantile(const Arg& x, const Operand& q, std::optional<std::int64_t> dim, bool keepdim,
                   const std::string& interpolation) {
  return quantile_of("nanquantile", x, q, dim, keepdim, interpolation, true);
}

Tensor Tensor::median(Here here) const { return xgrad::median({*this, here}); }
std::pair<Tensor, Tensor> Tensor::median(std::int64_t dim, bool keepdim, Here here) const {
  return xgrad::median({*this, here}, dim, keepdim);
}

}  // namespace xgrad
