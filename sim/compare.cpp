#include "sim/compare.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <string_view>

#include "sim/baseline/measures.h"
#include "sim/scenarios/scenario.h"

namespace sim {

using baseline::ClusterOptions;
using baseline::Figures;
using baseline::Protocol;

namespace {

constexpr std::array<std::string_view, 3> kProtocols{"hearsay", "swim", "naive"};
constexpr std::uint32_t kLossOfFalseDeaths = 200'000;
constexpr int kOk = 0;
constexpr int kUsage = 2;

constexpr std::string_view kHelp =
    R"(Compares hearsay with other designs in the same simulated world.

  hearsay-sim compare                                all measures, 100 nodes
  hearsay-sim compare --nodes 1000 --loss 0.2        the same in 1,000, a fifth is lost
  hearsay-sim --protocol swim --scenario detect      one scenario with another protocol

  --protocol P      hearsay; swim: memberlist's SWIM; naive: everyone pushes its whole table
  --scenario NAME   with --protocol: spread, idle or detect; default spread
  --nodes N         16 to 5,000; default 100. Beyond 1,000 naive is too much work and left out
  --loss P          probability that a datagram is lost; default 0. False deaths are counted
                    both without loss and with P, or with 0.2 if P is 0
  --rows R          of the table, where the idle cost is measured; default 1000
  --minutes M       of virtual time for which false deaths are counted; default 5
  --seed S          default 1
  -o text|json      default text

exit status: 0 measured, 2 usage
)";

// What hearsay's scenario reports, or a baseline's of the same name.
struct Source {
    std::string_view scenario;
    std::uint32_t rows = 0;
    std::uint32_t loss_ppm = 0;
    std::uint32_t victims = baseline::kVictims;
};

ClusterOptions cluster_options(const Comparison& what, const Source& source, Protocol protocol) {
    ClusterOptions options;
    options.protocol = protocol;
    options.seed = what.seed;
    options.nodes = what.nodes;
    options.rows = source.rows;
    options.faults.loss_ppm = source.loss_ppm;
    return options;
}

Figures baseline_figures(const Comparison& what, const Source& source, Protocol protocol) {
    const ClusterOptions options = cluster_options(what, source, protocol);
    if (!baseline::affordable(options)) return {};
    if (source.scenario == "spread") return baseline::measure_spread(options);
    if (source.scenario == "idle") return baseline::measure_idle(options);
    return baseline::measure_detect(options, what.minutes, source.victims);
}

Options scenario_options(const Comparison& what, const Source& source) {
    Options options;
    options.scenario = source.scenario;
    options.seed = what.seed;
    options.nodes = what.nodes;
    options.rows = source.rows;
    options.loss_ppm = source.loss_ppm;
    options.minutes = what.minutes;
    return options;
}

// One scenario under all protocols, and the figures of it that are compared.
struct Figure {
    std::string name;  // in the comparison
    std::string unit;
    std::string_view reported;  // by the scenario
};
void add_measures(const Comparison& what, const Source& source, const std::vector<Figure>& figures,
                  std::vector<ComparedMeasure>& measures) {
    const Options options = scenario_options(what, source);
    const Report hearsay = run(*find_scenario(options.scenario), options);
    const Figures swim = baseline_figures(what, source, Protocol::swim);
    const Figures naive = baseline_figures(what, source, Protocol::naive);
    for (const Figure& figure : figures) {
        measures.push_back({figure.name,
                            figure.unit,
                            {hearsay.value(figure.reported), swim.find(figure.reported),
                             naive.find(figure.reported)}});
    }
}

std::string printed(const char* format, double value) {
    std::array<char, 48> buffer{};
    std::snprintf(buffer.data(), buffer.size(), format, value);
    return buffer.data();
}

std::string percent_of(std::uint32_t ppm) {
    return printed("%.6g", static_cast<double>(ppm) / 1e4);
}

// Three digits say enough.
std::string rounded(std::optional<double> value) {
    if (!value) return "-";
    return printed(*value >= 100 || *value == 0 ? "%.0f" : *value >= 10 ? "%.1f" : "%.2f", *value);
}

std::optional<double> ratio(const ComparedMeasure& measure, std::size_t protocol) {
    const std::optional<double> mine = measure.values[0];
    const std::optional<double> theirs = measure.values[protocol];
    if (!mine || !theirs || *mine == 0) return std::nullopt;
    return *theirs / *mine;
}

std::string padded(std::string text, std::size_t width, bool right) {
    if (text.size() >= width) return text;
    const std::string blanks(width - text.size(), ' ');
    return right ? blanks + text : text + blanks;
}

std::string json_number(std::optional<double> value) {
    return value ? printed("%.6g", *value) : "null";
}

}  // namespace

std::vector<ComparedMeasure> compare(const Comparison& what) {
    const std::uint32_t loss = what.loss_ppm;
    std::vector<ComparedMeasure> measures;
    add_measures(what, {"spread", 0, loss},
                 {{"update to half of the nodes", "ms", "t50_ms"},
                  {"update to 99 %", "ms", "t99_ms"},
                  {"update to all", "ms", "t100_ms"},
                  {"update copies per node", "", "copies_per_node"},
                  {"update bytes per node", "B", "put_bytes_per_node"}},
                 measures);
    add_measures(what, {"idle", what.rows, 0},
                 {{"idle bytes per node and s", "B", "idle_bytes_per_period"},
                  {"idle datagrams per node and s", "", "idle_datagrams_per_period"}},
                 measures);
    const auto deaths = [](std::uint32_t ppm) {
        return Figure{"false deaths at " + percent_of(ppm) + " % loss", "", "false_deaths_seen"};
    };
    std::vector<Figure> detection{{"killed process, first to know", "ms", "killed_first_ms_median"},
                                  {"killed process, last to know", "ms", "killed_last_ms_median"},
                                  {"silent machine, first to know", "ms", "silent_first_ms_median"},
                                  {"silent machine, last to know", "ms", "silent_last_ms_median"},
                                  deaths(loss)};
    add_measures(what, {"detect", 0, loss}, detection, measures);
    // And without loss if one was asked for, with one otherwise.
    const std::uint32_t second = loss == 0 ? kLossOfFalseDeaths : 0;
    add_measures(what, {"detect", 0, second, 0}, {deaths(second)}, measures);
    return measures;
}

std::string compared_as_text(const Comparison& what, const std::vector<ComparedMeasure>& measures) {
    std::string out = std::to_string(what.nodes) + " nodes, " + std::to_string(what.rows) +
                      " rows, " + percent_of(what.loss_ppm) + " % loss, seed " +
                      std::to_string(what.seed) + ", false deaths in " +
                      std::to_string(what.minutes) + " min\n\n";
    std::size_t width = 0;
    for (const ComparedMeasure& measure : measures) width = std::max(width, measure.name.size());
    constexpr std::size_t kColumn = 10;
    out += padded("measure", width + 6, false);
    for (std::size_t p = 0; p < kProtocols.size(); ++p) {
        out += padded(std::string{kProtocols[p]}, kColumn, true);
        if (p > 0) out += padded("ratio", kColumn, true);
    }
    out += '\n';
    for (const ComparedMeasure& measure : measures) {
        out += padded(measure.name, width + 2, false) + padded(measure.unit, 4, false);
        for (std::size_t p = 0; p < kProtocols.size(); ++p) {
            out += padded(rounded(measure.values[p]), kColumn, true);
            if (p > 0) out += padded(rounded(ratio(measure, p)), kColumn, true);
        }
        out += '\n';
    }
    return out;
}

std::string compared_as_json(const Comparison& what, const std::vector<ComparedMeasure>& measures) {
    std::string out = "{\"nodes\": " + std::to_string(what.nodes) +
                      ", \"rows\": " + std::to_string(what.rows) +
                      ", \"loss\": " + json_number(what.loss_ppm / 1e6) +
                      ", \"seed\": " + std::to_string(what.seed) +
                      ", \"minutes\": " + std::to_string(what.minutes) + ", \"measures\": [";
    for (std::size_t i = 0; i < measures.size(); ++i) {
        const ComparedMeasure& measure = measures[i];
        out += i > 0 ? ",\n  " : "\n  ";
        out += "{\"name\": \"" + measure.name + "\", \"unit\": \"" + measure.unit + '"';
        for (std::size_t p = 0; p < kProtocols.size(); ++p) {
            const std::string name{kProtocols[p]};
            out += ", \"" + name + "\": " + json_number(measure.values[p]);
            if (p > 0) out += ", \"" + name + "_ratio\": " + json_number(ratio(measure, p));
        }
        out += '}';
    }
    return out + "\n]}\n";
}

// ---- the command line

namespace {

struct CommandLine {
    Comparison what;
    std::optional<Protocol> protocol;  // none: all, compared
    std::string_view scenario = "spread";
    bool json = false;
    std::string complaint;  // empty: it is fine
};

template <class Number>
bool parse(std::string_view text, Number& number, Number least, Number most) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    return error == std::errc{} && end == text.data() + text.size() && number >= least &&
           number <= most;
}

bool take(std::string_view name, std::string_view value, CommandLine& line) {
    Comparison& what = line.what;
    if (name == "--nodes") return parse(value, what.nodes, 16U, 5000U);
    if (name == "--rows") return parse(value, what.rows, 0U, 100'000U);
    if (name == "--minutes") return parse(value, what.minutes, 1U, 1000U);
    if (name == "--seed") return parse(value, what.seed, std::uint64_t{0}, UINT64_MAX);
    if (name == "--loss") {
        double p = 0;
        if (!parse(value, p, 0.0, 1.0)) return false;
        what.loss_ppm = static_cast<std::uint32_t>(std::lround(p * 1e6));
        return true;
    }
    if (name == "--protocol") {
        const auto* const found = std::ranges::find(kProtocols, value);
        if (found == kProtocols.end()) return false;
        line.protocol = static_cast<Protocol>(found - kProtocols.begin());
        return true;
    }
    if (name == "--scenario") {
        line.scenario = value;
        return value == "spread" || value == "idle" || value == "detect";
    }
    if (name == "-o") {
        line.json = value == "json";
        return line.json || value == "text";
    }
    return false;
}

CommandLine parse_command_line(std::span<char*> arguments) {
    CommandLine line;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        std::string_view name = arguments[i];
        std::string_view value;
        if (const auto equals = name.find('='); equals != std::string_view::npos) {
            value = name.substr(equals + 1);
            name = name.substr(0, equals);
        } else if (i + 1 < arguments.size()) {
            value = arguments[++i];
        }
        if (take(name, value, line)) continue;
        line.complaint = "hearsay-sim compare does not take " + std::string{name} + " '" +
                         std::string{value} + "'; hearsay-sim compare --help lists what it does\n";
        return line;
    }
    return line;
}

// The same form as a scenario's report.
std::string figures_as_text(const CommandLine& line, const Figures& figures) {
    std::string out;
    const auto add = [&](std::string name, const std::string& value) {
        out += line.json ? (out.empty() ? "{\"" : ", \"") + name + "\": " + value
                         : padded(std::move(name), 30, false) + value + '\n';
    };
    const std::string quote = line.json ? "\"" : "";
    const auto protocol = kProtocols[static_cast<std::size_t>(*line.protocol)];
    add("protocol", quote + std::string{protocol} + quote);
    add("scenario", quote + std::string{line.scenario} + quote);
    add("seed", std::to_string(line.what.seed));
    for (const auto& [name, value] : figures.values) add(name, printed("%.3f", value));
    std::array<char, 24> trace{};
    std::snprintf(trace.data(), trace.size(), "%016llx",
                  static_cast<unsigned long long>(figures.trace));
    add("trace", quote + trace.data() + quote);
    return line.json ? out + "}\n" : out;
}

}  // namespace

bool is_comparison(std::span<char*> arguments) {
    if (arguments.empty()) return false;
    return std::string_view{arguments.front()} == "compare" ||
           std::ranges::any_of(arguments, [](const char* argument) {
               return std::string_view{argument}.starts_with("--protocol");
           });
}

int compare_command(std::span<char*> arguments) {
    const bool table = std::string_view{arguments.front()} == "compare";
    const bool help = std::ranges::any_of(arguments, [](const char* argument) {
        return std::string_view{argument} == "--help" || std::string_view{argument} == "-h";
    });
    if (help) {
        std::fputs(std::string{kHelp}.c_str(), stdout);
        return kOk;
    }
    const CommandLine line = parse_command_line(arguments.subspan(table ? 1 : 0));
    if (!line.complaint.empty() || (table && line.protocol)) {
        std::fputs(line.complaint.empty() ? "hearsay-sim: compare runs every protocol\n"
                                          : line.complaint.c_str(),
                   stderr);
        return kUsage;
    }
    const Comparison& what = line.what;
    if (table) {
        const std::vector<ComparedMeasure> measures = compare(what);
        std::fputs((line.json ? compared_as_json(what, measures) : compared_as_text(what, measures))
                       .c_str(),
                   stdout);
        return kOk;
    }
    const Source source{line.scenario, line.scenario == "idle" ? what.rows : 0, what.loss_ppm};
    if (*line.protocol == Protocol::hearsay) {
        const Options options = scenario_options(what, source);
        const Report report = run(*find_scenario(options.scenario), options);
        std::fputs((line.json ? report.json() : report.text()).c_str(), stdout);
        std::fputs(report.complaint().c_str(), stderr);
        return report.ok() ? kOk : 1;
    }
    if (!baseline::affordable(cluster_options(what, source, *line.protocol))) {
        std::fputs("hearsay-sim: that many nodes and rows are too much work for naive\n", stderr);
        return kUsage;
    }
    const Figures figures = baseline_figures(what, source, *line.protocol);
    std::fputs(figures_as_text(line, figures).c_str(), stdout);
    return kOk;
}

}  // namespace sim
