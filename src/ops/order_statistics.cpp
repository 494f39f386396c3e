// One element of each line: the k-th, the middle one, the most frequent one.
#include <xgrad/ops/order.hpp>

#include <limits>

#include "kernels/copy.hpp"
#include "ops/order.hpp"
#include "ops/reduce_common.hpp"

namespace xgrad {
namespace {

using namespace detail;

// y = x[p] along dim for the place that `pick` finds; dx[p] = dy.
template <class Pick>
std::pair<Tensor, Tensor> pick_one(const char* name, const Arg& x, std::int64_t dim, bool keepdim, const Pick& pick) {
  const Reduction r = reduction(name, x.tensor(), {dim}, x.here());
  check<ShapeError>(r.count > 0 || numel(r.out) == 0, x.here(), "{}: expected elements along dim {}, x is {}", name,
                    dim, x->sizes());
  dim = wrap_dim(name, dim, x->dim(), x.here());
  auto [values, places] = pick_along(x.tensor(), dim, 1, pick);
  if (!keepdim) {
    const Shape strides = contiguous_strides(r.out);
    values = make_alias(make_view(values, r.out, strides, impl(values).offset));
    places = make_alias(make_view(places, r.out, strides, impl(places).offset));
  }
  return record_picked(name, x.here(), x.tensor(), std::move(values), std::move(places), dim, keepdim);
}

// ---- kthvalue

// Brings the element of this rank to its place, as Numerical Recipes (8.5) and PyTorch do, so that of equal elements
// the same one is found.
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

// ---- median: the element of rank (m - 1) / 2 among the m that count, equal ones in the order of the line

template <bool IgnoreNan>
struct Middle {
  template <class T>
  void operator()(const T* line, std::int64_t n, Entry<T>* entries, std::int64_t* chosen) const {
    const T* first = std::find_if(line, line + n, is_nan<T>);
    const std::int64_t missing = std::count_if(first, line + n, is_nan<T>);
    if (missing == n || (missing > 0 && !IgnoreNan)) {
      *chosen = first - line;
      return;
    }
    const std::int64_t rank = (n - missing - 1) / 2;
    fill_entries(line, n, false, entries);
    std::nth_element(entries, entries + rank, entries + n, InOrder());
    *chosen = entries[rank].place;
  }
};

// Of all elements: dx = dy / m for each of the m elements equal to y.
template <bool IgnoreNan>
Tensor median_of_all(const char* name, const Arg& arg) {
  const Tensor& x = arg.tensor();
  check<ShapeError>(x.numel() > 0 || x.is_floating_point(), arg.here(), "{}: expected elements, x is {} of {}", name,
                    x.sizes(), x.dtype());
  Tensor y = make_tensor({}, x.dtype());
  if (x.numel() == 0) {
    fill_elements(y, std::numeric_limits<double>::quiet_NaN());
  } else {
    const Tensor packed = dense(x), line = make_view(packed, {x.numel()}, {1}, impl(packed).offset);
    const Tensor found = pick_along(line, 0, 1, Middle<IgnoreNan>()).first;
    y = make_alias(make_view(found, {}, {}, impl(found).offset));
  }
  return record(name, arg.here(), y, {&x}, [&] {
    return [x = Saved(x), y = Saved::output(y)](Backward& bw) {
      const Tensor input = bw.load(x);
      const Shape dims = reduction("median", input, {}, bw.here()).dims;
      bw.give(0, tie_weights(input, bw.load(y), dims, bw.here()).mul({bw.grad(), bw.here()}));
    };
  });
}

// ---- mode

// The last element of the longest run, in ascending order, of equal elements; a NaN equals nothing.
template <class T>
std::int64_t most_frequent(const T* line, std::int64_t n, Entry<T>* entries) {
  fill_entries(line, n, false, entries);
  std::sort(entries, entries + n);
  std::int64_t best = 0, longest = 0, run = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    ++run;
    if (i + 1 < n && entries[i + 1].key == entries[i].key && !is_nan(line[entries[i].place])) continue;
    if (run > longest) {
      longest = run;
      best = entries[i].place;
    }
    run = 0;
  }
  return best;
}

}  // namespace

std::pair<Tensor, Tensor> kthvalue(const Arg& x, std::int64_t k, std::int64_t dim, bool keepdim) {
  const std::int64_t at = wrap_dim("kthvalue", dim, x->dim(), x.here()), size = line_size(x.tensor(), at);
  check<ValueError>((k >= 1 && k <= size) || size == 0, x.here(),
                    "kthvalue: expected a k from 1 to the size of dimension {} of {}, got {}", at, x->sizes(), k);
  return pick_one("kthvalue", x, dim, keepdim,
                  [k]<class T>(const T* line, std::int64_t n, Entry<T>* entries, std::int64_t* chosen) {
                    fill_entries(line, n, false, entries);
                    select_rank(entries, n, k - 1);
                    *chosen = entries[k - 1].place;
                  });
}

Tensor median(const Arg& x) { return median_of_all<false>("median", x); }
Tensor nanmedian(const Arg& x) { return median_of_all<true>("nanmedian", x); }
std::pair<Tensor, Tensor> median(const Arg& x, std::int64_t dim, bool keepdim) {
  return pick_one("median", x, dim, keepdim, Middle<false>());
}
std::pair<Tensor, Tensor> nanmedian(const Arg& x, std::int64_t dim, bool keepdim) {
  return pick_one("nanmedian", x, dim, keepdim, Middle<true>());
}

std::pair<Tensor, Tensor> mode(const Arg& x, std::int64_t dim, bool keepdim) {
  return pick_one("mode", x, dim, keepdim,
                  []<class T>(const T* line, std::int64_t n, Entry<T>* entries, std::int64_t* chosen) {
                    *chosen = most_frequent(line, n, entries);
                  });
}

}  // namespace xgrad
