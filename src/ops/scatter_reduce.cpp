#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/gather.hpp>
#include <xgrad/ops/join.hpp>
#include <xgrad/ops/scatter_reduce.hpp>

#include <span>
#include <utility>
#include <vector>

#include "core/check.hpp"
#include "kernels/copy.hpp"
#include "ops/selection.hpp"

namespace xgrad {
namespace {

using namespace detail;

Tensor zero_like(const Tensor& x) { return make_zeros({}, impl(x).dtype); }

// ---- y = x + sum of the sources, and the same over the number of summands

Tensor sums(const Tensor& x, const Tensor& values, const Selection& places, bool include_self, Here here) {
  const Tensor base = include_self ? x : put_selection("scatter_reduce", x, zero_like(x), places, here);
  return add_selection("scatter_reduce", base, values, places, here);
}

// How many values meet in each place; 1 where none goes.
Tensor counts(const Tensor& x, const Selection& places, bool include_self) {
  Tensor count = make_tensor(impl(x).shape, impl(x).dtype), ones = make_tensor(places.shape, impl(x).dtype);
  for (const Tensor& t : {count, ones}) fill_elements(t, 1);
  if (!include_self) write_places(count, make_zeros(places.shape, impl(x).dtype), places);
  add_places(count, ones, places);
  return count;
}

// ---- y = max(x, sources): with the number n of those that are y, each of them gets dy / n

Tensor same_elements(const Tensor& x, const Tensor& y) { return (x == y || (x != x && y != y)).to(impl(y).dtype); }

struct Winners {
  Tensor own, given, count;
};
Winners winners(const Tensor& x, const Tensor& values, const Tensor& y, const Selection& places, bool include_self,
                Here here) {
  const NoGradGuard guard;
  Winners w{same_elements(x, y), same_elements(values, read_dense(y, places, here)), {}};
  if (!include_self) write_places(w.own, make_zeros(places.shape, impl(y).dtype), places);
  w.count = w.own.clone(here);
  add_places(w.count, w.given, places);
  return w;
}

Tensor extreme(const Tensor& x, const Tensor& values, const Selection& places, bool largest, bool include_self,
               Here here) {
  Tensor y = make_tensor(impl(x).shape, impl(x).dtype);
  copy_elements(y, x);
  const Tensor list = dense(values);
  // Any of the sources will do to begin with.
  if (!include_self) write_places(y, list, places);
  largest ? raise_places(y, list, places) : lower_places(y, list, places);
  return record("scatter_reduce", here, y, {&x, &values}, [&] {
    return [x = Saved(x), values = Saved(values), y = Saved::output(y), places, include_self](Backward& bw) {
      const Here here = bw.here();
      const Winners w = winners(bw.load(x), bw.load(values), bw.load(y), places, include_self, here);
      const Tensor share = bw.grad().div({w.count, here});
      if (bw.needs(0)) bw.give(0, share.mul({w.own, here}));
      if (bw.needs(1)) bw.give(1, read_dense(share, places, here).mul({w.given, here}));
    };
  });
}

// ---- y = x times the sources, by a tree of products of pairs: differentiable to any order where factors are 0, which
// a division by them is not

Tensor list_of(const std::vector<std::int64_t>& values) { return tensor(std::span(values)); }

Tensor products(const Tensor& x, const Tensor& values, const Selection& places, bool include_self, Here here) {
  const std::int64_t* place = data<std::int64_t>(places.places);
  const std::int64_t count = impl(places.places).numel;
  std::vector<std::int64_t> number(static_cast<std::size_t>(impl(x).numel), -1), touched, owners;
  for (std::int64_t k = 0; k < count; ++k) {
    std::int64_t& owner = number[static_cast<std::size_t>(place[k])];
    if (owner < 0) {
      owner = static_cast<std::int64_t>(touched.size());
      touched.push_back(place[k]);
    }
    owners.push_back(owner);
  }
  const Tensor line = x.reshape({-1}, here);
  Tensor factors = values.reshape({-1}, here);
  if (include_self) {
    factors = cat({factors, line.index_select(0, list_of(touched), here)}, 0, here);
    for (std::size_t t = 0; t < touched.size(); ++t) owners.push_back(static_cast<std::int64_t>(t));
  }
  std::vector<std::int64_t> waiting(touched.size(), -1);
  while (owners.size() > touched.size()) {
    std::vector<std::int64_t> first, second, rest, next;
    for (std::size_t k = 0; k < owners.size(); ++k) {
      std::int64_t& partner = waiting[static_cast<std::size_t>(owners[k])];
      if (partner < 0) {
        partner = static_cast<std::int64_t>(k);
        continue;
      }
      first.push_back(std::exchange(partner, -1));
      second.push_back(static_cast<std::int64_t>(k));
      next.push_back(owners[k]);
    }
    for (std::size_t t = 0; t < touched.size(); ++t)
      if (waiting[t] >= 0) {
        rest.push_back(std::exchange(waiting[t], -1));
        next.push_back(static_cast<std::int64_t>(t));
      }
    const Tensor a = factors.index_select(0, list_of(first), here), b = factors.index_select(0, list_of(second), here);
    factors = cat({a.mul({b, here}), factors.index_select(0, list_of(rest), here)}, 0, here);
    owners = std::move(next);
  }
  for (std::size_t k = 0; k < owners.size(); ++k) owners[k] = touched[static_cast<std::size_t>(owners[k])];
  return index_copy({line, here}, 0, {list_of(owners), here}, {factors, here}).reshape(impl(x).shape, here);
}

}  // namespace

Tensor scatter_reduce(const Arg& x, std::int64_t dim, const Arg& index, const Arg& source, std::string_view reduce,
                      bool include_self) {
  const Here here = x.here();
  const bool mean = reduce == "mean";
  check<ValueError>(mean || reduce == "sum" || reduce == "prod" || reduce == "amax" || reduce == "amin", here,
                    "scatter_reduce: expected reduce sum, prod, mean, amax or amin, got \"{}\"", reduce);
  check_sums("scatter_reduce", x);
  check<DtypeError>(x->is_floating_point() || (x->dtype() == Dtype::int64 && !mean), here,
                    "scatter_reduce: no {} of {}", reduce, x->dtype());
  const Selection places = element_places("scatter_reduce", x, dim, index);
  const Tensor values = source_part("scatter_reduce", x, index, source);
  if (reduce == "prod") return products(x.tensor(), values, places, include_self, here);
  if (reduce == "amax" || reduce == "amin")
    return extreme(x.tensor(), values, places, reduce == "amax", include_self, here);
  const Tensor total = sums(x.tensor(), values, places, include_self, here);
  return mean ? total.div({counts(x.tensor(), places, include_self), here}) : total;
}

}  // namespace xgrad
