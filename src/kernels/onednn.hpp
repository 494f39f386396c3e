// oneDNN's primitives: how one is described, kept and run. For files that are compiled with oneDNN.
#pragma once
#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <oneapi/dnnl/dnnl.hpp>

namespace xgrad::detail::onednn {

using dnnl::memory;

const dnnl::engine& engine();

// Whether oneDNN uses AVX-512 here.
bool has_avx512() noexcept;

// An operand of a primitive: as the tensor lies in memory, as the primitive wants it, and what takes one to the other.
struct Operand {
  int name = 0;
  memory::desc outside, inside;
  dnnl::reorder convert, convert_and_add;
  bool same = true;
};
Operand operand(int name, const memory::desc& outside, const memory::desc& inside);
// A result may be added to what is outside.
Operand result_operand(int name, const memory::desc& outside, const memory::desc& inside);

struct Plan {
  dnnl::primitive primitive;
  Operand first, second, bias, result;
  memory::desc scratch;
};

// A primitive whose scratch memory is lent by the caller.
dnnl::primitive_attr own_scratch();

// On float32 data; bias may be null. Throws dnnl::error.
void execute(const Plan& plan, const float* first, const float* second, const float* bias, float* result,
             bool accumulate);

// The plans made last, by use. A plan that is null says that there is none.
template <class Key>
class Plans {
 public:
  template <class Make>
  std::shared_ptr<const Plan> get(const Key& key, Make&& make) {
    {
      const std::lock_guard lock(mutex_);
      if (const auto at = entries_.find(key); at != entries_.end()) {
        at->second.used = ++clock_;
        return at->second.plan;
      }
    }
    std::shared_ptr<const Plan> plan = make(key);
    const std::lock_guard lock(mutex_);
    constexpr std::size_t most = 256;
    if (entries_.size() >= most)
      entries_.erase(std::min_element(entries_.begin(), entries_.end(),
                                      [](auto& a, auto& b) { return a.second.used < b.second.used; }));
    entries_[key] = {plan, ++clock_};
    return plan;
  }

 private:
  struct Entry {
    std::shared_ptr<const Plan> plan;
    std::uint64_t used = 0;
  };
  std::mutex mutex_;
  std::map<Key, Entry> entries_;
  std::uint64_t clock_ = 0;
};

}  // namespace xgrad::detail::onednn
