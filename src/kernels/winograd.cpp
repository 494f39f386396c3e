#include "kernels/winograd.hpp"

#include <xgrad/ops/conv.hpp>

#include "kernels/panel.hpp"
#include "kernels/winograd_tiles.hpp"
#include "kernels/workspace.hpp"

namespace xgrad::detail {

// It multiplies 36 numbers for 16 results instead of 144. That pays where there are enough tiles for the cost of
// transforming weights, enough channels for that of images, and little of the tiles is outside the image.
bool winograd_pays(const ConvGeometry& g) noexcept {
  const std::int64_t tiles = g.batch * ((g.out_height + 3) / 4) * ((g.out_width + 3) / 4);
  return is_winograd_allowed() && g.groups == 1 && g.kernel_h == 3 && g.kernel_w == 3 && g.stride_h == 1 &&
         g.stride_w == 1 && g.dilation_h == 1 && g.dilation_w == 1 && g.padding_h <= 1 && g.padding_w <= 1 &&
         std::min(g.in_channels, g.out_channels) >= 32 && tiles >= 48 &&
         tiles * 16 * 2 <= g.batch * g.out_height * g.out_width * 3;
}

namespace winograd {
namespace {

// Tiles that are worked on together: a panel's width, for products of a weight and the tiles' numbers.
constexpr std::int64_t block = panel_width<float>;
// Output channels whose products are held at once.
constexpr std::int64_t most_products = 24;

Images inputs_of(const ConvGeometry& g) { return {g.batch, g.in_channels, g.height, g.width}; }
Images outputs_of(const ConvGeometry& g) { return {g.batch, g.out_channels, g.out_height, g.out_width}; }

// The numbers of all windows: [spots, outputs, inputs]. weight has [outputs, inputs] windows of 3x3 or, exchanged,
// [inputs, outputs], which are then taken backwards.
Tensor window_numbers(const float* weight, std::int64_t outputs, std::int64_t inputs, bool exchanged) {
  const Tensor numbers = make_tensor({spots * outputs * inputs}, Dtype::float32);
  float* to = data<float>(numbers);
  parallel_for(outputs, 4, outputs * inputs * spots, [&](std::int64_t begin, std::int64_t end) {
    Gathered<window> windows;
    for (std::int64_t k = begin; k < end; ++k)
      for (std::int64_t c = 0; c < inputs; c += lanes) {
        const std::int64_t count = std::min(lanes, inputs - c);
        for (std::int64_t l = 0; l < lanes; ++l) {
          const float* g = weight + (exchanged ? (c + l) * outputs + k : k * inputs + c + l) * window * window;
          if (l >= count)
            windows.clear(l);
          else if (exchanged)
            std::reverse_copy(g, g + window * window, windows.lane(l));
          else
            std::memcpy(windows.lane(l), g, window * window * sizeof(float));
        }
        windows.turn();
        both_ways<3, 6, Vector>(
            windows, [](const std::array<Vector, 3>& v) { return window_values(v); },
            [&](auto i, auto j, const Vector& value) {
              store_part(value, to + (static_cast<std::int64_t>(i * 6 + j) * outputs + k) * inputs + c, count);
            });
      }
  });
  return numbers;
}

constexpr auto tile_transform = [](const std::array<Vector, 6>& d) { return tile_values(d); };

// The numbers of the tiles first.. of all channels, in panels: [spots, channels, block].
void tile_panels(const Images& images, const Grid& grid, std::int64_t padding_h, std::int64_t padding_w,
                 const float* data, std::int64_t first, float* panels) noexcept {
  Place places[block];
  const std::int64_t count = std::min(block, grid.tiles() - first);
  for (std::int64_t t = 0; t < count; ++t) places[t] = grid.place(first + t);
  Gathered<side> tiles;
  for (std::int64_t c = 0; c < images.channels; ++c)
    for (std::int64_t v = 0; v < panel_vectors; ++v) {
      for (std::int64_t t = 0; t < lanes; ++t) {
        if (v * lanes + t >= count) {
          tiles.clear(t);
          continue;
        }
        const Place& place = places[v * lanes + t];
        load_tile<side>(images, data + (place.image * images.channels + c) * images.plane(), place.top - padding_h,
                        place.left - padding_w, tiles.lane(t));
      }
      tiles.turn();
      both_ways<6, 6, Vector>(tiles, tile_transform, [&](auto i, auto j, const Vector& value) {
        value.store(panels + (static_cast<std::int64_t>(i * 6 + j) * images.channels + c) * block + v * lanes);
      });
    }
}

// Results from products [spots, outputs of this call, block], for output channels from `channel` on.
void write_results(const Images& images, const Grid& grid, const float* products, std::int64_t first,
                   std::int64_t channel, std::int64_t channels, const float* bias, float* data,
                   bool accumulate) noexcept {
  const std::int64_t count = std::min(block, grid.tiles() - first);
  alignas(64) float columns[step * step * lanes];
  alignas(64) float rows[lanes * step * step];
  for (std::int64_t k = 0; k < channels; ++k)
    for (std::int64_t v = 0; v * lanes < count; ++v) {
      both_ways<6, 4, Vector>(
          [&](auto i, auto j) {
            return Vector::load(products + (static_cast<std::int64_t>(i * 6 + j) * channels + k) * block + v * lanes);
          },
          [](const std::array<Vector, 6>& m) { return results<4>(m); },
          [&](auto i, auto j, const Vector& value) {
            (value + Vector(bias ? bias[channel + k] : 0.0F))
                .store(columns + static_cast<std::int64_t>(i * 4 + j) * lanes);
          });
      transpose_matrix<float>(step * step, lanes, columns, lanes, rows, step * step);
      for (std::int64_t t = 0; t < std::min(lanes, count - v * lanes); ++t) {
        const Place place = grid.place(first + v * lanes + t);
        float* to = data + (place.image * images.channels + channel + k) * images.plane() + place.top * images.width +
                    place.left;
        const float* from = rows + t * step * step;
        const std::int64_t height = std::min(step, images.height - place.top),
                           width = std::min(step, images.width - place.left);
        for (std::int64_t i = 0; i < height; ++i, to += images.width, from += step) {
          if (accumulate)
            for (std::int64_t j = 0; j < width; ++j) to[j] += from[j];
          else if (width == step)
            std::memcpy(to, from, step * sizeof(float));
          else
            for (std::int64_t j = 0; j < width; ++j) to[j] = from[j];
        }
      }
    }
}

// Every output channel is a sum over input channels of images and windows.
void convolve(const Images& in, const Images& out, std::int64_t padding_h, std::int64_t padding_w, const float* input,
              const Tensor& windows, const float* bias, float* output, bool accumulate) {
  const Grid grid(out);
  const std::int64_t chunk = std::min(most_products, out.channels);
  const Workspace<float> workspace(spots * (in.channels + chunk) * block);
  parallel_for((grid.tiles() + block - 1) / block, 1, grid.tiles() * spots * in.channels * out.channels,
               [&](std::int64_t begin, std::int64_t end) {
                 float* panels = workspace.mine();
                 float* products = panels + spots * in.channels * block;
                 for (std::int64_t b = begin; b < end; ++b) {
                   tile_panels(in, grid, padding_h, padding_w, input, b * block, panels);
                   for (std::int64_t channel = 0; channel < out.channels; channel += chunk) {
                     const std::int64_t channels = std::min(chunk, out.channels - channel);
                     for (std::int64_t s = 0; s < spots; ++s)
                       for (std::int64_t k = 0; k < channels; k += panel_rows<>) {
                         float* to = products + (s * channels + k) * block;
                         multiply_panel<float>(std::min(panel_rows<>, channels - k), in.channels,
                                               data<float>(windows) + (s * out.channels + channel + k) * in.channels,
                                               in.channels, panels + s * in.channels * block,
                                               [&](std::int64_t r, const PanelSums<float>& sums) {
                                                 for (std::size_t v = 0; v < panel_vectors; ++v)
                                                   sums[v].store(to + r * block + static_cast<std::int64_t>(v) * lanes);
                                               });
                       }
                     write_results(out, grid, products, b * block, channel, channels, bias, output, accumulate);
                   }
                 }
               });
}

// ---- the weight's gradient: the product of an image's tiles with those of the output's gradient, summed over tiles

// Tiles whose products are summed before they are added to the rest, and output channels that one task serves.
constexpr std::int64_t run = 64, most_outputs = 128;

struct WeightTask {
  const ConvGeometry& g;
  Images in, out;
  Grid grid;
  std::int64_t panels;  // of input channels

  explicit WeightTask(const ConvGeometry& geometry)
      : g(geometry), in(inputs_of(g)), out(outputs_of(g)), grid(out), panels((in.channels + block - 1) / block) {}

  // The input's tiles first.. of a panel of channels, with channels side by side: [spots, run, block].
  void input_panel(const float* input, std::int64_t first, std::int64_t count, std::int64_t panel,
                   float* to) const noexcept {
    Gathered<side> tiles;
    for (std::int64_t t = 0; t < count; ++t) {
      const Place place = grid.place(first + t);
      for (std::int64_t v = 0; v < panel_vectors; ++v) {
        const std::int64_t c = panel * block + v * lanes;
        for (std::int64_t l = 0; l < lanes; ++l) {
          if (c + l >= in.channels) {
            tiles.clear(l);
            continue;
          }
          load_tile<side>(in, input + (place.image * in.channels + c + l) * in.plane(), place.top - g.padding_h,
                          place.left - g.padding_w, tiles.lane(l));
        }
        tiles.turn();
        both_ways<6, 6, Vector>(tiles, tile_transform, [&](auto i, auto j, const Vector& value) {
          value.store(to + (static_cast<std::int64_t>(i * 6 + j) * run + t) * block + v * lanes);
        });
      }
    }
  }
  // The tiles of the output's gradient, with tiles side by side: [spots, channels, run].
  void output_rows(const float* output, std::int64_t first, std::int64_t count, std::int64_t channel,
                   std::int64_t channels, float* to) const noexcept {
    Gathered<step> tiles;
    for (std::int64_t k = 0; k < channels; ++k)
      for (std::int64_t begin = 0; begin < count; begin += lanes) {
        for (std::int64_t l = 0; l < lanes; ++l) {
          if (begin + l >= count) {
            tiles.clear(l);
            continue;
          }
          const Place place = grid.place(first + begin + l);
          load_tile<step>(out, output + (place.image * out.channels + channel + k) * out.plane(), place.top, place.left,
                          tiles.lane(l));
        }
        tiles.turn();
        both_ways<4, 6, Vector>(
            tiles, [](const std::array<Vector, 4>& v) { return window_values(v); },
            [&](auto i, auto j, const Vector& value) {
              value.store(to + (static_cast<std::int64_t>(i * 6 + j) * channels + k) * run + begin);
            });
      }
  }
};

}  // namespace

void conv_forward(const ConvGeometry& g, const float* input, const float* weight, const float* bias, float* output) {
  convolve(inputs_of(g), outputs_of(g), g.padding_h, g.padding_w, input,
           window_numbers(weight, g.out_channels, g.in_channels, false), bias, output, false);
}

void conv_input_gradient(const ConvGeometry& g, const float* output, const float* weight, float* input,
                         bool accumulate) {
  convolve(outputs_of(g), inputs_of(g), window - 1 - g.padding_h, window - 1 - g.padding_w, output,
           window_numbers(weight, g.in_channels, g.out_channels, true), nullptr, input, accumulate);
}

// Tiles are summed in a fixed number of slices, each in its order, and the slices in theirs.
void conv_weight_gradient(const ConvGeometry& g, const float* output, const float* input, float* weight,
                          bool accumulate) {
  const WeightTask task(g);
  const std::int64_t width = task.panels * block, size = spots * g.out_channels * width;
  constexpr std::int64_t most_elements = std::int64_t{1} << 22;
  const std::int64_t runs = (task.grid.tiles() + run - 1) / run;
  const std::int64_t slices = std::clamp<std::int64_t>(most_elements / size, 1, std::min<std::int64_t>(runs, 8));
  const std::int64_t chunk = std::min(most_outputs, g.out_channels), chunks = (g.out_channels + chunk - 1) / chunk;
  const Tensor sums = make_tensor({slices * size}, Dtype::float32);
  const Workspace<float> workspace(spots * run * (block + chunk));
  parallel_for(slices * chunks, 1, task.grid.tiles() * spots * g.in_channels * g.out_channels,
               [&](std::int64_t begin, std::int64_t end) {
                 float* panel = workspace.mine();
                 float* rows = panel + spots * run * block;
                 for (std::int64_t item = begin; item < end; ++item) {
                   const std::int64_t slice = item / chunks, channel = item % chunks * chunk;
                   const std::int64_t channels = std::min(chunk, g.out_channels - channel);
                   const std::int64_t from = runs * slice / slices, to = runs * (slice + 1) / slices;
                   for (std::int64_t r = from; r < to; ++r) {
                     const std::int64_t first = r * run, count = std::min(run, task.grid.tiles() - first);
                     task.output_rows(output, first, count, channel, channels, rows);
                     for (std::int64_t p = 0; p < task.panels; ++p) {
                       task.input_panel(input, first, count, p, panel);
                       for (std::int64_t s = 0; s < spots; ++s)
                         for (std::int64_t k = 0; k < channels; k += panel_rows<>) {
                           float* sum = data<float>(sums) + slice * size + (s * g.out_channels + channel + k) * width +
                                        p * block;
                           multiply_panel<float>(std::min(panel_rows<>, channels - k), count,
                                                 rows + (s * channels + k) * run, run, panel + s * run * block,
                                                 [&](std::int64_t i, const PanelSums<float>& values) {
                                                   for (std::size_t v = 0; v < panel_vectors; ++v) {
                                                     float* at = sum + i * width + static_cast<std::int64_t>(v) * lanes;
                                                     (r == from ? values[v] : values[v] + Vector::load(at)).store(at);
                                                   }
                                                 });
                         }
                     }
                   }
                 }
               });
  parallel_for(g.out_channels, 4, slices * size, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t k = begin; k < end; ++k)
      for (std::int64_t c = 0; c < g.in_channels; c += lanes) {
        alignas(64) float columns[window * window * lanes];
        both_ways<6, 3, Vector>(
            [&](auto i, auto j) {
              const float* at =
                  data<float>(sums) + (static_cast<std::int64_t>(i * 6 + j) * g.out_channels + k) * width + c;
              Vector sum = Vector::load(at);
              for (std::int64_t slice = 1; slice < slices; ++slice) sum = sum + Vector::load(at + slice * size);
              return sum;
            },
            [](const std::array<Vector, 6>& m) { return results<3>(m); },
            [&](auto i, auto j, const Vector& value) {
              value.store(columns + static_cast<std::int64_t>(i * 3 + j) * lanes);
            });
        float* to = weight + (k * g.in_channels + c) * window * window;
        for (std::int64_t l = 0; l < std::min(lanes, g.in_channels - c); ++l, to += window * window)
          for (std::int64_t i = 0; i < window * window; ++i)
            to[i] = accumulate ? to[i] + columns[i * lanes + l] : columns[i * lanes + l];
      }
  });
}

}  // namespace winograd
}  // namespace xgrad::detail
