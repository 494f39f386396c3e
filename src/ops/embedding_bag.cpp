#include "ops/embedding_bag.hpp"

#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/embedding_bag.hpp>
#include <xgrad/ops/gather.hpp>
#include <xgrad/ops/masked.hpp>

#include <algorithm>
#include <memory>

#include "core/check.hpp"
#include "core/dispatch.hpp"
#include "kernels/bag.hpp"
#include "kernels/copy.hpp"
#include "kernels/row_gradient.hpp"
#include "ops/selection.hpp"
#include "tape/node.hpp"

namespace xgrad {

using namespace detail;

namespace {

using Pairs = std::shared_ptr<const RowPairs>;
Pairs reversed(const Pairs& pairs) { return std::make_shared<const RowPairs>(RowPairs{pairs->to, pairs->from}); }

// Two maps that are each other's gradients, over pairs k of a row from[k] and a row to[k]:
//   y[r] = sum over to[k] = r of s_k x[from[k]]:  dx = the same from to to from, of dy;  ds_k = x[from[k]] . dy[to[k]]
// (with shares, dx is that of s_k share_k: a convention, not a derivative)
//   y_k = a[from[k]] . b[to[k]]:                  da = sums of dy_k b[to[k]];            db = sums of dy_k a[from[k]]
Tensor row_dots(Here here, const Pairs& pairs, const Tensor& a, const Tensor& b);

Tensor row_sums(Here here, const Pairs& pairs, const Tensor& table, const Tensor& factors, std::int64_t rows,
                const Tensor& shares = {}) {
  const std::int64_t width = impl(table).shape[1];
  Tensor y = make_tensor({rows, width}, impl(table).dtype);
  const Tensor from = dense(table), by = factors.defined() ? dense(factors) : factors;
  dispatch_floating(impl(table).dtype, [&]<class T>() {
    sum_row_pairs(*pairs, data<T>(from), by.defined() ? data<T>(by) : nullptr, rows, width, data<T>(y));
  });
  return record("embedding_bag", here, std::move(y), {&table, &factors}, [&] {
    return [pairs, shares, table = Saved::input_if(requires_grad(factors), table),
            factors = Saved::input_if(factors.defined(), factors)](Backward& bw) {
      Tensor by = factors.defined() ? bw.load(factors) : Tensor();
      if (shares.defined()) by = by.defined() ? by.mul({shares, bw.here()}) : shares;
      if (bw.needs(0)) {
        const std::int64_t rows = bw.input_shape(0)[0];
        // What touches much of the table is smaller as a table.
        if (bw.keeps_rows(0) && 4 * pairs->count() <= rows) {
          const Tensor at = tensor(std::span(pairs->from)), bags = tensor(std::span(pairs->to));
          const Tensor values = bw.grad().index_select(0, bags);
          bw.give_rows(0, sum_rows(at, by.defined() ? values.mul({by.unsqueeze(1), bw.here()}) : values, rows));
        } else {
          bw.give(0, row_sums(bw.here(), reversed(pairs), bw.grad(), by, rows));
        }
      }
      if (factors.defined() && bw.needs(1)) bw.give(1, row_dots(bw.here(), pairs, bw.load(table), bw.grad()));
    };
  });
}

Tensor row_dots(Here here, const Pairs& pairs, const Tensor& a, const Tensor& b) {
  Tensor y = make_tensor({pairs->count()}, impl(a).dtype);
  const Tensor x = dense(a), z = dense(b);
  dispatch_floating(impl(a).dtype,
                    [&]<class T>() { dot_row_pairs(*pairs, data<T>(x), data<T>(z), impl(a).shape[1], data<T>(y)); });
  return record("embedding_bag", here, std::move(y), {&a, &b}, [&] {
    return [pairs, a = Saved::input_if(requires_grad(b), a), b = Saved::input_if(requires_grad(a), b)](Backward& bw) {
      if (bw.needs(0)) bw.give(0, row_sums(bw.here(), reversed(pairs), bw.load(b), bw.grad(), bw.input_shape(0)[0]));
      if (bw.needs(1)) bw.give(1, row_sums(bw.here(), pairs, bw.load(a), bw.grad(), bw.input_shape(1)[0]));
    };
  });
}

// The largest of each column of a bag; its places are gathered, so that the gradient goes there.
Tensor row_maxima(Here here, const RowPairs& pairs, const Tensor& table, std::int64_t bags) {
  const std::int64_t width = impl(table).shape[1];
  Tensor places = make_tensor({bags, width}, Dtype::int64);
  const Tensor from = dense(table);
  dispatch_floating(impl(table).dtype, [&]<class T>() {
    largest_of_row_pairs(pairs, data<T>(from), bags, width, data<std::int64_t>(places));
  });
  const Tensor empty = places.lt({0, here});
  // An empty table has no row that could stand for none.
  if (impl(table).shape[0] == 0) return make_zeros({bags, width}, impl(table).dtype);
  std::int64_t* place = data<std::int64_t>(places);
  for (std::int64_t i = 0; i < impl(places).numel; ++i)
    place[i] = place[i] < 0 ? 0 : pairs.from[static_cast<std::size_t>(place[i])];
  return gather({table, here}, 0, {places, here}).masked_fill(empty, 0, here);
}

enum class Mode { sum, mean, max };

Mode mode_named(std::string_view name, Here here) {
  if (name == "sum") return Mode::sum;
  if (name == "mean") return Mode::mean;
  check<ValueError>(name == "max", here, "embedding_bag: expected mode sum, mean or max, got \"{}\"", name);
  return Mode::max;
}

void check_arguments(const Tensor& input, const Tensor& weight, const Tensor& offsets, const EmbeddingBagOptions& o,
                     Mode mode, Here here) {
  check<ShapeError>(weight.dim() == 2, here, "embedding_bag: expected a weight of two dimensions, got {}",
                    weight.sizes());
  check_floating("embedding_bag", weight, here);
  check<DtypeError>(input.dtype() == Dtype::int64, here, "embedding_bag: expected an input of int64, got {}",
                    input.dtype());
  check<ShapeError>(input.dim() == 1 || input.dim() == 2, here,
                    "embedding_bag: expected an input [N] with offsets or [B, n], got {}", input.sizes());
  check<ShapeError>(offsets.defined() == (input.dim() == 1), here,
                    "embedding_bag: expected offsets with an input [N] and none with [B, n], input is {}",
                    input.sizes());
  check<ValueError>(!o.scale_grad_by_freq || mode != Mode::max, here,
                    "embedding_bag: mode max has no scale_grad_by_freq");
  if (offsets.defined()) {
    check<ShapeError>(offsets.dim() == 1, here, "embedding_bag: expected offsets [B], got {}", offsets.sizes());
    check<DtypeError>(offsets.dtype() == Dtype::int64, here, "embedding_bag: expected offsets of int64, got {}",
                      offsets.dtype());
    check<ShapeError>(!o.include_last_offset || offsets.numel() > 0, here,
                      "embedding_bag: expected an offset with include_last_offset, got none");
  }
  if (const Tensor& factors = o.per_sample_weights; factors.defined()) {
    check<ValueError>(mode == Mode::sum, here, "embedding_bag: per_sample_weights are for mode sum, got {}", o.mode);
    check<ShapeError>(factors.sizes() == input.sizes(), here,
                      "embedding_bag: expected per_sample_weights of shape {}, got {}", input.sizes(), factors.sizes());
    check_same_dtype("embedding_bag", weight, factors, here);
  }
}

// Where each bag begins, and where the last one ends.
std::vector<std::int64_t> bag_ends(const Tensor& input, const Tensor& offsets, bool include_last, Here here) {
  std::vector<std::int64_t> ends;
  if (!offsets.defined()) {
    for (std::int64_t b = 0; b <= input.size(0); ++b) ends.push_back(b * input.size(1));
    return ends;
  }
  ends = offsets.to_vector<std::int64_t>();
  if (!include_last) ends.push_back(input.numel());
  check<IndexError>(ends.size() == 1 || ends[0] == 0, here, "embedding_bag: expected 0 as the first offset, got {}",
                    ends[0]);
  for (std::size_t b = 1; b < ends.size(); ++b)
    check<IndexError>(ends[b - 1] <= ends[b] && ends[b] <= input.numel(), here,
                      "embedding_bag: expected offsets that do not fall, up to {}, got {} after {}", input.numel(),
                      ends[b], ends[b - 1]);
  return ends;
}

// What is looked up, without a fault.
struct Lookup {
  Mode mode;
  std::int64_t left_out;
  std::vector<std::int64_t> index, ends;
};
Lookup checked(const Arg& input, const Arg& weight, const Tensor& offsets, const EmbeddingBagOptions& options) {
  const Here here = input.here();
  const Mode mode = mode_named(options.mode, here);
  check_arguments(input.tensor(), weight.tensor(), offsets, options, mode, here);
  const std::int64_t rows = weight->size(0), padding = options.padding_idx.value_or(rows);
  check<IndexError>(!options.padding_idx || (padding >= -rows && padding < rows), here,
                    "embedding_bag: padding_idx {} is out of range for {} rows", padding, rows);
  std::vector<std::int64_t> index = input->to_vector<std::int64_t>();
  for (const std::int64_t row : index)
    check<IndexError>(row >= 0 && row < rows, here, "embedding_bag: index {} is out of range for {} rows", row, rows);
  return {mode, padding < 0 ? padding + rows : padding, std::move(index),
          bag_ends(input.tensor(), offsets, options.include_last_offset, here)};
}

}  // namespace

void detail::check_embedding_bag(const Arg& input, const Arg& weight, const Tensor& offsets,
                                 const EmbeddingBagOptions& options) {
  checked(input, weight, offsets, options);
}

Tensor embedding_bag(const Arg& input, const Arg& weight, const Tensor& offsets, const EmbeddingBagOptions& options) {
  const Here here = input.here();
  const auto [mode, left_out, index, ends] = checked(input, weight, offsets, options);
  const std::int64_t bags = static_cast<std::int64_t>(ends.size()) - 1;

  RowPairs pairs;
  std::vector<std::int64_t> kept;
  std::vector<double> shares;
  for (std::int64_t b = 0; b < bags; ++b) {
    const std::size_t before = kept.size();
    for (std::int64_t k = ends[static_cast<std::size_t>(b)]; k < ends[static_cast<std::size_t>(b) + 1]; ++k) {
      const std::int64_t row = index[static_cast<std::size_t>(k)];
      if (row == left_out) continue;
      pairs.from.push_back(row);
      pairs.to.push_back(b);
      kept.push_back(k);
    }
    if (mode == Mode::mean) shares.resize(kept.size(), 1 / static_cast<double>(kept.size() - before));
  }
  const Tensor& table = weight.tensor();
  if (mode == Mode::max) return row_maxima(here, pairs, table, bags);
  Tensor factors, by_frequency;
  if (options.scale_grad_by_freq)
    by_frequency =
        shares_by_frequency(tensor(std::span(std::as_const(pairs.from))), weight->size(0)).to(weight->dtype(), here);
  if (mode == Mode::mean) {
    factors = tensor(std::span(std::as_const(shares))).to(weight->dtype(), here);
  } else if (options.per_sample_weights.defined()) {
    factors = options.per_sample_weights.reshape({-1}, here);
    if (kept.size() < index.size()) factors = factors.index_select(0, tensor(std::span(std::as_const(kept))), here);
  }
  return row_sums(here, std::make_shared<const RowPairs>(std::move(pairs)), table, factors, bags, by_frequency);
}

}  // namespace xgrad
