// Python, where a test wants to be checked by NumPy or PyTorch.
#pragma once
#include <cstdlib>
#include <doctest/doctest.h>
#include <string>
#include <sys/wait.h>

namespace test {

// Debian's, whose packages are python3-numpy and python3-torch.
inline const char* python = "/usr/bin/python3";

// Whether it has a module; says that the test does not run where it has not.
inline bool python_has(const std::string& module) {
  const std::string command = std::string(python) + " -c 'import " + module + "' >/dev/null 2>&1";
  if (std::system(command.c_str()) == 0) return true;
  MESSAGE("NOT RUN: " << python << " has no " << module << " here, so nothing was compared with it");
  return false;
}

// Runs a script of the tests' with one argument; whether it ended well. What it prints is printed.
inline bool run_python(const std::string& script, const std::string& argument) {
  const std::string command = std::string(python) + " '" XGRAD_TEST_DIR "/" + script + "' '" + argument + "'";
  const int status = std::system(command.c_str());
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace test
