#pragma once

#include <gtest/gtest.h>

#include <string_view>

#include "sim/scenarios/scenario.h"

namespace sim {

inline Options options_for(std::string_view scenario, std::uint64_t seed) {
    Options options;
    options.scenario = scenario;
    options.seed = seed;
    return options;
}

inline Report run_scenario(const Options& options) {
    const Scenario* scenario = find_scenario(options.scenario);
    CHECK(scenario != nullptr);
    return run(*scenario, options);
}

// Runs seeds 1 to `seeds`. A failure prints the command that repeats it; after three the rest would
// only say the same.
template <class Change>
void expect_seeds_hold(std::string_view scenario, std::uint64_t seeds, Change change) {
    int failed = 0;
    for (std::uint64_t seed = 1; seed <= seeds && failed < 3; ++seed) {
        Options options = options_for(scenario, seed);
        change(options);
        const Report report = run_scenario(options);
        EXPECT_TRUE(report.ok()) << report.complaint();
        if (!report.ok()) ++failed;
    }
}

inline void expect_seeds_hold(std::string_view scenario, std::uint64_t seeds) {
    expect_seeds_hold(scenario, seeds, [](Options&) {});
}

}  // namespace sim
