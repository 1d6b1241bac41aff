#include "sim/scenarios/command_line.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <utility>

#include "sim/scenarios/scenario.h"

namespace sim {
namespace {

constexpr std::string_view kExamples =
    R"(Runs a cluster of real gossip cores in virtual time. The same seed gives the same run.

  hearsay-sim run spread --nodes 10000                   one update in 10,000 nodes
  hearsay-sim run spread --nodes 1000 --loss 0.2         the same, a fifth of all datagrams is lost
  hearsay-sim run spread --delay 20 -o svg > curve.svg   links of 20 ms, as a picture
  hearsay-sim run churn --seed 42 -o json                random faults, every invariant checked
  hearsay-sim soak --seeds 1000                          a thousand worlds of faults of all kinds
  hearsay-sim soak --scenario rollout_soak --seeds 500   rollouts with servers and clients, faults
  hearsay-sim compare --nodes 1000                       beside other protocols; compare --help

usage: hearsay-sim run [SCENARIO] [options]   or   hearsay-sim [--scenario NAME] [options]
       hearsay-sim soak [--scenario NAME] [--seeds N] [--first S]
                        [--nodes, --loss, --delay, --interval, --fanout, --step]

options of a run, whose defaults are the scenario's:
  --nodes N         1 to 1000000
  --seed S          default 1
  --loss P          probability that a datagram is lost, 0 to 1
  --delay MS        median of a hop, one way, in milliseconds; default 0.5
  --interval MS     T, the period of exchanges, in milliseconds
  --fanout F        flood targets per node
  --rows R          instances in the table, or writes; what it means is the scenario's
  --minutes M       of virtual time; what it means is the scenario's
  --step MS         wall clocks of a soak step by up to this, either way
  -o FORMAT         text (default), json, or svg: a picture, of the scenarios marked with *
  --scenario NAME   as SCENARIO
  --help

options of a soak:
  --scenario NAME   soak (default), rollout_soak, or any other
  --seeds N         how many worlds; default 1000
  --first S         the seed of the first one; default 1

exit status: 0 all held, 1 an invariant or an expectation did not, 2 usage

scenarios:
)";

std::string scenario_list() {
    std::string list;
    for (const Scenario& scenario : scenarios()) {
        std::string name{scenario.name};
        if (scenario.has_picture) name += " *";
        name.resize(18, ' ');
        list += "  " + name + std::string{scenario.summary} + '\n';
    }
    return list;
}

std::string in_quotes(std::string_view text) {
    return '\'' + std::string{text} + '\'';
}

template <class Number>
bool parse(std::string_view text, Number& number) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    return error == std::errc{} && end == text.data() + text.size();
}

// Takes a whole number; a complaint if it is none or not within the limits.
template <class Target>
std::string whole(std::string_view name, std::string_view value, std::uint32_t least,
                  std::uint32_t most, Target& target) {
    std::uint32_t n = 0;
    if (parse(value, n) && n >= least && n <= most) {
        target = n;
        return {};
    }
    return std::string{name} + " takes a whole number from " + std::to_string(least) + " to " +
           std::to_string(most) + ", not " + in_quotes(value);
}

std::string seed(std::string_view name, std::string_view value, std::uint64_t& target) {
    if (parse(value, target)) return {};
    return std::string{name} + " takes a whole number from 0 to 18446744073709551615, not " +
           in_quotes(value);
}

// A decimal number that is kept in thousandths or millionths of its unit.
struct Decimal {
    std::string_view legal;
    double least;
    double most;
    double scale;
};
constexpr Decimal kProbability{"a probability from 0 to 1", 0, 1, 1e6};
constexpr Decimal kMilliseconds{"milliseconds from 0.01 to 1000", 0.01, 1000, 1e3};

std::string decimal(std::string_view name, std::string_view value, const Decimal& what,
                    std::optional<std::uint32_t>& target) {
    double d = -1;
    if (parse(value, d) && d >= what.least && d <= what.most) {
        target = static_cast<std::uint32_t>(std::lround(d * what.scale));
        return {};
    }
    return std::string{name} + " takes " + std::string{what.legal} + ", not " + in_quotes(value);
}

std::string take_scenario(std::string_view name, CommandLine& line) {
    line.options.scenario = name;
    if (find_scenario(name) != nullptr) return {};
    return "there is no scenario " + in_quotes(name) + "; these exist:\n" + scenario_list();
}

std::string take_format(std::string_view value, CommandLine& line) {
    if (value == "text") {
        line.format = CommandLine::Format::text;
    } else if (value == "json") {
        line.format = CommandLine::Format::json;
    } else if (value == "svg") {
        line.format = CommandLine::Format::svg;
    } else {
        return "-o takes text, json or svg, not " + in_quotes(value);
    }
    return {};
}

// One option with its value; a complaint if it is wrong.
std::string take(std::string_view name, std::string_view value, CommandLine& line) {
    Options& o = line.options;
    if (name == "--scenario") return take_scenario(value, line);
    if (name == "--seed") return seed(name, value, o.seed);
    if (name == "--nodes") return whole(name, value, 1, 1'000'000, o.nodes);
    if (name == "--interval") return whole(name, value, 10, 3'600'000, o.interval_ms);
    if (name == "--fanout") return whole(name, value, 1, 64, o.fanout);
    if (name == "--rows") return whole(name, value, 0, 1'000'000, o.rows);
    if (name == "--minutes") return whole(name, value, 0, 10'000, o.minutes);
    if (name == "--step") return whole(name, value, 0, 86'400'000, o.step_ms);
    if (name == "--loss") return decimal(name, value, kProbability, o.loss_ppm);
    if (name == "--delay") return decimal(name, value, kMilliseconds, o.delay_us);
    if (name == "-o") return take_format(value, line);
    return "unknown option " + in_quotes(name) + "; hearsay-sim --help lists all";
}

std::string take_of_soak(std::string_view name, std::string_view value, CommandLine& line) {
    constexpr std::array kOfWorlds{"--scenario", "--nodes",  "--loss", "--delay",
                                   "--interval", "--fanout", "--step"};
    if (name == "--first") return seed(name, value, line.soak.first);
    if (name == "--seeds") {
        std::optional<std::uint32_t> seeds;
        std::string complaint = whole(name, value, 1, 100'000'000, seeds);
        line.soak.seeds = seeds.value_or(0);
        return complaint;
    }
    if (std::ranges::find(kOfWorlds, name) != kOfWorlds.end()) return take(name, value, line);
    return in_quotes(name) + " is no option of a soak; hearsay-sim --help lists all";
}

// A name without a dash: a verb at the beginning, or the scenario of a run.
std::string take_name(std::string_view word, bool first, bool& named, CommandLine& line) {
    if (first && word == "run") return {};
    if (first && word == "soak") {
        line.verb = CommandLine::Verb::soak;
        line.options.scenario = "soak";
        return {};
    }
    if (line.verb == CommandLine::Verb::soak) {
        return "a soak takes its scenario as --scenario NAME, so " + in_quotes(word) +
               " is one too many";
    }
    if (first) {
        return "unknown command " + in_quotes(word) +
               "; legal are run, soak and compare, as in hearsay-sim run churn";
    }
    if (std::exchange(named, true)) {
        return "a run is of one scenario, so " + in_quotes(word) + " is one too many";
    }
    return take_scenario(word, line);
}

// A picture is refused before the run, which may take minutes.
std::string check_picture(const CommandLine& line) {
    if (line.format != CommandLine::Format::svg) return {};
    if (find_scenario(line.options.scenario)->has_picture) return {};
    std::string legal;
    for (const Scenario& scenario : scenarios()) {
        if (scenario.has_picture) legal += (legal.empty() ? "" : ", ") + std::string{scenario.name};
    }
    return "there is no picture of " + in_quotes(line.options.scenario) + ", only of " + legal;
}

}  // namespace

CommandLine parse_command_line(std::span<const std::string_view> words) {
    CommandLine line;
    line.options.scenario = "spread";
    bool named = false;
    for (std::size_t i = 0; i < words.size() && line.complaint.empty(); ++i) {
        std::string_view name = words[i];
        if (name == "--help" || name == "-h" || (i == 0 && name == "help")) {
            line.verb = CommandLine::Verb::help;
            return line;
        }
        if (!name.starts_with('-')) {
            line.complaint = take_name(name, i == 0, named, line);
            continue;
        }
        std::string_view value;
        if (const auto equals = name.find('='); equals != std::string_view::npos) {
            value = name.substr(equals + 1);
            name = name.substr(0, equals);
        } else if (i + 1 < words.size()) {
            value = words[++i];
        } else {
            line.complaint = std::string{name} + " needs a value; see hearsay-sim --help";
            return line;
        }
        line.complaint = line.verb == CommandLine::Verb::soak ? take_of_soak(name, value, line)
                                                              : take(name, value, line);
    }
    line.soak.world = line.options;
    if (line.complaint.empty()) line.complaint = check_picture(line);
    return line;
}

std::string help() {
    return std::string{kExamples} + scenario_list();
}

}  // namespace sim
