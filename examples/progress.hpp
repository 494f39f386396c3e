// A progress bar for the terminal: [=======>      ] with a text behind it, rewritten in place.
#pragma once
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <fmt/format.h>
#include <string>
#include <unistd.h>
#include <utility>

class ProgressBar {
 public:
  ProgressBar(std::string title, std::int64_t total)
      : title_(std::move(title)), total_(std::max<std::int64_t>(total, 1)) {}
  // Shows that `done` of the total is reached. Where the output is no terminal, only the last state is written.
  void update(std::int64_t done, const std::string& text) {
    const bool last = done >= total_;
    const auto now = Clock::now();
    if (!last && (!terminal_ || now - shown_ < std::chrono::milliseconds(100))) return;
    shown_ = now;
    constexpr std::int64_t width = 24;
    const auto filled = static_cast<std::size_t>(std::min(done, total_) * width / total_);
    std::string bar(filled, '=');
    bar.resize(width, ' ');
    if (!last) bar[std::min<std::size_t>(filled, width - 1)] = '>';
    fmt::print("{}{} [{}] {:3}%  {}{}", terminal_ ? "\r" : "", title_, bar, std::min(done, total_) * 100 / total_, text,
               terminal_ ? "\x1b[K" : "");
    if (last) fmt::print("\n");
    std::fflush(stdout);
  }
  double seconds() const { return std::chrono::duration<double>(Clock::now() - start_).count(); }

 private:
  using Clock = std::chrono::steady_clock;
  std::string title_;
  std::int64_t total_;
  Clock::time_point start_ = Clock::now(), shown_ = {};
  bool terminal_ = ::isatty(STDOUT_FILENO) != 0;
};
