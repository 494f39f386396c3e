#include "support/operation_record.hpp"

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

namespace record {
namespace {

using Sums = std::map<std::string, Operation>;

void add(Sums& sums, const Operation& what) {
  Operation& sum = sums[what.name];
  sum.name = what.name;
  sum.value |= what.value;
  sum.gradient |= what.gradient;
  sum.second_order |= what.second_order;
  sum.single |= what.single;
  sum.cases += what.cases;
  sum.rows += what.rows;
}

struct Records {
  Sums sums;
  ~Records() {
    const char* folder = std::getenv("XGRAD_OPERATIONS_DIR");
    if (folder == nullptr) return;
    nlohmann::json list = nlohmann::json::array();
    for (const auto& [name, sum] : sums)
      list.push_back({name, sum.value, sum.gradient, sum.second_order, sum.single, sum.cases, sum.rows});
    std::filesystem::create_directories(folder);
    std::ofstream(std::filesystem::path(folder) / (std::string(program_invocation_short_name) + ".json")) << list;
  }
};

}  // namespace

void operation(const Operation& what) {
  static Records records;
  add(records.sums, what);
}

std::map<std::string, Operation> read(const std::filesystem::path& folder) {
  Sums sums;
  if (!std::filesystem::exists(folder)) return sums;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    std::ifstream stream(entry.path());
    for (const auto& one : nlohmann::json::parse(stream))
      add(sums, {.name = one.at(0),
                 .value = one.at(1),
                 .gradient = one.at(2),
                 .second_order = one.at(3),
                 .single = one.at(4),
                 .cases = one.at(5),
                 .rows = one.at(6)});
  }
  return sums;
}

}  // namespace record
