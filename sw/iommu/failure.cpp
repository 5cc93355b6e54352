// SPDX-License-Identifier: Apache-2.0
#include "sw/iommu/failure.h"

#include <boost/system/system_error.hpp>

namespace iommulab::sw {

const char* name_of(failure_class kind) {
    switch (kind) {
    case failure_class::incompatible:
        return "incompatible";
    case failure_class::busy:
        return "busy";
    case failure_class::device:
        return "device";
    case failure_class::memory:
        return "memory";
    case failure_class::resource:
        return "resource";
    case failure_class::other:
        break;
    }
    return "other";
}

const char* name_of(disposition d) {
    switch (d) {
    case disposition::returned:
        return "returned";
    case disposition::passed_on:
        return "passed on";
    case disposition::swallowed:
        return "swallowed";
    case disposition::crashes:
        return "crashes";
    case disposition::not_reached:
        return "not reached";
    case disposition::not_checked:
        break;
    }
    return "not checked";
}

const char* name_of(failure_scope scope) {
    switch (scope) {
    case failure_scope::attach:
        return "attach";
    case failure_scope::probe:
        return "probe";
    case failure_scope::map:
        return "map";
    case failure_scope::feature:
        return "feature";
    case failure_scope::runtime:
        return "run time";
    case failure_scope::core:
        break;
    }
    return "core";
}

void throw_exception_from_error(const error& e, const boost::source_location& where) {
    boost::throw_exception(boost::system::system_error(make_error_code(e.number), e.row ? e.row->id : "unnamed"),
                           where);
}

} // namespace iommulab::sw
