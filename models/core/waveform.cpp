// SPDX-License-Identifier: Apache-2.0
#include "models/core/waveform.h"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <functional>
#include <queue>
#include <set>
#include <stdexcept>
#include <utility>
#include <vector>

namespace iommulab {

namespace {

/// A name as VCD readers take it: a dot would be a scope, brackets a range of bits, a blank the end.
std::string plain_name(std::string_view name) {
    std::string plain;
    for (const char c : name) {
        const bool digit = c >= '0' && c <= '9';
        if (digit && plain.empty())
            plain += '_';
        if (digit || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_')
            plain += c;
        else if (c != ']')
            plain += '_';
    }
    return plain;
}

/// A short identifier of printable characters, IEEE 1364-2005, 18.2.1.
std::string identifier_of(std::uint32_t signal) {
    constexpr unsigned characters = '~' - '!' + 1;
    std::string id;
    do {
        id += static_cast<char>('!' + signal % characters);
        signal /= characters;
    } while (signal-- != 0);
    return id;
}

/// A scope: the signals and scopes in it, in the order in which they were declared.
struct scope_node {
    std::string given, name;
    std::vector<waveform_writer::signal> signals;
    std::vector<scope_node> scopes;
    std::set<std::string, std::less<>> names;

    /// A plain name that nothing else in this scope has.
    std::string own_name(std::string_view wanted) {
        const std::string plain = plain_name(wanted);
        std::string unique = plain;
        for (unsigned i = 2; !names.insert(unique).second; ++i)
            unique = plain + "_" + std::to_string(i);
        return unique;
    }
    scope_node& inner(std::string_view segment) {
        for (auto& s : scopes)
            if (s.given == segment)
                return s;
        return scopes.emplace_back(scope_node{std::string(segment), own_name(segment), {}, {}, {}});
    }
};

struct signal_state {
    std::string given, name, id;
    unsigned bits = 1;
    std::uint64_t initial = 0;
    std::uint64_t value = 0;    // now
    std::uint64_t written = 0;  // in the file
    std::uint64_t end_ps = 0;   // of the pulse in progress, 0: none
    std::uint64_t wakes_ps = 0; // earliest entry in the heap of falling edges, 0: none
    bool changed = false;       // listed in changed signals
};

struct file_closer {
    void operator()(std::FILE* f) const { std::fclose(f); }
};

} // namespace

struct waveform_writer::implementation {
    static constexpr std::size_t buffer_bytes = std::size_t{1} << 20;
    static constexpr std::size_t longest_line_bytes = 128; // 64 digits, identifier, timestamp

    std::string path;
    std::unique_ptr<std::FILE, file_closer> file;
    std::vector<char> buffer;
    std::size_t used = 0;
    int error = 0; // errno of the first write that failed

    scope_node root;
    std::vector<signal_state> signals;
    std::vector<signal> changed; // at now_ps, not yet written
    using edge = std::pair<std::uint64_t, signal>;
    std::priority_queue<edge, std::vector<edge>, std::greater<>> falling;
    std::uint64_t now_ps = 0, stamped_ps = 0;
    bool started = false, finished = false;

    void flush() {
        if (used && !error && std::fwrite(buffer.data(), 1, used, file.get()) != used)
            error = errno ? errno : EIO;
        used = 0;
    }
    void text(std::string_view s) {
        while (!s.empty()) {
            if (used == buffer.size())
                flush();
            const std::size_t n = std::min(s.size(), buffer.size() - used);
            std::memcpy(buffer.data() + used, s.data(), n);
            used += n;
            s.remove_prefix(n);
        }
    }
    /// Room for one line that is written without further checks.
    char* line() {
        if (buffer.size() - used < longest_line_bytes)
            flush();
        return buffer.data() + used;
    }
    void end_line(char* end) {
        *end++ = '\n';
        used = static_cast<std::size_t>(end - buffer.data());
    }
    void stamp(std::uint64_t time_ps) {
        char* p = line();
        *p++ = '#';
        end_line(std::to_chars(p, p + 20, time_ps).ptr);
        stamped_ps = time_ps;
    }
    void put_value(const signal_state& s, std::uint64_t value) {
        char* p = line();
        if (s.bits == 1) {
            *p++ = value ? '1' : '0';
        } else {
            *p++ = 'b';
            for (int bit = std::max<int>(1, std::bit_width(value)) - 1; bit >= 0; --bit)
                *p++ = static_cast<char>('0' + (value >> bit & 1));
            *p++ = ' ';
        }
        end_line(std::copy(s.id.begin(), s.id.end(), p));
    }
    void put_scope(const scope_node& scope) {
        for (const signal s : scope.signals) {
            const auto& state = signals[s];
            text("$var wire " + std::to_string(state.bits) + " " + state.id + " " + state.name);
            if (state.bits > 1)
                text(" [" + std::to_string(state.bits - 1) + ":0]");
            text(" $end\n");
        }
        for (const auto& inner : scope.scopes) {
            text("$scope module " + inner.name + " $end\n");
            put_scope(inner);
            text("$upscope $end\n");
        }
    }
    void start() {
        started = true;
        // No $date: the same run gives the same file.
        text("$version iommulab $end\n$timescale 1 ps $end\n");
        put_scope(root);
        text("$enddefinitions $end\n");
        stamp(0);
        text("$dumpvars\n");
        for (auto& s : signals) {
            s.value = s.written = s.initial;
            put_value(s, s.written);
        }
        text("$end\n");
    }
    void set(signal s, std::uint64_t value) {
        auto& state = signals[s];
        state.value = value;
        if (!state.changed) {
            state.changed = true;
            changed.push_back(s);
        }
    }
    /// Writes the changes of now_ps. Of several changes of a signal at one time only the last is a change.
    void write_changes() {
        for (const signal s : changed) {
            auto& state = signals[s];
            state.changed = false;
            if (state.value == state.written)
                continue;
            if (stamped_ps != now_ps)
                stamp(now_ps);
            put_value(state, state.value);
            state.written = state.value;
        }
        changed.clear();
    }
    void advance_clock(std::uint64_t to_ps) {
        if (to_ps == now_ps)
            return;
        write_changes();
        now_ps = to_ps;
    }
    /// Moves to `to_ps` and lets the pulses fall that end by then.
    void advance(std::uint64_t to_ps) {
        while (!falling.empty() && falling.top().first <= to_ps) {
            const auto [time_ps, s] = falling.top();
            falling.pop();
            auto& state = signals[s];
            if (state.wakes_ps != time_ps)
                continue; // an earlier entry took its place
            state.wakes_ps = 0;
            if (state.end_ps > time_ps) {
                wake(s, state.end_ps);
            } else if (state.end_ps == time_ps) {
                advance_clock(time_ps);
                state.end_ps = 0;
                set(s, 0);
            }
        }
        advance_clock(to_ps);
    }
    void wake(signal s, std::uint64_t time_ps) {
        auto& state = signals[s];
        if (state.wakes_ps != 0 && state.wakes_ps <= time_ps)
            return;
        state.wakes_ps = time_ps;
        falling.emplace(time_ps, s);
    }
    /// Common to change and pulse; false when the file is closed.
    bool prepare(signal s, std::uint64_t time_ps) {
        if (finished)
            return false;
        if (s >= signals.size())
            throw std::logic_error("waveform: signal " + std::to_string(s) + " was never added");
        if (time_ps < now_ps)
            throw std::logic_error("waveform: " + signals[s].given + " changes at " + std::to_string(time_ps) +
                                   " ps, but time is already " + std::to_string(now_ps) + " ps");
        if (!started)
            start();
        if (time_ps > now_ps)
            advance(time_ps);
        return true;
    }
    void finish(std::uint64_t time_ps) {
        if (finished)
            return;
        if (!started)
            start();
        advance(std::max(time_ps, now_ps));
        write_changes();
        if (stamped_ps != now_ps)
            stamp(now_ps); // viewers show time up to the last stamp
        flush();
        finished = true;
        if (std::fclose(file.release()) != 0 && !error)
            error = errno ? errno : EIO;
    }
};

waveform_writer::waveform_writer(const std::string& path) : impl_(std::make_unique<implementation>()) {
    impl_->path = path;
    impl_->file.reset(std::fopen(path.c_str(), "wb"));
    if (!impl_->file)
        throw std::runtime_error("can't write waveform " + path + ": " + std::strerror(errno));
    std::setvbuf(impl_->file.get(), nullptr, _IONBF, 0);
    impl_->buffer.resize(implementation::buffer_bytes);
}

waveform_writer::~waveform_writer() {
    try {
        impl_->finish(impl_->now_ps);
    } catch (const std::exception&) { // out of memory: a destructor has nobody to tell
    }
}

waveform_writer::signal waveform_writer::add(std::string_view scope, std::string_view name, unsigned bits,
                                             std::uint64_t initial) {
    const std::string given = std::string(scope) + (scope.empty() ? "" : ".") + std::string(name);
    if (impl_->started || impl_->finished)
        throw std::logic_error("waveform: signal " + given + " is added after the first change");
    if (bits < 1 || bits > 64)
        throw std::logic_error("waveform: signal " + given + " has " + std::to_string(bits) +
                               " bits, expected 1 to 64");
    if (plain_name(name).empty())
        throw std::logic_error("waveform: a signal in scope " + std::string(scope) + " has no name");

    scope_node* node = &impl_->root;
    for (std::size_t begin = 0; begin < scope.size();) {
        const std::size_t end = std::min(scope.find('.', begin), scope.size());
        if (end > begin)
            node = &node->inner(scope.substr(begin, end - begin));
        begin = end + 1;
    }
    const auto s = static_cast<signal>(impl_->signals.size());
    signal_state state;
    state.given = given;
    state.name = node->own_name(name);
    state.id = identifier_of(s);
    state.bits = bits;
    state.initial = bits == 64 ? initial : initial & ((std::uint64_t{1} << bits) - 1);
    impl_->signals.push_back(std::move(state));
    node->signals.push_back(s);
    return s;
}

void waveform_writer::change(signal s, std::uint64_t value, std::uint64_t now_ps) {
    if (!impl_->prepare(s, now_ps))
        return;
    auto& state = impl_->signals[s];
    state.end_ps = 0;
    if (state.bits < 64)
        value &= (std::uint64_t{1} << state.bits) - 1;
    if (value != state.value)
        impl_->set(s, value);
}

void waveform_writer::pulse(signal s, std::uint64_t now_ps, std::uint64_t width_ps) {
    if (!impl_->prepare(s, now_ps))
        return;
    auto& state = impl_->signals[s];
    state.end_ps = std::max(state.end_ps, now_ps + std::max<std::uint64_t>(width_ps, 1));
    impl_->wake(s, state.end_ps);
    if (state.value != 1)
        impl_->set(s, 1);
}

void waveform_writer::finish(std::uint64_t now_ps) {
    impl_->finish(now_ps);
    if (impl_->error)
        throw std::runtime_error("can't write waveform " + impl_->path + ": " +
                                 std::strerror(std::exchange(impl_->error, 0)));
}

} // namespace iommulab
