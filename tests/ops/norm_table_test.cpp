// The table's rows of normalisation.
#include <xgrad/ops/batch_norm.hpp>
#include <xgrad/ops/creation.hpp>
#include <xgrad/ops/group_norm.hpp>
#include <xgrad/ops/layer_norm.hpp>
#include <xgrad/ops/rms_norm.hpp>

#include <algorithm>
#include <cmath>
#include <doctest/doctest.h>
#include <vector>

#include "support/op_table.hpp"

namespace xg = xgrad;
using namespace table;
using xg::Shape;
using xg::Tensor;

namespace {

using T = const Tensor&;
using Numbers = std::vector<double>;

// (x - mean) / sqrt(var + eps) of each group of elements, g * that + b.
Arrays normalised(const Arrays& in, double eps, const std::function<std::size_t(const Index&)>& group,
                  const std::function<Index(const Index&)>& parameter) {
  const Array& x = in[0];
  std::vector<Numbers> groups;
  const auto visit = [&](const std::function<double(const Index&)>& f) {
    return indexed([&](const Arrays&) { return x.shape; }, [&](const Arrays&, const Index& i) { return f(i); })(in);
  };
  visit([&](const Index& i) {
    if (groups.size() <= group(i)) groups.resize(group(i) + 1);
    groups[group(i)].push_back(at(x, i));
    return 0.0;
  });
  return visit([&](const Index& i) {
    const Numbers& all = groups[group(i)];
    double mean = 0, var = 0;
    for (double v : all) mean += v / static_cast<double>(all.size());
    for (double v : all) var += (v - mean) * (v - mean) / static_cast<double>(all.size());
    const double normal = (at(x, i) - mean) / std::sqrt(var + eps);
    if (in.size() == 1) return normal;
    return normal * at(in[1], parameter(i)) + (in.size() > 2 ? at(in[2], parameter(i)) : 0);
  });
}

}  // namespace

TEST_CASE("norms of rows and channels") {
  const auto last = [](const Index& i) { return Index{i.back()}; };
  const auto channel = [](const Index& i) { return Index{i[1]}; };
  run({"layer_norm",
       on([](T x, T w, T b) { return xg::layer_norm(x, {4}, w, b, 1e-3); }),
       {{{2, 4}, {4}, {4}}, {{4}, {4}, {4}}, {{0, 4}, {4}, {4}}, {{2, 1, 4}, {4}, {4}}},
       [=](const Arrays& in) {
         return normalised(
             in, 1e-3, [](const Index& i) { return static_cast<std::size_t>(i.size() > 1 ? i[0] : 0); }, last);
       },
       {{}},
       {{[] {
           xg::layer_norm(some({2, 3}), {4});
         },
         {"layer_norm", "[2, 3]", "[4]"}},
        {[] {
           xg::layer_norm(some({2, 3}), {3}, some({2}));
         },
         {"layer_norm", "[2]", "[3]"}}}});
  run({"layer_norm",
       on([](T x) {
         return xg::layer_norm(x, {2, 3});
       }),
       {{{2, 2, 3}}},
       [=](const Arrays& in) {
         return normalised(
             in, 1e-5, [](const Index& i) { return static_cast<std::size_t>(i[0]); }, last);
       }});
  run({"batch_norm",
       on([](T x, T w, T b) {
         return xg::batch_norm(x, {}, {}, {.weight = w, .bias = b, .training = true, .eps = 1e-3});
       }),
       {{{4, 2}, {2}, {2}}, {{2, 2, 3}, {2}, {2}}, {{2, 3, 1, 2}, {3}, {3}}},
       [=](const Arrays& in) {
         return normalised(
             in, 1e-3, [](const Index& i) { return static_cast<std::size_t>(i[1]); }, channel);
       },
       {{}},
       {{[] { xg::batch_norm(some({3}), {}, {}, {.training = true}); }, {"batch_norm", "[3]"}},
        {[] {
           xg::batch_norm(some({2, 3}), {}, {});
         },
         {"batch_norm", "running"}},
        {[] {
           xg::batch_norm(some({2, 3}), {}, {}, {.weight = some({2}), .training = true});
         },
         {"batch_norm", "[2]"}}}});
  run({"batch_norm",
       on([](T x, T w, T b) {
         const Tensor mean = xg::tensor({0.5, -1.0}).to(x.dtype()), var = xg::tensor({2.0, 0.25}).to(x.dtype());
         return xg::batch_norm(x, mean, var, {.weight = w, .bias = b, .eps = 0.5});
       }),
       {{{4, 2}, {2}, {2}}, {{2, 2, 3}, {2}, {2}}, {{0, 2}, {2}, {2}}},
       indexed([](const Arrays& in) { return in[0].shape; },
               [](const Arrays& in, const Index& i) {
                 const double mean = i[1] == 0 ? 0.5 : -1, var = i[1] == 0 ? 2 : 0.25;
                 return (at(in[0], i) - mean) / std::sqrt(var + 0.5) * at(in[1], {i[1]}) + at(in[2], {i[1]});
               })});
}

TEST_CASE("norms of groups") {
  const auto channel = [](const Index& i) { return Index{i[1]}; };
  const auto groups = [=](std::int64_t count, double eps) {
    return [=](const Arrays& in) {
      const std::int64_t part = in[0].shape[1] / count;
      return normalised(
          in, eps, [=](const Index& i) { return static_cast<std::size_t>(i[0] * count + i[1] / part); }, channel);
    };
  };
  run({"group_norm",
       on([](T x, T w, T b) { return xg::group_norm(x, 2, w, b, 1e-3); }),
       {{{2, 4}, {4}, {4}}, {{2, 4, 3}, {4}, {4}}, {{1, 2, 1, 2}, {2}, {2}}, {{0, 2, 3}, {2}, {2}}},
       groups(2, 1e-3),
       {{}},
       {{[] { xg::group_norm(some({3}), 1); }, {"group_norm", "[3]"}},
        {[] {
           xg::group_norm(some({2, 3}), 2);
         },
         {"group_norm", "2", "[2, 3]"}},
        {[] {
           xg::group_norm(some({2, 3}), 0);
         },
         {"group_norm", "0"}},
        {[] {
           xg::group_norm(some({1, 3}), 3);
         },
         {"group_norm", "[1, 3]"}},
        {[] {
           xg::group_norm(some({2, 4}), 2, some({2}));
         },
         {"group_norm", "weight", "[2]"}},
        {[] {
           xg::group_norm(some({2, 4}), 2, {}, some({4}).to(xg::float64));
         },
         {"group_norm", "bias", "float64"}}}});
  run({"group_norm", on([](T x) { return xg::group_norm(x, 1); }), {{{2, 2, 2}}}, groups(1, 1e-5)});
  run({"group_norm", on([](T x, T w) { return xg::group_norm(x, 2, w); }), {{{2, 4, 2}, {4}}}, groups(2, 1e-5)});
}

TEST_CASE("norms of single channels") {
  const auto channel = [](const Index& i) { return Index{i[1]}; };
  run({"instance_norm",
       on([](T x, T w, T b) { return xg::instance_norm(x, {}, {}, {.weight = w, .bias = b, .eps = 1e-3}); }),
       {{{2, 2, 3}, {2}, {2}}, {{1, 2, 2, 2}, {2}, {2}}, {{0, 2, 3}, {2}, {2}}},
       [=](const Arrays& in) {
         return normalised(
             in, 1e-3, [&](const Index& i) { return static_cast<std::size_t>(i[0] * in[0].shape[1] + i[1]); }, channel);
       },
       {{}},
       {{[] {
           xg::instance_norm(some({2, 3}));
         },
         {"instance_norm", "[2, 3]"}},
        {[] {
           xg::instance_norm(some({2, 3, 1}));
         },
         {"instance_norm", "[2, 3, 1]"}},
        {[] {
           xg::instance_norm(some({2, 3, 2}), {}, {}, {.use_input_stats = false});
         },
         {"instance_norm", "running"}},
        {[] {
           xg::instance_norm(some({2, 3, 2}), some({2}));
         },
         {"instance_norm", "running_mean", "[2]"}}}});
  run({"instance_norm",
       on([](T x, T w, T b) {
         const Tensor mean = xg::tensor({0.5, -1.0}).to(x.dtype()), var = xg::tensor({2.0, 0.25}).to(x.dtype());
         return xg::instance_norm(x, mean, var, {.weight = w, .bias = b, .use_input_stats = false, .eps = 0.5});
       }),
       {{{2, 2, 3}, {2}, {2}}, {{3, 2}, {2}, {2}}},
       indexed([](const Arrays& in) { return in[0].shape; },
               [](const Arrays& in, const Index& i) {
                 const double mean = i[1] == 0 ? 0.5 : -1, var = i[1] == 0 ? 2 : 0.25;
                 return (at(in[0], i) - mean) / std::sqrt(var + 0.5) * at(in[1], {i[1]}) + at(in[2], {i[1]});
               })});
}

TEST_CASE("norms by squares") {
  const auto rows = [](double eps) {
    return indexed([](const Arrays& in) { return in[0].shape; },
                   [=](const Arrays& in, const Index& i) {
                     double squares = 0;
                     Index other = i;
                     for (other.back() = 0; other.back() < in[0].shape.back(); ++other.back())
                       squares += at(in[0], other) * at(in[0], other) / static_cast<double>(in[0].shape.back());
                     return at(in[0], i) / std::sqrt(squares + eps) * (in.size() > 1 ? at(in[1], {i.back()}) : 1);
                   });
  };
  run({"rms_norm",
       on([](T x, T w) { return xg::rms_norm(x, {4}, w, 1e-3); }),
       {{{2, 4}, {4}}, {{4}, {4}}, {{0, 4}, {4}}, {{2, 1, 4}, {4}}},
       rows(1e-3),
       {{}},
       {{[] {
           xg::rms_norm(some({2, 3}), {4});
         },
         {"rms_norm", "[2, 3]", "[4]"}},
        {[] {
           xg::rms_norm(some({2, 3}), {3}, some({2}));
         },
         {"rms_norm", "weight", "[2]", "[3]"}},
        {[] {
           xg::rms_norm(xg::tensor({1, 2}), {2});
         },
         {"rms_norm", "int64"}}}});
  run({"rms_norm", on([](T x) { return xg::rms_norm(x, {3}); }), {{{2, 3}}}, rows(2.220446049250313e-16)});
  run({"rms_norm",
       on([](T x) {
         return xg::rms_norm(x, {2, 3}, {}, 0.25);
       }),
       {{{2, 2, 3}}},
       [&](Arrays in) {
         in[0].shape = {2, 6};
         Arrays out = rows(0.25)(in);
         out[0].shape = {2, 2, 3};
         return out;
       }});

  const auto response = [](std::int64_t size, double alpha, double beta, double k) {
    return indexed([](const Arrays& in) { return in[0].shape; },
                   [=](const Arrays& in, const Index& i) {
                     double squares = 0;
                     Index other = i;
                     for (std::int64_t c = i[1] - size / 2; c <= i[1] + (size - 1) / 2; ++c) {
                       if (c < 0 || c >= in[0].shape[1]) continue;
                       other[1] = c;
                       squares += at(in[0], other) * at(in[0], other);
                     }
                     return at(in[0], i) / std::pow(k + alpha * squares / static_cast<double>(size), beta);
                   });
  };
  const Shapes images{{{2, 5, 2}}, {{1, 3, 1, 2}}, {{1, 1, 1}}, {{0, 2, 3}}};
  run({"local_response_norm",
       on([](T x) { return xg::local_response_norm(x, 3); }),
       images,
       response(3, 1e-4, 0.75, 1),
       {{}},
       {{[] {
           xg::local_response_norm(some({2, 3}), 3);
         },
         {"local_response_norm", "[2, 3]"}},
        {[] {
           xg::local_response_norm(some({2, 3, 1}), 0);
         },
         {"local_response_norm", "0"}}}});
  run({"local_response_norm",
       on([](T x) { return xg::local_response_norm(x, 4, {.alpha = 0.5, .beta = 0.6, .k = 2}); }), images,
       response(4, 0.5, 0.6, 2)});
}
