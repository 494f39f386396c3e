// Quantiles.
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/masked.hpp>
#include <xgrad/ops/order.hpp>
#include <xgrad/ops/pointwise.hpp>
#include <xgrad/ops/reduce.hpp>
#include <xgrad/ops/shape.hpp>

#include "ops/reduce_common.hpp"

namespace xgrad {
namespace {

using namespace detail;

// With x ascending and r = q (n - 1), a = x[floor r], b = x[ceil r], w = r - floor r:
//   y = a + w (b - a);   da = (1 - w) dy   db = w dy   dq = (n - 1) sum (b - a) dy
// The other interpolations are gathers of a or b, or w = 1/2.

enum class Interpolation { linear, lower, higher, midpoint, nearest };

Interpolation interpolation_of(const char* name, const std::string& word, Here here) {
  constexpr std::pair<const char*, Interpolation> known[] = {{"linear", Interpolation::linear},
                                                             {"lower", Interpolation::lower},
                                                             {"higher", Interpolation::higher},
                                                             {"midpoint", Interpolation::midpoint},
                                                             {"nearest", Interpolation::nearest}};
  for (const auto& [text, value] : known)
    if (word == text) return value;
  raise<ValueError>(here, "{}: expected linear, lower, higher, midpoint or nearest as interpolation, got \"{}\"", name,
                    word);
}

// q as a tensor of x's dtype, checked.
Tensor shares(const char* name, const Arg& x, const Operand& q) {
  if (!q.is_tensor()) {
    const double share = q.scalar().to<double>();
    check<ValueError>(share >= 0 && share <= 1, x.here(), "{}: expected a q from 0 to 1, got {}", name, share);
    return full({}, share, {.dtype = x->dtype()}, x.here());
  }
  check<ShapeError>(q.tensor().dim() <= 1, x.here(), "{}: expected a q of at most one dimension, got {}", name,
                    q.tensor().sizes());
  check_same_dtype(name, x.tensor(), q.tensor(), x.here());
  for (const double share : q.tensor().detach().to(float64).to_vector<double>())
    check<ValueError>(share >= 0 && share <= 1, x.here(), "{}: expected a q from 0 to 1, got {}", name, share);
  return q.tensor();
}

// The ranks [..., m] of the shares [m] in ascending lines [..., n].
Tensor ranks_of(const Tensor& shares, const Tensor& lines, bool ignore_nan, Here here) {
  const Tensor missing = lines.detach(here).isnan(here);
  if (ignore_nan) {
    const Tensor present = missing.logical_not(here).to(shares.dtype(), here).sum(-1, true, here);
    return shares.mul({present.sub({1, here}).clamp(0, {}, here), here});
  }
  const auto last = static_cast<double>(lines.sizes().back() - 1);
  Shape shape = lines.sizes();
  shape[shape.size() - 1] = shares.numel();
  return masked_fill({shares.mul({last, here}).expand(shape, here), here}, {missing.any(-1, true, here), here}, last);
}

Tensor interpolated(const Tensor& lines, const Tensor& ranks, Interpolation kind, Here here) {
  const auto at = [&](const Tensor& rank) { return lines.gather(-1, rank.detach(here).to(int64, here), here); };
  if (kind == Interpolation::lower) return at(ranks.floor(here));
  if (kind == Interpolation::higher) return at(ranks.ceil(here));
  if (kind == Interpolation::nearest) return at(ranks.round(0, here));
  const Tensor below = ranks.detach(here).floor(here), low = at(below), high = at(ranks.ceil(here));
  const Tensor distance = high.sub({low, here});
  if (kind == Interpolation::midpoint) return high.sub({distance.mul({0.5, here}), here});
  // From the nearer end, which is met exactly.
  const Tensor weight = ranks.sub({below, here}), near = weight.detach(here).lt({0.5, here});
  const Tensor start = where({near, here}, {low, here}, {high, here});
  const Tensor step = weight.sub({near.logical_not(here).to(weight.dtype(), here), here});
  return start.add({step.mul({distance, here}), here});
}

Tensor quantile_of(const char* name, const Arg& x, const Operand& q, std::optional<std::int64_t> dim, bool keepdim,
                   const std::string& interpolation, bool ignore_nan) {
  const Here here = x.here();
  check_floating(name, x.tensor(), here);
  const Interpolation kind = interpolation_of(name, interpolation, here);
  const Tensor share = shares(name, x, q);
  const Reduction r =
      reduction(name, x.tensor(), dim ? std::vector<std::int64_t>{*dim} : std::vector<std::int64_t>{}, here);
  check<ShapeError>(x->numel() > 0, here, "{}: expected elements, x is {}", name, x->sizes());

  const Tensor lines = dim && x->dim() > 0 ? x->movedim(*dim, -1, here) : x->reshape({-1}, here);
  const Tensor ascending = sort({lines, here}).first;
  const Tensor ranks = ranks_of(share.reshape({-1}, here), ascending, ignore_nan, here);
  const Tensor found = interpolated(ascending, ranks, kind, here);
  Shape shape = r.shape(keepdim);
  if (share.dim() == 0) return found.reshape(shape, here);
  shape.insert(0, share.numel());
  return found.movedim(-1, 0, here).reshape(shape, here);
}

}  // namespace

Tensor quantile(const Arg& x, const Operand& q, std::optional<std::int64_t> dim, bool keepdim,
                const std::string& interpolation) {
  return quantile_of("quantile", x, q, dim, keepdim, interpolation, false);
}
Tensor nanquantile(const Arg& x, const Operand& q, std::optional<std::int64_t> dim, bool keepdim,
                   const std::string& interpolation) {
  return quantile_of("nanquantile", x, q, dim, keepdim, interpolation, true);
}

}  // namespace xgrad
