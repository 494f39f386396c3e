// nn::functional: what layers compute, as functions of tensors. They are those of ops/*.hpp, where they are documented.
#pragma once
#include <xgrad/ops/activation.hpp>
#include <xgrad/ops/attention.hpp>
#include <xgrad/ops/batch_norm.hpp>
#include <xgrad/ops/conv.hpp>
#include <xgrad/ops/conv_transpose.hpp>
#include <xgrad/ops/cross_entropy.hpp>
#include <xgrad/ops/ctc_loss.hpp>
#include <xgrad/ops/distance.hpp>
#include <xgrad/ops/dropout.hpp>
#include <xgrad/ops/embedding_bag.hpp>
#include <xgrad/ops/fold.hpp>
#include <xgrad/ops/gather.hpp>
#include <xgrad/ops/group_norm.hpp>
#include <xgrad/ops/interpolate.hpp>
#include <xgrad/ops/layer_norm.hpp>
#include <xgrad/ops/likelihood_loss.hpp>
#include <xgrad/ops/linalg.hpp>
#include <xgrad/ops/loss.hpp>
#include <xgrad/ops/margin_loss.hpp>
#include <xgrad/ops/pad.hpp>
#include <xgrad/ops/pointwise.hpp>
#include <xgrad/ops/pool.hpp>
#include <xgrad/ops/rms_norm.hpp>
#include <xgrad/ops/rotary.hpp>
#include <xgrad/ops/segmentation_loss.hpp>
#include <xgrad/ops/softmax.hpp>

namespace xgrad::nn::functional {

using xgrad::linear;

using xgrad::conv1d;
using xgrad::conv2d;
using xgrad::conv3d;
using xgrad::conv_transpose1d;
using xgrad::conv_transpose2d;
using xgrad::conv_transpose3d;

using xgrad::adaptive_avg_pool1d;
using xgrad::adaptive_avg_pool2d;
using xgrad::adaptive_avg_pool3d;
using xgrad::adaptive_max_pool1d;
using xgrad::adaptive_max_pool1d_with_indices;
using xgrad::adaptive_max_pool2d;
using xgrad::adaptive_max_pool2d_with_indices;
using xgrad::adaptive_max_pool3d;
using xgrad::adaptive_max_pool3d_with_indices;
using xgrad::avg_pool1d;
using xgrad::avg_pool2d;
using xgrad::avg_pool3d;
using xgrad::fractional_max_pool2d;
using xgrad::fractional_max_pool2d_with_indices;
using xgrad::fractional_max_pool3d;
using xgrad::fractional_max_pool3d_with_indices;
using xgrad::lp_pool1d;
using xgrad::lp_pool2d;
using xgrad::lp_pool3d;
using xgrad::max_pool1d;
using xgrad::max_pool1d_with_indices;
using xgrad::max_pool2d;
using xgrad::max_pool2d_with_indices;
using xgrad::max_pool3d;
using xgrad::max_pool3d_with_indices;
using xgrad::max_unpool1d;
using xgrad::max_unpool2d;
using xgrad::max_unpool3d;

using xgrad::channel_shuffle;
using xgrad::fold;
using xgrad::interpolate;
using xgrad::pad;
using xgrad::pixel_shuffle;
using xgrad::pixel_unshuffle;
using xgrad::unfold;

using xgrad::celu;
using xgrad::elu;
using xgrad::gelu;
using xgrad::gelu_tanh;
using xgrad::glu;
using xgrad::hardshrink;
using xgrad::hardsigmoid;
using xgrad::hardswish;
using xgrad::hardtanh;
using xgrad::leaky_relu;
using xgrad::logsigmoid;
using xgrad::mish;
using xgrad::prelu;
using xgrad::relu;
using xgrad::relu6;
using xgrad::rrelu;
using xgrad::selu;
using xgrad::sigmoid;
using xgrad::silu;
using xgrad::softplus;
using xgrad::softshrink;
using xgrad::softsign;
using xgrad::tanh;
using xgrad::tanhshrink;
using xgrad::threshold;

using xgrad::log_softmax;
using xgrad::softmax;
using xgrad::softmin;

using xgrad::alpha_dropout;
using xgrad::batch_norm;
using xgrad::dropout;
using xgrad::dropout1d;
using xgrad::dropout2d;
using xgrad::dropout3d;
using xgrad::embedding;
using xgrad::embedding_bag;
using xgrad::feature_alpha_dropout;
using xgrad::group_norm;
using xgrad::instance_norm;
using xgrad::layer_norm;
using xgrad::local_response_norm;
using xgrad::one_hot;
using xgrad::rms_norm;
using xgrad::rotary_embedding;

using xgrad::scaled_dot_product_attention;

using xgrad::binary_cross_entropy;
using xgrad::binary_cross_entropy_with_logits;
using xgrad::cosine_embedding_loss;
using xgrad::cross_entropy;
using xgrad::ctc_loss;
using xgrad::dice_loss;
using xgrad::focal_loss;
using xgrad::gaussian_nll_loss;
using xgrad::hinge_embedding_loss;
using xgrad::huber_loss;
using xgrad::kl_div;
using xgrad::l1_loss;
using xgrad::margin_ranking_loss;
using xgrad::mse_loss;
using xgrad::multi_margin_loss;
using xgrad::multilabel_margin_loss;
using xgrad::multilabel_soft_margin_loss;
using xgrad::nll_loss;
using xgrad::poisson_nll_loss;
using xgrad::sigmoid_focal_loss;
using xgrad::smooth_l1_loss;
using xgrad::soft_margin_loss;
using xgrad::triplet_margin_loss;
using xgrad::triplet_margin_with_distance_loss;

using xgrad::bilinear;
using xgrad::cosine_similarity;
using xgrad::normalize;
using xgrad::pairwise_distance;
using xgrad::pdist;

}  // namespace xgrad::nn::functional
