#include <xgrad/data/csv.hpp>

#include <clocale>
#include <cmath>
#include <doctest/doctest.h>
#include <limits>
#include <string>
#include <vector>
#include <zlib.h>

#include "support/files.hpp"

using namespace std::string_literals;
using test::mentions;
using test::message_of;
using xgrad::Shape;
using xgrad::data::CsvOptions;
using xgrad::data::CsvTable;
using xgrad::data::read_csv;

namespace {
struct Fixture {
  test::TemporaryDirectory directory;
  std::string path = directory / "table.csv";
  CsvTable read(const std::string& text, const CsvOptions& options = {}) const {
    test::write_file(path, text);
    return read_csv(path, options);
  }
  std::string error(const std::string& text, const CsvOptions& options = {}) const {
    const std::string message = message_of<xgrad::IoError>([&] { read(text, options); });
    CHECK(mentions(message, {"read_csv: ", path, "csv_test.cpp:"}));
    return message;
  }
};
using Values = std::vector<double>;
using Names = std::vector<std::string>;
}  // namespace

TEST_CASE_FIXTURE(Fixture, "a table with names") {
  const CsvTable table = read("a,b,c\n1,-2.5,3e2\n.5,+6,7.\n");
  CHECK(table.columns == Names{"a", "b", "c"});
  CHECK(table.values.dtype() == xgrad::float32);
  CHECK(table.values.sizes() == Shape{2, 3});
  CHECK(table.values.to_vector<double>() == Values{1, -2.5, 300, 0.5, 6, 7});
}

TEST_CASE_FIXTURE(Fixture, "line ends, quotes, spaces, empty lines, byte order mark") {
  const Values expected{1, 2, 3, 4};
  for (const std::string text :
       {"a,b\r\n1,2\r\n3,4\r\n", "a,b\n1,2\n3,4", "a,b\r\n1,2\r\n3,4\r", "\n\na,b\n\n1,2\r\n\r\n3,4\n\n\n",
        "\xef\xbb\xbf"
        "a,b\n1,2\n3,4\n",
        "\"a\",\"b\"\n\"1\",2\n3,\"4\"", " a , b\n 1 ,2\t\n   3,\"4\" \n", "  \na,b\n1,2\n3,4\n   "}) {
    CAPTURE(text);
    const CsvTable table = read(text);
    CHECK(table.columns == Names{"a", "b"});
    CHECK(table.values.to_vector<double>() == expected);
  }
  const CsvTable table = read("\"x, \"\"the\"\" first\",\"two\nlines\"\n1,2\n");
  CHECK(table.columns == Names{"x, \"the\" first", "two\nlines"});
}

TEST_CASE_FIXTURE(Fixture, "options") {
  const CsvTable plain = read("1;2\n3;4\n5;6\n", {.delimiter = ';', .header = false});
  CHECK(plain.columns == Names{"0", "1"});
  CHECK(plain.values.to_vector<double>() == Values{1, 2, 3, 4, 5, 6});
  CHECK(plain.values.sizes() == Shape{3, 2});

  const CsvTable chosen = read("name,x,y\nanna,1,2\nbert,3,4\n", {.columns = {"y", "x"}});
  CHECK(chosen.columns == Names{"y", "x"});
  CHECK(chosen.values.to_vector<double>() == Values{2, 1, 4, 3});

  const CsvTable integers = read("n\n9007199254740993\n-9223372036854775808\n", {.dtype = xgrad::int64});
  CHECK(integers.values.dtype() == xgrad::int64);
  CHECK(integers.values.to_vector<std::int64_t>() ==
        std::vector<std::int64_t>{9007199254740993, std::numeric_limits<std::int64_t>::min()});

  const CsvTable wide = read("x\n0.1\n", {.dtype = xgrad::float64});
  CHECK(wide.values.item<double>() == 0.1);

  const CsvTable gaps = read("a,b\n1,\n,4\n", {.missing = -1.0});
  CHECK(gaps.values.to_vector<double>() == Values{1, -1, -1, 4});
  CHECK(std::isnan(read("a,b\n1,\n", {.missing = NAN}).values.to_vector<double>()[1]));

  CHECK(read("a,b\n").values.sizes() == Shape{0, 2});
}

TEST_CASE_FIXTURE(Fixture, "special and extreme numbers") {
  const Values values = read(
                            "x\nnan\nNaN\ninf\n-Infinity\n1e-400\n-1e-400\n1.7976931348623157e308\n5e-324\n"
                            "0.000001e-330\n",
                            {.dtype = xgrad::float64})
                            .values.to_vector<double>();
  REQUIRE(values.size() == 9);
  CHECK(std::isnan(values[0]));
  CHECK(std::isnan(values[1]));
  CHECK(values[2] == std::numeric_limits<double>::infinity());
  CHECK(values[3] == -std::numeric_limits<double>::infinity());
  CHECK(values[4] == 0);
  CHECK((values[5] == 0 && std::signbit(values[5])));
  CHECK(values[6] == std::numeric_limits<double>::max());
  CHECK(values[7] == std::numeric_limits<double>::denorm_min());
  CHECK(values[8] == 0);
  const Values narrow = read("x\n3.4028234e38\n1e-45\n1e-60\n16777217\n").values.to_vector<double>();
  CHECK(narrow == Values{std::numeric_limits<float>::max(), std::numeric_limits<float>::denorm_min(), 0, 16777216});
}

TEST_CASE_FIXTURE(Fixture, "the locale does not matter") {
  const std::string before = std::setlocale(LC_ALL, nullptr);
  bool found = false;
  for (const char* name : {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8"}) found = found || std::setlocale(LC_ALL, name);
  CHECK(read("x\n1.5\n").values.item<double>() == 1.5);
  std::setlocale(LC_ALL, before.c_str());
  if (!found) MESSAGE("no locale with a decimal comma is installed");
}

TEST_CASE_FIXTURE(Fixture, "packed, and longer than a block") {
  std::string text = "i,half\n";
  Values expected;
  for (int i = 0; i < 100000; ++i) {
    text += std::to_string(i) + "," + std::to_string(i / 2) + (i % 2 ? ".5\n" : "\n");
    expected.push_back(i);
    expected.push_back(i / 2.0);
  }
  CHECK(read(text).values.to_vector<double>() == expected);
  gzFile file = gzopen(path.c_str(), "wb");
  REQUIRE(file != nullptr);
  REQUIRE(gzwrite(file, text.data(), static_cast<unsigned>(text.size())) > 0);
  REQUIRE(gzclose(file) == Z_OK);
  CHECK(read_csv(path).values.to_vector<double>() == expected);
}

TEST_CASE_FIXTURE(Fixture, "malformed tables say where and what") {
  CHECK(mentions(error(""), {"is empty"}));
  CHECK(mentions(error("\r\n\n"), {"is empty"}));
  CHECK(mentions(error("a,b\n1,2\n3\n"), {"line 3", "1 fields", "2 were expected"}));
  CHECK(mentions(error("a,b\n1,2,3\n"), {"line 2", "3 fields"}));
  CHECK(mentions(error("a,b\n1,2\n\n\n3,x4\n"), {"line 5", "column 2 (\"b\")", "\"x4\"", "float32"}));
  CHECK(mentions(error("\"a\nb\",c\n1,z\n"), {"line 3", "column 2 (\"c\")", "\"z\""}));
  CHECK(mentions(error("a,b\n1,\n"), {"line 2", "column 2", "empty", ".missing"}));
  CHECK(mentions(error("a\n1 2\n"), {"\"1 2\""}));
  CHECK(mentions(error("a\n1e999\n"), {"line 2", "1e999", "out of range", "float32"}));
  CHECK(mentions(error("a\n-1e39\n"), {"out of range"}));
  CHECK(mentions(error("a\n0x10\n"), {"0x10"}));
  CHECK(mentions(error("a\n--1\n"), {"--1"}));
  CHECK(mentions(error("a\n+-1\n"), {"+-1"}));
  CHECK(mentions(error("a\n1.5\n", {.dtype = xgrad::int64}), {"1.5", "int64"}));
  CHECK(mentions(error("a\nnan\n", {.dtype = xgrad::int64}), {"nan", "int64"}));
  CHECK(mentions(error("a\n9223372036854775808\n", {.dtype = xgrad::int64}), {"out of range", "int64"}));
  CHECK(mentions(error("a,b\n1,\"2\n3,4\n"), {"line 2", "quote", "never closed"}));
  CHECK(mentions(error("a\n\"1\"2\n"), {"line 2", "column 1", "after a closing quote"}));
  CHECK(mentions(error("a\n1\x00\x02\n"s), {"\"1??\""}));
  CHECK(mentions(error("a\n" + std::string(1000, 'q') + "\n"), {"qqq..."}));
  CHECK(mentions(message_of<xgrad::IoError>([] { read_csv("no/such.csv"); }),
                 {"read_csv: no/such.csv: ", "No such file or directory", "csv_test.cpp:"}));
}

TEST_CASE_FIXTURE(Fixture, "misuse") {
  CHECK(mentions(message_of<xgrad::ValueError>([&] { read("a,b\n1,2\n", {.columns = {"c"}}); }), {"\"c\"", path}));
  CHECK(mentions(message_of<xgrad::ValueError>([&] { read("a,a\n1,2\n", {.columns = {"a"}}); }), {"two", "\"a\""}));
  CHECK(mentions(message_of<xgrad::DtypeError>([&] { read("a\n1\n", {.dtype = xgrad::bool_}); }), {"bool"}));
  CHECK_THROWS_AS(read("a\n1\n", {.delimiter = '"'}), xgrad::ValueError);
  CHECK_THROWS_AS(read("a\n1\n", {.dtype = xgrad::int64, .missing = 0.5}), xgrad::ValueError);
}

TEST_CASE_FIXTURE(Fixture, "damaged files give a value or an IoError") {
  const std::string text = "a,\"b\"\r\n1.5,-2e3\n\"3\", nan\n";
  const int refused = test::try_damaged(path, text, [](const std::string& damaged) { (void)read_csv(damaged); });
  CHECK(refused > 100);
}
