#include "support/public_operations.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>

namespace test {

std::map<std::string, std::string> public_operations() {
  const std::regex declaration(R"(^(?:Tensor|TensorList|std::pair<Tensor, Tensor>|std::tuple<[^(]*>) (\w+)\()",
                               std::regex::multiline);
  std::map<std::string, std::string> operations;
  for (const auto& entry : std::filesystem::directory_iterator(XGRAD_TEST_DIR "/../include/xgrad/ops")) {
    const std::string header = entry.path().filename().string();
    if (header == "creation.hpp") continue;
    std::ifstream stream(entry.path());
    const std::string text{std::istreambuf_iterator<char>(stream), {}};
    for (auto match = std::sregex_iterator(text.begin(), text.end(), declaration); match != std::sregex_iterator();
         ++match)
      operations.emplace((*match)[1], header);
  }
  return operations;
}

}  // namespace test
