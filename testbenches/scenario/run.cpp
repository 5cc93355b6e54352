// SPDX-License-Identifier: Apache-2.0
#include "testbenches/scenario/run.h"

#include "testbenches/scenario/comparison_run.h"
#include "testbenches/scenario/recording_run.h"
#include "testbenches/scenario/software_run.h"
#include "testbenches/scenario/story_run.h"
#include "testbenches/scenario/sweep_run.h"
#include "testbenches/scenario/traffic_run.h"

#include <stdexcept>

namespace iommulab::scenarios {

run_result run(const scenario& s, const run_options& options) {
    if (s.told || s.compared || s.swept)
        for (const std::string& file : {options.vcd, options.timeline})
            if (!file.empty())
                throw std::runtime_error(s.file + ": many simulations, of which none writes " + file);
    if (s.told)
        return options.only_set_up ? run_result() : run_story(*s.told);
    if (s.compared)
        return run_comparison(s, options);
    if (s.swept)
        return run_sweep(s, options);
    std::vector<process::whole_file> files;
    run_options inner = options;
    for (std::string* file : {&inner.vcd, &inner.timeline})
        if (!file->empty())
            *file = files.emplace_back(*file).scratch();
    run_result out = s.software    ? run_software(s, inner)
                     : s.recording ? run_recording(s, inner)
                                   : run_traffic(s, inner);
    out.files = std::move(files);
    return out;
}

} // namespace iommulab::scenarios
