# xgrad_choose_instruction_set(): sets XGRAD_MARCH, the value of -march for the library and for what includes its internal
# headers, and XGRAD_LEVELS, those of x86-64 for which a shared library is built once more. glibc's loader looks for a
# library in DIRECTORY/glibc-hwcaps/x86-64-v4 and -v3 first, where the processor has what they name, and then in
# DIRECTORY: so one package serves a fleet of different machines.
function(xgrad_choose_instruction_set)
  set(march "")
  set(levels "")
  if(BUILD_SHARED_LIBS AND XGRAD_VARIANTS AND CMAKE_SYSTEM_NAME STREQUAL "Linux"
      AND CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64)$")
    set(march x86-64-v2)
    set(levels x86-64-v3 x86-64-v4)
  elseif(XGRAD_NATIVE)
    set(march native)
  endif()
  set(XGRAD_MARCH "${march}" PARENT_SCOPE)
  set(XGRAD_LEVELS "${levels}" PARENT_SCOPE)
  list(JOIN levels ", " others)
  if(levels)
    message(STATUS "xgrad: for ${march}, and once more for ${others}")
  elseif(march)
    message(STATUS "xgrad: for the instruction set of this machine")
  else()
    message(STATUS "xgrad: for the compiler's default instruction set")
  endif()
endfunction()

# xgrad_library(TARGET [MARCH]): all that makes a target the library.
function(xgrad_library target)
  xgrad_own_target(${target})
  xgrad_internal_flags(${target} ${ARGN})
  set_target_properties(${target} PROPERTIES
    POSITION_INDEPENDENT_CODE ON
    DEFINE_SYMBOL ""
    VERSION ${PROJECT_VERSION}
    SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
  target_compile_features(${target} PUBLIC cxx_std_20)
  target_include_directories(${target}
    PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>
    PRIVATE ${PROJECT_SOURCE_DIR}/src)
  # The opt-in headers xtensor.hpp and elementwise.hpp need these in a user's program; only the build knows them here,
  # the installed package looks for its user's.
  xgrad_include_headers_of(${target} PUBLIC xtl xtensor xsimd)
  xgrad_include_headers_of(${target} PRIVATE xtensor-blas nlohmann_json::nlohmann_json)
  target_link_libraries(${target} PUBLIC fmt::fmt PRIVATE ZLIB::ZLIB xgrad::libzip LAPACK::LAPACK BLAS::BLAS)
  target_include_directories(${target} SYSTEM PRIVATE ${XGRAD_LIBZIP_INCLUDE_DIR})
  if(XGRAD_OPENBLAS)
    target_compile_definitions(${target} PRIVATE XGRAD_HAVE_OPENBLAS)
  else()
    target_compile_definitions(${target} PRIVATE XGRAD_BLAS_NAME="${BLAS_LIBRARIES}")
  endif()
  if(XGRAD_WITH_OPENMP)
    separate_arguments(openmp_flags UNIX_COMMAND "${OpenMP_CXX_FLAGS}")
    target_compile_options(${target} PRIVATE ${openmp_flags})
    target_compile_definitions(${target} PRIVATE XGRAD_OPENMP_RUNTIME="${XGRAD_OPENMP_RUNTIME}")
    target_link_libraries(${target} PRIVATE xgrad::openmp_runtime)
  endif()
  if(XGRAD_ONEDNN_LIBRARY)
    target_include_directories(${target} SYSTEM PRIVATE ${XGRAD_ONEDNN_INCLUDE_DIR})
    target_compile_definitions(${target} PRIVATE XGRAD_HAVE_ONEDNN)
    target_link_libraries(${target} PRIVATE xgrad::onednn)
  endif()
endfunction()

# xgrad_add_variants(): the shared library once more for each of XGRAD_LEVELS, built and installed where the loader looks.
function(xgrad_add_variants)
  foreach(level IN LISTS XGRAD_LEVELS)
    set(variant xgrad_${level})
    add_library(${variant} SHARED ${xgrad_sources})
    xgrad_library(${variant} ${level})
    get_target_property(directory xgrad BINARY_DIR)
    set_target_properties(${variant} PROPERTIES
      OUTPUT_NAME xgrad
      LIBRARY_OUTPUT_DIRECTORY ${directory}/glibc-hwcaps/${level})
    install(TARGETS ${variant} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/glibc-hwcaps/${level} NAMELINK_SKIP)
  endforeach()
endfunction()
