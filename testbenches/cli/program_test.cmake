# SPDX-License-Identifier: Apache-2.0
# What tests of the program share; ${program} and ${work} are set.

# run(STATUS ARGS...): the program must end with STATUS; what it printed is in ${said}.
macro(run status)
  execute_process(COMMAND ${program} ${ARGN} WORKING_DIRECTORY ${work} RESULT_VARIABLE ended OUTPUT_VARIABLE said
    ERROR_VARIABLE complained)
  if(NOT ended STREQUAL "${status}")
    message(SEND_ERROR "iommulab ${ARGN}: found exit status ${ended}, expected ${status}\n${said}${complained}")
  endif()
endmacro()
# must_say(TEXT): the last run printed it, to standard output or error.
macro(must_say text)
  string(FIND "${said}${complained}" "${text}" at)
  if(at EQUAL -1)
    message(SEND_ERROR "found no '${text}' in:\n${said}${complained}")
  endif()
endmacro()
# result(FOLDER VARIABLE): result.json without the object "wall", which stands on one line.
macro(result folder variable)
  file(READ ${work}/${folder}/result.json ${variable})
  string(REGEX REPLACE "\n *\"wall\":[^\n]*" "" ${variable} "${${variable}}")
  string(FIND "${${variable}}" "wall" at)
  if(NOT at EQUAL -1)
    message(SEND_ERROR "wall time outside its object")
  endif()
endmacro()
