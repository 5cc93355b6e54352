// SPDX-License-Identifier: Apache-2.0
#include "testbenches/firmware/firmware.h"

#include "testbenches/firmware/amd_vi.h"
#include "testbenches/firmware/gart.h"
#include "testbenches/firmware/pamu.h"
#include "testbenches/firmware/smmu_v3.h"
#include "testbenches/firmware/vtd.h"

namespace iommulab::firmware {

std::unique_ptr<firmware> make_firmware(std::string_view model, firmware_setup setup) {
    if (model == "smmu_v3")
        return make_smmu_v3_firmware(std::move(setup));
    if (model == "vtd")
        return make_vtd_firmware(std::move(setup));
    if (model == "amd_vi")
        return make_amd_vi_firmware(std::move(setup));
    if (model == "gart")
        return make_gart_firmware(std::move(setup));
    if (model == "pamu")
        return make_pamu_firmware(std::move(setup));
    return nullptr;
}

std::vector<std::string> read_fault_queue(std::string_view model, const register_reader& registers,
                                          const memory_reader& memory, std::size_t most) {
    if (model == "smmu_v3")
        return read_smmu_v3_events(registers, memory, most);
    if (model == "vtd")
        return read_vtd_faults(registers, most);
    if (model == "amd_vi")
        return read_amd_vi_events(registers, memory, most);
    return {};
}

} // namespace iommulab::firmware
