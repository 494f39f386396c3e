// Fills the pages of README.md and docs/ with code from the programs that they name and, given the folder of those
// programs, with their output and pictures. --check changes nothing and fails where a page is stale.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <map>
#include <stdexcept>
#include <string>
#include <sys/wait.h>

#include "pages.hpp"

namespace fs = std::filesystem;

namespace {

std::string run(const std::string& command) {
  std::FILE* pipe = ::popen(command.c_str(), "r");
  if (pipe == nullptr) throw std::runtime_error("cannot start: " + command);
  std::string output;
  char buffer[4096];
  for (std::size_t count = 0; (count = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;) output.append(buffer, count);
  const int status = ::pclose(pipe);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    throw std::runtime_error(fmt::format("failed: {}\n{}", command, output));
  return output;
}

// True when the page is, or was brought, up to date.
bool update(const fs::path& path, const fs::path& root, const pages::Output& output, bool check) {
  const std::string page = pages::read(path), filled = pages::fill(page, root, output);
  const bool fresh = check && output ? pages::without_numbers(page) == pages::without_numbers(filled) : page == filled;
  if (fresh) return true;
  if (check) {
    fmt::print("{} is stale: build the target `tutorials`. It should be\n{}\n", path.string(), filled);
    return false;
  }
  std::ofstream(path, std::ios::binary) << filled;
  fmt::print("updated: {}\n", path.string());
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  std::string root, programs;
  bool check = false;
  CLI::App app("Fills the pages of the documentation.");
  app.add_option("root", root, "the project")->required()->check(CLI::ExistingDirectory);
  app.add_option("--programs", programs, "folder of the examples as they were built")->check(CLI::ExistingDirectory);
  app.add_flag("--check", check, "only look whether the pages are up to date");
  CLI11_PARSE(app, argc, argv);
  try {
    const fs::path drawn = check ? fs::path("pictures") : fs::path(root) / "docs/tutorials/pictures";
    std::map<std::string, std::string> outputs;
    pages::Output output;
    if (!programs.empty())
      output = [&](const std::string& name) {
        if (!outputs.contains(name))
          outputs[name] = run(fmt::format("'{}/{}' --pictures '{}'", programs, name, drawn.string()));
        return outputs[name];
      };
    bool fresh = update(fs::path(root) / "README.md", root, output, check);
    for (const auto& entry : fs::recursive_directory_iterator(fs::path(root) / "docs"))
      if (entry.path().extension() == ".md") fresh = update(entry.path(), root, output, check) && fresh;
    return fresh ? 0 : 1;
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
}
