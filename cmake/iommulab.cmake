# SPDX-License-Identifier: Apache-2.0
# The three declarations that every folder's CMakeLists.txt is made of.

# iommulab_library(NAME SOURCES ... [DEPENDS ...]): one static library a folder, includes relative to the repository root.
function(iommulab_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS" ${ARGN})
  if(ARG_SOURCES)
    add_library(${name} STATIC ${ARG_SOURCES})
    set(scope PUBLIC)
  else()
    add_library(${name} INTERFACE)
    set(scope INTERFACE)
  endif()
  target_link_libraries(${name} ${scope} iommulab_options ${ARG_DEPENDS})
endfunction()

# iommulab_test(NAME SOURCES ... [DEPENDS ...] [ONE_PER_CASE]): a GoogleTest program. With ONE_PER_CASE each TEST is a CTest
# entry of its own, hence a process of its own: SystemC can simulate once a process.
function(iommulab_test name)
  cmake_parse_arguments(ARG "ONE_PER_CASE" "" "SOURCES;DEPENDS" ${ARGN})
  if(NOT IOMMULAB_BUILD_TESTS)
    return()
  endif()
  add_executable(${name} ${ARG_SOURCES})
  if(ARG_ONE_PER_CASE)
    target_link_libraries(${name} PRIVATE ${ARG_DEPENDS} iommulab_systemc_test_main)
    gtest_discover_tests(${name} TEST_PREFIX "${name}." DISCOVERY_TIMEOUT 60 PROPERTIES TIMEOUT 300)
  else()
    target_link_libraries(${name} PRIVATE ${ARG_DEPENDS} GTest::gmock GTest::gtest_main)
    add_test(NAME ${name} COMMAND ${name})
    set_tests_properties(${name} PROPERTIES TIMEOUT 300)
  endif()
endfunction()
