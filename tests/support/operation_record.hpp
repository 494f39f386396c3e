// What a test program checked of which operation, for the page docs/operations.md: written as NAME OF PROGRAM.json into
// the folder that the environment variable XGRAD_OPERATIONS_DIR names, when the program ends. Nothing without it.
#pragma once
#include <filesystem>
#include <map>
#include <string>

namespace record {

struct Operation {
  std::string name;
  bool value = false, gradient = false, second_order = false, single = false;
  int cases = 0;  // of the reference
  int rows = 0;   // of the table
};
// Adds to what is known of the operation.
void operation(const Operation& what);

// All that the programs wrote into a folder and those in it, by the operations' names.
std::map<std::string, Operation> read(const std::filesystem::path& folder);

}  // namespace record
