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
  return is_winograd_allowed() && g.is_flat() && g.groups == 1 && g.kernel_h == 3 && g.kernel_w == 3 &&
         g.stride_h == 1 && g.stride_w == 1 && g.dilation_h == 1 && g.dilation_w == 1 && g.padding_h <= 1 &&
         g.padding_w <= 1 && std::min(g.in_channels, g.out_channels) >= 32 && tiles >= 48 &&
         tiles * 16 * 2 <= g.batch * g.out_height * g.out_width * 3;
}

namespace winograd {
namespace {

// Channels of a panel of products.
constexpr std::int64_t block = panel_width<float>;

std::int64_t padded(std::int64_t channels, std::int64_t to) { return (channels + to - 1) / to * to; }
// From one spot's numbers to the next's. `size` is often a large power of two, and then the numbers of all spots that
// are read or written together would meet in one set of the nearest cache.
std::int64_t spaced(std::int64_t size) { return size + 16; }

Images inputs_of(const ConvGeometry& g) { return {g.batch, g.in_channels, g.height, g.width}; }
Images outputs_of(const ConvGeometry& g) { return {g.batch, g.out_channels, g.out_height, g.out_width}; }

constexpr auto tile_transform = [](const std::array<Vector, 6>& d) { return tile_values(d); };

// The numbers of all windows, in panels of output channels: [panels, spots (spaced), inputs, block]. The weight has
// [outputs, inputs] windows of 3x3 or, exchanged, [inputs, outputs], which are then taken backwards.
Tensor window_panels(const float* weight, std::int64_t outputs, std::int64_t inputs, bool exchanged) {
  const std::int64_t pitch = padded(outputs, block);
  const Tensor numbers = make_tensor({pitch / block * spots * spaced(inputs * block)}, Dtype::float32);
  float* to = data<float>(numbers);
  const Workspace<float> workspace(elements * pitch);
  parallel_for(inputs, 4, outputs * inputs * spots, [&](std::int64_t begin, std::int64_t end) {
    float* turned = workspace.mine();
    std::fill_n(turned, elements * pitch, 0.0F);
    for (std::int64_t c = begin; c < end; ++c) {
      const float* from = weight + (exchanged ? c * outputs : c) * elements;
      transpose_matrix(outputs, elements, from, exchanged ? elements : inputs * elements, turned, pitch);
      for (std::int64_t k = 0; k < pitch; k += lanes)
        both_ways<3, 6, Vector>(
            [&](auto i, auto j) {
              const auto element = static_cast<std::int64_t>(i * 3 + j);
              return Vector::load(turned + (exchanged ? elements - 1 - element : element) * pitch + k);
            },
            [](const std::array<Vector, 3>& v) { return window_values(v); },
            [&](auto i, auto j, const Vector& value) {
              const auto spot = static_cast<std::int64_t>(i * 6 + j);
              value.store(to + (k / block * spots + spot) * spaced(inputs * block) + c * block + k % block);
            });
    }
  });
  return numbers;
}

// The numbers of a band's tiles, of channels first..: store(spot, tile, channel, vector). The area of each image is
// turned round in `memory`.
template <std::size_t Size, class Transform, class Store>
void band_numbers(const Images& images, const float* data, const Band& band, const Area& area, std::int64_t first,
                  std::int64_t channels, const float* zeros, float* memory, const Transform& transform,
                  const Store& store) noexcept {
  const std::int64_t above = band.top * step - area.top, before = band.left * step - area.left;
  for (std::int64_t n = 0; n < band.images; ++n) {
    const float* image = data + ((band.image + n) * images.channels + first) * images.plane();
    const Places places(images, image, area, channels, memory);
    for (std::int64_t t = 0; t < band.tiles_of_image(); ++t)
      tile_numbers<Size>(places, band.row(t) - above, band.column(t) - before, channels, zeros, transform,
                         [&](std::int64_t spot, std::int64_t c, const Vector& value) {
                           store(spot, n * band.tiles_of_image() + t, c, value);
                         });
  }
}

// The results that products [spots (spaced), tiles, block] of output channels first.. stand for. Uses `memory` of a
// block for every place of an image's results.
void write_results(const Images& out, const Band& band, const float* products, std::int64_t tiles, std::int64_t first,
                   const float* bias, float* memory, float* output, bool accumulate) noexcept {
  const Area area = band.results().inside(out);
  const std::int64_t channels = std::min(block, out.channels - first);
  PanelSums<float> offset;
  for (std::int64_t v = 0; v < panel_vectors; ++v)
    offset[static_cast<std::size_t>(v)] =
        bias ? load_part(bias + first + v * lanes, std::clamp<std::int64_t>(channels - v * lanes, 0, lanes))
             : Vector(0);
  alignas(64) float nowhere[block];
  for (std::int64_t n = 0; n < band.images; ++n) {
    for (std::int64_t t = 0; t < band.tiles_of_image(); ++t) {
      float* to[step][step];
      for (std::int64_t i = 0; i < step; ++i)
        for (std::int64_t j = 0; j < step; ++j) {
          const std::int64_t row = band.row(t) + i - area.top, column = band.column(t) + j - area.left;
          to[i][j] = row < area.height && column < area.width ? memory + (row * area.width + column) * block : nowhere;
        }
      const float* from = products + (n * band.tiles_of_image() + t) * block;
      for (std::int64_t v = 0; v < panel_vectors; ++v)
        both_ways<6, 4, Vector>(
            [&](auto i, auto j) {
              return Vector::load(from + static_cast<std::int64_t>(i * 6 + j) * spaced(tiles * block) + v * lanes);
            },
            [](const std::array<Vector, 6>& m) { return results<4>(m); },
            [&](auto i, auto j, const Vector& value) {
              (value + offset[static_cast<std::size_t>(v)]).store(to[i][j] + v * lanes);
            });
    }
    // Rows that are as wide as the image are one run.
    const bool whole = area.width == out.width;
    const std::int64_t rows = whole ? 1 : area.height, length = whole ? area.height * area.width : area.width;
    float* image = output + ((band.image + n) * out.channels + first) * out.plane() + area.top * out.width + area.left;
    for (std::int64_t i = 0; i < rows; ++i) {
      const float* run = memory + i * length * block;
      if (!accumulate) {
        transpose_matrix(length, channels, run, block, image + i * out.width, out.plane());
        continue;
      }
      for (std::int64_t k = 0; k < channels; ++k) {
        float* at = image + k * out.plane() + i * out.width;
        for (std::int64_t j = 0; j < length; ++j) at[j] += run[j * block + k];
      }
    }
  }
}

// Every output channel is a sum over input channels of images and windows.
void convolve(const Images& in, const Images& out, std::int64_t padding_h, std::int64_t padding_w, const float* input,
              const Tensor& windows, const float* bias, float* output, bool accumulate) {
  const Bands bands(out);
  const std::int64_t pitch = padded(in.channels, lanes), tiles = bands.most_tiles();
  const std::int64_t places = bands.most_places() * std::max(pitch, block);
  const Workspace<float> workspace(pitch + places + spots * (spaced(tiles * pitch) + spaced(tiles * block)));
  const auto work_on = [&](const Band& band) {
    float* const zeros = workspace.mine();
    float* const memory = zeros + pitch;
    float* const numbers = memory + places;
    float* const products = numbers + spots * spaced(tiles * pitch);
    std::fill_n(zeros, pitch, 0.0F);
    band_numbers<6>(in, input, band, band.operands(padding_h, padding_w), 0, in.channels, zeros, memory, tile_transform,
                    [&](std::int64_t spot, std::int64_t t, std::int64_t c, const Vector& value) {
                      value.store(numbers + spot * spaced(tiles * pitch) + t * pitch + c);
                    });
    for (std::int64_t first = 0; first < out.channels; first += block) {
      const float* panels = data<float>(windows) + first / block * spots * spaced(in.channels * block);
      for (std::int64_t s = 0; s < spots; ++s)
        for (std::int64_t t = 0; t < band.tiles(); t += panel_rows<>) {
          float* to = products + s * spaced(tiles * block) + t * block;
          multiply_panel<float>(
              std::min(panel_rows<>, band.tiles() - t), in.channels, numbers + s * spaced(tiles * pitch) + t * pitch,
              pitch, panels + s * spaced(in.channels * block), [&](std::int64_t r, const PanelSums<float>& sums) {
                for (std::size_t v = 0; v < panel_vectors; ++v)
                  sums[v].store(to + r * block + static_cast<std::int64_t>(v) * lanes);
              });
        }
      write_results(out, band, products, tiles, first, bias, memory, output, accumulate);
    }
  };
  parallel_for(bands.count(), 1, bands.count() * tiles * spots * in.channels * out.channels,
               [&](std::int64_t begin, std::int64_t end) {
                 for (std::int64_t b = begin; b < end; ++b) work_on(bands[b]);
               });
}

// ---- the weight's gradient: for every spot the product of the output's gradient with the input, summed over tiles

struct WeightGradient {
  Images in, out;
  std::int64_t padding_h, padding_w;
  Bands bands;
  std::int64_t tiles, in_pitch, out_pitch, width;
  // Bands are summed in a fixed number of slices, each in its order; a task has a slice of them for a chunk of outputs.
  std::int64_t size, slices, chunk, chunks;

  explicit WeightGradient(const ConvGeometry& g)
      : in(inputs_of(g)), out(outputs_of(g)), padding_h(g.padding_h), padding_w(g.padding_w), bands(out) {
    constexpr std::int64_t most_elements = std::int64_t{1} << 22, most_slices = 8, most_outputs = 128;
    tiles = bands.most_tiles();
    in_pitch = padded(in.channels, lanes);
    out_pitch = padded(out.channels, lanes);
    width = padded(in.channels, block);
    size = spots * spaced(out.channels * width);
    slices = std::clamp<std::int64_t>(most_elements / size, 1, std::min(most_slices, bands.count()));
    chunk = std::min(most_outputs, out.channels);
    chunks = (out.channels + chunk - 1) / chunk;
  }
  std::int64_t places() const noexcept { return bands.most_places() * std::max(in_pitch, out_pitch); }
  std::int64_t columns() const noexcept { return width / block * spots * spaced(tiles * block); }
  std::int64_t workspace() const noexcept {
    return std::max(in_pitch, out_pitch) + places() + columns() + spots * spaced(tiles * padded(chunk, lanes));
  }

  // sums [spots (spaced), outputs, width] of slice and chunk; workspace() numbers of memory.
  void run(std::int64_t task, const float* output, const float* input, float* sums, float* memory) const noexcept {
    float* const zeros = memory;
    float* const area = zeros + std::max(in_pitch, out_pitch);
    float* const inputs = area + places();
    float* const gradients = inputs + columns();
    std::fill_n(zeros, std::max(in_pitch, out_pitch), 0.0F);
    // A panel's last vectors may have no channel.
    if (in_pitch < width) std::fill_n(inputs, columns(), 0.0F);
    const std::int64_t slice = task / chunks, first = task % chunks * chunk;
    const std::int64_t outputs = std::min(chunk, out.channels - first), pitch = padded(outputs, lanes);
    float* const sum = sums + slice * size;
    const std::int64_t begin = bands.count() * slice / slices, end = bands.count() * (slice + 1) / slices;
    for (std::int64_t b = begin; b < end; ++b) {
      const Band band = bands[b];
      band_numbers<6>(
          in, input, band, band.operands(padding_h, padding_w), 0, in.channels, zeros, area, tile_transform,
          [&](std::int64_t spot, std::int64_t t, std::int64_t c, const Vector& value) {
            value.store(inputs + (c / block * spots + spot) * spaced(tiles * block) + t * block + c % block);
          });
      band_numbers<4>(
          out, output, band, band.results(), first, outputs, zeros, area,
          [](const std::array<Vector, 4>& v) { return window_values(v); },
          [&](std::int64_t spot, std::int64_t t, std::int64_t k, const Vector& value) {
            value.store(gradients + spot * spaced(tiles * pitch) + t * pitch + k);
          });
      for (std::int64_t panel = 0; panel < width; panel += block)
        for (std::int64_t s = 0; s < spots; ++s)
          for (std::int64_t k = 0; k < outputs; k += panel_rows<>) {
            float* to = sum + s * spaced(out.channels * width) + (first + k) * width + panel;
            multiply_panel<float>(std::min(panel_rows<>, outputs - k), band.tiles(),
                                  gradients + s * spaced(tiles * pitch) + k, 1, pitch,
                                  inputs + (panel / block * spots + s) * spaced(tiles * block),
                                  [&](std::int64_t r, const PanelSums<float>& values) {
                                    for (std::size_t v = 0; v < panel_vectors; ++v) {
                                      float* at = to + r * width + static_cast<std::int64_t>(v) * lanes;
                                      (b == begin ? values[v] : values[v] + Vector::load(at)).store(at);
                                    }
                                  });
          }
    }
  }

  // The windows [inputs, 3, 3] of one output channel, from the sums of all slices.
  void finish(std::int64_t k, const float* sums, float* weight, bool accumulate) const noexcept {
    for (std::int64_t c = 0; c < in.channels; c += lanes) {
      alignas(64) float found[elements * lanes];
      both_ways<6, 3, Vector>(
          [&](auto i, auto j) {
            const float* at =
                sums + static_cast<std::int64_t>(i * 6 + j) * spaced(out.channels * width) + k * width + c;
            Vector sum = Vector::load(at);
            for (std::int64_t slice = 1; slice < slices; ++slice) sum = sum + Vector::load(at + slice * size);
            return sum;
          },
          [](const std::array<Vector, 6>& m) { return results<3>(m); },
          [&](auto i, auto j, const Vector& value) {
            value.store(found + static_cast<std::int64_t>(i * 3 + j) * lanes);
          });
      float* to = weight + (k * in.channels + c) * elements;
      for (std::int64_t l = 0; l < std::min(lanes, in.channels - c); ++l, to += elements)
        for (std::int64_t i = 0; i < elements; ++i) to[i] = found[i * lanes + l] + (accumulate ? to[i] : 0.0F);
    }
  }
};

}  // namespace

void conv_forward(const ConvGeometry& g, const float* input, const float* weight, const float* bias, float* output) {
  convolve(inputs_of(g), outputs_of(g), g.padding_h, g.padding_w, input,
           window_panels(weight, g.out_channels, g.in_channels, false), bias, output, false);
}

void conv_input_gradient(const ConvGeometry& g, const float* output, const float* weight, float* input,
                         bool accumulate) {
  convolve(outputs_of(g), inputs_of(g), window - 1 - g.padding_h, window - 1 - g.padding_w, output,
           window_panels(weight, g.in_channels, g.out_channels, true), nullptr, input, accumulate);
}

void conv_weight_gradient(const ConvGeometry& g, const float* output, const float* input, float* weight,
                          bool accumulate) {
  const WeightGradient gradient(g);
  const Tensor sums = make_tensor({gradient.slices * gradient.size}, Dtype::float32);
  const Workspace<float> workspace(gradient.workspace());
  const std::int64_t work = gradient.bands.count() * gradient.tiles * spots * g.in_channels * g.out_channels;
  parallel_for(gradient.slices * gradient.chunks, 1, work, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t task = begin; task < end; ++task)
      gradient.run(task, output, input, data<float>(sums), workspace.mine());
  });
  parallel_for(g.out_channels, 4, gradient.slices * gradient.size, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t k = begin; k < end; ++k) gradient.finish(k, data<float>(sums), weight, accumulate);
  });
}

}  // namespace winograd
}  // namespace xgrad::detail
