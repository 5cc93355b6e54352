# SPDX-License-Identifier: Apache-2.0
# A story whose expectation is altered must fail, and say where.
file(READ ${source}/testbenches/scenarios/errno/01-foreign-smmu.yaml text)
string(REPLACE "expect: {attach_calls: 5, domains: 2" "expect: {attach_calls: 4, domains: 2" altered "${text}")
if(altered STREQUAL text)
  message(FATAL_ERROR "nothing was altered")
endif()
file(MAKE_DIRECTORY ${work})
file(WRITE ${work}/altered.yaml "${altered}")
execute_process(COMMAND ${program} run ${work}/altered.yaml --out ${work}/out RESULT_VARIABLE status OUTPUT_VARIABLE said
  ERROR_VARIABLE wrong)
if(NOT status EQUAL 1)
  message(FATAL_ERROR "status ${status}, expected 1\n${said}${wrong}")
endif()
if(NOT said MATCHES "altered.yaml:[0-9]+:[0-9]+: take b type1: attach_dev calls: expected 4, found 5")
  message(FATAL_ERROR "does not say what broke:\n${said}")
endif()
# What JSON knows of the step, the text says: the row and its function, what was logged, how long it took.
foreach(detail "S3-3: arm_smmu_attach_dev: the domain belongs to another SMMU" "log: error b: cannot attach" "took [0-9.]+ [num]s")
  if(NOT said MATCHES "${detail}")
    message(FATAL_ERROR "does not say '${detail}':\n${said}")
  endif()
endforeach()
