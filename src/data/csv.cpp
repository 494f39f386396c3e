#include <xgrad/data/csv.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <system_error>
#include <type_traits>
#include <vector>

#include "core/dispatch.hpp"
#include "core/tensor_impl.hpp"
#include "data/csv_parser.hpp"

namespace xgrad::data {

namespace {
using detail::CsvParser;
using detail::FileTask;

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

// Of a number that is too large or too small for a double: true when it is too small, and so is zero.
bool is_tiny(std::string_view text) {
  const std::size_t e = std::min(text.find_first_of("eE"), text.size());
  std::int64_t exponent = 0;
  if (e < text.size()) {
    const bool negative = text[e + 1] == '-';
    const std::size_t digits = e + 1 + (negative || text[e + 1] == '+');
    const auto [end, error] = std::from_chars(text.data() + digits, text.data() + text.size(), exponent);
    if (error != std::errc()) exponent = std::numeric_limits<std::int32_t>::max();
    if (negative) exponent = -exponent;
  }
  const std::string_view mantissa = text.substr(0, e);
  const std::size_t point = std::min(mantissa.find('.'), mantissa.size());
  const std::size_t first = mantissa.find_first_of("123456789");
  return exponent + static_cast<std::int64_t>(point) - static_cast<std::int64_t>(first) < 0;
}

enum class Parsed : std::uint8_t { good, not_a_number, out_of_range };

template <class T>
Parsed parse(std::string_view text, T& value) {
  if (text.starts_with('+') && !text.substr(1).starts_with('-')) text.remove_prefix(1);
  if (text.find('(') != std::string_view::npos) return Parsed::not_a_number;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error == std::errc::invalid_argument || stop != end) return Parsed::not_a_number;
  if (error == std::errc()) return Parsed::good;
  if (std::is_floating_point_v<T> && is_tiny(text)) {
    value = text.starts_with('-') ? -T(0) : T(0);
    return Parsed::good;
  }
  return Parsed::out_of_range;
}

void check_options(const CsvOptions& options, Dtype dtype, Here here) {
  const char d = options.delimiter;
  detail::check<ValueError>(
      d != '"' && d != '\n' && d != '\r' && d != '\0' && d != '.' && d != '+' && d != '-' && !(d >= '0' && d <= '9'),
      here, "read_csv: the delimiter (code {}) cannot be told from the fields", static_cast<int>(d));
  detail::check<DtypeError>(is_floating_point(dtype) || dtype == int64, here,
                            "read_csv: dtype is float32, float64 or int64, {} came", dtype);
  detail::check<ValueError>(
      !options.missing || is_floating_point(dtype) ||
          (std::trunc(*options.missing) == *options.missing && std::abs(*options.missing) < 0x1p53),
      here, "read_csv: missing is {}, which is no int64", options.missing.value_or(0));
}

// Which columns of the file are wanted, in which order.
std::vector<std::size_t> choose_columns(const FileTask& task, const std::vector<std::string>& names,
                                        const std::vector<std::string>& wanted) {
  std::vector<std::size_t> chosen;
  if (wanted.empty())
    for (std::size_t i = 0; i < names.size(); ++i) chosen.push_back(i);
  for (const std::string& name : wanted) {
    const auto found = std::find(names.begin(), names.end(), name);
    detail::check<ValueError>(found != names.end(), task.here, "read_csv: {} has no column \"{}\"", task.path, name);
    detail::check<ValueError>(std::find(found + 1, names.end(), name) == names.end(), task.here,
                              "read_csv: {} has two columns \"{}\"", task.path, name);
    chosen.push_back(static_cast<std::size_t>(found - names.begin()));
  }
  return chosen;
}

struct Columns {
  std::vector<std::string> names;  // all of the file's
  std::vector<std::size_t> chosen;
};

template <class T>
void read_row(const FileTask& task, const CsvParser& parser, const CsvOptions& options, const Columns& columns,
              std::vector<T>& values) {
  if (parser.field_count() != columns.names.size())
    task.fail("line {} has {} fields; {} were expected", parser.line(), parser.field_count(), columns.names.size());
  for (const std::size_t i : columns.chosen) {
    const std::string_view text = trimmed(parser.field(i));
    T value{};
    if (text.empty() && options.missing) {
      values.push_back(static_cast<T>(*options.missing));
      continue;
    }
    const Parsed result = parse(text, value);
    if (result != Parsed::good) {
      const std::string where = fmt::format("line {}, column {} (\"{}\")", parser.line(), i + 1, columns.names[i]);
      if (text.empty()) task.fail("{}: the field is empty; .missing gives such fields a value", where);
      if (result == Parsed::out_of_range)
        task.fail("{}: {} is out of range for {}", where, detail::excerpt(text), dtype_of<T>);
      task.fail("{}: \"{}\" is not a number of dtype {}", where, detail::excerpt(text), dtype_of<T>);
    }
    values.push_back(value);
  }
}

template <class T>
Tensor read_values(const FileTask& task, CsvParser& parser, const CsvOptions& options, const Columns& columns,
                   bool row_waits) {
  std::vector<T> values;
  std::int64_t rows = 0;
  while (row_waits || parser.next_row()) {
    row_waits = false;
    read_row(task, parser, options, columns, values);
    ++rows;
  }
  const Tensor result = detail::make_tensor(Shape{rows, static_cast<std::int64_t>(columns.chosen.size())}, dtype_of<T>);
  std::copy(values.begin(), values.end(), detail::data<T>(result));
  return result;
}
}  // namespace

CsvTable read_csv(const std::string& path, const CsvOptions& options, Here here) {
  const FileTask task{"read_csv", path, here};
  const Dtype dtype = options.dtype.value_or(get_default_dtype());
  check_options(options, dtype, here);
  detail::InputStream stream(task);
  CsvParser parser(task, stream, options.delimiter);
  if (!parser.next_row()) task.fail("it is empty");
  Columns columns;
  for (std::size_t i = 0; i < parser.field_count(); ++i)
    columns.names.push_back(options.header ? std::string(trimmed(parser.field(i))) : std::to_string(i));
  columns.chosen = choose_columns(task, columns.names, options.columns);

  CsvTable table;
  for (const std::size_t i : columns.chosen) table.columns.push_back(columns.names[i]);
  table.values = detail::dispatch_numeric(
      dtype, [&]<class T>() { return read_values<T>(task, parser, options, columns, !options.header); });
  return table;
}

}  // namespace xgrad::data
