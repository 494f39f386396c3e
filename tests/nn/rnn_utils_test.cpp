// Padding, packing and their inverses, against lists written down.
#include <xgrad/nn/rnn_utils.hpp>
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/equality.hpp>
#include <xgrad/random.hpp>
#include <xgrad/testing.hpp>

#include <doctest/doctest.h>
#include <vector>

#include "support/errors.hpp"

namespace xg = xgrad;
namespace rnn = xgrad::nn::utils::rnn;
using rnn::PackedSequence;
using test::mentions;
using test::message_of;
using xg::Tensor;
using xg::TensorList;

namespace {

using Numbers = std::vector<std::int64_t>;
const xg::TensorOptions f64{.dtype = xg::float64, .requires_grad = true};

Numbers numbers(const Tensor& tensor) { return tensor.to_vector<std::int64_t>(); }

}  // namespace

TEST_CASE("padding and unpadding lists of sequences") {
  const Tensor a = xg::tensor({1.0, 2.0, 3.0}), b = xg::tensor({4.0}), c = xg::tensor({5.0, 6.0});
  const Tensor padded = rnn::pad_sequence({a, b, c}, {.batch_first = true, .padding_value = -1});
  CHECK(xg::equal(padded, xg::tensor({{1.0, 2.0, 3.0}, {4.0, -1.0, -1.0}, {5.0, 6.0, -1.0}})));
  CHECK(xg::equal(rnn::pad_sequence({a, b, c}), xg::tensor({{1.0, 4.0, 5.0}, {2.0, 0.0, 6.0}, {3.0, 0.0, 0.0}})));
  const TensorList back = rnn::unpad_sequence(padded, {3, 1, 2}, true);
  REQUIRE(back.size() == 3);
  CHECK(back[0].is_view());
  CHECK(xg::equal(back[0], a));
  CHECK(xg::equal(back[1], b));
  CHECK(xg::equal(back[2], c));
  CHECK(rnn::unpad_sequence(padded, xg::tensor({0, 1, 2}), true)[0].numel() == 0);
  CHECK(xg::equal(rnn::unpad_sequence(rnn::pad_sequence({a, c}), {3, 2})[1], c));

  // Of any dtype and further sizes, and of no length at all.
  const Tensor tokens = rnn::pad_sequence({xg::tensor({7, 8}), xg::tensor({9})}, {.padding_value = 3});
  CHECK(tokens.dtype() == xg::int64);
  CHECK(numbers(tokens) == Numbers{7, 9, 8, 3});
  const Tensor rows = rnn::pad_sequence({xg::ones({2, 2, 3}), xg::zeros({0, 2, 3})});
  CHECK((rows.sizes() == xg::Shape{2, 2, 2, 3}));
  CHECK(rows.sum().item<double>() == 12);
  CHECK((rnn::pad_sequence({xg::zeros({0, 4})}).sizes() == xg::Shape{0, 1, 4}));

  const auto f = [](const Tensor& a, const Tensor& b) { return rnn::pad_sequence({a, b}, {.batch_first = true}); };
  CHECK(xg::gradcheck(f, {xg::randn({2, 2}, f64), xg::randn({3, 2}, f64)}));
  CHECK(xg::gradgradcheck(f, {xg::randn({2, 2}, f64), xg::randn({3, 2}, f64)}));
}

TEST_CASE("packing and unpacking lists of sequences") {
  const Tensor a = xg::tensor({1, 2, 3}), b = xg::tensor({4}), c = xg::tensor({5, 6, 7, 8});
  const PackedSequence packed = rnn::pack_sequence({a, b, c}, false);
  CHECK(numbers(packed.data) == Numbers{5, 1, 4, 6, 2, 7, 3, 8});
  CHECK(numbers(packed.batch_sizes) == Numbers{3, 2, 2, 1});
  CHECK(numbers(packed.sorted_indices) == Numbers{2, 0, 1});
  CHECK(numbers(packed.unsorted_indices) == Numbers{1, 2, 0});
  const TensorList back = rnn::unpack_sequence(packed);
  REQUIRE(back.size() == 3);
  CHECK(xg::equal(back[0], a));
  CHECK(xg::equal(back[1], b));
  CHECK(xg::equal(back[2], c));
  const auto [padded, lengths] = rnn::pad_packed_sequence(packed, {.batch_first = true, .total_length = 5});
  CHECK(numbers(padded) == Numbers{1, 2, 3, 0, 0, 4, 0, 0, 0, 0, 5, 6, 7, 8, 0});
  CHECK(numbers(lengths) == Numbers{3, 1, 4});

  // Only one of the permutations given; data converted; the sequences in order.
  const PackedSequence half(packed.data, packed.batch_sizes, {}, packed.unsorted_indices);
  CHECK(numbers(half.sorted_indices) == Numbers{2, 0, 1});
  CHECK(packed.to(xg::float32).data.dtype() == xg::float32);
  CHECK(numbers(packed.to(xg::float32).sorted_indices) == Numbers{2, 0, 1});
  CHECK_FALSE(rnn::pack_sequence({c, a, b}).sorted_indices.defined());
  CHECK(numbers(rnn::pack_sequence({c, a, b}).data) == numbers(packed.data));
  // A padded tensor that does not lie in order.
  const Tensor wide = rnn::pad_sequence({a, b, c}).t();
  CHECK(numbers(rnn::pack_padded_sequence(wide, {3, 1, 4}, {.batch_first = true, .enforce_sorted = false}).data) ==
        numbers(packed.data));

  const auto f = [](const TensorList& list) {
    const PackedSequence packed = rnn::pack_sequence(list, false);
    TensorList results = rnn::unpack_sequence(
        PackedSequence(packed.data * packed.data, packed.batch_sizes, packed.sorted_indices, packed.unsorted_indices));
    results.push_back(rnn::pad_packed_sequence(packed).first);
    return results;
  };
  const TensorList inputs{xg::randn({2, 2}, f64), xg::randn({3, 2}, f64), xg::randn({1, 2}, f64)};
  CHECK(xg::gradcheck(f, inputs));
  CHECK(xg::gradgradcheck(f, inputs));
}

TEST_CASE("misuse is named") {
  const Tensor x = xg::zeros({4, 3, 2});
  const auto refused = [](auto&& f) { return message_of<xg::ValueError>(f); };
  const auto misshapen = [](auto&& f) { return message_of<xg::ShapeError>(f); };
  CHECK(mentions(refused([&] {
                   rnn::pack_padded_sequence(x, {3, 0, 1}, {.enforce_sorted = false});
                 }),
                 {"pack_padded_sequence", "above 0", "got 0 of sequence 1", "rnn_utils_test.cpp"}));
  CHECK(mentions(refused([&] {
                   rnn::pack_padded_sequence(x, {1, 3, 2});
                 }),
                 {"pack_padded_sequence", "3 after 1", "enforce_sorted"}));
  CHECK(mentions(refused([&] { rnn::pack_padded_sequence(x, {5, 3, 2}); }), {"at most 4", "got 5", "[4, 3, 2]"}));
  CHECK(mentions(misshapen([&] { rnn::pack_padded_sequence(x, {4, 3}); }), {"each of 3 sequences", "got 2"}));
  CHECK(mentions(misshapen([&] { rnn::pack_padded_sequence(xg::zeros({4}), {4}); }), {"[T, B, ...]", "[4]"}));
  CHECK(mentions(refused([&] { rnn::pack_padded_sequence(xg::zeros({4, 0, 2}), Numbers{}); }), {"no sequence"}));
  CHECK(mentions(message_of<xg::DtypeError>([&] {
                   rnn::pack_padded_sequence(x, xg::tensor({4.0, 3.0, 2.0}));
                 }),
                 {"lengths must be int64", "float32"}));
  CHECK(mentions(misshapen([&] { rnn::pack_padded_sequence(x, xg::tensor({{4, 3, 2}})); }), {"lengths must be [B]"}));
  CHECK(mentions(refused([] { rnn::pad_sequence({}); }), {"pad_sequence", "no sequence"}));
  CHECK(mentions(misshapen([] {
                   rnn::pad_sequence({xg::ones({2, 3}), xg::ones({2, 4})});
                 }),
                 {"[2, 3]", "sequence 1 is [2, 4]", "rnn_utils_test.cpp"}));
  CHECK(mentions(misshapen([] { rnn::pad_sequence({xg::ones({})}); }), {"[L, ...]", "[]"}));
  CHECK(mentions(message_of<xg::DtypeError>([] {
                   rnn::pack_sequence({xg::ones({2}), xg::tensor({1})});
                 }),
                 {"pack_sequence", "float32", "int64"}));
  CHECK(mentions(refused([] { rnn::pack_sequence({xg::ones({2}), Tensor()}); }), {"sequence 1 is undefined"}));
  CHECK(mentions(refused([] { rnn::pack_sequence({xg::ones({2}), xg::ones({3})}); }), {"pack_sequence", "3 after 2"}));
  CHECK(mentions(refused([&] { rnn::unpad_sequence(x, {4, 5, 1}); }), {"unpad_sequence", "at most 4", "got 5"}));

  const PackedSequence packed = rnn::pack_padded_sequence(x, {4, 3, 1});
  CHECK(mentions(refused([&] { rnn::pad_packed_sequence(packed, {.total_length = 3}); }),
                 {"pad_packed_sequence", "greatest length 4", "got 3"}));
  const auto spoiled = [&](const Tensor& sizes) { return PackedSequence(packed.data, sizes); };
  CHECK(mentions(refused([&] {
                   rnn::pad_packed_sequence(spoiled(xg::tensor({3, 2, 2, 2})));
                 }),
                 {"batch_sizes must add up", "[8, 2]", "got 9"}));
  CHECK(mentions(refused([&] {
                   rnn::unpack_sequence(spoiled(xg::tensor({2, 3, 2, 1})));
                 }),
                 {"unpack_sequence", "not increase", "3 after 2"}));
  CHECK(mentions(refused([&] { rnn::unpack_sequence(PackedSequence()); }), {"has no data"}));
  CHECK(mentions(misshapen([&] {
                   rnn::unpack_sequence({packed.data, packed.batch_sizes, xg::tensor({1, 0})});
                 }),
                 {"unsorted_indices must be [3]", "[2]"}));
  CHECK(mentions(refused([&] {
                   PackedSequence(packed.data, packed.batch_sizes, xg::tensor({0, 2, 2}));
                 }),
                 {"invert_permutation", "0..2", "got 2 at 2", "rnn_utils_test.cpp"}));
  CHECK_FALSE(rnn::invert_permutation({}).defined());
}
