#include "io/safetensors_header.hpp"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <unordered_set>
#include <utility>

namespace xgrad::detail {

namespace {
constexpr std::size_t most_dimensions = 64;
constexpr const char* metadata_key = "__metadata__";

std::string known_names() {
  std::string text;
  for (const EncodingRow& kind : encodings()) text += fmt::format("{}{}", text.empty() ? "" : ", ", kind.safetensors);
  return text;
}

// Takes the parser's events one by one, so that nothing is built of a document that is not of the one form allowed:
// {"name": {"dtype": text, "shape": [integers], "data_offsets": [begin, end]}, "__metadata__": {text: text}}.
class HeaderReader final : public nlohmann::json_sax<nlohmann::json> {
 public:
  HeaderReader(const FileTask& task, Header& header) : task_(task), header_(header) {}

  bool start_object(std::size_t) override {
    if (level_ == Level::start) {
      level_ = Level::top;
    } else if (level_ == Level::top && in_metadata_) {
      level_ = Level::metadata;
    } else if (level_ == Level::top) {
      level_ = Level::entry;
      fields_ = {};
    } else {
      unexpected("an object");
    }
    return true;
  }
  bool end_object() override {
    if (level_ == Level::entry) finish_entry();
    level_ = level_ == Level::top ? Level::done : Level::top;
    return true;
  }
  bool key(string_t& name) override {
    if (level_ == Level::top) {
      in_metadata_ = name == metadata_key;
      if (!in_metadata_ && name.empty()) fail("a tensor has an empty name");
      if (!names_.insert(name).second) fail("the name \"{}\" appears twice", excerpt(name));
      if (!in_metadata_) header_.entries.push_back({.name = name});
    } else if (level_ == Level::metadata) {
      if (header_.metadata.contains(name)) fail("the metadata \"{}\" appears twice", excerpt(name));
    }
    key_ = name;
    return true;
  }
  bool start_array(std::size_t) override {
    if (level_ == Level::entry && key_ == "shape") {
      open_array(fields_.shape, Level::shape);
    } else if (level_ == Level::entry && key_ == "data_offsets") {
      open_array(fields_.offsets, Level::offsets);
    } else {
      unexpected("an array");
    }
    return true;
  }
  bool end_array() override {
    level_ = Level::entry;
    return true;
  }
  bool number_unsigned(number_unsigned_t value) override {
    if (level_ != Level::shape && level_ != Level::offsets) unexpected("a number");
    if (value > static_cast<number_unsigned_t>(std::numeric_limits<std::int64_t>::max()))
      fail("tensor \"{}\": the number {} in its {} is too large", entry_name(), value, key_);
    Shape& list = level_ == Level::shape ? *fields_.shape : *fields_.offsets;
    if (list.size() >= most_dimensions)
      fail("tensor \"{}\": more than {} numbers in its {}", entry_name(), most_dimensions, key_);
    list.push_back(static_cast<std::int64_t>(value));
    return true;
  }
  bool string(string_t& value) override {
    if (level_ == Level::metadata) {
      header_.metadata.emplace(key_, value);
    } else if (level_ == Level::entry && key_ == "dtype") {
      if (fields_.encoding) fail("tensor \"{}\": its dtype appears twice", entry_name());
      const auto found =
          std::find_if(encodings().begin(), encodings().end(), [&](auto& row) { return value == row.safetensors; });
      if (found == encodings().end())
        fail("tensor \"{}\" has dtype {}; those that can be read are {}", entry_name(), excerpt(value), known_names());
      fields_.encoding = found->encoding;
    } else {
      unexpected("a text");
    }
    return true;
  }
  bool number_integer(number_integer_t) override { return unexpected("a negative number"); }
  bool number_float(number_float_t, const string_t&) override { return unexpected("a number that is no integer"); }
  bool null() override { return unexpected("null"); }
  bool boolean(bool) override { return unexpected("a truth value"); }
  bool binary(binary_t&) override { return unexpected("binary data"); }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::json::exception&) override {
    fail("not valid JSON at byte {}", position);
  }

 private:
  enum class Level : std::uint8_t { start, top, metadata, entry, shape, offsets, done };
  struct Fields {
    std::optional<Encoding> encoding;
    std::optional<Shape> shape, offsets;
  };

  template <class... Args>
  [[noreturn]] void fail(fmt::format_string<Args...> format, Args&&... args) const {
    task_.fail("malformed header: {}", fmt::format(format, std::forward<Args>(args)...));
  }
  [[noreturn]] bool unexpected(const char* what) const {
    if (level_ == Level::start) fail("{} instead of an object", what);
    if (level_ == Level::top) fail("\"{}\" is {} instead of an object", excerpt(key_), what);
    if (level_ == Level::metadata) fail("the metadata \"{}\" is {} instead of a text", excerpt(key_), what);
    fail("tensor \"{}\": unexpected {} in \"{}\"", entry_name(), what, excerpt(key_));
  }
  std::string entry_name() const { return excerpt(header_.entries.back().name); }
  void open_array(std::optional<Shape>& list, Level level) {
    if (list) fail("tensor \"{}\": its {} appears twice", entry_name(), key_);
    list.emplace();
    level_ = level;
  }
  void finish_entry() {
    HeaderEntry& entry = header_.entries.back();
    if (!fields_.encoding) fail("tensor \"{}\" has no dtype", entry_name());
    if (!fields_.shape) fail("tensor \"{}\" has no shape", entry_name());
    if (!fields_.offsets) fail("tensor \"{}\" has no data_offsets", entry_name());
    if (fields_.offsets->size() != 2) fail("tensor \"{}\": data_offsets are not two numbers", entry_name());
    entry.encoding = *fields_.encoding;
    entry.shape = *fields_.shape;
    entry.begin = (*fields_.offsets)[0];
    entry.end = (*fields_.offsets)[1];
  }

  const FileTask& task_;
  Header& header_;
  Level level_ = Level::start;
  bool in_metadata_ = false;
  std::string key_;
  std::unordered_set<std::string> names_;
  Fields fields_;
};

void check_entries(const FileTask& task, const Header& header, std::int64_t data_bytes) {
  for (const HeaderEntry& entry : header.entries) {
    const std::optional<std::int64_t> bytes = encoded_bytes(entry.encoding, entry.shape);
    if (!bytes) task.fail("tensor \"{}\": its shape {} is too large", excerpt(entry.name), entry.shape);
    if (entry.begin > entry.end || entry.end > data_bytes)
      task.fail("tensor \"{}\": its data_offsets [{}, {}] do not lie within the {} bytes of data", excerpt(entry.name),
                entry.begin, entry.end, data_bytes);
    if (entry.end - entry.begin != *bytes)
      task.fail("tensor \"{}\": its data_offsets span {} bytes, {} of shape {} take {}", excerpt(entry.name),
                entry.end - entry.begin, row_of(entry.encoding).safetensors, entry.shape, *bytes);
  }
  std::vector<const HeaderEntry*> order;
  order.reserve(header.entries.size());
  for (const HeaderEntry& entry : header.entries) order.push_back(&entry);
  std::sort(order.begin(), order.end(),
            [](auto* a, auto* b) { return std::pair(a->begin, a->end) < std::pair(b->begin, b->end); });
  std::int64_t covered = 0;
  for (const HeaderEntry* entry : order) {
    if (entry->begin < covered) task.fail("tensor \"{}\": its data overlaps another's", excerpt(entry->name));
    if (entry->begin > covered) task.fail("bytes {} to {} of the data belong to no tensor", covered, entry->begin);
    covered = entry->end;
  }
  if (covered != data_bytes)
    task.fail("it is too long: {} bytes of data, and the header describes {}", data_bytes, covered);
}

std::string quoted(const FileTask& task, const std::string& text) {
  try {
    return nlohmann::json(text).dump();
  } catch (const nlohmann::json::exception&) {
    raise<ValueError>(task.here, "{}: the name \"{}\" is not UTF-8", task.op, excerpt(text));
  }
}
}  // namespace

std::string write_header(const FileTask& task, const Header& header) {
  std::string text = "{";
  auto separator = [&] { return text.size() > 1 ? "," : ""; };
  if (!header.metadata.empty()) {
    std::string pairs;
    for (const auto& [key, value] : header.metadata)
      pairs += fmt::format("{}{}:{}", pairs.empty() ? "" : ",", quoted(task, key), quoted(task, value));
    text += fmt::format("\"{}\":{{{}}}", metadata_key, pairs);
  }
  for (const HeaderEntry& entry : header.entries) {
    check<ValueError>(entry.name != metadata_key, task.here, "{}: a tensor cannot have the name \"{}\"", task.op,
                      metadata_key);
    text += fmt::format("{}{}:{{\"dtype\":\"{}\",\"shape\":[{}],\"data_offsets\":[{},{}]}}", separator(),
                        quoted(task, entry.name), row_of(entry.encoding).safetensors,
                        fmt::join(entry.shape.begin(), entry.shape.end(), ","), entry.begin, entry.end);
  }
  return text + "}";
}

Header read_header(const FileTask& task, std::string_view text, std::int64_t data_bytes) {
  if (text.empty() || text.front() != '{') task.fail("malformed header: it does not begin with {{");
  Header header;
  HeaderReader reader(task, header);
  nlohmann::json::sax_parse(text.begin(), text.end(), &reader);
  check_entries(task, header, data_bytes);
  return header;
}

}  // namespace xgrad::detail
