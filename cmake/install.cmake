# SPDX-License-Identifier: Apache-2.0
# Installs the libraries of models/ and traces/, their headers under include/iommulab with the paths they have here, and the
# package that find_package(iommulab) reads.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/iommulab)

get_property(installed GLOBAL PROPERTY iommulab_installed)
set_target_properties(iommulab_options PROPERTIES EXPORT_NAME options)
install(TARGETS ${installed} EXPORT iommulab)
install(EXPORT iommulab NAMESPACE iommulab:: FILE iommulabTargets.cmake DESTINATION ${package_dir})
install(DIRECTORY models traces DESTINATION include/iommulab FILES_MATCHING PATTERN "*.h")

configure_package_config_file(cmake/iommulabConfig.cmake.in ${PROJECT_BINARY_DIR}/iommulabConfig.cmake
  INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/iommulabConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/iommulabConfig.cmake ${PROJECT_BINARY_DIR}/iommulabConfigVersion.cmake
  cmake/FindSystemC.cmake DESTINATION ${package_dir})
install(FILES LICENSE README.md TYPE DOC)
if(TARGET iommulab)
  install(TARGETS iommulab)
  # What the program finds beside itself, with the paths of the source tree.
  set(data_dir ${CMAKE_INSTALL_DATADIR}/iommulab)
  install(DIRECTORY platforms DESTINATION ${data_dir} FILES_MATCHING PATTERN "*.yaml" PATTERN settings EXCLUDE PATTERN models EXCLUDE)
  install(DIRECTORY testbenches/scenarios DESTINATION ${data_dir}/testbenches)
  install(FILES testbenches/conformance/disputed.json DESTINATION ${data_dir}/testbenches/conformance)
  install(DIRECTORY traces/amdvi-strict traces/smmuv3-strict DESTINATION ${data_dir}/traces)
endif()
