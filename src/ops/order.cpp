#include "ops/order.hpp"

#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/order.hpp>

namespace xgrad {

using namespace detail;

namespace detail {

Lines lines_along(const Tensor& x, std::int64_t dim) {
  const TensorImpl& from = impl(x);
  if (from.shape.empty()) return {dense(make_view(x, {1}, {1}, from.offset)), 0, 1, 1};
  Shape shape = from.shape, strides = from.strides;
  const auto at = static_cast<std::size_t>(dim);
  const std::int64_t size = shape[at], stride = strides[at];
  shape.erase(at), strides.erase(at);
  shape.push_back(size), strides.push_back(stride);
  return {dense(make_view(x, shape, strides, from.offset)), dim, size, size == 0 ? 0 : from.numel / size};
}

Tensor from_lines(const Tensor& rows, std::int64_t dim) {
  const TensorImpl& from = impl(rows);
  Shape shape, strides;
  const std::size_t last = from.shape.size() - 1;
  for (std::size_t d = 0; d < last; ++d) {
    if (d == static_cast<std::size_t>(dim)) shape.push_back(from.shape[last]), strides.push_back(from.strides[last]);
    shape.push_back(from.shape[d]), strides.push_back(from.strides[d]);
  }
  if (static_cast<std::size_t>(dim) == last) shape.push_back(from.shape[last]), strides.push_back(from.strides[last]);
  return dense(make_view(rows, shape, strides, from.offset));
}

void give_at(Backward& bw, Tensor places, std::int64_t dim, bool kept) {
  const Here here = bw.here();
  Tensor grad = bw.grad();
  if (!kept) {
    places = places.unsqueeze(dim, here);
    grad = grad.unsqueeze(dim, here);
  }
  bw.give(0, zeros(bw.input_shape(0), {.dtype = grad.dtype()}, here).scatter_add(dim, places, grad, here));
}

std::pair<Tensor, Tensor> record_picked(const char* name, Here here, const Tensor& x, std::pair<Tensor, Tensor> picked,
                                        std::int64_t dim, bool kept) {
  Tensor values = record(name, here, std::move(picked.first), {&x}, [&] {
    return [places = Saved(picked.second), dim, kept = kept || x.dim() == 0](Backward& bw) {
      give_at(bw, bw.load(places), dim, kept);
    };
  });
  return {std::move(values), std::move(picked.second)};
}

}  // namespace detail

namespace {

// ---- sort: y = x[p], p the places in ascending order; dx = dy at p

std::pair<Tensor, Tensor> sorted_along(const Tensor& x, std::int64_t dim, bool descending) {
  return pick_along(x, dim, x.dim() == 0 ? 1 : x.size(dim), x.sizes(),
                    [descending, n = x.dim() == 0 ? 1 : x.size(dim)]<class T>(const T* line, Entry<T>* entries,
                                                                              std::int64_t* chosen) {
                      fill_entries(line, n, descending, entries);
                      std::sort(entries, entries + n, before<T>);
                      for (std::int64_t i = 0; i < n; ++i) chosen[i] = entries[i].place;
                    });
}

// ---- topk: the same of the k best. The algorithms are those of PyTorch, so that of equal elements the same are taken.

std::pair<Tensor, Tensor> best_along(const Tensor& x, std::int64_t k, std::int64_t dim, bool largest, bool sorted) {
  const std::int64_t n = x.dim() == 0 ? 1 : x.size(dim);
  Shape shape = x.sizes();
  if (x.dim() > 0) shape[static_cast<std::size_t>(dim)] = k;
  return pick_along(x, dim, k, shape, [=]<class T>(const T* line, Entry<T>* entries, std::int64_t* chosen) {
    fill_entries(line, n, largest, entries);
    if (k * 64 <= n) {
      std::partial_sort(entries, entries + k, entries + n);
    } else {
      std::nth_element(entries, entries + k - 1, entries + n);
      if (sorted) std::sort(entries, entries + k - 1);
    }
    for (std::int64_t i = 0; i < k; ++i) chosen[i] = entries[i].place;
  });
}

}  // namespace

std::pair<Tensor, Tensor> sort(const Arg& x, std::int64_t dim, bool descending, bool) {
  dim = wrap_dim("sort", dim, x->dim(), x.here());
  return record_picked("sort", x.here(), x.tensor(), sorted_along(x.tensor(), dim, descending), dim, true);
}

Tensor argsort(const Arg& x, std::int64_t dim, bool descending, bool) {
  return sorted_along(x.tensor(), wrap_dim("argsort", dim, x->dim(), x.here()), descending).second;
}

Tensor msort(const Arg& x) {
  return record_picked("msort", x.here(), x.tensor(), sorted_along(x.tensor(), 0, false), 0, true).first;
}

std::pair<Tensor, Tensor> topk(const Arg& x, std::int64_t k, std::int64_t dim, bool largest, bool sorted) {
  dim = wrap_dim("topk", dim, x->dim(), x.here());
  const std::int64_t size = x->dim() == 0 ? 1 : x->size(dim);
  check<ValueError>(k >= 0 && k <= size, x.here(),
                    "topk: k must be from 0 to the size of dimension {}, got {}; x is {}", dim, k, x->sizes());
  // What has no dimension cannot lose its element.
  if (x->dim() == 0) k = 1;
  return record_picked("topk", x.here(), x.tensor(), best_along(x.tensor(), k, dim, largest, sorted), dim, true);
}

std::pair<Tensor, Tensor> Tensor::sort(std::int64_t dim, bool descending, bool stable, Here here) const {
  return xgrad::sort({*this, here}, dim, descending, stable);
}
Tensor Tensor::argsort(std::int64_t dim, bool descending, bool stable, Here here) const {
  return xgrad::argsort({*this, here}, dim, descending, stable);
}

std::pair<Tensor, Tensor> Tensor::topk(std::int64_t k, std::int64_t dim, bool largest, bool sorted, Here here) const {
  return xgrad::topk({*this, here}, k, dim, largest, sorted);
}

}  // namespace xgrad
