# SPDX-License-Identifier: Apache-2.0
# Finds SystemC with TLM-2.0 and defines SystemC::systemc: by its own CMake package (source builds), else by pkg-config
# (Debian's libsystemc-dev), else in SYSTEMC_HOME.
include(FindPackageHandleStandardArgs)
set(SYSTEMC_HOME "$ENV{SYSTEMC_HOME}" CACHE PATH "SystemC installation, when neither CMake nor pkg-config knows it")

if(NOT TARGET SystemC::systemc)
  find_package(SystemCLanguage CONFIG QUIET HINTS "${SYSTEMC_HOME}")
endif()
if(TARGET SystemC::systemc)
  set(SystemC_LIBRARY SystemC::systemc)
elseif(NOT SYSTEMC_HOME)
  find_package(PkgConfig QUIET)
  if(PkgConfig_FOUND)
    pkg_check_modules(SYSTEMC QUIET IMPORTED_TARGET GLOBAL systemc)
  endif()
  if(TARGET PkgConfig::SYSTEMC)
    set(SystemC_LIBRARY PkgConfig::SYSTEMC)
    add_library(SystemC::systemc INTERFACE IMPORTED GLOBAL)
    target_link_libraries(SystemC::systemc INTERFACE PkgConfig::SYSTEMC)
  endif()
endif()
if(NOT TARGET SystemC::systemc)
  find_path(SystemC_INCLUDE_DIR systemc HINTS "${SYSTEMC_HOME}/include")
  find_library(SystemC_LIBRARY systemc HINTS "${SYSTEMC_HOME}" PATH_SUFFIXES lib lib64 lib-linux64)
  if(SystemC_INCLUDE_DIR AND SystemC_LIBRARY)
    add_library(SystemC::systemc UNKNOWN IMPORTED GLOBAL)
    set_target_properties(SystemC::systemc PROPERTIES IMPORTED_LOCATION "${SystemC_LIBRARY}"
      INTERFACE_INCLUDE_DIRECTORIES "${SystemC_INCLUDE_DIR}")
  endif()
endif()
find_package_handle_standard_args(SystemC REQUIRED_VARS SystemC_LIBRARY
  REASON_FAILURE_MESSAGE "install libsystemc-dev, or set SYSTEMC_HOME")
