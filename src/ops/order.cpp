#include "ops/order.hpp"

#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/order.hpp>

#include "kernels/copy.hpp"

namespace xgrad {

using namespace detail;

namespace detail {

Tensor lines_along(const Tensor& x, std::int64_t dim) {
  const TensorImpl& from = impl(x);
  if (from.shape.empty()) return dense(x);
  const auto at = static_cast<std::size_t>(dim);
  Shape shape = from.shape, strides = from.strides;
  shape.erase(at);
  strides.erase(at);
  shape.push_back(from.shape[at]);
  strides.push_back(from.strides[at]);
  return dense(make_view(x, shape, strides, from.offset));
}

Tensor lines_back(const Tensor& rows, std::int64_t dim) {
  const TensorImpl& from = impl(rows);
  if (from.shape.empty() || dim + 1 == static_cast<std::int64_t>(from.shape.size())) return rows;
  const auto at = static_cast<std::size_t>(dim);
  Shape shape(from.shape.data(), from.shape.size() - 1), strides(from.strides.data(), shape.size());
  shape.insert(at, from.shape.back());
  strides.insert(at, from.strides.back());
  const Tensor result = make_tensor(shape, from.dtype);
  copy_elements(result, make_view(rows, shape, strides, from.offset));
  return result;
}

std::pair<Tensor, Tensor> record_picked(const char* name, Here here, const Tensor& x, Tensor values, Tensor places,
                                        std::int64_t dim, bool kept) {
  Tensor recorded = record(name, here, std::move(values), {&x}, [&] {
    return [places = Saved(places), dim, kept = kept || x.dim() == 0](Backward& bw) {
      const Here here = bw.here();
      Tensor index = bw.load(places), grad = bw.grad();
      if (!kept) {
        index = index.unsqueeze(dim, here);
        grad = grad.unsqueeze(dim, here);
      }
      bw.give(0, zeros(bw.input_shape(0), {.dtype = grad.dtype()}, here).scatter_add(dim, index, grad, here));
    };
  });
  return {std::move(recorded), std::move(places)};
}

}  // namespace detail

namespace {

std::pair<Tensor, Tensor> ranked(const char* name, const Arg& x, std::pair<Tensor, Tensor> picked, std::int64_t dim) {
  return record_picked(name, x.here(), x.tensor(), std::move(picked.first), std::move(picked.second), dim, true);
}

// ---- sort: y = x[p] with the places p in ascending order; dx[p] = dy. Unstable, topk and kthvalue are PyTorch's
// algorithms, so that of equal elements the same ones are taken.

std::pair<Tensor, Tensor> sorted(const Tensor& x, std::int64_t dim, bool descending, bool stable) {
  return pick_along(x, dim, line_size(x, dim),
                    [=]<class T>(const T* line, std::int64_t n, Entry<T>* entries, std::int64_t* chosen) {
                      fill_entries(line, n, descending, entries);
                      if (stable)
                        std::sort(entries, entries + n, InOrder());
                      else
                        std::sort(entries, entries + n);
                      for (std::int64_t i = 0; i < n; ++i) chosen[i] = entries[i].place;
                    });
}

// ---- topk: the first k of them

std::pair<Tensor, Tensor> best(const Tensor& x, std::int64_t k, std::int64_t dim, bool largest, bool in_order) {
  return pick_along(x, dim, k, [=]<class T>(const T* line, std::int64_t n, Entry<T>* entries, std::int64_t* chosen) {
    fill_entries(line, n, largest, entries);
    if (k * 64 <= n) {
      std::partial_sort(entries, entries + k, entries + n);
    } else {
      std::nth_element(entries, entries + k - 1, entries + n);
      if (in_order) std::sort(entries, entries + k - 1);
    }
    for (std::int64_t i = 0; i < k; ++i) chosen[i] = entries[i].place;
  });
}

}  // namespace

std::pair<Tensor, Tensor> sort(const Arg& x, std::int64_t dim, bool descending, bool stable) {
  dim = wrap_dim("sort", dim, x->dim(), x.here());
  return ranked("sort", x, sorted(x.tensor(), dim, descending, stable), dim);
}

Tensor argsort(const Arg& x, std::int64_t dim, bool descending, bool stable) {
  dim = wrap_dim("argsort", dim, x->dim(), x.here());
  return sorted(x.tensor(), dim, descending, stable).second;
}

Tensor msort(const Arg& x) { return ranked("msort", x, sorted(x.tensor(), 0, false, false), 0).first; }

std::pair<Tensor, Tensor> topk(const Arg& x, std::int64_t k, std::int64_t dim, bool largest, bool in_order) {
  dim = wrap_dim("topk", dim, x->dim(), x.here());
  check<ValueError>(k >= 0 && k <= line_size(x.tensor(), dim), x.here(),
                    "topk: expected a k from 0 to the size of dimension {} of {}, got {}", dim, x->sizes(), k);
  // What has no dimension cannot lose its element.
  if (x->dim() == 0) k = 1;
  return ranked("topk", x, best(x.tensor(), k, dim, largest, in_order), dim);
}

}  // namespace xgrad
