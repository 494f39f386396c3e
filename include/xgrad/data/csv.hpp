// Numbers from comma-separated files.
#pragma once
#include <xgrad/tensor.hpp>

#include <optional>
#include <string>
#include <vector>

namespace xgrad::data {

// delimiter: one character between fields. header: the first row holds the columns' names; without it they are "0",
// "1",
// ... dtype: float32, float64 or int64; the default dtype where empty. columns: which ones, in this order; all where
// empty. missing: what an empty field stands for (NAN, 0, ...); an error where there is none.
struct CsvOptions {
  char delimiter = ',';
  bool header = true;
  std::optional<Dtype> dtype{};
  std::vector<std::string> columns{};
  std::optional<double> missing{};
};

struct CsvTable {
  std::vector<std::string> columns;  // their names
  Tensor values;                     // [rows, columns]
};

// Reads a table of numbers, packed with gzip or not. Fields may be in double quotes, with "" for a quote, and have
// spaces around them; rows end with LF or CRLF; empty lines do not count. The decimal sign is a point whatever the
// locale; nan and inf are numbers of floating dtypes.
// IoError, which names the file, the line and the column: a file that cannot be read or is empty, a row of another
// length, a field that is not a number or not one of the dtype, a quote without its end. ValueError: a column that is
// not there or not unique, a delimiter that is a digit, a quote or a line break. DtypeError: another dtype.
CsvTable read_csv(const std::string& path, const CsvOptions& options = {}, Here here = {});

}  // namespace xgrad::data
