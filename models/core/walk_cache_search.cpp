// SPDX-License-Identifier: Apache-2.0
#include "models/core/walk_cache_search.h"

namespace iommulab {

walk_cache_search::walk_cache_search(walk_context& context, walk_cache_set& caches, const translation_tag& tag,
                                     std::uint64_t address, const levels& l)
    : context_(context),
      caches_(caches),
      tag_(tag),
      address_(address),
      levels_(l),
      count_(context.remembers() ? l.count : 0) {
    request_.part = time_part::walk_cache;
    pass_missing();
}

bool walk_cache_search::await_ready() {
    for (; !over(); take_answer())
        if (!context_.begin_look_up(request_, cache().port))
            return false;
    return true;
}

void walk_cache_search::take_answer() {
    ++cache().lookups;
    found_ = cache().find(walk_cache_set::key(tag_, address_, levels_.log2_size + above_ * levels_.stride));
    if (found_) {
        ++cache().hits;
        return;
    }
    ++above_;
    pass_missing();
}

void walk_cache_search::pass_missing() {
    while (above_ < count_ && !caches_.exists(levels_.deepest - above_))
        ++above_;
}

void remember_table(const walk_context& context, walk_cache_set& caches, unsigned level, const table_pointer& p) {
    if (context.remembers() && context.may_fill(p.tag, false, p.base, p.offset_mask()))
        caches.insert(level, p);
}

} // namespace iommulab
