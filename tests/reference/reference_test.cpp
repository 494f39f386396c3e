// The runner itself: that it finds what is wrong.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <doctest/doctest.h>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <sys/wait.h>
#include <vector>

#include "reference/book.hpp"
#include "reference/calls.hpp"
#include "reference/check.hpp"
#include "support/files.hpp"

using reference::json;
using reference::TensorList;

namespace {

const json& case_of(const reference::Book& book, const std::string& id) {
  for (const json& entry : book.cases())
    if (entry.at("id") == id) return entry;
  throw std::runtime_error("no case " + id);
}

// The names of the expected numbers of a case.
std::vector<std::string> expected(const json& entry) {
  std::vector<std::string> names;
  for (const char* part : {"outputs", "grads", "second_order", "jvp"})
    for (const json& item : entry.value(part, json::array()))
      if (item.is_object()) names.push_back(item.at("tensor"));
  if (entry.at("kind") == "optimizer")
    for (const json& checkpoint : entry.at("expected"))
      for (const json& parameter : checkpoint.at("params")) names.push_back(parameter.at("tensor"));
  return names;
}

std::string failure(const reference::Book& book, const json& entry) {
  return reference::check(book, entry, reference::all_calls()).failure;
}

struct Ended {
  std::string output;
  int code = -1;
};
Ended run_runner(const std::string& folder, const std::string& arguments) {
  const std::string command =
      "XGRAD_REFERENCE_DIR='" + folder + "' '" XGRAD_REFERENCE_PROGRAM "' " + arguments + " 2>&1";
  Ended ended;
  std::FILE* pipe = ::popen(command.c_str(), "r");
  REQUIRE(pipe != nullptr);
  char buffer[4096];
  for (std::size_t count = 0; (count = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;)
    ended.output.append(buffer, count);
  const int status = ::pclose(pipe);
  if (WIFEXITED(status)) ended.code = WEXITSTATUS(status);
  return ended;
}
bool ends_with_line(const std::string& text, const std::string& line) { return text.ends_with("\n" + line + "\n"); }

// Spoils the first and the last element of each expected tensor in turn. How many.
int spoil(reference::Book& book) {
  int spoiled = 0;
  for (const json& entry : book.cases()) {
    if (entry.at("kind") != "op" && entry.at("kind") != "optimizer") continue;
    // Truths and indices are compared as numbers, too, but not changed.
    for (const std::string& name : expected(entry)) {
      const xgrad::Tensor values = book.tensor(name);
      if (!values.is_floating_point() || values.numel() == 0) continue;
      const std::vector<double> numbers = values.to_vector<double>();
      double scale = 1;
      for (double v : numbers)
        if (std::isfinite(v)) scale = std::max(scale, std::abs(v));
      for (const std::size_t element : {std::size_t{0}, numbers.size() - 1}) {
        book.set(name, element, std::isfinite(numbers[element]) ? numbers[element] + 1e-6 * scale : 0);
        CHECK_MESSAGE(!failure(book, entry).empty(), name, " element ", element);
        book.set(name, element, numbers[element]);
        ++spoiled;
      }
    }
    CHECK(failure(book, entry) == "");
  }
  return spoiled;
}

}  // namespace

TEST_CASE("a number that is 1e-6 off fails, wherever it stands") {
  reference::Book book(reference::own_folder());
  CHECK(spoil(book) > 4000);
  reference::Book optimizers(reference::own_folder() / "optimizers");
  CHECK(spoil(optimizers) > 1000);
}

TEST_CASE("a loss, a number of evaluations or an option of an optimizer that is off fails") {
  const reference::Book book(reference::own_folder() / "optimizers");
  int closures = 0;
  for (const json& entry : book.cases()) {
    const auto fails = [&](const json& other) {
      CHECK_MESSAGE(failure(book, other) != "", entry.at("id").get<std::string>());
    };
    json other = entry;
    other["groups"][0]["hyper"]["speed"] = 1;
    fails(other);
    if (!entry.contains("problem")) continue;
    ++closures;
    for (const std::size_t k : {std::size_t{0}, entry.at("expected").size() - 1}) {
      other = entry;
      other["expected"][k]["loss"] = entry["expected"][k]["loss"].get<double>() + 1e-6;
      fails(other);
      other = entry;
      other["expected"][k]["func_evals"] = entry["expected"][k]["func_evals"].get<int>() + 1;
      fails(other);
    }
    other = entry;
    other["problem"]["name"] = "nothing";
    fails(other);
  }
  CHECK(closures >= 18);
}

TEST_CASE("a rate, a momentum or a statistic that is off fails, and so does what is not known of them") {
  const reference::Book& book = reference::own_book();
  int spoiled = 0;
  const auto fails = [&](const json& entry) {
    CHECK_MESSAGE(failure(book, entry) != "", entry.at("id").get<std::string>());
    ++spoiled;
  };
  for (const json& entry : book.cases()) {
    json other = entry;
    if (entry.at("kind") == "lr_scheduler") {
      for (const char* list : {"lr", "momentum"})
        if (entry.contains(list))
          for (const std::size_t k : {std::size_t{0}, entry.at(list).size() - 1}) {
            other = entry;
            other[list][k] = entry[list][k].get<double>() + 1e-9;
            fails(other);
          }
      other = entry;
      other["attrs"]["speed"] = 1;
      fails(other);
      other = entry;
      other["scheduler"] = "NoLR";
      fails(other);
    } else if (entry.at("kind") == "init_stats") {
      for (const char* number : {"mean", "std", "gain"})
        if (entry.at("expected").contains(number) &&
            (std::string(number) != "gain" || !entry.at("expected").contains("mean"))) {
          other = entry;
          other["expected"][number] = entry["expected"][number].get<double>() + 0.1;
          fails(other);
        }
      other = entry;
      other["attrs"]["speed"] = 1;
      fails(other);
    } else if (entry.at("kind") == "optimizer") {
      other["groups"][0]["hyper"]["speed"] = 1;
      fails(other);
    }
  }
  CHECK(spoiled > 150);
}

TEST_CASE("a wrong cotangent, direction or input fails") {
  reference::Book book(reference::own_folder());
  const json& entry = case_of(book, "matmul/0");
  for (const char* name : {"matmul/0/cot/0", "matmul/0/dir/input", "matmul/0/in/other"}) {
    const double kept = book.tensor(name).to_vector<double>()[0];
    book.set(name, 0, kept + 1e-6);
    CHECK(failure(book, entry) != "");
    book.set(name, 0, kept);
  }
  CHECK(failure(book, entry) == "");
}

TEST_CASE("what is not known fails") {
  const reference::Book& book = reference::own_book();
  const auto has = [&](const json& entry, const std::string& word) {
    const std::string found = failure(book, entry);
    CHECK_MESSAGE(found.find(word) != std::string::npos, "no '", word, "' in: ", found);
  };
  json entry = case_of(book, "sum/1");
  entry["attrs"]["keepdims"] = true;
  has(entry, "attribute keepdims");
  entry = case_of(book, "sum/1");
  entry["op"] = "summation";
  has(entry, "unknown operation summation");
  entry = case_of(book, "sum/1");
  entry["kind"] = "operation";
  has(entry, "unknown kind operation");
  entry = case_of(book, "sum/1");
  entry["inputs"].push_back(entry["inputs"][0]);
  entry["inputs"][1]["name"] = "weights";
  has(entry, "input weights");
  entry = case_of(book, "sum/1");
  entry["outputs"].push_back(entry["outputs"][0]);
  has(entry, "1 outputs instead of 2");
  entry = case_of(book, "sum/1");
  entry["grads"][0]["tensor"] = "sum/1/grad/nothing";
  has(entry, "sum/1/grad/nothing");
  entry = case_of(book, "matmul/0");
  entry["second_order"] = "zero";
  has(entry, "second order");
  entry = case_of(book, "softmax/0");
  entry["attrs"].erase("dim");
  has(entry, "attribute dim is missing");
  entry = case_of(book, "sum/1");
  entry["inputs"][0]["views"] = json::array({{{"flip", {0}}}});
  has(entry, "unknown view flip");
}

TEST_CASE("float32 is compared, less exactly") {
  reference::Book book(reference::own_folder());
  const json& entry = case_of(book, "exp/0");
  reference::Calls coarse;
  // Right in float64 only.
  coarse.add("exp", [](const reference::Inputs& in) {
    const xgrad::Tensor y = in["input"].exp();
    return TensorList{y.dtype() == xgrad::float32 ? y * 1.001 : y};
  });
  CHECK(reference::check(book, entry, coarse).failure.starts_with("float32: "));
}

TEST_CASE("the program reads another folder, reports each case and closes with the sum") {
  const test::TemporaryDirectory folder;
  std::filesystem::copy(reference::own_folder() / "cases.safetensors", folder.path());
  json entries = json::array();
  for (const char* id : {"exp/0", "conv2d/1", "linear/0"}) entries.push_back(case_of(reference::own_book(), id));
  const auto write = [&] { test::write_file(folder / "cases.json", json{{"format", 1}, {"cases", entries}}.dump()); };
  write();
  Ended ended = run_runner(folder.path(), "");
  CHECK(ended.code == 0);
  CHECK(ended.output.find("passed conv2d/1\n") != std::string::npos);
  CHECK(ended.output.find("exp: 1 of 1 passed\n") != std::string::npos);
  CHECK(ends_with_line(ended.output, "3 passed, 0 failed"));

  entries[0]["grads"][0]["tensor"] = "exp/0/out/0";
  entries.push_back({{"id", "other/0"}, {"kind", "other"}});
  write();
  ended = run_runner(folder.path(), "");
  CHECK(ended.code == 1);
  CHECK(ended.output.find("FAILED exp/0: ") != std::string::npos);
  CHECK(ended.output.find("FAILED other/0: unknown kind other\n") != std::string::npos);
  CHECK(ends_with_line(ended.output, "2 passed, 2 failed"));

  CHECK(run_runner(folder.path(), "conv2d").code == 0);
  CHECK(run_runner(folder.path(), "nothing_of_this_name").code == 1);
  CHECK(run_runner(folder / "missing", "").code == 2);
}
