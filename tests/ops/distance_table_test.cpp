// The table's rows of distances.
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/distance.hpp>

#include <algorithm>
#include <cmath>
#include <doctest/doctest.h>
#include <limits>
#include <vector>

#include "support/op_table.hpp"

namespace xg = xgrad;
using namespace table;
using xg::Shape;
using xg::Tensor;

namespace {

using T = const Tensor&;
using Numbers = std::vector<double>;
constexpr double inf = std::numeric_limits<double>::infinity();

double norm(const Numbers& x, double p) {
  double result = 0;
  for (double v : x) {
    if (p == 0)
      result += v != 0;
    else if (p == inf)
      result = std::fmax(result, std::fabs(v));
    else
      result += std::pow(std::fabs(v), p);
  }
  return p == 0 || p == inf ? result : std::pow(result, 1 / p);
}
// The last dimension of x at an index of those before, which count from the right and broadcast.
Numbers line(const Array& x, const Index& before) {
  Index index(before.end() - static_cast<std::ptrdiff_t>(x.shape.size() - 1), before.end());
  for (std::size_t d = 0; d < index.size(); ++d)
    if (x.shape[d] == 1) index[d] = 0;
  Numbers numbers;
  index.push_back(0);
  for (std::int64_t i = 0; i < x.shape.back(); ++i) {
    index.back() = i;
    numbers.push_back(at(x, index));
  }
  return numbers;
}
Numbers difference(const Numbers& a, const Numbers& b, double plus = 0) {
  Numbers d;
  for (std::size_t i = 0; i < a.size(); ++i) d.push_back(a[i] - b[i] + plus);
  return d;
}
double product(const Numbers& a, const Numbers& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}
// The shape of x without its last dimension.
Shape before(const Array& x) { return Shape(x.shape.data(), x.shape.size() - 1); }

std::vector<Misuse> pair_misuse(const char* name, const std::function<Tensor(T, T)>& call) {
  return operand_misuse(name, call);
}

}  // namespace

TEST_CASE("of two lists of vectors") {
  run({"cosine_similarity",
       on([](T a, T b) { return xg::cosine_similarity(a, b, -1); }),
       {{{2, 3}, {2, 3}}, {{2, 3}, {1, 3}}, {{3}, {3}}, {{0, 3}, {0, 3}}, {{2, 1, 2}, {2, 1, 2}}},
       indexed([](const Arrays& in) { return before(in[0]); },
               [](const Arrays& in, const Index& i) {
                 const Numbers a = line(in[0], i), b = line(in[1], i);
                 return product(a, b) / (norm(a, 2) * norm(b, 2));
               }),
       {{}},
       pair_misuse("cosine_similarity", [](T a, T b) { return xg::cosine_similarity(a, b); })});
  run({"cosine_similarity",
       on([](T a, T b) { return xg::cosine_similarity(a, b, 0, 0.1); }),
       {{{3}, {3}}},
       [](const Arrays& in) {
         const Numbers &a = in[0].values, &b = in[1].values;
         Array y;
         y.values.push_back(product(a, b) / (norm(a, 2) * norm(b, 2)));
         return Arrays{y};
       },
       {{}},
       refuses([] { xg::cosine_similarity(some({2}), some({2}), 1); }, {"cosine_similarity", "1"})});
  for (const double p : {1.0, 2.0, 3.0, inf}) {
    run({"pairwise_distance",
         on([=](T a, T b) { return xg::pairwise_distance(a, b, p, 0.01); }),
         {{{2, 3}, {2, 3}}, {{2, 3}, {3}}, {{3}, {3}}, {{0, 3}, {0, 3}}, {{2, 1, 2}, {2, 1, 2}}},
         indexed([](const Arrays& in) { return before(in[0]); },
                 [=](const Arrays& in, const Index& i) {
                   return norm(difference(line(in[0], i), line(in[1], i), 0.01), p);
                 }),
         {{}},
         pair_misuse("pairwise_distance", [](T a, T b) { return xg::pairwise_distance(a, b); })});
    run({"pairwise_distance",
         on([=](T a, T b) { return xg::pairwise_distance(a, b, p, 0, true); }),
         {{{2, 3}, {2, 3}}},
         indexed(
             [](const Arrays&) {
               return Shape{2, 1};
             },
             [=](const Arrays& in, const Index& i) {
               return norm(difference(line(in[0], {i[0]}), line(in[1], {i[0]})), p);
             })});
  }
}

TEST_CASE("of all rows") {
  for (const double p : {0.0, 0.7, 1.0, 1.5, 2.0, 3.0, inf}) {
    run({"cdist",
         on([=](T a, T b) { return xg::cdist(a, b, p); }),
         {{{2, 3}, {4, 3}},
          {{2, 2, 3}, {2, 1, 3}},
          {{2, 1, 2, 2}, {3, 1, 2}},
          {{0, 2}, {3, 2}},
          {{2, 2}, {0, 2}},
          {{1, 1}, {1, 1}},
          {{2, 9}, {2, 9}}},
         indexed(
             [](const Arrays& in) {
               const Array& longer = in[0].shape.size() >= in[1].shape.size() ? in[0] : in[1];
               Shape shape = before(longer);
               for (std::size_t d = 0; d + 2 < in[1].shape.size(); ++d) {
                 std::int64_t& size = shape[shape.size() + 1 - in[1].shape.size() + d];
                 size = std::max(size, in[1].shape[d]);
               }
               shape[shape.size() - 1] = in[0].shape[in[0].shape.size() - 2];
               shape.push_back(in[1].shape[in[1].shape.size() - 2]);
               return shape;
             },
             [=](const Arrays& in, const Index& i) {
               Index first(i.begin(), i.end() - 1), second = first;
               second.back() = i.back();
               return norm(difference(line(in[0], first), line(in[1], second)), p);
             }),
         {{}, {-1.7, 1.9}},  // no two differences are equally large
         {{[=] {
             xg::cdist(some({2, 3}), some({4, 5}), p);
           },
           {"cdist", "[2, 3]", "[4, 5]"}},
          {[=] {
             xg::cdist(some({2, 3}), some({2, 3}), -1);
           },
           {"cdist", "p", "-1"}}}});
    run({"pdist",
         on([=](T x) { return xg::pdist(x, p); }),
         {{{4, 3}}, {{2, 1}}, {{1, 3}}, {{0, 3}}},
         [=](const Arrays& in) {
           const std::int64_t rows = in[0].shape[0];
           Array y{{rows * (rows - 1) / 2}, {}};
           for (std::int64_t i = 0; i < rows; ++i)
             for (std::int64_t j = i + 1; j < rows; ++j)
               y.values.push_back(norm(difference(line(in[0], {i}), line(in[0], {j})), p));
           return Arrays{y};
         },
         {{}},
         refuses([=] { xg::pdist(some({3}), p); }, {"pdist", "[3]"})});
  }
}

TEST_CASE("vectors made of one length") {
  for (const double p : {1.0, 2.0, 3.0, inf}) {
    const auto length_one = [p](const Numbers& x) {
      Numbers y = x;
      for (double& v : y) v /= norm(x, p);
      return y;
    };
    run({"normalize",
         on([=](T x) { return xg::normalize(x, p, 0); }),
         {{{2, 3}}, {{3}}, {Shape{}}, {{3, 0}}, {{2, 1, 4}}},
         lines(0, length_one),
         {{}},
         refuses([=] { xg::normalize(some({3}), p); }, {"normalize", "1"})});
    run({"normalize", on([=](T x) { return xg::normalize(x, p, -1, 100); }), {{{2, 3}}}, each([](double x) {
           return x / 100;
         })});
  }
}

TEST_CASE("bilinear") {
  const auto oracle = indexed(
      [](const Arrays& in) {
        Shape shape = before(in[0]);
        shape.push_back(in[2].shape[0]);
        return shape;
      },
      [](const Arrays& in, const Index& index) {
        const Index row(index.begin(), index.end() - 1);
        const Numbers a = line(in[0], row), b = line(in[1], row);
        double sum = in.size() > 3 ? at(in[3], {index.back()}) : 0;
        for (std::size_t i = 0; i < a.size(); ++i)
          for (std::size_t j = 0; j < b.size(); ++j)
            sum += a[i] * at(in[2], {index.back(), static_cast<std::int64_t>(i), static_cast<std::int64_t>(j)}) * b[j];
        return sum;
      });
  run({"bilinear",
       on([](T a, T b, T w, T bias) { return xg::bilinear(a, b, w, bias); }),
       {{{2, 3}, {2, 2}, {4, 3, 2}, {4}},
        {{2, 1, 2}, {2, 1, 3}, {2, 2, 3}, {2}},
        {{3}, {2}, {1, 3, 2}, {1}},
        {{0, 3}, {0, 2}, {4, 3, 2}, {4}}},
       oracle,
       {{}},
       {{[] {
           xg::bilinear(some({2, 3}), some({2, 2}), some({4, 2, 2}));
         },
         {"bilinear", "[2, 3]", "[4, 2, 2]"}},
        {[] {
           xg::bilinear(some({2, 3}), some({3, 2}), some({4, 3, 2}));
         },
         {"bilinear", "[2, 3]", "[3, 2]"}},
        {[] {
           xg::bilinear(some({2, 3}), some({2, 2}), some({4, 3, 2}), some({3}));
         },
         {"bilinear", "[4]", "[3]"}}}});
  run({"bilinear", on([](T a, T b, T w) { return xg::bilinear(a, b, w); }), {{{2, 3}, {2, 2}, {4, 3, 2}}}, oracle});
}
