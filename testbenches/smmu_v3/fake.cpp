// SPDX-License-Identifier: Apache-2.0
#include "testbenches/smmu_v3/fake.h"

#include "models/smmu_v3/spec/commands.h"
#include "models/smmu_v3/spec/events.h"
#include "models/smmu_v3/spec/registers.h"

namespace iommulab::harness {

using namespace iommulab::smmu_v3;

std::uint64_t fake_smmu::read(std::uint32_t offset, unsigned bytes) {
    std::uint64_t value = at(offset);
    if (offset == reg::IDR0.offset)
        value = IDR0;
    else if (offset == reg::IDR1.offset)
        value = IDR1;
    else if (offset == reg::IDR3.offset)
        value = IDR3;
    else if (offset == reg::IDR5.offset)
        value = IDR5;
    else if (offset == reg::IIDR.offset)
        value = IIDR;
    accesses.push_back({offset, bytes, value, false});
    return value;
}

void fake_smmu::write(std::uint32_t offset, std::uint64_t value, unsigned bytes) {
    accesses.push_back({offset, bytes, value, true});
    at(offset) = value;
    if (acknowledges && offset == reg::CR0.offset)
        at(reg::CR0ACK.offset) = value;
    if (acknowledges && offset == reg::IRQ_CTRL.offset)
        at(reg::IRQ_CTRLACK.offset) = value;
    if (offset == reg::CMDQ_PROD.offset)
        hung_ = hangs && hangs();
    if (offset == reg::GERRORN.offset)
        refuse_ = false;
    consume();
}

void fake_smmu::consume() {
    if (!consumes || hung_ || !cr0::CMDQEN.of(at(reg::CR0.offset)) || at(reg::GERROR.offset) != at(reg::GERRORN.offset))
        return;
    const std::uint64_t base = at(reg::CMDQ_BASE.offset);
    const std::uint64_t entries = std::uint64_t{1} << queue_base::LOG2SIZE.of(base);
    std::uint64_t cons = queue_index::RD.of(at(reg::CMDQ_CONS.offset));
    while (cons != queue_index::WR.of(at(reg::CMDQ_PROD.offset))) {
        const std::uint64_t address = queue_base::ADDR.of(base) + (cons & (entries - 1)) * smmu_v3::command::bytes;
        const command c{machine_.peek64(address), machine_.peek64(address + 8)};
        if (refuse_) {
            at(reg::CMDQ_CONS.offset) = queue_index::ERR.put(cons, 1);
            at(reg::GERROR.offset) ^= gerror::CMDQ_ERR.make(1);
            machine_.raise_interrupt(error_line);
            return;
        }
        commands.push_back(c);
        if (smmu_v3::command::Opcode.of(c) == static_cast<std::uint64_t>(opcode::CMD_SYNC) &&
            smmu_v3::command::CS.of(c) == 1) {
            const std::uint32_t data = 0;
            machine_.poke(smmu_v3::command::MSIAddress.of(c[1]), &data, 4);
        }
        cons = (cons + 1) & (2 * entries - 1);
        at(reg::CMDQ_CONS.offset) = cons;
    }
}

void fake_smmu::report_event(const std::array<std::uint64_t, 4>& words) {
    const std::uint64_t base = at(reg::EVENTQ_BASE.offset);
    const std::uint64_t entries = std::uint64_t{1} << queue_base::LOG2SIZE.of(base);
    std::uint64_t& prod = at(reg::EVENTQ_PROD.offset);
    const std::uint64_t used =
        (queue_index::WR.of(prod) - queue_index::RD.of(at(reg::EVENTQ_CONS.offset))) & (2 * entries - 1);
    if (used == entries) {
        prod = queue_index::OVFLG.put(prod, !queue_index::OVACKFLG.of(at(reg::EVENTQ_CONS.offset)));
    } else {
        machine_.poke(queue_base::ADDR.of(base) + (prod & (entries - 1)) * record::bytes, words.data(), record::bytes);
        prod = queue_index::WR.put(prod, (queue_index::WR.of(prod) + 1) & (2 * entries - 1));
    }
    machine_.raise_interrupt(event_line);
}

} // namespace iommulab::harness
