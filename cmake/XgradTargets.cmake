# xgrad_own_target(TARGET): the flags of everything compiled here; none of them reaches a user of the library.
function(xgrad_own_target target)
  set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic)
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
