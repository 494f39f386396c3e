// Code shown in the documentation is code that is built.
#include <doctest/doctest.h>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

#include "pages.hpp"

namespace fs = std::filesystem;

namespace {

const fs::path root = fs::path(XGRAD_TEST_DIR).parent_path();

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t times = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++times;
  return times;
}

}  // namespace

TEST_CASE("code blocks of README.md and docs/ are what the files they name have") {
  std::vector<fs::path> documents{root / "README.md"};
  for (const auto& entry : fs::recursive_directory_iterator(root / "docs"))
    if (entry.path().extension() == ".md") documents.push_back(entry.path());
  std::size_t blocks = 0;
  for (const fs::path& document : documents) {
    CAPTURE(document);
    const std::string page = pages::read(document);
    CHECK(pages::fill(page, root) == page);
    blocks += count(page, "<!-- from ");
  }
  CHECK(blocks >= 4);
}

TEST_CASE("every picture of the tutorials is there, and every tutorial is in their table of contents") {
  const fs::path tutorials = root / "docs/tutorials";
  const std::string contents = pages::read(tutorials / "README.md");
  for (const auto& entry : fs::directory_iterator(tutorials)) {
    const std::string name = entry.path().filename().string();
    if (entry.path().extension() != ".md" || name == "README.md") continue;
    CAPTURE(name);
    CHECK(count(contents, "(" + name + ")") == 1);
    CHECK(fs::exists(root / "examples" / fs::path(name).replace_extension(".cpp")));
    const std::string page = pages::read(entry.path());
    for (std::size_t at = page.find("(pictures/"); at != std::string::npos; at = page.find("(pictures/", at + 1))
      CHECK(fs::exists(tutorials / page.substr(at + 1, page.find(')', at) - at - 1)));
  }
}

TEST_CASE("a page takes what its comments name") {
  const fs::path folder = fs::temp_directory_path() / "xgrad_docs_test";
  fs::create_directories(folder);
  const fs::path source = folder / "a.cpp";
  {
    std::FILE* file = std::fopen(source.c_str(), "w");
    std::fputs("int f() {\n  int x = 1;\n  if (x)\n    return x;\n\n  return 0;\n}\n", file);
    std::fclose(file);
  }
  auto page = [](const std::string& mark, const std::string& block) {
    return "text\n<!-- " + mark + " -->\n```cpp\n" + block + "```\nmore\n";
  };
  CHECK(pages::fill(page("from a.cpp: int x", "old\n"), folder) ==
        page("from a.cpp: int x", "int x = 1;\nif (x)\n  return x;\n"));
  CHECK(pages::fill(page("from a.cpp: int f ... return 0", ""), folder) ==
        page("from a.cpp: int f ... return 0", "int f() {\n  int x = 1;\n  if (x)\n    return x;\n\n  return 0;\n"));
  CHECK(pages::fill(page("from a.cpp", "  if (x)\n"), folder) == page("from a.cpp", "  if (x)\n"));
  CHECK(pages::fill(page("output of a", "old\n"), folder) == page("output of a", "old\n"));
  CHECK(pages::fill(page("output of a", "old\n"), folder, [](const std::string& name) { return name + "!\n"; }) ==
        page("output of a", "a!\n"));

  CHECK_THROWS_AS(pages::fill(page("from a.cpp", "if (y)\n"), folder), std::runtime_error);
  CHECK_THROWS_AS(pages::fill(page("from a.cpp: int z", ""), folder), std::runtime_error);
  CHECK_THROWS_AS(pages::fill(page("from a.cpp: int x ... int f", ""), folder), std::runtime_error);
  CHECK_THROWS_AS(pages::fill(page("from b.cpp: int x", ""), folder), std::runtime_error);
  CHECK_THROWS_AS(pages::fill("<!-- from a.cpp: int x -->\ntext\n", folder), std::runtime_error);
  fs::remove_all(folder);
}

TEST_CASE("stale output is told by its words and not by its numbers") {
  CHECK(pages::without_numbers("loss  0.25 [==>  ] 1e-05") == pages::without_numbers("loss 12.5 [==> ] -3"));
  CHECK(pages::without_numbers("loss 0.25") == "loss #\n");
  CHECK(pages::without_numbers("a-b x2 +1.5e+3.") == "a-b x# #.\n");
  CHECK(pages::without_numbers("epoch 1\nepoch 2\nend\n") == pages::without_numbers("epoch 5\nend\n"));
  CHECK(pages::without_numbers("loss nan") != pages::without_numbers("loss 1"));
  CHECK(pages::without_numbers("loss 1") != pages::without_numbers("error 1"));
}
