// Errors: one hierarchy, one grammar.
//
// Every message reads `op: what was expected, what came; hint at file:line`, with the operation named as in the API,
// shapes written as `[2, 3]`, and the place in the caller's source. Checks come before any work: a call that throws
// has changed nothing.
#pragma once
#include <stdexcept>
#include <string>

namespace xgrad {

// Base of everything xgrad throws on purpose.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Shapes that do not fit an operation or each other.
class ShapeError : public Error {
 public:
  using Error::Error;
};
// An element type that an operation does not take, or two that do not mix.
class DtypeError : public Error {
 public:
  using Error::Error;
};
// A dimension or an index out of range.
class IndexError : public Error {
 public:
  using Error::Error;
};
// Misuse of the tape: no graph, a graph already freed, a saved value modified in place, NaN under DetectAnomalyGuard.
class AutogradError : public Error {
 public:
  using Error::Error;
};
// A file that cannot be read or written, or does not hold what it should.
class IoError : public Error {
 public:
  using Error::Error;
};
// An argument outside its domain (a negative probability, an unknown reduction).
class ValueError : public Error {
 public:
  using Error::Error;
};

// The caller's place in the source. As a default argument it captures where the call was written.
struct Here {
  const char* file;
  int line;
  constexpr Here(const char* file_ = __builtin_FILE(), int line_ = __builtin_LINE()) noexcept
      : file(file_), line(line_) {}
};

}  // namespace xgrad
