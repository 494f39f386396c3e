// How many threads the library uses, and who looks after those of the BLAS.
//
// All threads are OpenMP's, but for the workers of a data loader. Results of the library's own kernels, products
// included, are the same bits for any number of threads: work is cut into pieces that depend on the sizes only.
// oneDNN's convolutions are repeatable at a fixed number of threads; see use_deterministic_algorithms(). Inside a
// parallel region of the caller's, and in a worker, everything runs on the calling thread.
//
// An OpenBLAS with threads of its own (its "pthread" flavour) is set to one thread at the first product, and products
// are cut into blocks that OpenMP's threads share: two sets of spinning threads on the same cores cost a factor of two
// to ten. That setting is OpenBLAS's, and so the whole process's; manage_blas_threads(false) opts out. The OpenMP
// flavour shares OpenMP's threads already: it gets whole products, whose last bits may then depend on the number of
// threads. Where oneDNN is faster (float32, nothing small), it computes the blocks instead, each on one thread; so it
// does with all float32 products of two matrices where OpenBLAS does not know the processor, which build_info() tells.
#pragma once
#include <xgrad/error.hpp>

namespace xgrad {

// Sets the number of threads of the whole process, 1 or more. ValueError otherwise.
void set_num_threads(int threads, Here here = {});
// The number in use: the one set, else OpenMP's choice (OMP_NUM_THREADS or the number of processors); 1 in a build
// without OpenMP.
int get_num_threads() noexcept;

// false: the BLAS keeps (or gets back) its own number of threads and products are handed to it whole. true, the
// default: as described above. Call it before products run in other threads.
void manage_blas_threads(bool manage) noexcept;

// true: the same bits for any number of threads also where another library's results depend on it, for the whole
// process: convolutions go without oneDNN (by a Winograd of our own where windows are 3x3, which takes a sixth longer,
// else by im2col, two to three times as long), and products are never handed to OpenMP's flavour of OpenBLAS whole. It
// cannot help with a BLAS that manage_blas_threads(false) left to itself. Off by default.
void use_deterministic_algorithms(bool mode) noexcept;
bool are_deterministic_algorithms_enabled() noexcept;

}  // namespace xgrad
