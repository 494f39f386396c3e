// Makes docs/operations.md from the records that the reference runner and the tables' tests left (see
// support/operation_record.hpp). --check changes nothing and fails where the page is stale.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/operation_record.hpp"
#include "support/public_operations.hpp"

namespace {

namespace fs = std::filesystem;

constexpr int skipped = 4;  // tests/CMakeLists.txt knows it

std::string text_of(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

std::string line(const std::string& name, const record::Operation& known) {
  const auto mark = [](bool checked) { return checked ? "✓" : "–"; };
  return fmt::format("| `{}` | {} | {} | {} | {} | {} | {} | {} |\n", name, mark(known.value), mark(known.gradient),
                     mark(known.second_order), mark(known.single), mark(known.value),
                     known.cases ? std::to_string(known.cases) : "", known.rows ? std::to_string(known.rows) : "");
}

std::string page(const std::map<std::string, record::Operation>& known) {
  const std::map<std::string, std::string> operations = test::public_operations();
  int cases = 0, backed = 0;
  for (const auto& [name, what] : known) cases += what.cases;
  for (const auto& [name, header] : operations) backed += known.contains(name) && known.at(name).cases > 0;
  std::string text = fmt::format(
      "# Operations\n\n"
      "<!-- Made by the program operations_page from a run of the tests; do not edit. -->\n\n"
      "Every public operation, and what a run of the tests compared it with. *Cases* are values, gradients and\n"
      "second-order products that PyTorch computed (`tests/reference`): {} of them pass, {} of the {} operations have\n"
      "some. *Runs* compare values with plain loops and derivatives with central differences, for transposed, "
      "stepped,\n"
      "broadcast, empty and single-element inputs (`tests/ops/*_table_test.cpp`). A tick says that what is in the\n"
      "column was compared and agreed; a dash that there is nothing to compare: no derivative, or none of second "
      "order\n"
      "by convention. Gradients are the same with and without `create_graph`.\n",
      cases, backed, operations.size());
  std::map<std::string, std::vector<std::string>> families;
  for (const auto& [name, header] : operations) families[header].push_back(name);
  std::vector<std::string> others;
  for (const auto& [name, what] : known)
    if (!operations.contains(name) && what.cases > 0) others.push_back(name);
  if (!others.empty()) families["~"] = others;
  for (const auto& [header, names] : families) {
    text += header == "~" ? std::string("\n## Layers, methods and compositions\n\n")
                          : fmt::format("\n## `ops/{}`\n\n", header);
    text +=
        "| operation | value | gradient | second order | float32 | float64 | cases | runs |\n"
        "|---|---|---|---|---|---|---|---|\n";
    for (const std::string& name : names)
      text += line(name, known.contains(name) ? known.at(name) : record::Operation{});
  }
  return text;
}

int run(const fs::path& project, const fs::path& records, bool check) {
  if (check && std::getenv("XGRAD_REFERENCE_DIR") != nullptr) {
    fmt::print("not checked: XGRAD_REFERENCE_DIR names other cases than those of the page\n");
    return skipped;
  }
  const auto known = record::read(records);
  if (known.empty()) throw std::runtime_error("no records in " + records.string() + ": run the tests first");
  const fs::path path = project / "docs/operations.md";
  const std::string made = page(known);
  if (made == text_of(path)) return 0;
  if (check) {
    fmt::print("docs/operations.md is stale: run `operations_page . build/release/tests/operations` after the tests. It should be\n{}", made);
    return 1;
  }
  std::ofstream(path, std::ios::binary) << made;
  fmt::print("updated: {}\n", path.string());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  std::string project, records;
  bool check = false;
  CLI::App app("Makes the page of operations.");
  app.add_option("project", project, "the project")->required()->check(CLI::ExistingDirectory);
  app.add_option("records", records, "folder of the records")->required();
  app.add_flag("--check", check, "only look whether the page is up to date");
  CLI11_PARSE(app, argc, argv);
  try {
    return run(project, records, check);
  } catch (const std::exception& error) {
    fmt::print(stderr, "operations_page: {}\n", error.what());
    return 2;
  }
}
