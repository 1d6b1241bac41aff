#include <cstdio>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sim/compare.h"
#include "sim/scenarios/command_line.h"
#include "sim/scenarios/scenario.h"
#include "sim/soak.h"

// hearsay-sim: one run of one scenario, or a soak of many, from the command line.

namespace {

constexpr int kOk = 0;
constexpr int kFailed = 1;
constexpr int kUsage = 2;

void say(const std::string& text, std::FILE* to) {
    std::fputs(text.c_str(), to);
}

int run(const sim::CommandLine& line) {
    const sim::Scenario& scenario = *sim::find_scenario(line.options.scenario);
    const sim::Report report = sim::run(scenario, line.options);
    switch (line.format) {
        case sim::CommandLine::Format::text:
            say(report.text(), stdout);
            break;
        case sim::CommandLine::Format::json:
            say(report.json(), stdout);
            break;
        case sim::CommandLine::Format::svg:
            say(report.svg(), stdout);
            break;
    }
    say(report.complaint(), stderr);
    return report.ok() ? kOk : kFailed;
}

int soak(const sim::CommandLine& line) {
    const auto progress = [](const std::string& text) { say(text, stderr); };
    const sim::SoakResult result = sim::run_soak(line.soak, progress);
    say(result.summary, stdout);
    return result.failed == 0 ? kOk : kFailed;
}

}  // namespace

int main(int argc, char** argv) {
    const std::span<char*> arguments{argv + 1, argv + argc};
    if (sim::is_comparison(arguments)) return sim::compare_command(arguments);
    const std::vector<std::string_view> words{argv + 1, argv + argc};
    const sim::CommandLine line = sim::parse_command_line(words);
    if (!line.complaint.empty()) {
        say("hearsay-sim: " + line.complaint + '\n', stderr);
        return kUsage;
    }
    switch (line.verb) {
        case sim::CommandLine::Verb::help:
            say(sim::help(), stdout);
            return kOk;
        case sim::CommandLine::Verb::run:
            return run(line);
        case sim::CommandLine::Verb::soak:
            return soak(line);
    }
}
