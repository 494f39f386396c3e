#include <xgrad/nn/rnn_utils.hpp>
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/gather.hpp>
#include <xgrad/ops/join.hpp>
#include <xgrad/ops/shape.hpp>

#include <algorithm>
#include <numeric>
#include <span>

#include "core/check.hpp"
#include "ops/recurrent.hpp"

namespace xgrad::nn::utils::rnn {

using namespace xgrad::detail;

namespace {

using Numbers = std::vector<std::int64_t>;

Tensor listed(const Numbers& numbers) {
  return tensor(std::span<const std::int64_t>(numbers), {static_cast<std::int64_t>(numbers.size())});
}
std::int64_t& at(Numbers& numbers, std::int64_t i) { return numbers[static_cast<std::size_t>(i)]; }
std::int64_t at(const Numbers& numbers, std::int64_t i) { return numbers[static_cast<std::size_t>(i)]; }

// Which rows of what they are taken from make the sequences of these lengths packed.
struct Packing {
  Numbers batch_sizes, rows;
  Tensor sorted_indices;
};
// row(b, t): the place of a sequence's row.
template <class Row>
Packing packing(const char* op, const Numbers& lengths, bool enforce_sorted, Here here, const Row& row) {
  check<ValueError>(!lengths.empty(), here, "{}: there is no sequence to pack", op);
  for (std::size_t b = 0; b < lengths.size(); ++b) {
    check<ValueError>(lengths[b] > 0, here, "{}: lengths must be above 0, got {} of sequence {}", op, lengths[b], b);
    const std::int64_t before = lengths[b == 0 ? 0 : b - 1];
    check<ValueError>(
        !enforce_sorted || lengths[b] <= before, here,
        "{}: lengths must not increase, got {} after {} of sequence {}; enforce_sorted = false sorts them", op,
        lengths[b], before, b);
  }
  Numbers order(lengths.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::int64_t a, std::int64_t b) { return at(lengths, a) > at(lengths, b); });
  Packing result;
  auto live = static_cast<std::int64_t>(order.size());
  for (std::int64_t t = 0; t < at(lengths, order.front()); ++t) {
    while (at(lengths, at(order, live - 1)) <= t) --live;
    result.batch_sizes.push_back(live);
    for (std::int64_t r = 0; r < live; ++r) result.rows.push_back(row(at(order, r), t));
  }
  if (!enforce_sorted) result.sorted_indices = listed(order);
  return result;
}

PackedSequence packed(const Packing& packing, const Tensor& rows, Here here) {
  return {index_select({rows, here}, 0, {listed(packing.rows), here}),
          listed(packing.batch_sizes),
          packing.sorted_indices,
          {},
          here};
}

// A packed sequence from outside: where each time begins, and which sorted row each given sequence is.
struct Layout {
  Numbers begins, places, lengths;

  Layout(const char* op, const PackedSequence& sequence, Here here) {
    check<ValueError>(sequence.data.defined() && sequence.batch_sizes.defined(), here,
                      "{}: the packed sequence has no {}", op, sequence.data.defined() ? "batch_sizes" : "data");
    check<ShapeError>(sequence.data.dim() > 0, here, "{}: the data of a packed sequence must be [S, ...], got {}", op,
                      sequence.data.sizes());
    begins = packed_begins(op, sequence.data, sequence.batch_sizes, here);
    const std::int64_t batch = begins[1];
    if (sequence.unsorted_indices.defined()) {
      const Tensor inverse = invert_permutation(sequence.unsorted_indices, here);
      check<ShapeError>(inverse.size(0) == batch, here, "{}: unsorted_indices must be [{}], got {}", op, batch,
                        inverse.sizes());
      places = sequence.unsorted_indices.to_vector<std::int64_t>();
    } else {
      places.resize(static_cast<std::size_t>(batch));
      std::iota(places.begin(), places.end(), 0);
    }
    Numbers sorted(static_cast<std::size_t>(batch));
    for (std::int64_t t = 0; t < steps(); ++t)
      for (std::int64_t r = 0; r < at(begins, t + 1) - at(begins, t); ++r) ++at(sorted, r);
    for (const std::int64_t place : places) lengths.push_back(at(sorted, place));
  }
  std::int64_t steps() const { return static_cast<std::int64_t>(begins.size()) - 1; }
  std::int64_t batch() const { return static_cast<std::int64_t>(places.size()); }
  std::int64_t row(std::int64_t b, std::int64_t t) const { return at(begins, t) + at(places, b); }
};

// Rows [S, *] in the places of a padded tensor. place(row) of each.
Tensor padded(const Tensor& rows, const Numbers& places, std::int64_t batch, std::int64_t steps, bool batch_first,
              double padding_value, Here here) {
  Shape flat = rows.sizes(), shape = flat;
  flat[0] = batch * steps;
  shape[0] = batch_first ? batch : steps;
  shape.insert(1, batch_first ? steps : batch);
  const Tensor padding =
      full(flat, rows.is_floating_point() ? Scalar(padding_value) : Scalar(static_cast<std::int64_t>(padding_value)),
           {.dtype = rows.dtype()}, here);
  return index_copy({padding, here}, 0, {listed(places), here}, {rows, here}).reshape(shape, here);
}

// The sequences one under the other, once checked.
Tensor joined(const char* op, const TensorList& sequences, Here here) {
  check<ValueError>(!sequences.empty(), here, "{}: there is no sequence", op);
  for (std::size_t b = 0; b < sequences.size(); ++b) {
    const Tensor &s = sequences[b], &first = sequences[0];
    check<ValueError>(s.defined(), here, "{}: sequence {} is undefined", op, b);
    check<ShapeError>(s.dim() > 0, here, "{}: sequence {} must be [L, ...], got {}", op, b, s.sizes());
    check<DtypeError>(s.dtype() == first.dtype(), here, "{}: sequence {} must be {} as the first one, got {}", op, b,
                      first.dtype(), s.dtype());
    Shape rest = s.sizes(), expected = first.sizes();
    rest[0] = expected[0] = 0;
    check<ShapeError>(rest == expected, here,
                      "{}: sequences must differ in their lengths only, the first one is {}, sequence {} is {}", op,
                      first.sizes(), b, s.sizes());
  }
  return cat(sequences, 0, here);
}

Numbers lengths_of(const TensorList& sequences) {
  Numbers lengths;
  for (const Tensor& sequence : sequences) lengths.push_back(sequence.size(0));
  return lengths;
}

// The numbers of a padded tensor's sequences and times.
std::pair<std::int64_t, std::int64_t> padded_sizes(const char* op, const Arg& x, const Numbers& lengths,
                                                   bool batch_first) {
  check<ShapeError>(x->dim() >= 2, x.here(), "{}: expected {}, ...], got {}", op, batch_first ? "[B, T" : "[T, B",
                    x->sizes());
  const std::int64_t batch = x->size(batch_first ? 0 : 1), steps = x->size(batch_first ? 1 : 0);
  check<ShapeError>(static_cast<std::int64_t>(lengths.size()) == batch, x.here(),
                    "{}: expected a length of each of {} sequences, got {}; the padded tensor is {}", op, batch,
                    lengths.size(), x->sizes());
  for (std::size_t b = 0; b < lengths.size(); ++b)
    check<ValueError>(lengths[b] >= 0 && lengths[b] <= steps, x.here(),
                      "{}: lengths must be at most {}, got {} of sequence {}; the padded tensor is {}", op, steps,
                      lengths[b], b, x->sizes());
  return {batch, steps};
}

}  // namespace

PackedSequence::PackedSequence(Tensor data_, Tensor batch_sizes_, Tensor sorted, Tensor unsorted, Here here)
    : data(std::move(data_)),
      batch_sizes(std::move(batch_sizes_)),
      sorted_indices(std::move(sorted)),
      unsorted_indices(std::move(unsorted)) {
  if (!unsorted_indices.defined()) unsorted_indices = invert_permutation(sorted_indices, here);
  if (!sorted_indices.defined()) sorted_indices = invert_permutation(unsorted_indices, here);
}
PackedSequence PackedSequence::to(Dtype dtype, Here here) const {
  return {data.to(dtype, here), batch_sizes, sorted_indices, unsorted_indices, here};
}
PackedSequence PackedSequence::from_list(const TensorList& list, std::size_t& next) {
  next += 4;
  return {list[next - 4], list[next - 3], list[next - 2], list[next - 1]};
}

std::vector<std::int64_t> Lengths::list(const char* op, Here here) const {
  if (!tensor_.defined()) return list_;
  check<DtypeError>(tensor_.dtype() == int64, here, "{}: lengths must be int64, got {}", op, tensor_.dtype());
  check<ShapeError>(tensor_.dim() == 1, here, "{}: lengths must be [B], got {}", op, tensor_.sizes());
  return tensor_.to_vector<std::int64_t>();
}

PackedSequence pack_padded_sequence(const Arg& input, const Lengths& lengths,
                                    const PackPaddedSequenceOptions& options) {
  const char* op = "pack_padded_sequence";
  const Here here = input.here();
  const Numbers list = lengths.list(op, here);
  const auto [batch, steps] = padded_sizes(op, input, list, options.batch_first);
  const auto row = [&, batch = batch, steps = steps](std::int64_t b, std::int64_t t) {
    return options.batch_first ? b * steps + t : t * batch + b;
  };
  const Packing chosen = packing(op, list, options.enforce_sorted, here, row);
  return packed(chosen, input->flatten(0, 1, here), here);
}

std::pair<Tensor, Tensor> pad_packed_sequence(const PackedSequence& sequence, const PadPackedSequenceOptions& options,
                                              Here here) {
  const char* op = "pad_packed_sequence";
  const Layout layout(op, sequence, here);
  const std::int64_t steps = options.total_length.value_or(layout.steps()), batch = layout.batch();
  check<ValueError>(steps >= layout.steps(), here, "{}: total_length must be at least the greatest length {}, got {}",
                    op, layout.steps(), steps);
  Numbers places(static_cast<std::size_t>(layout.begins.back()));
  for (std::int64_t b = 0; b < batch; ++b)
    for (std::int64_t t = 0; t < at(layout.lengths, b); ++t)
      at(places, layout.row(b, t)) = options.batch_first ? b * steps + t : t * batch + b;
  return {padded(sequence.data, places, batch, steps, options.batch_first, options.padding_value, here),
          listed(layout.lengths)};
}

Tensor pad_sequence(const TensorList& sequences, const PadSequenceOptions& options, Here here) {
  const Tensor rows = joined("pad_sequence", sequences, here);
  const Numbers lengths = lengths_of(sequences);
  const auto batch = static_cast<std::int64_t>(lengths.size());
  const std::int64_t steps = *std::max_element(lengths.begin(), lengths.end());
  Numbers places;
  for (std::int64_t b = 0; b < batch; ++b)
    for (std::int64_t t = 0; t < at(lengths, b); ++t)
      places.push_back(options.batch_first ? b * steps + t : t * batch + b);
  return padded(rows, places, batch, steps, options.batch_first, options.padding_value, here);
}

TensorList unpad_sequence(const Arg& padded_sequences, const Lengths& lengths, bool batch_first) {
  const Here here = padded_sequences.here();
  const Numbers list = lengths.list("unpad_sequence", here);
  padded_sizes("unpad_sequence", padded_sequences, list, batch_first);
  TensorList sequences;
  for (std::size_t b = 0; b < list.size(); ++b)
    sequences.push_back(
        padded_sequences->select(batch_first ? 0 : 1, static_cast<std::int64_t>(b), here).narrow(0, 0, list[b], here));
  return sequences;
}

PackedSequence pack_sequence(const TensorList& sequences, bool enforce_sorted, Here here) {
  const Tensor rows = joined("pack_sequence", sequences, here);
  const Numbers lengths = lengths_of(sequences);
  Numbers begins{0};
  for (const std::int64_t length : lengths) begins.push_back(begins.back() + length);
  const auto row = [&](std::int64_t b, std::int64_t t) { return at(begins, b) + t; };
  return packed(packing("pack_sequence", lengths, enforce_sorted, here, row), rows, here);
}

TensorList unpack_sequence(const PackedSequence& packed_sequences, Here here) {
  const Layout layout("unpack_sequence", packed_sequences, here);
  Numbers rows;
  for (std::int64_t b = 0; b < layout.batch(); ++b)
    for (std::int64_t t = 0; t < at(layout.lengths, b); ++t) rows.push_back(layout.row(b, t));
  const Tensor together = index_select({packed_sequences.data, here}, 0, {listed(rows), here});
  return split({together, here}, Shape(layout.lengths), 0);
}

Tensor invert_permutation(const Tensor& permutation, Here here) {
  if (!permutation.defined()) return {};
  check<DtypeError>(permutation.dtype() == int64, here, "invert_permutation: expected int64, got {}",
                    permutation.dtype());
  check<ShapeError>(permutation.dim() == 1, here, "invert_permutation: expected [n], got {}", permutation.sizes());
  const Numbers places = permutation.to_vector<std::int64_t>();
  const auto count = static_cast<std::int64_t>(places.size());
  Numbers inverse(places.size(), -1);
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t place = at(places, i);
    check<ValueError>(place >= 0 && place < count && at(inverse, place) < 0, here,
                      "invert_permutation: expected each of 0..{} once, got {} at {}", count - 1, place, i);
    at(inverse, place) = i;
  }
  return listed(inverse);
}

}  // namespace xgrad::nn::utils::rnn
