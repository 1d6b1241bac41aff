#include <charconv>
#include <cmath>
#include <cstdio>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sim/scenarios/scenario.h"

// hearsay-sim: one run of one scenario from the command line.

namespace {

constexpr int kOk = 0;
constexpr int kFailed = 1;
constexpr int kUsage = 2;

constexpr std::string_view kExamples =
    R"(Runs a cluster of real gossip cores in virtual time. The same seed gives the same run.

  hearsay-sim --nodes 10000                          one update in 10,000 nodes
  hearsay-sim --nodes 1000 --loss 0.2 --seed 7       the same, a fifth of all datagrams is lost
  hearsay-sim --scenario churn --seed 42 -o json     random faults, every invariant checked

options:
  --scenario NAME   what happens; default spread
  --nodes N         default: the scenario's
  --seed S          default 1
  --loss P          probability that a datagram is lost, 0 to 1
  --interval MS     T, the period of exchanges, in milliseconds
  --fanout F        flood targets per node
  --rows R          instances in the table, or writes; what it means is the scenario's
  --minutes M       of virtual time; what it means is the scenario's
  -o text|json      default text
  --help

exit status: 0 all held, 1 an invariant or an expectation did not, 2 usage

scenarios:
)";

std::string scenario_list() {
    std::string list;
    for (const sim::Scenario& scenario : sim::scenarios()) {
        std::string name{scenario.name};
        name.resize(16, ' ');
        list += "  " + name + std::string{scenario.summary} + '\n';
    }
    return list;
}

int usage(const std::string& complaint) {
    std::fputs(("hearsay-sim: " + complaint + "\n").c_str(), stderr);
    return kUsage;
}

template <class Number>
bool parse(std::string_view text, Number& number) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    return error == std::errc{} && end == text.data() + text.size();
}

struct CommandLine {
    sim::Options options;
    bool json = false;
    bool help = false;
    std::string complaint;  // empty: it is fine
};

// One option with its value; a complaint if it is wrong.
std::string take(std::string_view name, std::string_view value, CommandLine& line) {
    sim::Options& o = line.options;
    const auto number = [&](std::optional<std::uint32_t>& target, std::uint32_t least,
                            std::uint32_t most) -> std::string {
        std::uint32_t n = 0;
        if (parse(value, n) && n >= least && n <= most) {
            target = n;
            return {};
        }
        return std::string{name} + " takes a whole number from " + std::to_string(least) + " to " +
               std::to_string(most) + ", not '" + std::string{value} + "'";
    };
    if (name == "--scenario") {
        o.scenario = value;
        if (sim::find_scenario(value) != nullptr) return {};
        return "there is no scenario '" + std::string{value} + "'; these exist:\n" +
               scenario_list();
    }
    if (name == "--seed") {
        return parse(value, o.seed) ? ""
                                    : "--seed takes a number, not '" + std::string{value} + "'";
    }
    if (name == "--nodes") return number(o.nodes, 1, 1'000'000);
    if (name == "--interval") return number(o.interval_ms, 10, 3'600'000);
    if (name == "--fanout") return number(o.fanout, 1, 64);
    if (name == "--rows") return number(o.rows, 0, 1'000'000);
    if (name == "--minutes") return number(o.minutes, 0, 10'000);
    if (name == "--loss") {
        double p = -1;
        if (!parse(value, p) || !(p >= 0 && p <= 1)) {
            return "--loss takes a probability from 0 to 1, not '" + std::string{value} + "'";
        }
        o.loss_ppm = static_cast<std::uint32_t>(std::lround(p * 1e6));
        return {};
    }
    if (name == "-o") {
        line.json = value == "json";
        return line.json || value == "text" ? "" : "-o takes text or json";
    }
    return "unknown option '" + std::string{name} + "'; hearsay-sim --help lists all";
}

CommandLine parse_command_line(std::span<char*> arguments) {
    CommandLine line;
    line.options.scenario = "spread";
    for (std::size_t i = 0; i < arguments.size() && line.complaint.empty(); ++i) {
        std::string_view name = arguments[i];
        if (name == "--help" || name == "-h") {
            line.help = true;
            return line;
        }
        std::string_view value;
        if (const auto equals = name.find('='); equals != std::string_view::npos) {
            value = name.substr(equals + 1);
            name = name.substr(0, equals);
        } else if (i + 1 < arguments.size()) {
            value = arguments[++i];
        } else {
            line.complaint = std::string{name} + " needs a value; see hearsay-sim --help";
            return line;
        }
        line.complaint = take(name, value, line);
    }
    return line;
}

}  // namespace

int main(int argc, char** argv) {
    const CommandLine line =
        parse_command_line(std::span{argv, static_cast<std::size_t>(argc)}.subspan(1));
    if (line.help) {
        std::fputs((std::string{kExamples} + scenario_list()).c_str(), stdout);
        return kOk;
    }
    if (!line.complaint.empty()) return usage(line.complaint);
    const sim::Scenario& scenario = *sim::find_scenario(line.options.scenario);
    const sim::Report report = sim::run(scenario, line.options);
    std::fputs((line.json ? report.json() : report.text()).c_str(), stdout);
    std::fputs(report.complaint().c_str(), stderr);
    return report.ok() ? kOk : kFailed;
}
