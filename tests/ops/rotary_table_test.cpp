// The table's rows of rotary position embedding.
#include <xgrad/ops/rotary.hpp>

#include <cmath>
#include <doctest/doctest.h>

#include "support/op_table.hpp"

namespace xg = xgrad;
using namespace table;

namespace {

// Pairs as complex numbers times e^(i t).
Oracle turned(const xg::RotaryOptions& options) {
  return indexed([](const Arrays& in) { return in[0].shape; },
                 [=](const Arrays& in, const Index& i) {
                   const std::int64_t dim = options.dim.value_or(in[0].shape.back()), column = i.back(),
                                      position = i[i.size() - 2] + options.offset;
                   if (column >= dim) return at(in[0], i);
                   const std::int64_t half = dim / 2, pair = options.interleaved ? column / 2 : column % half;
                   const bool second = options.interleaved ? column % 2 == 1 : column >= half;
                   const double angle =
                       static_cast<double>(position) /
                       std::pow(options.base, 2 * static_cast<double>(pair) / static_cast<double>(dim));
                   Index a = i, b = i;
                   a.back() = options.interleaved ? 2 * pair : pair;
                   b.back() = options.interleaved ? 2 * pair + 1 : pair + half;
                   return second ? at(in[0], a) * std::sin(angle) + at(in[0], b) * std::cos(angle)
                                 : at(in[0], a) * std::cos(angle) - at(in[0], b) * std::sin(angle);
                 });
}

Row row(const xg::RotaryOptions& options, const Shapes& shapes, const std::vector<Misuse>& misuse = {}) {
  return {.name = "rotary_embedding",
          .call = on([=](const Tensor& x) { return xg::rotary_embedding(x, options); }),
          .shapes = shapes,
          .oracle = turned(options),
          .misuse = misuse};
}

}  // namespace

TEST_CASE("rotary_embedding") {
  const Shapes all{{{3, 4}}, {{2, 3, 6}}, {{2, 2, 1, 2}}, {{2, 0, 4}}, {{0, 3, 4}}, {{3, 0}}, {{2, 18}}};
  run(row({}, all,
          {{[] { xg::rotary_embedding(some({4})); }, {"rotary_embedding", "[4]"}},
           {[] {
              xg::rotary_embedding(some({2, 3}));
            },
            {"rotary_embedding", "even", "3", "[2, 3]"}},
           {[] {
              xg::rotary_embedding(some({2, 4}), {.dim = 6});
            },
            {"rotary_embedding", "at most 4", "6"}},
           {[] {
              xg::rotary_embedding(some({2, 4}), {.dim = -2});
            },
            {"rotary_embedding", "-2"}},
           {[] {
              xg::rotary_embedding(some({2, 4}), {.base = 0});
            },
            {"rotary_embedding", "base", "0"}},
           {[] {
              xg::rotary_embedding(some({2, 4}), {.offset = -1});
            },
            {"rotary_embedding", "offset", "-1"}},
           {[] {
              xg::rotary_embedding(some({2, 4}).to(xg::int64));
            },
            {"rotary_embedding", "int64"}}}));
  run(row({.interleaved = false}, all));
  run(row({.base = 100, .offset = 7, .dim = 4}, {{{3, 5}}, {{2, 2, 8}}}));
  run(row({.base = 0.5, .interleaved = false, .offset = 1, .dim = 4}, {{{3, 5}}, {{2, 2, 8}}}));
  run(row({.dim = 0}, {{{3, 5}}}));
}
