#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "gossip/membership.h"
#include "sim/report.h"
#include "sim/world.h"

namespace sim {

// One story that is told to a cluster, and what is to be found out by it.
struct Scenario {
    std::string_view name;
    std::string_view summary;
    Report (*run)(const Options& options);
    bool has_picture = false;  // its report can be drawn
};

// One file each. An option that is left out has the default of the scenario.
Report run_spread(const Options& options);
Report run_join(const Options& options);
Report run_partition(const Options& options);
Report run_churn(const Options& options);
Report run_restart(const Options& options);
Report run_long_absence(const Options& options);
Report run_snapshot(const Options& options);
Report run_skew(const Options& options);
Report run_idle(const Options& options);
Report run_detect(const Options& options);
Report run_join_storm(const Options& options);
Report run_flapping(const Options& options);
Report run_frozen(const Options& options);
Report run_one_way(const Options& options);
Report run_clock_steps(const Options& options);
Report run_wrong_clocks(const Options& options);
Report run_restart_all(const Options& options);
Report run_rolling_restart(const Options& options);
Report run_registrations(const Options& options);
Report run_soak_world(const Options& options);
Report run_rollout(const Options& options);
Report run_rollout_partition(const Options& options);
Report run_two_rollouts(const Options& options);
Report run_rollback(const Options& options);
Report run_storm(const Options& options);
Report run_rollout_restarts(const Options& options);
Report run_rollout_skew(const Options& options);
Report run_rollout_soak(const Options& options);

[[nodiscard]] std::span<const Scenario> scenarios();
[[nodiscard]] const Scenario* find_scenario(std::string_view name);

// Runs it. If a CHECK of the core ends the process meanwhile, the command that repeats the run is
// printed first.
Report run(const Scenario& scenario, const Options& options);

// The parts that scenarios have in common.

// A world's options from a person's: seed, nodes, loss, delay, interval, fan-out.
[[nodiscard]] WorldOptions world_options(const Options& options, std::uint32_t default_nodes);
// Different nodes, drawn by the scenarios' dice. Requires that there are so many.
[[nodiscard]] std::vector<std::uint32_t> some_nodes(World& world, std::size_t count);
// What a running node believes of another.
[[nodiscard]] bool believes(World& world, std::uint32_t node, std::uint32_t about,
                            gossip::MemberState state);
// Starts every node and waits until all know all.
bool form(World& world, Time limit);
// Waits, after the last change, until the cluster is whole; reports how long it took.
bool settle(World& world, Report& report, Time limit);
// Quiet periods of a cluster that agrees: what it costs each node (8).
void measure_idle(World& world, Report& report, std::uint32_t periods);

}  // namespace sim
