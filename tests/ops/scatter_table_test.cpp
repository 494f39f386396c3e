// The table's rows of reductions into listed places.
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/scatter_reduce.hpp>

#include <algorithm>
#include <doctest/doctest.h>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "support/op_table.hpp"

namespace xg = xgrad;
using namespace table;
using xg::Shape;
using xg::Tensor;

namespace {

using T = const Tensor&;
using Values = std::vector<double>;

double reduced_by(const std::string& reduce, const Values& v) {
  if (reduce == "amax") return *std::max_element(v.begin(), v.end());
  if (reduce == "amin") return *std::min_element(v.begin(), v.end());
  double sum = 0, product = 1;
  for (const double value : v) sum += value, product *= value;
  return reduce == "prod" ? product : reduce == "sum" ? sum : sum / static_cast<double>(v.size());
}

// What meets in each place: y[index[i, j], j] or, along dimension 1, y[i, index[i, j]].
Oracle met(const std::string& reduce, std::int64_t dim, std::vector<Index> index, bool include_self) {
  return [=](const Arrays& in) {
    Array y = in[0];
    std::vector<Values> all(y.values.size());
    const auto columns = static_cast<std::size_t>(y.shape[1]);
    for (std::size_t i = 0; i < index.size(); ++i)
      for (std::size_t j = 0; j < index[i].size(); ++j) {
        const auto to = static_cast<std::size_t>(index[i][j]);
        all[dim == 0 ? to * columns + j : i * columns + to].push_back(
            at(in[1], {static_cast<std::int64_t>(i), static_cast<std::int64_t>(j)}));
      }
    for (std::size_t k = 0; k < all.size(); ++k) {
      if (all[k].empty()) continue;
      if (include_self) all[k].push_back(y.values[k]);
      y.values[k] = reduced_by(reduce, all[k]);
    }
    return Arrays{y};
  };
}

std::vector<Row> reductions() {
  const auto wrong = [](Shape x, Shape source, const char* reduce, std::vector<std::string> words) {
    return Misuse{[=] {
                    xg::scatter_reduce(some(x), 0, xg::tensor({{2, 0, 1}, {0, 1, 1}}), some(source), reduce);
                  },
                  words};
  };
  std::vector<Row> rows;
  for (const std::string reduce : {"sum", "prod", "mean", "amax", "amin"})
    for (const bool include_self : {true, false}) {
      rows.push_back(
          {"scatter_reduce",
           on([=](T x, T source) {
             return xg::scatter_reduce(x, 0, xg::tensor({{2, 0, 1}, {0, 1, 1}}), source, reduce, include_self);
           }),
           {{{3, 3}, {2, 3}}, {{4, 4}, {3, 5}}},
           met(reduce, 0, {{2, 0, 1}, {0, 1, 1}}, include_self),
           {{}},
           {wrong({2, 3}, {2, 3}, "sum", {"scatter_reduce", "2"}),
            wrong({3, 3}, {1, 3}, "sum", {"scatter_reduce", "[2, 3]", "[1, 3]"}),
            wrong({3}, {2, 3}, "sum", {"scatter_reduce", "[3]", "[2, 3]"}),
            wrong({3, 3}, {2, 3}, "max", {"scatter_reduce", "max"})}});
      rows.push_back({"scatter_reduce",
                      on([=](T x, T source) {
                        return xg::scatter_reduce(x, -1, xg::tensor({{1, 1, 1, 0, 1}}), source, reduce, include_self);
                      }),
                      {{{2, 2}, {1, 5}}, {{1, 3}, {2, 6}}},
                      met(reduce, 1, {{1, 1, 1, 0, 1}}, include_self)});
    }
  return rows;
}

}  // namespace

TEST_CASE("reductions into places") {
  for (const Row& row : reductions()) run(row);
}
