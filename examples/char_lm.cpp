// Teaches: a language model. A network reads a text and says after each character which one it expects next; what it
//          has learned shows when it is asked to go on by itself.
//          --model lstm         carries a memory along from character to character
//          --model transformer  looks back at the characters before, by self-attention that sees none to come
// Run:     char_lm                                  the licences that every Debian and Ubuntu has: 240 KB of legalese
//          char_lm --text book.txt --model transformer --width 128 --layers 4
//          char_lm --load char_lm.safetensors --prompt "You may " --temperature 0.5 --length 1000
// Prints:  the loss on the last tenth of the text, which is not trained on, in nats and in bits per character, and what
//          the model writes, as it learns.
// Seen:    the LSTM, in 10 minutes of a busy machine (1500 steps, each a quarter of a second of processor time):
//          1.47 nats = 2.12 bits; "You have the work based on the Library (or distributed works."
//          The transformer of the second line, on the licences, after 400 steps: 2.07 nats = 2.98 bits, and falling.
#include <xgrad/xgrad.hpp>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <iterator>
#include <memory>
#include <numbers>
#include <string>
#include <vector>

#include "progress.hpp"
#include "tutorial.hpp"

namespace fs = std::filesystem;
namespace xg = xgrad;
namespace nn = xgrad::nn;
namespace data = xgrad::data;
using xg::Tensor;
using xg::TensorList;

// What a model is made of. A character is a byte, so that any text will do: there are 256 of them.
struct Size {
  std::string model = "lstm";
  std::int64_t width = 256, layers = 1, context = 128;
};

struct Options {
  std::string text = "/usr/share/common-licenses", save = "char_lm.safetensors", load, prompt = "The ";
  Size size;
  std::int64_t rounds = 5, steps = 300, batch_size = 32, length = 300;
  double lr = 3e-3, temperature = 0.7;
  std::uint64_t seed = 1;
  bool run_short = false;
};

struct CharModel : nn::Module {
  // Scores [B, T, 256] of what follows each character of text [B, T].
  virtual Tensor forward(const Tensor& text) = 0;
  // Reads on: scores [256] of what follows text [T], which follows what `memory` stands for. The memory, empty at
  // first, then stands for both.
  virtual Tensor read(const Tensor& text, TensorList& memory) = 0;
};

struct LSTMModel : CharModel {
  Size size;
  nn::Embedding embedding = register_module("embedding", nn::Embedding(256, size.width));
  nn::LSTM lstm =
      register_module("lstm", nn::LSTM(size.width, size.width, {.num_layers = size.layers, .batch_first = true}));
  nn::Dropout dropout = register_module("dropout", nn::Dropout(0.2));
  nn::Linear head = register_module("head", nn::Linear(size.width, 256));

  explicit LSTMModel(const Size& its_size) : size(its_size) {}
  Tensor forward(const Tensor& text) override { return head(dropout(lstm(embedding(text)).first)); }
  Tensor read(const Tensor& text, TensorList& memory) override {
    memory.resize(2);  // undefined at first: the LSTM begins with zeros
    auto [output, state] = lstm(embedding(text), {memory[0], memory[1]});
    memory = state;
    return head(output[-1]);
  }
};

struct TransformerModel : CharModel {
  Size size;
  nn::Embedding embedding = register_module("embedding", nn::Embedding(256, size.width));
  nn::Embedding position = register_module("position", nn::Embedding(size.context, size.width));
  nn::ModuleList<nn::TransformerEncoderLayer> blocks =
      register_module("blocks", nn::ModuleList<nn::TransformerEncoderLayer>());
  nn::LayerNorm norm = register_module("norm", nn::LayerNorm({size.width}));
  nn::Linear head = register_module("head", nn::Linear(size.width, 256));

  explicit TransformerModel(const Size& its_size) : size(its_size) {
    const nn::TransformerLayerOptions options{.dim_feedforward = 4 * size.width,
                                              .activation = nn::TransformerActivation::gelu,
                                              .batch_first = true,
                                              .norm_first = true};
    for (std::int64_t i = 0; i < size.layers; ++i)
      blocks.push_back(nn::TransformerEncoderLayer(size.width, size.width / 32, options));
  }
  Tensor forward(const Tensor& text) override {
    Tensor x = embedding(text) + position(xg::arange(text.size(-1)));
    for (nn::TransformerEncoderLayer& block : blocks) x = block(x, {.is_causal = true});
    return head(norm(x));
  }
  // Attention remembers nothing: it reads again what it can see.
  Tensor read(const Tensor& text, TensorList& memory) override {
    const Tensor all = memory.empty() ? text : xg::cat({memory[0], text});
    memory = {all.slice(0, std::max<std::int64_t>(all.size(0) - size.context, 0))};
    return forward(memory[0].unsqueeze(0))[0][-1];
  }
};

std::unique_ptr<CharModel> make_model(const Size& size) {
  if (size.model == "lstm") return std::make_unique<LSTMModel>(size);
  return std::make_unique<TransformerModel>(size);
}

// The weights' file says what they are weights of.
void save(const CharModel& model, const Size& size, const std::string& path) {
  xg::save(model.state_dict(), path,
           {{"char_lm", size.model},
            {"width", std::to_string(size.width)},
            {"layers", std::to_string(size.layers)},
            {"context", std::to_string(size.context)}});
}
std::unique_ptr<CharModel> load(const std::string& path) {
  const xg::Metadata about = xg::load_metadata(path);
  if (!about.contains("char_lm")) throw xg::IoError(path + ": not a model that char_lm has saved");
  std::unique_ptr<CharModel> model = make_model({.model = about.at("char_lm"),
                                                 .width = std::stoll(about.at("width")),
                                                 .layers = std::stoll(about.at("layers")),
                                                 .context = std::stoll(about.at("context"))});
  model->load_state_dict(xg::load(path));
  return model;
}

// A file's text, or that of all files of a folder, one after the other.
std::string read_text(const fs::path& path) {
  std::vector<fs::path> files{path};
  if (fs::is_directory(path)) {
    files.clear();
    for (const auto& entry : fs::directory_iterator(path))
      if (entry.is_regular_file() && !entry.is_symlink()) files.push_back(entry.path());
    std::sort(files.begin(), files.end());
  }
  std::string text;
  for (const fs::path& file : files) {
    std::ifstream stream(file, std::ios::binary);
    if (!stream) throw xg::IoError(file.string() + " cannot be read. Name a text, or a folder of texts, with --text.");
    text.append(std::istreambuf_iterator<char>(stream), {});
  }
  return text;
}

// A made-up language for a short run: sentences like "the cat sees the dog. ", with a choice of 8 words in 3 places.
std::string make_sentences(std::int64_t count) {
  const std::vector<std::string> things{"cat", "dog", "horse", "moon", "river", "child", "stone", "garden"};
  const std::vector<std::string> deeds{"sees", "likes", "follows", "finds", "hears", "paints", "knows", "misses"};
  const auto word = xg::randint(0, 8, {count, 3}).to_vector<int>();
  std::string text;
  for (std::size_t i = 0; i < word.size(); i += 3)
    text += fmt::format("the {} {} the {}. ", things[word[i]], deeds[word[i + 1]], things[word[i + 2]]);
  return text;
}

// [n] int64
Tensor encode(const std::string& text) {
  return xg::tensor(std::vector<std::uint8_t>(text.begin(), text.end())).to(xg::int64);
}

// What a model writes after a prompt. Scores divided by a temperature below 1 make the likely characters likelier; at 0
// the likeliest is always taken.
std::string go_on(CharModel& model, const Options& options) {
  if (options.prompt.empty()) throw xg::ValueError("the prompt needs a character");
  xg::NoGradGuard no_grad;
  model.eval();
  std::string text = options.prompt;
  TensorList memory;
  Tensor next = encode(text);
  for (std::int64_t i = 0; i < options.length; ++i) {
    const Tensor scores = model.read(next, memory);
    next = options.temperature > 0 ? xg::multinomial(xg::softmax(scores / options.temperature, 0), 1)
                                   : scores.argmax(0, true);
    text += static_cast<char>(next.item<int>());
  }
  return text;
}

// Pieces of a text, `step` apart: {characters [context], those that follow each of them [context]}.
data::TensorDataset pieces(const Tensor& text, std::int64_t context, std::int64_t step) {
  return data::TensorDataset(
      {text.slice(0, 0, -1).unfold(0, context, step), text.slice(0, 1).unfold(0, context, step)});
}

// In nats per character: the mean of -log(probability of the right one).
Tensor loss_of(CharModel& model, const Tensor& text, const Tensor& next) {
  return nn::functional::cross_entropy(model.forward(text).flatten(0, 1), next.flatten());
}

double validate(CharModel& model, const data::TensorDataset& held_out) {
  xg::NoGradGuard no_grad;
  model.eval();
  double sum = 0;
  for (const auto& [text, next] : data::DataLoader(held_out, {.batch_size = 64}))
    sum += loss_of(model, text, next).item<double>() * static_cast<double>(text.size(0));
  return sum / static_cast<double>(held_out.size());
}

// Trains on the first nine tenths of a text. Returns the loss on the last one.
double train(CharModel& model, const Tensor& text, const Options& options) {
  const std::int64_t context = options.size.context, in_front = text.size(0) / 10 * 9;
  if (text.size(0) - in_front <= context)
    throw xg::ValueError(fmt::format("a context of {} needs a text of {} characters", context, 10 * (context + 1)));
  const data::TensorDataset held_out = pieces(text.slice(0, in_front), context, context);
  const data::TensorDataset all = pieces(text.slice(0, 0, in_front), context, 1);
  const data::RandomSampler anywhere(all.size(),
                                     {.replacement = true, .num_samples = options.steps * options.batch_size});
  data::DataLoader loader(all, {.batch_size = options.batch_size, .sampler = anywhere, .seed = options.seed});

  const TensorList parameters = model.parameters();
  xg::optim::AdamW optimizer(parameters, {.lr = options.lr});
  xg::optim::OneCycleLR schedule(
      optimizer, options.lr,
      {.epochs = options.rounds, .steps_per_epoch = options.steps, .pct_start = 0.1, .cycle_momentum = false});
  double held_out_loss = 0;
  for (std::int64_t round = 1; round <= options.rounds; ++round) {
    model.train();
    ProgressBar bar(fmt::format("{}/{}", round, options.rounds), options.steps);
    double loss_sum = 0;
    std::int64_t step = 0;
    for (const auto& [piece, next] : loader) {
      optimizer.zero_grad();
      const Tensor loss = loss_of(model, piece, next);
      loss.backward();
      nn::utils::clip_grad_norm_(parameters, 1);  // a rare large gradient would throw a recurrent network far away
      optimizer.step();
      schedule.step();
      loss_sum += loss.item<double>();
      ++step;
      bar.update(step, fmt::format("loss {:.3f}  {:.1f} s", loss_sum / static_cast<double>(step), bar.seconds()));
    }
    held_out_loss = validate(model, held_out);
    fmt::print("held out: {:.3f} nats = {:.3f} bits per character\n", held_out_loss, held_out_loss / std::numbers::ln2);
    if (!options.run_short) fmt::print("{}\n\n", go_on(model, options));
  }
  return held_out_loss;
}

// Both models learn the made-up language, and one that is saved and loaded writes what it wrote before. Eight words in
// three places of 25 characters make 3 log 8 / 25 = 0.25 nats per character, below which no model comes.
void run_short(Options options) {
  options.steps = 30;
  options.lr = 1e-2;
  options.temperature = 0;
  options.save = "char_lm_short.safetensors";
  const Tensor text = encode(make_sentences(1000));
  for (const std::string kind : {"lstm", "transformer"}) {
    options.size = {.model = kind, .width = 64, .layers = 1, .context = 64};
    const std::unique_ptr<CharModel> model = make_model(options.size);
    expect(train(*model, text, options) < 0.7, kind + ": the made-up language");
    save(*model, options.size, options.save);
    expect(go_on(*model, options) == go_on(*load(options.save), options), kind + ": as before it was saved");
    fs::remove(options.save);
  }
}

void run(const Options& options) {
  xg::manual_seed(options.seed);
  if (options.run_short) return run_short(options);
  if (!options.load.empty()) {
    fmt::print("{}\n", go_on(*load(options.load), options));
    return;
  }
  const Tensor text = encode(read_text(options.text));
  const std::unique_ptr<CharModel> model = make_model(options.size);
  std::int64_t parameters = 0;
  for (const Tensor& parameter : model->parameters()) parameters += parameter.numel();
  fmt::print("{} characters, {} with {} parameters\n", text.size(0), options.size.model, parameters);
  train(*model, text, options);
  save(*model, options.size, options.save);
  fmt::print("weights: {}\n", options.save);
}

int main(int argc, char** argv) {
  Options options;
  CLI::App app("A language model of characters.");
  app.option_defaults()->always_capture_default();
  app.add_option("--text", options.text, "a text, or a folder of texts");
  app.add_option("--model", options.size.model)->check(CLI::IsMember({"lstm", "transformer"}));
  app.add_option("--width", options.size.width, "numbers that stand for a character; a transformer has a head for 32");
  app.add_option("--layers", options.size.layers)->check(CLI::PositiveNumber);
  app.add_option("--context", options.size.context, "characters of a sample")->check(CLI::PositiveNumber);
  app.add_option("--rounds", options.rounds, "of training, each followed by a look at the model");
  app.add_option("--steps", options.steps, "in a round");
  app.add_option("--batch-size", options.batch_size, "samples in a step");
  app.add_option("--lr", options.lr, "the highest learning rate");
  app.add_option("--save", options.save, "file for the weights");
  app.add_option("--load", options.load, "write with the weights in this file, without training");
  app.add_option("--prompt", options.prompt, "what the model goes on from");
  app.add_option("--length", options.length, "characters to write");
  app.add_option("--temperature", options.temperature, "0: always the likeliest; 1: as often as it is likely");
  app.add_option("--seed", options.seed, "of weights, samples and what is written");
  app.add_flag("--short", options.run_short, "seconds, on a made-up language, to see that all works");
  return run_program(app, argc, argv, [&] { run(options); });
}
