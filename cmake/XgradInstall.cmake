# What `cmake --install` puts down: headers, library, and a package for find_package(xgrad CONFIG).
set(xgrad_package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/xgrad)

install(TARGETS xgrad EXPORT xgradTargets
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
  RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR}/include/xgrad DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
  FILES_MATCHING PATTERN "*.hpp")
install(EXPORT xgradTargets NAMESPACE xgrad:: DESTINATION ${xgrad_package_dir})

get_target_property(xgrad_library_type xgrad TYPE)
if(xgrad_library_type STREQUAL "STATIC_LIBRARY")
  set(XGRAD_IS_STATIC ON)
else()
  set(XGRAD_IS_STATIC OFF)
endif()
configure_package_config_file(${CMAKE_CURRENT_SOURCE_DIR}/cmake/xgradConfig.cmake.in
  ${CMAKE_CURRENT_BINARY_DIR}/xgradConfig.cmake INSTALL_DESTINATION ${xgrad_package_dir} NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/xgradConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/xgradConfig.cmake ${CMAKE_CURRENT_BINARY_DIR}/xgradConfigVersion.cmake
  DESTINATION ${xgrad_package_dir})
