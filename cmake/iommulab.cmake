# SPDX-License-Identifier: Apache-2.0
# The declarations that every folder's CMakeLists.txt is made of.

# What every user of the libraries needs: the language, the include root, and the C++ level that the SystemC library was
# built with. Debian builds it as C++17; the ABI check in its headers is kept content while this project is C++20.
add_library(iommulab_options INTERFACE)
target_compile_features(iommulab_options INTERFACE cxx_std_20)
target_compile_definitions(iommulab_options INTERFACE SC_CPLUSPLUS=201703L SC_INCLUDE_DYNAMIC_PROCESSES)
target_include_directories(iommulab_options INTERFACE
  $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}> $<INSTALL_INTERFACE:include/iommulab>)
set_property(GLOBAL PROPERTY iommulab_models)
set_property(GLOBAL PROPERTY iommulab_installed iommulab_options)

# iommulab_library(NAME [SOURCES ...] [DEPENDS ...]): one static library a folder, header-only without SOURCES; includes are
# relative to the repository root. iommulab_core is also known as iommulab::core. Libraries in models/ are part of
# iommulab::models; they and those in traces/ are installed with the headers of their folder.
function(iommulab_library name)
  cmake_parse_arguments(PARSE_ARGV 1 ARG "" "" "SOURCES;DEPENDS")
  if(ARG_SOURCES)
    add_library(${name} STATIC ${ARG_SOURCES})
    set(scope PUBLIC)
  else()
    add_library(${name} INTERFACE)
    set(scope INTERFACE)
  endif()
  target_link_libraries(${name} ${scope} iommulab_options ${ARG_DEPENDS})
  string(REGEX REPLACE "^iommulab_" "" short_name ${name})
  set_target_properties(${name} PROPERTIES EXPORT_NAME ${short_name})
  add_library(iommulab::${short_name} ALIAS ${name})

  file(RELATIVE_PATH folder ${PROJECT_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR})
  if(folder MATCHES "^models/")
    set_property(GLOBAL APPEND PROPERTY iommulab_models ${name})
  endif()
  if(folder MATCHES "^(models|traces)(/|$)")
    set_property(GLOBAL APPEND PROPERTY iommulab_installed ${name})
    if(ARG_SOURCES) # what is installed may become part of somebody's shared library
      set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE ON)
      target_compile_options(${name} PRIVATE -fno-semantic-interposition)
    endif()
  endif()
endfunction()

# iommulab_models_target(): iommulab::models, all libraries declared in models/ so far.
function(iommulab_models_target)
  get_property(models GLOBAL PROPERTY iommulab_models)
  add_library(iommulab_models INTERFACE)
  target_link_libraries(iommulab_models INTERFACE iommulab_options SystemC::systemc ${models})
  set_target_properties(iommulab_models PROPERTIES EXPORT_NAME models)
  add_library(iommulab::models ALIAS iommulab_models)
  set_property(GLOBAL APPEND PROPERTY iommulab_installed iommulab_models)
endfunction()

# iommulab_test(NAME SOURCES ... [DEPENDS ...] [ONE_PER_CASE]): a GoogleTest program. With ONE_PER_CASE each TEST is a CTest
# entry of its own, hence a process of its own: SystemC can simulate once a process. All have the same main(), because
# SystemC's library wants sc_main from whoever links it, even if a test needs only the pure logic of a library.
function(iommulab_test name)
  cmake_parse_arguments(PARSE_ARGV 1 ARG "ONE_PER_CASE" "" "SOURCES;DEPENDS")
  if(NOT IOMMULAB_BUILD_TESTS)
    return()
  endif()
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_DEPENDS} iommulab_systemc_test_main)
  if(ARG_ONE_PER_CASE)
    gtest_discover_tests(${name} TEST_PREFIX "${name}." DISCOVERY_TIMEOUT 60 PROPERTIES TIMEOUT 300)
  else()
    add_test(NAME ${name} COMMAND ${name})
    set_tests_properties(${name} PROPERTIES TIMEOUT 300)
  endif()
endfunction()
