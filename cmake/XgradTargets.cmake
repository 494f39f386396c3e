# xgrad_own_target(TARGET): the flags of everything compiled here; none of them reaches a user of the library.
function(xgrad_own_target target)
  set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic)
endfunction()

# xgrad_constant_flags(VARIABLE MARCH): flags without which g++ 12 makes {16, 16, 0, 0} into four times 16 where it may use
# AVX-512: it takes constant arrays of 32 or 64 bytes that begin with equal words and end with zeros for equal throughout.
# The flags keep it to pieces of 16 bytes, which it gets right.
include(CheckCXXSymbolExists)
function(xgrad_constant_flags variable march)
  set(${variable} "" PARENT_SCOPE)
  if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "GNU" OR CMAKE_CXX_COMPILER_VERSION VERSION_LESS 12)
    return()
  endif()
  if(march)
    set(CMAKE_REQUIRED_FLAGS -march=${march})
  endif()
  set(CMAKE_REQUIRED_QUIET ON)
  string(MAKE_C_IDENTIFIER "XGRAD_AVX512VL_${march}" has_avx512)
  check_cxx_symbol_exists(__AVX512VL__ "" ${has_avx512})
  if(${has_avx512})
    set(${variable} -mmove-max=128 -mstore-max=128 PARENT_SCOPE)
  endif()
endfunction()

# xgrad_internal_flags(TARGET): the flags that code including the library's internal headers must share with it; inline
# functions compiled for two instruction sets in one program would be mixed up by the linker. An argument more is the
# value of -march instead of XGRAD_MARCH.
function(xgrad_internal_flags target)
  set(march ${XGRAD_MARCH})
  if(ARGC GREATER 1)
    set(march ${ARGV1})
  endif()
  target_compile_options(${target} PRIVATE -fno-math-errno -fno-trapping-math -fno-semantic-interposition)
  if(march)
    target_compile_options(${target} PRIVATE -march=${march})
  endif()
  xgrad_constant_flags(constant_flags "${march}")
  target_compile_options(${target} PRIVATE ${constant_flags})
endfunction()

# xgrad_include_headers_of(TARGET SCOPE DEPENDENCY...): the include directories of header-only dependencies, as system
# headers and without a link dependency, so that the exported package does not name them.
function(xgrad_include_headers_of target scope)
  foreach(dependency IN LISTS ARGN)
    if(TARGET ${dependency})
      get_target_property(directories ${dependency} INTERFACE_INCLUDE_DIRECTORIES)
      target_include_directories(${target} SYSTEM ${scope} "$<BUILD_INTERFACE:${directories}>")
    endif()
  endforeach()
endfunction()
