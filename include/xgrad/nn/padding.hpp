// Layers that add borders: xgrad::pad, which says what is not said here.
#pragma once
#include <xgrad/dtype.hpp>
#include <xgrad/nn/module.hpp>
#include <xgrad/shape.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>

namespace xgrad::nn {

// How many elements are added: one number for all sides, or {left, right} of a line, {left, right, top, bottom} of an
// image, {left, right, top, bottom, front, back} of a volume. Negative numbers cut off.
class PaddingSides {
 public:
  template <std::integral N>
  PaddingSides(N all) : all_(static_cast<std::int64_t>(all)) {}
  PaddingSides(std::initializer_list<std::int64_t> sides) : sides_(Shape(sides)) {}
  PaddingSides(const Shape& sides) : sides_(sides) {}
  // A number for each of so many sides; the list as it is where one was given.
  Shape list(std::size_t count) const { return sides_ ? *sides_ : Shape(count, all_); }

 private:
  std::int64_t all_ = 0;
  std::optional<Shape> sides_{};
};

// What all of them share: the last `rank` dimensions are padded. Their constructors throw ValueError for a list of
// another length.
class PaddingLayer : public Layer {
 public:
  Tensor forward(const Arg& x) const override;

 protected:
  PaddingLayer(const char* name, std::size_t rank, const PaddingSides& padding, const char* mode,
               std::optional<Scalar> value, Here here);

 private:
  Shape padding_;
  std::string mode_;
  Scalar value_;
};

// Of one value.
class ConstantPad1d : public PaddingLayer {
 public:
  ConstantPad1d(const PaddingSides& padding, Scalar value, Here here = {})
      : PaddingLayer("ConstantPad1d", 1, padding, "constant", value, here) {}
};
class ConstantPad2d : public PaddingLayer {
 public:
  ConstantPad2d(const PaddingSides& padding, Scalar value, Here here = {})
      : PaddingLayer("ConstantPad2d", 2, padding, "constant", value, here) {}
};
class ConstantPad3d : public PaddingLayer {
 public:
  ConstantPad3d(const PaddingSides& padding, Scalar value, Here here = {})
      : PaddingLayer("ConstantPad3d", 3, padding, "constant", value, here) {}
};

// Of zeros.
class ZeroPad1d : public PaddingLayer {
 public:
  explicit ZeroPad1d(const PaddingSides& padding, Here here = {})
      : PaddingLayer("ZeroPad1d", 1, padding, "constant", {}, here) {}
};
class ZeroPad2d : public PaddingLayer {
 public:
  explicit ZeroPad2d(const PaddingSides& padding, Here here = {})
      : PaddingLayer("ZeroPad2d", 2, padding, "constant", {}, here) {}
};
class ZeroPad3d : public PaddingLayer {
 public:
  explicit ZeroPad3d(const PaddingSides& padding, Here here = {})
      : PaddingLayer("ZeroPad3d", 3, padding, "constant", {}, here) {}
};

// Of what lies inside, mirrored at the first and the last element.
class ReflectionPad1d : public PaddingLayer {
 public:
  explicit ReflectionPad1d(const PaddingSides& padding, Here here = {})
      : PaddingLayer("ReflectionPad1d", 1, padding, "reflect", {}, here) {}
};
class ReflectionPad2d : public PaddingLayer {
 public:
  explicit ReflectionPad2d(const PaddingSides& padding, Here here = {})
      : PaddingLayer("ReflectionPad2d", 2, padding, "reflect", {}, here) {}
};
class ReflectionPad3d : public PaddingLayer {
 public:
  explicit ReflectionPad3d(const PaddingSides& padding, Here here = {})
      : PaddingLayer("ReflectionPad3d", 3, padding, "reflect", {}, here) {}
};

// Of the outermost elements.
class ReplicationPad1d : public PaddingLayer {
 public:
  explicit ReplicationPad1d(const PaddingSides& padding, Here here = {})
      : PaddingLayer("ReplicationPad1d", 1, padding, "replicate", {}, here) {}
};
class ReplicationPad2d : public PaddingLayer {
 public:
  explicit ReplicationPad2d(const PaddingSides& padding, Here here = {})
      : PaddingLayer("ReplicationPad2d", 2, padding, "replicate", {}, here) {}
};
class ReplicationPad3d : public PaddingLayer {
 public:
  explicit ReplicationPad3d(const PaddingSides& padding, Here here = {})
      : PaddingLayer("ReplicationPad3d", 3, padding, "replicate", {}, here) {}
};

// Of what lies at the other end.
class CircularPad1d : public PaddingLayer {
 public:
  explicit CircularPad1d(const PaddingSides& padding, Here here = {})
      : PaddingLayer("CircularPad1d", 1, padding, "circular", {}, here) {}
};
class CircularPad2d : public PaddingLayer {
 public:
  explicit CircularPad2d(const PaddingSides& padding, Here here = {})
      : PaddingLayer("CircularPad2d", 2, padding, "circular", {}, here) {}
};
class CircularPad3d : public PaddingLayer {
 public:
  explicit CircularPad3d(const PaddingSides& padding, Here here = {})
      : PaddingLayer("CircularPad3d", 3, padding, "circular", {}, here) {}
};

}  // namespace xgrad::nn
