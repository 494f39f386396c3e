// Code shown in the documentation is code that is built: a block after `<!-- from PATH -->` stands in that file.
#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace fs = std::filesystem;

namespace {

const fs::path root = fs::path(XGRAD_TEST_DIR).parent_path();

std::string read(const fs::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

struct Block {
  std::string source, code;
};

std::vector<Block> blocks_of(const std::string& text) {
  const std::string mark = "<!-- from ", end = " -->", fence = "```";
  std::vector<Block> blocks;
  for (std::size_t at = text.find(mark); at != std::string::npos; at = text.find(mark, at)) {
    const std::size_t name = at + mark.size(), name_end = text.find(end, name);
    const std::size_t code = text.find('\n', text.find(fence, name_end)) + 1;
    at = text.find(fence, code);
    blocks.push_back({text.substr(name, name_end - name), text.substr(code, at - code)});
  }
  return blocks;
}

}  // namespace

TEST_CASE("code blocks of README.md and docs/ stand in the files they name") {
  std::vector<fs::path> pages{root / "README.md"};
  for (const auto& entry : fs::directory_iterator(root / "docs"))
    if (entry.path().extension() == ".md") pages.push_back(entry.path());
  std::size_t count = 0;
  for (const fs::path& page : pages)
    for (const Block& block : blocks_of(read(page))) {
      CAPTURE(page);
      CAPTURE(block.source);
      CAPTURE(block.code);
      CHECK(!block.code.empty());
      CHECK(read(root / block.source).find(block.code) != std::string::npos);
      ++count;
    }
  CHECK(count >= 4);
}
