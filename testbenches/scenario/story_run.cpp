// SPDX-License-Identifier: Apache-2.0
#include "testbenches/scenario/story_run.h"

#include "testbenches/process/interruption.h"
#include "testbenches/results/figures.h"
#include "testbenches/results/json_text.h"
#include "testbenches/scenario/story_stage.h"
#include "testbenches/software/isolated.h"
#include "traces/number.h"

#include <boost/json.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

namespace iommulab::scenarios {

namespace json = boost::json;
using traces::hex;

namespace {

std::string row_id(const story_outcome& o) {
    return o.row ? o.row->id : "none";
}

/// Compares, and says what is not as expected.
class judge {
  public:
    judge(const story_operation& o, const story_outcome& found) : o_(o), found_(found) {}

    std::vector<std::string> broken(const story_expectation& x) {
        const sw::linux_errno wanted = x.number.value_or(sw::linux_errno::none);
        if (!x.any_errno && wanted != found_.number)
            say("errno", name_of(wanted), name_of(found_.number));
        text("row", x.row, row_id(found_));
        number("error lines", x.error_lines, found_.error_lines);
        number("warning lines", x.warning_lines, found_.warning_lines);
        number("debug lines", x.debug_lines, found_.debug_lines);
        number("attach_dev calls", x.attach_calls, found_.attach_calls);
        number("domains made", x.domains_made, found_.domains_made);
        number("domains", x.domains, found_.domains);
        number("address spaces", x.address_spaces, found_.address_spaces);
        if (o_.action == story_action::dma && x.dma != "any")
            text("dma", x.dma ? x.dma : std::optional<std::string>("ok"), found_.dma);
        else if (x.dma != "any")
            text("dma", x.dma, found_.dma);
        if (o_.action == story_action::unmap && (x.bytes || found_.number == sw::linux_errno::none))
            number("bytes unmapped", x.bytes ? x.bytes : o_.bytes, found_.bytes);
        if (x.address && *x.address != found_.address)
            say("pa", hex(*x.address), hex(found_.address));
        if (x.lands_at && !found_.landed)
            say("dma", "lands at " + hex(*x.lands_at), found_.dma == "ok" ? "lands elsewhere" : found_.dma);
        flag("at_claim", x.at_claim, found_.at_claim);
        flag("shared", x.shared, found_.shared);
        if (x.log && std::none_of(found_.log.begin(), found_.log.end(),
                                  [&](const std::string& line) { return line.find(*x.log) != std::string::npos; }))
            say("log", "a line with '" + *x.log + "'", fmt::format("{} others", found_.log.size()));
        return std::move(broken_);
    }

  private:
    void say(const char* what, const std::string& wanted, const std::string& found) {
        broken_.push_back(fmt::format("{}:{}:{}: {}: {}: expected {}, found {}", *o_.where.file, o_.where.line,
                                      o_.where.column, o_.text, what, wanted, found));
    }
    void number(const char* what, const std::optional<std::uint64_t>& wanted, std::uint64_t found) {
        if (wanted && *wanted != found)
            say(what, std::to_string(*wanted), std::to_string(found));
    }
    void text(const char* what, const std::optional<std::string>& wanted, const std::string& found) {
        if (wanted && *wanted != found)
            say(what, *wanted, found);
    }
    void flag(const char* what, const std::optional<bool>& wanted, bool found) {
        if (wanted && *wanted != found)
            say(what, *wanted ? "true" : "false", found ? "true" : "false");
    }

    const story_operation& o_;
    const story_outcome& found_;
    std::vector<std::string> broken_;
};

json::object as_json(const story_operation& o, const story_outcome& out) {
    json::object v{{"operation", o.text},
                   {"line", o.where.line},
                   {"errno", out.number == sw::linux_errno::none ? json::value(0) : json::value(name_of(out.number))},
                   {"row", row_id(out)},
                   {"error_lines", out.error_lines},
                   {"warning_lines", out.warning_lines},
                   {"attach_calls", out.attach_calls},
                   {"domains_made", out.domains_made},
                   {"begin_ns", out.begin_ns},
                   {"end_ns", out.end_ns}};
    if (o.action == story_action::take || o.action == story_action::leave) {
        v["domains"] = out.domains;
        v["address_spaces"] = out.address_spaces;
    }
    if (out.row) {
        v["function"] = out.row->where;
        v["condition"] = out.row->condition;
    }
    if (!out.dma.empty())
        v["dma"] = out.dma;
    if (o.action == story_action::unmap)
        v["bytes"] = out.bytes;
    if (o.action == story_action::translate)
        v["pa"] = out.address;
    v["log"] = json::value_from(out.log);
    return v;
}

/// The whole story under one set of rules; JSON.
std::string play(const story& s, sw::rule_set rules) {
    software::software_machine_description d = s.machine;
    d.kernel.rules = rules;
    sc_core::sc_report_handler::set_actions("/OSCI/SystemC", sc_core::SC_INFO, sc_core::SC_DO_NOTHING); // "stopped"
    software::software_machine machine("machine", d);
    story_stage stage(machine, s);
    json::array operations, broken, boot;
    machine.run([&] {
        for (const auto& p : machine.probed())
            if (p.number != sw::linux_errno::none)
                boot.emplace_back(fmt::format("the probe of {} failed with {}", p.name, name_of(p.number)));
        for (const auto& e : machine.core().probe_errors())
            boot.emplace_back(fmt::format("the probe of {} failed with {} ({})", e.device, name_of(e.why.number),
                                          e.why.row ? e.why.row->id : "no row"));
        for (const story_operation& o : s.operations) {
            const story_expectation& x = o.expected[static_cast<std::size_t>(rules)];
            const story_outcome out = stage.carry_out(o, x);
            const std::vector<std::string> lines = judge(o, out).broken(x);
            operations.push_back(as_json(o, out));
            operations.back().as_object()["broken"] = !lines.empty();
            for (const std::string& line : lines)
                broken.emplace_back(line);
        }
        stage.close();
    });
    machine.kernel().power_off();
    return json::serialize(
        json::object{{"boot", std::move(boot)}, {"operations", std::move(operations)}, {"broken", std::move(broken)}});
}

std::string line_of(std::size_t n, const json::object& o) {
    const json::value& number = o.at("errno");
    std::string text = fmt::format("  {:>3}  {:<40}  {:<12}", n, std::string(o.at("operation").as_string()),
                                   number.is_string() ? std::string(number.as_string()) : "0");
    const auto add = [&](const char* key, const char* what) {
        if (const auto count = o.at(key).to_number<std::uint64_t>())
            text += fmt::format("  {} {}{}", count, what, count == 1 ? "" : "s");
    };
    add("attach_calls", "call");
    add("error_lines", "error line");
    add("warning_lines", "warning");
    if (o.contains("dma"))
        text += "  DMA " + std::string(o.at("dma").as_string());
    return text + "\n";
}

std::string time_text(std::uint64_t ns) {
    const auto time = static_cast<double>(ns);
    if (ns < 10'000)
        return fmt::format("{} ns", ns);
    return ns < 10'000'000 ? fmt::format("{:.1f} us", time / 1e3) : fmt::format("{:.1f} ms", time / 1e6);
}

/// Of an operation that met a row, or whose expectation broke: what else there is to know.
std::string details_of(const json::object& o) {
    constexpr const char* indent = "       ";
    std::string text;
    if (o.contains("function"))
        text += fmt::format("{}{}: {}: {}\n", indent, std::string(o.at("row").as_string()),
                            std::string(o.at("function").as_string()), std::string(o.at("condition").as_string()));
    for (const json::value& line : o.at("log").as_array())
        text += fmt::format("{}log: {}\n", indent, std::string(line.as_string()));
    return text + fmt::format("{}took {}\n", indent,
                              time_text(o.at("end_ns").to_number<std::uint64_t>() -
                                        o.at("begin_ns").to_number<std::uint64_t>()));
}

} // namespace

run_result run_story(const story& s) {
    std::vector<std::function<std::string()>> jobs;
    for (const sw::rule_set rules : s.rules)
        jobs.emplace_back([&s, rules] { return play(s, rules); });
    const auto results = software::run_isolated(jobs);
    run_result out;
    json::object all{{"scenario", s.name}, {"description", s.text}};
    json::object by_rules;
    for (std::size_t n = 0; n < results.size(); ++n) {
        if (results[n].failure == software::interrupted_job) {
            out.text += fmt::format("{} under {}\ninterrupted\n", s.name, name_of(s.rules[n]));
            continue;
        }
        if (!results[n].failure.empty())
            throw std::runtime_error(results[n].failure);
        json::value v = json::parse(results[n].text);
        const json::object& o = v.as_object();
        const json::array& broken = o.at("broken").as_array();
        out.met &= broken.empty();
        out.text += fmt::format("{} under {}\n", s.name, name_of(s.rules[n]));
        for (const json::value& line : o.at("boot").as_array())
            out.text += "  " + std::string(line.as_string()) + "\n";
        std::size_t number = 0;
        for (const json::value& operation : o.at("operations").as_array()) {
            const json::object& one = operation.as_object();
            out.text += line_of(++number, one);
            if (one.contains("function") || one.at("broken").as_bool())
                out.text += details_of(one);
        }
        for (const json::value& line : broken)
            out.text += std::string(line.as_string()) + "\n";
        out.text += broken.empty() ? "as expected\n" : results::counted(broken.size(), "expectation") + " broken\n";
        by_rules[name_of(s.rules[n])] = std::move(v);
    }
    all["ended"] = process::interrupted() ? "interrupted" : "done";
    all["met"] = out.met;
    all["rules"] = std::move(by_rules);
    out.json = results::to_text(all);
    return out;
}

} // namespace iommulab::scenarios
