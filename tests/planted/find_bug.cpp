#include <charconv>
#include <cstdio>
#include <cstring>

#include "sim/scenarios/scenario.h"

// Linked with a library that has one line changed: looks for a world of a soak in which a checker
// sees it.
//
//   find_bug SEEDS [SCENARIO]   exit status 0: seen, 1: not seen with seeds 1 to SEEDS, 2: usage

int main(int argc, char** argv) {
    unsigned seeds = 0;
    const sim::Scenario* scenario = sim::find_scenario(argc == 3 ? argv[2] : "soak");
    if (argc < 2 || argc > 3 || scenario == nullptr ||
        std::from_chars(argv[1], argv[1] + std::strlen(argv[1]), seeds).ec != std::errc{}) {
        std::fputs("find_bug SEEDS [SCENARIO]\n", stderr);
        return 2;
    }
    sim::Options options;
    options.scenario = scenario->name;
    for (options.seed = 1; options.seed <= seeds; ++options.seed) {
        const sim::Report report = sim::run(*scenario, options);
        if (report.ok()) continue;
        std::printf("seen with seed %llu: %s\n", static_cast<unsigned long long>(options.seed),
                    report.failures().front().c_str());
        return 0;
    }
    std::printf("%u worlds did not show it\n", seeds);
    return 1;
}
