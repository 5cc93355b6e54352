// SPDX-License-Identifier: Apache-2.0
// VT-d's declarations: registers, identification, parameters and presets, descriptors, names.
#include "models/vtd/parameters.h"
#include "models/vtd/spec/descriptors.h"
#include "models/vtd/spec/faults.h"
#include "models/vtd/spec/registers.h"
#include "models/vtd/spec/structures.h"

#include <gtest/gtest.h>

#include <array>
#include <set>

namespace iommulab::vtd {
namespace {

TEST(vtd_registers, offsets_are_those_of_the_manual) {
    for (const auto& [r, offset] : {std::pair{&reg::GSTS, 0x1cU},
                                    {&reg::RTADDR, 0x20U},
                                    {&reg::CCMD, 0x28U},
                                    {&reg::FSTS, 0x34U},
                                    {&reg::PMEN, 0x64U},
                                    {&reg::IQT, 0x88U},
                                    {&reg::ICS, 0x9cU},
                                    {&reg::IECTL, 0xa0U},
                                    {&reg::IQERCD, 0xb0U},
                                    {&reg::PQA, 0xd0U},
                                    {&reg::PRS, 0xdcU},
                                    {&reg::IVA, 0xf0U},
                                    {&reg::FRCD_LO, 0x220U}})
        EXPECT_EQ(r->offset, offset) << r->name;
    EXPECT_STREQ(reg::PEUADDR.name, "PEUADDR");
    EXPECT_STREQ(reg::IOTLB.name, "IOTLB");
}

TEST(vtd_structures, fields_do_not_overlap) {
    const auto expect_apart = [](auto fields, const char* name) {
        std::set<unsigned> bits;
        for (const bit_field& f : fields)
            for (unsigned b = 0; b < f.width; ++b)
                EXPECT_TRUE(bits.insert(f.lsb + b).second) << name << '.' << f.name;
    };
    expect_apart(root_entry::fields, "root_entry");
    expect_apart(context_entry::fields, "context_entry");
    expect_apart(sm_root_entry::fields, "sm_root_entry");
    expect_apart(sm_context_entry::fields, "sm_context_entry");
    expect_apart(pasid_directory_entry::fields, "pasid_directory_entry");
    expect_apart(pasid_entry::fields, "pasid_entry");
}

TEST(vtd_features, defaults_promise_nothing_that_is_left_out) {
    const id_registers id;
    EXPECT_EQ(complaint_about(id, 0), "");
    const features f = features::of(id, 0);
    EXPECT_TRUE(f.scalable_mode && f.first_stage && f.second_stage && f.nested && f.pass_through && f.pasid);
    EXPECT_TRUE(f.queued_invalidation && f.page_selective && f.drain_reads && f.drain_writes);
    EXPECT_TRUE(f.has_levels(3) && f.has_levels(4) && f.has_levels(5));
    EXPECT_FALSE(f.has_levels(2) || f.caching_mode || f.interrupt_remapping || f.page_requests);
    EXPECT_EQ(f.guest_bits, 57U);
    EXPECT_EQ(f.host_bits, 52U);
    EXPECT_EQ(f.fault_records, 8U);
    EXPECT_EQ(f.domain_bits, 16U);
    EXPECT_EQ(f.pasid_bits, 20U);
    EXPECT_EQ(features::of(id, 46).host_bits, 46U);
}

TEST(vtd_features, what_the_model_lacks_is_named) {
    const auto complaint = [](const bit_field& f, std::uint64_t value, bool extended = false) {
        id_registers id;
        (extended ? id.ECAP : id.CAP) = f.put(extended ? id.ECAP : id.CAP, value);
        return complaint_about(id, 0);
    };
    EXPECT_NE(complaint(cap::AFL, 1).find("CAP.AFL"), std::string::npos);
    EXPECT_NE(complaint(cap::PI, 1).find("CAP.PI"), std::string::npos);
    EXPECT_NE(complaint(cap::FRO, 0x10).find("CAP.FRO"), std::string::npos);
    EXPECT_NE(complaint(cap::NFR, 8).find("CAP.NFR"), std::string::npos);
    EXPECT_NE(complaint(cap::SAGAW, 0).find("CAP.SAGAW"), std::string::npos);
    EXPECT_NE(complaint(cap::SAGAW, 0x11).find("CAP.SAGAW"), std::string::npos);
    EXPECT_NE(complaint(cap::ND, 7).find("CAP.ND"), std::string::npos);
    EXPECT_NE(complaint(cap::MGAW, 63).find("CAP.MGAW"), std::string::npos);
    EXPECT_NE(complaint(ecap::VCS, 1, true).find("ECAP.VCS"), std::string::npos);
    EXPECT_NE(complaint(ecap::IRO, 0x20, true).find("ECAP.IRO"), std::string::npos);
    EXPECT_NE(complaint(ecap::PSS, 20, true).find("ECAP.PSS"), std::string::npos);
    EXPECT_NE(complaint(ecap::SMTS, 0, true).find("ECAP.SMTS"), std::string::npos);
    EXPECT_NE(complaint(ecap::FSTS, 0, true).find("ECAP.NEST"), std::string::npos);
    EXPECT_NE(complaint_about({}, 31).find("host_address_bits"), std::string::npos);
}

TEST(vtd_parameters, a_feature_is_a_field_of_CAP_or_ECAP) {
    unit_parameters p;
    set_parameter(parameter_table(), p, "CM", 1);
    EXPECT_EQ(cap::CM.of(p.id.CAP), 1U);
    set_parameter(parameter_table(), p, "FSTS", 0);
    EXPECT_EQ(ecap::FSTS.of(p.id.ECAP), 0U);
    set_parameter(parameter_table(), p, "CAP", 0x00d2'008c'222f'0606);
    EXPECT_EQ(features::of(p.id, 0).guest_bits, 48U);
}

TEST(vtd_descriptors, types_have_their_high_bits_above_and_allow_themselves) {
    EXPECT_EQ(type_of(0x0205), static_cast<descriptor_type>(0x15));
    EXPECT_EQ(name_of(type_of(0x0205)), nullptr);
    for (unsigned n = 1; n <= 9; ++n) {
        const auto t = static_cast<descriptor_type>(n);
        ASSERT_NE(name_of(t), nullptr);
        EXPECT_EQ(allowed_bits(t).allowed[0] & n, n) << name_of(t);
    }
    EXPECT_EQ(allowed_bits(static_cast<descriptor_type>(0)).allowed[0], 0U);
    EXPECT_EQ(allowed_bits(descriptor_type::iotlb).allowed[1] & 0xf80, 0U);      // between IH and ADDR
    EXPECT_EQ(allowed_bits(descriptor_type::pasid_iotlb).allowed[0] & 0xc0, 0U); // drains without being asked
    EXPECT_EQ(allowed_bits(descriptor_type::wait).allowed[1] & 3, 0U);
}

TEST(vtd_faults, every_reason_has_words_and_those_before_an_entry_with_FPD_are_not_qualified) {
    for (const unsigned known :
         {0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x30,
          0x31, 0x33, 0x38, 0x39, 0x3a, 0x40, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x48, 0x50, 0x51,
          0x52, 0x58, 0x59, 0x5a, 0x5b, 0x5c, 0x5d, 0x70, 0x71, 0x72, 0x73, 0x74, 0x75, 0x76, 0x77,
          0x78, 0x79, 0x7a, 0x7b, 0x7c, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x91})
        EXPECT_NE(text_of(static_cast<fault_reason>(known)), nullptr) << known;
    EXPECT_EQ(text_of(static_cast<fault_reason>(0x20)), nullptr); // interrupt remapping's
    EXPECT_FALSE(is_qualified(fault_reason::root_not_present));
    EXPECT_FALSE(is_qualified(fault_reason::sm_context_access));
    EXPECT_TRUE(is_qualified(fault_reason::context_not_present));
    EXPECT_TRUE(is_qualified(fault_reason::second_stage_permission));
}

TEST(vtd_faults, a_record_reads_as_people_do) {
    const std::array<std::uint64_t, 2> words{0x5000, 0xc000'0006'0000'0010};
    EXPECT_EQ(describe_fault(words), "reason 0x6 (read not allowed) SID=0x10 read FI=0x5000");
    const std::array<std::uint64_t, 2> with_pasid{0x5000, 0x8000'0579'8000'0010};
    EXPECT_EQ(describe_fault(with_pasid), "reason 0x79 (second stage forbids the access) SID=0x10 write FI=0x5000 "
                                          "PASID=0x5");
}

} // namespace
} // namespace iommulab::vtd
