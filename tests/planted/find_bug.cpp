#include <charconv>
#include <cstdio>
#include <cstring>

#include "sim/scenarios/scenario.h"

// Linked with a core that has one line changed: looks for a seed with which a checker sees it.
//
//   find_bug SCENARIO SEEDS    exit status 0: seen, 1: not seen with seeds 1 to SEEDS, 2: usage

int main(int argc, char** argv) {
    unsigned seeds = 0;
    if (argc != 3 || sim::find_scenario(argv[1]) == nullptr ||
        std::from_chars(argv[2], argv[2] + std::strlen(argv[2]), seeds).ec != std::errc{}) {
        std::fputs("find_bug SCENARIO SEEDS\n", stderr);
        return 2;
    }
    sim::Options options;
    options.scenario = argv[1];
    for (options.seed = 1; options.seed <= seeds; ++options.seed) {
        const sim::Report report = sim::run(*sim::find_scenario(argv[1]), options);
        if (report.ok()) continue;
        std::printf("seen with seed %llu: %s\n", static_cast<unsigned long long>(options.seed),
                    report.failures().front().c_str());
        return 0;
    }
    std::printf("%u seeds of %s did not show it\n", seeds, argv[1]);
    return 1;
}
