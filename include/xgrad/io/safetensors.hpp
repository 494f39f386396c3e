// Tensors to and from files in the safetensors format (https://huggingface.co/docs/safetensors).
#pragma once
#include <xgrad/state_dict.hpp>

#include <cstdint>
#include <map>
#include <string>

namespace xgrad {

// Text by name that a file carries beside its tensors.
using Metadata = std::map<std::string, std::string>;

// How float32 lies in a file: as it is, in half precision (11 bits, up to 65504), or as bfloat16 (8 bits, the range of
// float32).
enum class FloatFormat : std::uint8_t { f32, f16, bf16 };

// float32_as: tensors of float32 are rounded to the nearest number of this format; the others are written as they are.
struct SaveOptions {
  FloatFormat float32_as = FloatFormat::f32;
  Metadata metadata{};
};

// Writes the tensors, in their order and under their names, and the metadata. Views and transposed tensors are written
// row by row; nothing else is copied. The file appears whole or not at all: it is written under another name in the
// same directory, flushed to the disk and renamed, and what was at `path` before stays until then, whenever the program
// or the machine stops. An existing file's permissions and a symbolic link's target are kept.
//   save(net.state_dict(), "net.safetensors", {.float32_as = FloatFormat::bf16});
// ValueError: a name that is not UTF-8 or is "__metadata__"; a finite number that would become infinite. IoError:
// whatever the system refuses.
void save(const StateDict& tensors, const std::string& path, const SaveOptions& options, Here here = {});
void save(const StateDict& tensors, const std::string& path, const Metadata& metadata = {}, Here here = {});

// Reads all tensors of a file, in the order of its header. F32, F64, I64, I32, U8 and BOOL keep their types; F16 and
// BF16 become float32, I8, I16 and U16 int32, U32 and U64 int64. The whole header is checked before any memory is taken
// for a tensor.
//
// Tensors of 512 KB and more are not read here but mapped, where their type and alignment let it (files written by
// save() do) and the file system can: a page comes from the file when somebody first looks at it, memory is needed only
// for pages that are changed in place, and the file never changes. The mapping lives as long as the last tensor on it;
// Module::load_state_dict and clone() copy every byte. save(), and every program that renames a new file into place,
// leaves such tensors as they are. A program that writes into the file itself meanwhile may change their values, and
// one that makes it shorter, or a disk that fails, ends this program with SIGBUS at the next look: clone() a StateDict
// that is kept where that may happen.
// IoError, which names the file and what is wrong: a file that cannot be read, or is cut, too long, or malformed, or
// holds another type.
StateDict load(const std::string& path, Here here = {});

// Reads the metadata alone; empty where there is none. IoError as load.
Metadata load_metadata(const std::string& path, Here here = {});

}  // namespace xgrad
