// SPDX-License-Identifier: Apache-2.0
#include "testbenches/scenario/run.h"

#include "testbenches/scenario/comparison_run.h"
#include "testbenches/scenario/recording_run.h"
#include "testbenches/scenario/software_run.h"
#include "testbenches/scenario/story_run.h"
#include "testbenches/scenario/sweep_run.h"
#include "testbenches/scenario/traffic_run.h"

namespace iommulab::scenarios {

run_result run(const scenario& s, const run_options& options) {
    if (s.told)
        return run_story(*s.told, options);
    if (s.compared)
        return run_comparison(s, options);
    if (s.swept)
        return run_sweep(s, options);
    if (s.software)
        return run_software(s, options);
    return s.recording ? run_recording(s, options) : run_traffic(s, options);
}

} // namespace iommulab::scenarios
