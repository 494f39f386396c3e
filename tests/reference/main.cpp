// xgrad_reference: holds the library against the values, gradients and second-order products of a folder of cases
// (XGRAD_REFERENCE_DIR, by default this one). One line a case; ends with what passed of each operation and the sum.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <fmt/format.h>
#include <map>
#include <string>
#include <vector>

#include "reference/book.hpp"
#include "reference/calls.hpp"
#include "reference/check.hpp"
#include "support/operation_record.hpp"

namespace {

struct Count {
  int passed = 0, all = 0;
};

bool wanted(const std::string& id, const std::vector<std::string>& parts) {
  if (parts.empty()) return true;
  for (const std::string& part : parts)
    if (id.find(part) != std::string::npos) return true;
  return false;
}

int run(const std::string& kind, const std::vector<std::string>& parts) {
  const reference::Book book(reference::folder());
  std::map<std::string, Count> counts;
  Count sum;
  for (const reference::json& entry : book.cases()) {
    const std::string id = entry.at("id");
    if (!wanted(id, parts) || (!kind.empty() && entry.at("kind") != kind)) continue;
    const reference::Verdict verdict = reference::check(book, entry, reference::all_calls());
    const bool passed = verdict.failure.empty();
    fmt::print("{} {}{}{}\n", passed ? "passed" : "FAILED", id, passed ? "" : ": ", verdict.failure);
    for (Count* count : {&counts[id.substr(0, id.rfind('/'))], &sum}) count->all += 1, count->passed += passed;
    if (passed && entry.at("kind") == "op")
      record::operation({.name = entry.at("op"),
                         .value = verdict.value,
                         .gradient = verdict.gradient,
                         .second_order = verdict.second_order,
                         .single = verdict.single,
                         .cases = 1});
  }
  fmt::print("\n");
  for (const auto& [name, count] : counts) fmt::print("{}: {} of {} passed\n", name, count.passed, count.all);
  fmt::print("\n{} passed, {} failed\n", sum.passed, sum.all - sum.passed);
  return sum.passed == sum.all && sum.all > 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  std::string kind;
  std::vector<std::string> parts;
  CLI::App app("Compares xgrad with reference cases computed by PyTorch.");
  app.add_option("--kind", kind, "only cases of this kind: op, optimizer, lr_scheduler or init_stats");
  app.add_option("parts", parts, "only cases whose id contains one of these");
  CLI11_PARSE(app, argc, argv);
  try {
    return run(kind, parts);
  } catch (const std::exception& error) {
    fmt::print(stderr, "xgrad_reference: {}\n", error.what());
    return 2;
  }
}
