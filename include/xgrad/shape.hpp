// Shape: the sizes (or strides) of a tensor; up to five dimensions live inline, more on the heap.
#pragma once
#include <xgrad/error.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

namespace xgrad {

// A short list of int64, made from a braced list: Shape{2, 3}.
class Shape {
 public:
  using value_type = std::int64_t;
  static constexpr std::size_t inline_capacity = 5;

  Shape() noexcept {}
  Shape(std::initializer_list<std::int64_t> sizes) { assign(sizes.begin(), sizes.size()); }
  Shape(const std::vector<std::int64_t>& sizes) { assign(sizes.data(), sizes.size()); }
  Shape(const std::int64_t* data, std::size_t size) { assign(data, size); }
  Shape(std::size_t size, std::int64_t value) { resize(size, value); }
  Shape(const Shape& other) { copy(other); }
  Shape(Shape&& other) noexcept { steal(other); }
  Shape& operator=(const Shape& other) {
    if (this != &other) {
      size_ = 0;
      copy(other);
    }
    return *this;
  }
  Shape& operator=(Shape&& other) noexcept {
    if (this != &other) {
      if (on_heap()) delete[] heap_;
      steal(other);
    }
    return *this;
  }
  ~Shape() {
    if (on_heap()) delete[] heap_;
  }

  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }
  std::int64_t* data() noexcept { return on_heap() ? heap_ : inline_; }
  const std::int64_t* data() const noexcept { return on_heap() ? heap_ : inline_; }
  std::int64_t* begin() noexcept { return data(); }
  std::int64_t* end() noexcept { return data() + size_; }
  const std::int64_t* begin() const noexcept { return data(); }
  const std::int64_t* end() const noexcept { return data() + size_; }
  std::int64_t& operator[](std::size_t i) noexcept { return data()[i]; }
  std::int64_t operator[](std::size_t i) const noexcept { return data()[i]; }
  std::int64_t front() const noexcept { return data()[0]; }
  std::int64_t back() const noexcept { return data()[size_ - 1]; }

  void resize(std::size_t size, std::int64_t value = 0) {
    const std::size_t old = size_;
    reserve(size);
    size_ = static_cast<std::uint32_t>(size);
    for (std::size_t i = old; i < size; ++i) data()[i] = value;
  }
  void push_back(std::int64_t value) { resize(size_ + 1, value); }
  void insert(std::size_t at, std::int64_t value) {
    push_back(value);
    std::rotate(begin() + at, end() - 1, end());
  }
  void erase(std::size_t at) {
    std::copy(begin() + at + 1, end(), begin() + at);
    --size_;
  }

  friend bool operator==(const Shape& a, const Shape& b) noexcept {
    if (a.size_ != b.size_) return false;
    const std::int64_t *x = a.data(), *y = b.data();
    for (std::uint32_t i = 0; i < a.size_; ++i)
      if (x[i] != y[i]) return false;
    return true;
  }

 private:
  bool on_heap() const noexcept { return capacity_ > inline_capacity; }
  void reserve(std::size_t capacity) {
    if (capacity <= capacity_) return;
    capacity = std::max(capacity, 2 * static_cast<std::size_t>(capacity_));
    auto* grown = new std::int64_t[capacity];
    std::copy(begin(), end(), grown);
    if (on_heap()) delete[] heap_;
    heap_ = grown;
    capacity_ = static_cast<std::uint32_t>(capacity);
  }
  void assign(const std::int64_t* from, std::size_t size) {
    reserve(size);
    size_ = static_cast<std::uint32_t>(size);
    std::copy(from, from + size, data());
  }
  void copy(const Shape& other) {
    if (on_heap() || other.on_heap()) return assign(other.data(), other.size_);
    size_ = other.size_;
    copy_inline(other);
  }
  // All places, so that it takes a few instructions and no call.
  void copy_inline(const Shape& other) noexcept {
    for (std::uint32_t i = 0; i < inline_capacity; ++i) inline_[i] = i < size_ ? other.inline_[i] : 0;
  }
  void steal(Shape& other) noexcept {
    size_ = other.size_;
    capacity_ = other.capacity_;
    if (other.on_heap()) {
      heap_ = other.heap_;
      other.capacity_ = inline_capacity;
    } else {
      copy_inline(other);
    }
    other.size_ = 0;
  }

  std::uint32_t size_ = 0;
  std::uint32_t capacity_ = inline_capacity;
  union {
    std::int64_t inline_[inline_capacity];
    std::int64_t* heap_;
  };
};

// A list of dimensions: a single one (-1), or several ({0, 2}). Negative ones count from the end.
class Dims {
 public:
  Dims() = default;
  Dims(std::int64_t dim) : list_{dim} {}
  Dims(int dim) : list_{dim} {}
  Dims(std::initializer_list<std::int64_t> dims) : list_(dims) {}
  Dims(std::vector<std::int64_t> dims) : list_(std::move(dims)) {}
  const std::vector<std::int64_t>& list() const noexcept { return list_; }

 private:
  std::vector<std::int64_t> list_{};
};

// "[2, 3]"
std::string to_string(const Shape& shape);
// Product of the sizes; 1 for no dimensions.
std::int64_t numel(const Shape& shape) noexcept;
// The shape that a and b broadcast to by NumPy's rule. ShapeError where they do not.
Shape broadcast_shapes(const Shape& a, const Shape& b, Here here = {});

}  // namespace xgrad
