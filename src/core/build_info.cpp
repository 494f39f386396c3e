#include <xgrad/build_info.hpp>
#include <xgrad/version.hpp>

#include <string>

#include "kernels/blas.hpp"
#include "kernels/gemm_bfloat16.hpp"

#ifdef XGRAD_HAVE_OPENBLAS
extern "C" char* openblas_get_config(void);
extern "C" int openblas_get_parallel(void);
#endif

#ifdef XGRAD_HAVE_ONEDNN
#include <oneapi/dnnl/dnnl.h>
#endif

#define XGRAD_QUOTE_VALUE(x) #x
#define XGRAD_QUOTE(x) XGRAD_QUOTE_VALUE(x)

namespace xgrad {
namespace {

const char* simd() {
#if defined(__AVX512F__)
  return "AVX-512";
#elif defined(__AVX2__)
  return "AVX2";
#elif defined(__AVX__)
  return "AVX";
#elif defined(__SSE4_2__)
  return "SSE4.2";
#elif defined(__SSE2__)
  return "SSE2";
#elif defined(__ARM_FEATURE_SVE)
  return "SVE";
#elif defined(__ARM_NEON)
  return "NEON";
#else
  return "none";
#endif
}

std::string compiler() {
#if defined(__clang__)
  return std::string("clang++ ") + __clang_version__;
#elif defined(__GNUC__)
  return std::string("g++ ") + __VERSION__;
#else
  return "unknown";
#endif
}

// What OPENBLAS_CORETYPE should say where OpenBLAS does not know the processor.
[[maybe_unused]] std::string best_core() {
#ifdef __x86_64__
  if (__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl")) return "SkylakeX";
#endif
  return "Haswell";
}

std::string blas() {
#ifdef XGRAD_HAVE_OPENBLAS
  const char* threads[] = {"one thread", "own threads", "OpenMP threads"};
  const int parallel = openblas_get_parallel();
  std::string text = openblas_get_config();
  if (parallel >= 0 && parallel < 3) text += std::string(", ") + threads[parallel];
  if (detail::is_blas_generic())
    text += ", which does not know this processor and is slow: set OPENBLAS_CORETYPE=" + best_core() +
            " in the environment";
  return text;
#else
  return XGRAD_BLAS_NAME;
#endif
}

std::string convolutions() {
#ifdef XGRAD_HAVE_ONEDNN
  const dnnl_version_t* v = dnnl_version();
  return "oneDNN " + std::to_string(v->major) + "." + std::to_string(v->minor) + "." + std::to_string(v->patch);
#else
  return "im2col and BLAS";
#endif
}

std::string bfloat16_products() {
  using detail::onednn::Bfloat16;
  const std::string use = detail::onednn::is_bfloat16_in_use() ? ", in use" : ", not in use";
  switch (detail::onednn::bfloat16()) {
    case Bfloat16::amx:
      return "AMX" + use;
    case Bfloat16::avx512:
      return "AVX512-BF16" + use;
    case Bfloat16::no_instructions:
      return "not on this processor";
    case Bfloat16::no_onednn:
      break;
  }
  return "not in this build";
}

std::string openmp() {
#ifdef _OPENMP
  return XGRAD_OPENMP_RUNTIME " (OpenMP " XGRAD_QUOTE(_OPENMP) ")";
#else
  return "off";
#endif
}

}  // namespace

const char* version() noexcept {
  return XGRAD_QUOTE(XGRAD_VERSION_MAJOR) "." XGRAD_QUOTE(XGRAD_VERSION_MINOR) "." XGRAD_QUOTE(XGRAD_VERSION_PATCH);
}

std::string build_info() {
  return std::string("xgrad: ") + version() + "\ncompiler: " + compiler() + "\nSIMD: " + simd() + "\nBLAS: " + blas() +
         "\nconvolutions: " + convolutions() + "\nbfloat16 products: " + bfloat16_products() + "\nOpenMP: " + openmp() +
         "\n";
}

}  // namespace xgrad
