#include "sim/soak.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include "sim/scenarios/scenario.h"

namespace sim {
namespace {

constexpr std::uint64_t kProgressLines = 20;

// Figures of a world that are added up: a soak in which one of them stays 0 has tested little.
constexpr std::array<std::string_view, 31> kSums{"writes",
                                                 "crashes",
                                                 "restarts",
                                                 "freezes",
                                                 "partitions",
                                                 "one_way_cuts",
                                                 "clock_steps",
                                                 "lost_disks",
                                                 "peel_failures",
                                                 "snapshots",
                                                 "malformed",
                                                 "sessions",
                                                 "returns",
                                                 "missed_returns",
                                                 "offers",
                                                 "offers_of_nothing",
                                                 "refused_full",
                                                 "refused_draining",
                                                 "refused_moved",
                                                 "refused_spent",
                                                 "refused_stale",
                                                 "refused_not_ready",
                                                 "cheats",
                                                 "servers_killed",
                                                 "fences",
                                                 "decisions",
                                                 "decisions_reported",
                                                 "watermarks",
                                                 "late_joins_elsewhere",
                                                 "tickets_spent_again",
                                                 "events"};

std::string verdict(std::uint64_t seeds, std::uint64_t failed) {
    return std::to_string(seeds) + " seeds, " + std::to_string(failed) + " failed\n";
}

}  // namespace

SoakResult run_soak(const SoakOptions& options,
                    const std::function<void(const std::string&)>& say) {
    Options world = options.world;
    if (world.scenario.empty()) world.scenario = "soak";
    const Scenario* scenario = find_scenario(world.scenario);
    CHECK(scenario != nullptr);
    SoakResult result;
    std::array<std::optional<double>, kSums.size()> sums{};
    double slowest = 0;
    std::uint64_t slowest_seed = options.first;
    const std::uint64_t pace = std::max<std::uint64_t>(1, options.seeds / kProgressLines);
    for (; result.seeds < options.seeds; ++result.seeds) {
        if (result.seeds > 0 && result.seeds % pace == 0) {
            say("soak: " + std::to_string(result.seeds) + " of " +
                verdict(options.seeds, result.failed));
        }
        world.seed = options.first + result.seeds;
        const Report report = run(*scenario, world);
        for (std::size_t i = 0; i < kSums.size(); ++i) {
            if (report.has(kSums[i])) sums[i] = sums[i].value_or(0) + report.value(kSums[i]);
        }
        if (report.has("settled_ms") && report.value("settled_ms") > slowest) {
            slowest = report.value("settled_ms");
            slowest_seed = world.seed;
        }
        if (report.ok()) continue;
        ++result.failed;
        say("seed " + std::to_string(world.seed) + ": " + report.complaint());
    }
    for (std::size_t i = 0; i < kSums.size(); ++i) {
        if (!sums[i]) continue;
        std::string name{kSums[i]};
        name.resize(std::max<std::size_t>(16, name.size() + 1), ' ');
        result.summary += name + std::to_string(static_cast<std::uint64_t>(*sums[i])) + '\n';
    }
    result.summary += "settled after  " + std::to_string(static_cast<std::uint64_t>(slowest)) +
                      " ms of peace at most, seed " + std::to_string(slowest_seed) + '\n';
    result.summary += verdict(result.seeds, result.failed);
    return result;
}

}  // namespace sim
