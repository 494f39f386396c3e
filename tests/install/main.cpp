// A user's program, built by the projects beside it against an installed xgrad and against its source tree.
#include <xgrad/build_info.hpp>
#include <xgrad/version.hpp>

#include <cstdio>

int main() {
  std::printf("%s", xgrad::build_info().c_str());
  return XGRAD_VERSION_MAJOR == 0 ? 0 : 1;
}
