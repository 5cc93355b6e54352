# SPDX-License-Identifier: Apache-2.0
# Finds SystemC with TLM-2.0 and defines SystemC::systemc, by its own CMake package (SystemC 3, source builds), else by
# pkg-config (Debian's libsystemc-dev), else in SYSTEMC_HOME. Debian's libraries are built as C++17; the ABI check in their
# headers is kept content with SC_CPLUSPLUS, while this project compiles as C++20.
set(SYSTEMC_HOME "$ENV{SYSTEMC_HOME}" CACHE PATH "SystemC installation, when neither CMake nor pkg-config knows it")

if(NOT TARGET SystemC::systemc)
  find_package(SystemCLanguage CONFIG QUIET HINTS "${SYSTEMC_HOME}")
endif()
if(NOT TARGET SystemC::systemc)
  find_package(PkgConfig QUIET)
  if(PkgConfig_FOUND)
    pkg_check_modules(SYSTEMC QUIET IMPORTED_TARGET systemc)
    if(SYSTEMC_FOUND)
      add_library(SystemC::systemc INTERFACE IMPORTED)
      target_link_libraries(SystemC::systemc INTERFACE PkgConfig::SYSTEMC)
    endif()
  endif()
endif()
if(NOT TARGET SystemC::systemc)
  find_path(SYSTEMC_INCLUDE_DIR systemc HINTS "${SYSTEMC_HOME}/include")
  find_library(SYSTEMC_LIBRARY systemc HINTS "${SYSTEMC_HOME}" PATH_SUFFIXES lib lib64 lib-linux64)
  if(SYSTEMC_INCLUDE_DIR AND SYSTEMC_LIBRARY)
    add_library(SystemC::systemc UNKNOWN IMPORTED)
    set_target_properties(SystemC::systemc PROPERTIES IMPORTED_LOCATION "${SYSTEMC_LIBRARY}"
      INTERFACE_INCLUDE_DIRECTORIES "${SYSTEMC_INCLUDE_DIR}")
  endif()
endif()
if(NOT TARGET SystemC::systemc)
  message(FATAL_ERROR "SystemC not found: install libsystemc-dev, or set SYSTEMC_HOME")
endif()
