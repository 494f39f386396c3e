// Activations, losses, distances, dropout and tables as layers: names, parameters and printing are PyTorch's, options
// reach the functions.
#include <xgrad/nn/adaptive_softmax.hpp>
#include <xgrad/nn/distance.hpp>
#include <xgrad/xgrad.hpp>

#include <cmath>
#include <doctest/doctest.h>
#include <string>
#include <vector>

#include "support/errors.hpp"

namespace xg = xgrad;
namespace nn = xgrad::nn;
namespace F = xgrad::nn::functional;
using test::mentions;
using test::message_of;
using xg::Reduction;
using xg::Tensor;

TEST_CASE("layers print as PyTorch's") {
  const auto check = [](const nn::Module& module, const std::string& text) { CHECK(module.to_string() == text); };
  check(nn::CELU(), "CELU(alpha=1.0)");
  check(nn::ELU(), "ELU(alpha=1.0)");
  check(nn::GLU(), "GLU(dim=-1)");
  check(nn::Hardshrink(), "Hardshrink(0.5)");
  check(nn::Softshrink(), "Softshrink(0.5)");
  check(nn::Hardtanh(), "Hardtanh(min_val=-1.0, max_val=1.0)");
  check(nn::PReLU(3), "PReLU(num_parameters=3)");
  check(nn::RReLU(), "RReLU(lower=0.125, upper=0.3333333333333333)");
  check(nn::Softmax2d(), "Softmax2d()");
  check(nn::Softmin(1), "Softmin(dim=1)");
  check(nn::Softplus(), "Softplus(beta=1, threshold=20)");
  check(nn::Threshold(0.1, 20), "Threshold(threshold=0.1, value=20)");
  check(nn::Bilinear(2, 3, 4), "Bilinear(in1_features=2, in2_features=3, out_features=4, bias=True)");
  check(nn::Unflatten(1, {2, 5}), "Unflatten(dim=1, unflattened_size=(2, 5))");
  check(nn::CosineSimilarity(), "CosineSimilarity()");
  check(nn::PairwiseDistance(), "PairwiseDistance()");
  check(nn::Dropout(), "Dropout(p=0.5, inplace=False)");
  check(nn::Dropout2d(0.2), "Dropout2d(p=0.2, inplace=False)");
  check(nn::FeatureAlphaDropout(), "FeatureAlphaDropout(p=0.5, inplace=False)");
  check(nn::CTCLoss(), "CTCLoss()");
  check(nn::TripletMarginLoss(), "TripletMarginLoss()");
  check(nn::TripletMarginWithDistanceLoss(),
        "TripletMarginWithDistanceLoss(\n  (distance_function): PairwiseDistance()\n)");
  check(nn::Embedding(5, 3, {.padding_idx = -2, .max_norm = 1, .norm_type = 3, .scale_grad_by_freq = true}),
        "Embedding(5, 3, padding_idx=3, max_norm=1.0, norm_type=3.0, scale_grad_by_freq=True)");
  check(nn::EmbeddingBag(5, 3, {.max_norm = 1, .norm_type = 1, .mode = "sum", .padding_idx = 1}),
        "EmbeddingBag(5, 3, max_norm=1.0, norm_type=1.0, mode=sum, padding_idx=1)");
}

TEST_CASE("parameters and buffers have PyTorch's names") {
  using Names = std::vector<std::string>;
  const Tensor w = xg::ones({3});
  CHECK(nn::PReLU().state_dict().keys() == Names{"weight"});
  CHECK(nn::PReLU(3).weight.to_vector<double>() == std::vector<double>(3, 0.25));
  CHECK(nn::Bilinear(2, 3, 4).state_dict().keys() == Names{"weight", "bias"});
  CHECK(nn::Bilinear(2, 3, 4, {.bias = false}).state_dict().keys() == Names{"weight"});
  CHECK((nn::Bilinear(2, 3, 4).weight.sizes() == xg::Shape{4, 2, 3}));
  CHECK(nn::Bilinear(16, 30, 40).weight.abs().max().item<double>() == doctest::Approx(0.25).epsilon(0.01));
  CHECK(nn::MultiMarginLoss({.weight = w}).state_dict().keys() == Names{"weight"});
  CHECK(nn::MultiLabelSoftMarginLoss({.weight = w}).state_dict().keys() == Names{"weight"});
  CHECK(nn::BCEWithLogitsLoss({.weight = w, .pos_weight = w}).state_dict().keys() == Names{"weight", "pos_weight"});
  CHECK(nn::FocalLoss({.alpha = w}).state_dict().keys() == Names{"alpha"});
  CHECK(nn::BCELoss().state_dict().empty());
}

TEST_CASE("options reach the functions") {
  xg::manual_seed(1);
  const Tensor x = xg::randn({2, 3}) * 2, y = xg::randn({2, 3}), z = xg::randn({2, 3}), t = xg::tensor({2, 0});
  const Tensor signs = xg::tensor({1.0f, -1.0f}), labels = (y > 0).to(xg::float32), w = xg::tensor({0.5f, 1.0f, 2.0f});
  const auto same = [](const Tensor& a, const Tensor& b) { CHECK(xg::equal(a, b)); };
  same(nn::CELU(0.5)(x), F::celu(x, 0.5));
  same(nn::GLU(0)(x), F::glu(x, 0));
  same(nn::Hardshrink(1)(x), F::hardshrink(x, 1));
  same(nn::Softshrink(1)(x), F::softshrink(x, 1));
  same(nn::Hardtanh(-0.5, 2)(x), F::hardtanh(x, -0.5, 2));
  same(nn::Threshold(0.5, -3)(x), F::threshold(x, 0.5, -3));
  same(nn::Softmin(0)(x), F::softmin(x, 0));
  same(nn::Softmax2d()(x.reshape({2, 1, 3})), F::softmax(x.reshape({2, 1, 3}), 0));
  same(nn::PReLU(3, 0.1)(x), F::prelu(x, xg::full({3}, 0.1)));
  nn::RReLU leaky(0.2, 0.4);
  const Tensor slopes = leaky(xg::full({1000}, -1.0)).neg();
  CHECK(slopes.min().item<double>() >= 0.2);
  CHECK(slopes.max().item<double>() <= 0.4);
  CHECK(slopes.std().item<double>() == doctest::Approx(0.2 / std::sqrt(12.0)).epsilon(0.1));
  leaky.eval();
  CHECK(xg::allclose(leaky(x), F::leaky_relu(x, 0.3)));
  same(nn::CosineSimilarity({.dim = 0, .eps = 10})(x, y), F::cosine_similarity(x, y, 0, 10));
  same(nn::PairwiseDistance({.p = 1, .eps = 0.1, .keepdim = true})(x, y), F::pairwise_distance(x, y, 1, 0.1, true));
  CHECK((nn::Unflatten(1, {3, 1})(x).sizes() == xg::Shape{2, 3, 1}));
  const nn::Bilinear bilinear(3, 3, 2);
  same(bilinear(x, y), F::bilinear(x, y, bilinear.weight, bilinear.bias));

  same(nn::PoissonNLLLoss({.log_input = false, .full = true, .eps = 0.5})(labels, labels),
       F::poisson_nll_loss(labels, labels, {.log_input = false, .full = true, .eps = 0.5}));
  same(nn::GaussianNLLLoss({.full = true})(x, y, z.square()), F::gaussian_nll_loss(x, y, z.square(), {.full = true}));
  same(nn::HuberLoss({.delta = 0.3})(x, y), F::huber_loss(x, y, {.delta = 0.3}));
  same(nn::MultiMarginLoss({.p = 2, .margin = 2, .weight = w})(x, t),
       F::multi_margin_loss(x, t, {.p = 2, .margin = 2, .weight = w}));
  const Tensor listed = xg::tensor({{0, -1, 0}, {1, 2, -1}});
  same(nn::MultiLabelMarginLoss({.reduction = Reduction::sum})(x, listed),
       F::multilabel_margin_loss(x, listed, {.reduction = Reduction::sum}));
  same(nn::MultiLabelSoftMarginLoss({.weight = w})(x, labels),
       F::multilabel_soft_margin_loss(x, labels, {.weight = w}));
  same(nn::HingeEmbeddingLoss({.margin = 3})(x, labels * 2 - 1),
       F::hinge_embedding_loss(x, labels * 2 - 1, {.margin = 3}));
  same(nn::SoftMarginLoss({.reduction = Reduction::none})(x, y),
       F::soft_margin_loss(x, y, {.reduction = Reduction::none}));
  same(nn::MarginRankingLoss({.margin = 1})(x, y, labels * 2 - 1),
       F::margin_ranking_loss(x, y, labels * 2 - 1, {.margin = 1}));
  same(nn::CosineEmbeddingLoss({.margin = -0.5})(x, y, signs), F::cosine_embedding_loss(x, y, signs, {.margin = -0.5}));
  same(nn::TripletMarginLoss({.p = 1, .swap = true})(x, y, z), F::triplet_margin_loss(x, y, z, {.p = 1, .swap = true}));
  same(nn::TripletMarginWithDistanceLoss()(x, y, z), F::triplet_margin_loss(x, y, z));
  const Tensor logs = F::log_softmax(xg::randn({5, 1, 3}), -1), target = xg::tensor({{1, 2}});
  same(nn::CTCLoss({.blank = 0})(logs, target, 5, 2), F::ctc_loss(logs, target, 5, 2));
  same(nn::SigmoidFocalLoss({.alpha = 0.5})(x, labels), F::sigmoid_focal_loss(x, labels, {.alpha = 0.5}));
  same(nn::FocalLoss({.alpha = w, .gamma = 1})(x, t), F::focal_loss(x, t, {.alpha = w, .gamma = 1}));
  same(nn::DiceLoss({.squared = true})(x.sigmoid(), labels), F::dice_loss(x.sigmoid(), labels, {.squared = true}));
}

TEST_CASE("rows that are looked up are kept to max_norm; a table can be there already") {
  const Tensor table = xg::tensor({{3.0f, 4.0f}, {0.3f, 0.4f}, {6.0f, 8.0f}});
  nn::Embedding layer = nn::Embedding::from_pretrained(table, {.max_norm = 1});
  CHECK_FALSE(layer.weight.requires_grad());
  CHECK(xg::allclose(layer(xg::tensor({0, 1, 0})), xg::tensor({{0.6f, 0.8f}, {0.3f, 0.4f}, {0.6f, 0.8f}})));
  CHECK(xg::allclose(table, xg::tensor({{0.6f, 0.8f}, {0.3f, 0.4f}, {6.0f, 8.0f}})));  // the memory is shared
  CHECK_THROWS_AS(layer(xg::tensor({2, 3})), xg::IndexError);
  CHECK(table[2].to_vector<double>() == std::vector<double>{6, 8});
  nn::Embedding trained = nn::Embedding::from_pretrained(table, {.freeze = false});
  CHECK(trained.weight.requires_grad());
  CHECK_FALSE(table.requires_grad());
  nn::EmbeddingBag bags(4, 3, {.max_norm = 0.1, .norm_type = 1, .mode = "sum"});
  bags(xg::tensor({{1, 2}})).sum().backward();
  CHECK(bags.weight[1].abs().sum().item<double>() == doctest::Approx(0.1).epsilon(1e-4));
  CHECK(mentions(message_of<xg::ShapeError>([] { nn::Embedding::from_pretrained(xg::ones({3})); }),
                 {"Embedding", "[3]"}));
}

TEST_CASE("a refused lookup scales no rows") {
  const std::vector<float> numbers{3, 4, 6, 8, 30, 40};
  const Tensor table = xg::tensor(numbers).reshape({3, 2}), rows = xg::tensor({0, 1});
  const auto bag = [&](const nn::PretrainedEmbeddingBagOptions& options) {
    return nn::EmbeddingBag::from_pretrained(table, options);
  };
  const nn::EmbeddingBag sums = bag({.max_norm = 1, .mode = "sum"});
  CHECK(mentions(message_of<xg::IndexError>([&] { sums(rows, xg::tensor({0, 3})); }), {"embedding_bag", "3"}));
  CHECK_THROWS_AS(sums(rows, xg::tensor({1})), xg::IndexError);
  CHECK_THROWS_AS(sums(xg::tensor({0, 3}), xg::tensor({0})), xg::IndexError);
  CHECK_THROWS_AS(sums(rows), xg::ShapeError);
  CHECK_THROWS_AS(sums(xg::tensor({{0, 1}}), {}, xg::ones({2})), xg::ShapeError);
  CHECK_THROWS_AS(sums(rows, xg::tensor({0.0f})), xg::DtypeError);
  CHECK_THROWS_AS(bag({.max_norm = 1, .scale_grad_by_freq = true, .mode = "max"})(rows, xg::tensor({0})),
                  xg::ValueError);
  CHECK_THROWS_AS(nn::Embedding::from_pretrained(table, {.max_norm = 1})(xg::tensor({0, 3})), xg::IndexError);
  CHECK(table.to_vector<float>() == numbers);
  CHECK(xg::allclose(sums(rows, xg::tensor({0})), xg::tensor({{1.2f, 1.6f}})));
  CHECK(table[2].to_vector<float>() == std::vector<float>{30, 40});
}

TEST_CASE("a table of bags can be there already") {
  const Tensor table = xg::tensor({{1.0, 2.0}, {3.0, 5.0}, {7.0, 11.0}}, {.dtype = xg::float64});
  const nn::EmbeddingBag frozen = nn::EmbeddingBag::from_pretrained(table);
  CHECK(frozen.to_string() == "EmbeddingBag(3, 2, mode=mean)");
  CHECK(frozen.state_dict().keys() == std::vector<std::string>{"weight"});
  CHECK_FALSE(frozen.weight.requires_grad());
  const Tensor means = frozen(xg::tensor({{0, 2}, {1, 1}}));
  CHECK(means.to_vector<double>() == std::vector<double>{4, 6.5, 3, 5});
  CHECK_FALSE(means.requires_grad());
  const nn::EmbeddingBag trained = nn::EmbeddingBag::from_pretrained(
      table, {.freeze = false, .mode = "sum", .include_last_offset = true, .padding_idx = -1});
  CHECK(trained.to_string() == "EmbeddingBag(3, 2, mode=sum, padding_idx=2)");
  const Tensor sums = trained(xg::tensor({0, 1, 2, 1}), xg::tensor({0, 2, 4}));
  CHECK(sums.to_vector<double>() == std::vector<double>{4, 7, 3, 5});
  sums.sum().backward();
  CHECK(trained.weight.grad().to_vector<double>() == std::vector<double>{1, 1, 2, 2, 0, 0});
  CHECK_FALSE(table.requires_grad());
  CHECK(table[2].to_vector<double>() == std::vector<double>{7, 11});  // its padding row stays as it is
  table.zero_();
  CHECK(trained.weight.abs().sum().item<double>() == 0);  // the memory is shared
  CHECK(mentions(message_of<xg::ShapeError>([] { nn::EmbeddingBag::from_pretrained(xg::ones({3})); }),
                 {"EmbeddingBag", "[3]", "points_test.cpp"}));
  CHECK(mentions(message_of<xg::DtypeError>([] {
                   nn::EmbeddingBag::from_pretrained(xg::tensor({{1, 2}}));
                 }),
                 {"EmbeddingBag", "int64"}));
  CHECK(mentions(message_of<xg::IndexError>([&] { nn::EmbeddingBag::from_pretrained(table, {.padding_idx = 3}); }),
                 {"EmbeddingBag", "3"}));
  CHECK(mentions(message_of<xg::ValueError>([&] { nn::EmbeddingBag::from_pretrained(table, {.mode = "prod"}); }),
                 {"EmbeddingBag", "prod"}));
}

TEST_CASE("misuse of layers is named") {
  CHECK(mentions(message_of<xg::ValueError>([] { nn::Dropout2d(1.5); }), {"Dropout2d", "1.5", "points_test.cpp"}));
  CHECK(mentions(message_of<xg::ValueError>([] { nn::PReLU(0); }), {"PReLU", "0"}));
  CHECK(mentions(message_of<xg::ValueError>([] { nn::Hardtanh(1, -1); }), {"Hardtanh", "-1"}));
  CHECK(mentions(message_of<xg::ValueError>([] { nn::RReLU(0.5, 0.25); }), {"RReLU", "0.25"}));
  CHECK(mentions(message_of<xg::ValueError>([] { nn::Bilinear(0, 2, 2); }), {"Bilinear", "0"}));
  CHECK(mentions(message_of<xg::ShapeError>([] { nn::Softmax2d()(xg::ones({2, 3})); }), {"Softmax2d", "[2, 3]"}));
}

TEST_CASE("AdaptiveLogSoftmaxWithLoss: the targets' part of all log-probabilities, which are one distribution") {
  xg::manual_seed(2);
  nn::AdaptiveLogSoftmaxWithLoss layer(16, 20, {5, 10, 15}, {.div_value = 2});
  CHECK(layer.state_dict().keys() == std::vector<std::string>{"head.weight", "tail.0.0.weight", "tail.0.1.weight",
                                                              "tail.1.0.weight", "tail.1.1.weight", "tail.2.0.weight",
                                                              "tail.2.1.weight"});
  CHECK((layer.get_parameter("head.weight").sizes() == xg::Shape{8, 16}));
  CHECK((layer.get_parameter("tail.2.0.weight").sizes() == xg::Shape{2, 16}));
  const Tensor x = xg::randn({6, 16}), t = xg::tensor({0, 4, 5, 12, 19, 7});
  const auto [output, loss] = layer(x, t);
  const Tensor all = layer.log_prob(x);
  CHECK(xg::allclose(all.exp().sum(1), xg::ones({6}), {.rtol = 1e-5}));
  CHECK(xg::allclose(output, all.gather(1, t.unsqueeze(1)).squeeze(1), {.rtol = 1e-5, .atol = 1e-6}));
  CHECK(loss.item<double>() == doctest::Approx(-output.mean().item<double>()));
  CHECK(xg::equal(layer.predict(x), all.argmax(1)));
  CHECK(layer(x[0], t[0]).output.dim() == 0);
  CHECK(mentions(message_of<xg::IndexError>([&] { layer(x, t + 1); }), {"AdaptiveLogSoftmaxWithLoss", "19", "20"}));
  CHECK_THROWS_AS(layer(x, xg::tensor({1})), xg::ShapeError);
  CHECK_THROWS_AS(nn::AdaptiveLogSoftmaxWithLoss(16, 20, {5, 5}), xg::ValueError);
}
