# SPDX-License-Identifier: Apache-2.0
# With way=installed, installs the build into a folder of its own, then configures, builds and runs the consumer against
# that alone; with way=subfolder, configures the consumer around the sources, which shows that all targets are in reach.
function(run)
  execute_process(COMMAND ${ARGV} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

file(REMOVE_RECURSE ${work})
set(configure ${CMAKE_COMMAND} -G Ninja -S ${CMAKE_CURRENT_LIST_DIR} -B ${work}/build -D CMAKE_CXX_COMPILER=${compiler}
  "-DCMAKE_CXX_FLAGS=${flags}")
if(way STREQUAL installed)
  run(${CMAKE_COMMAND} --install ${build} --prefix ${work}/prefix)
  run(${configure} -D CMAKE_PREFIX_PATH=${work}/prefix)
  run(${CMAKE_COMMAND} --build ${work}/build)
  run(${work}/build/consumer)
  run(${work}/build/consumer smmu)
else()
  run(${configure} -D IOMMULAB_SOURCE_DIR=${source})
endif()
