// What the example programs share: their command line, and the check that what they teach is what happened.
#pragma once
#include <CLI/CLI.hpp>
#include <exception>
#include <filesystem>
#include <fmt/format.h>
#include <stdexcept>
#include <string>

struct Settings {
  bool run_short = false;                            // less training, for the tests
  std::filesystem::path pictures = ".";              // where pictures go
  std::filesystem::path data = XGRAD_EXAMPLES_DATA;  // where data sets are
};

// Fails the program, and with it the test that runs it, unless it has learned what it says.
inline void expect(bool learned, const std::string& what) {
  if (!learned) throw std::runtime_error("not learned: " + what);
}

// Reads the command line into what the app's options name and calls run(). Returns the exit status.
template <class Run>
int run_program(CLI::App& app, int argc, char** argv, const Run& run) {
  CLI11_PARSE(app, argc, argv);
  try {
    run();
    return 0;
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
}

// The same for run(settings) of a tutorial.
template <class Run>
int tutorial(int argc, char** argv, const std::string& description, const Run& run) {
  Settings settings;
  CLI::App app(description);
  app.add_flag("--short", settings.run_short, "seconds of training, to see that all works");
  app.add_option("--pictures", settings.pictures, "folder for the pictures")->capture_default_str();
  app.add_option("--data", settings.data, "folder of the data sets")->capture_default_str();
  return run_program(app, argc, argv, [&] { run(settings); });
}
