// Pages of documentation whose code and output are taken from programs. A comment before a fenced block says from
// where:
//
//   <!-- from examples/xor.cpp -->                     a block that stands in the file as it is
//   <!-- from examples/xor.cpp: Tensor hidden -->      from the first line with this text up to the next empty line
//   <!-- from examples/xor.cpp: Curve run ... }; -->   up to the next line with the second text instead
//   <!-- output of xor -->                             what examples/xor.cpp prints
#pragma once
#include <filesystem>
#include <functional>
#include <string>

namespace pages {

std::string read(const std::filesystem::path& path);

// What a program prints, by its name.
using Output = std::function<std::string(const std::string& program)>;

// The page with its blocks as the files under `root` have them, and with the output of programs where `output` is
// given. std::runtime_error: a comment without a block, a file or a text in it that is not there.
std::string fill(const std::string& page, const std::filesystem::path& root, const Output& output = {});

// The text with every number replaced by #, runs of blanks by one, and lines that then repeat the line before left out:
// what has to be the same on another processor.
std::string without_numbers(const std::string& text);

}  // namespace pages
