#include "sim/rollout/stage.h"
#include "sim/rollout/trouble.h"
#include "sim/scenarios/scenario.h"

// One world of a soak of rollouts: everything that the scenarios of rollout.cpp do and more, drawn
// by the seed: how many nodes, servers and clients, which faults, what operators do meanwhile.

namespace sim {
namespace {

constexpr Time kForm{30'000'000};
constexpr std::uint64_t kSteps = 80;  // 20 s on average, and up to twice as many
constexpr std::int64_t kSmallStep = 400;
constexpr std::int64_t kGreatStep = 20'000;

}  // namespace

Report run_rollout_soak(const Options& options) {
    gossip::Rng dice{gossip::mix64(options.seed ^ 0x50a5)};
    const auto draw = [&dice](std::uint32_t sides) {
        return static_cast<std::uint32_t>(dice.below(sides));
    };
    WorldOptions setup = world_options(options, 2 + draw(5));
    setup.seeds = std::min(1 + draw(3), setup.nodes);
    TroubleOptions what;
    what.commands = true;
    what.crashes = draw(3) != 0;
    what.lose_disks = what.crashes && draw(4) == 0;
    what.pauses = draw(2) == 0;
    what.partitions = draw(2) == 0;
    what.weather = draw(2) == 0;
    what.kills = draw(2) == 0;
    const std::uint32_t clocks = draw(4);
    if (clocks == 0) what.step_ms = kSmallStep;
    if (clocks == 1) what.step_ms = kGreatStep;
    if (options.step_ms) what.step_ms = *options.step_ms;
    if (what.step_ms > 0) setup.drift_ppm = 200;
    CrowdOptions crowd;
    crowd.clients = options.rows.value_or(draw(4) == 0 ? 5 + draw(10) : 40 + draw(120));
    crowd.longest = Time{3'000'000 + std::int64_t{draw(17)} * 1'000'000};
    crowd.loses_percent = draw(100);
    crowd.cheats_percent = draw(3) == 0 ? 20 : 0;
    crowd.take_sides = what.partitions && draw(2) == 0;

    World world{setup};
    Report report{options};
    report.add("nodes", std::uint64_t{setup.nodes});
    report.add("clients", std::uint64_t{crowd.clients});
    Stage stage{world, options.seed, crowd};
    Witness& witness = stage.witness();
    witness.nodes_stay_up = !what.crashes;
    witness.disks_are_kept = !what.lose_disks;
    witness.clocks_are_right = what.step_ms == 0;
    witness.births_are_told = what.step_ms == 0 && !what.lose_disks && !what.pauses;
    Trouble trouble{world, stage, what};
    report.expect(form(world, kForm), "the cluster did not form");
    registry::Policy policy;
    policy.ticket_ttl_s = registry::kMinTicketTtl + draw(10);
    policy.pick = draw(3) == 0 ? registry::Pick::packed : registry::Pick::spread;
    policy.on_full = draw(3) == 0 ? registry::OnFull::older : registry::OnFull::wait;
    if (draw(4) != 0) stage.set_policy(policy);
    stage.deploy("v1", 1 + draw(4), 3 + draw(25));
    world.run_for(Time{500'000});
    stage.crowd().open(Time{5'000'000});
    const std::uint64_t steps = kSteps + dice.below(kSteps);
    for (std::uint64_t i = 0; i < steps && world.ok(); ++i) trouble.step();
    trouble.make_peace();
    world.run_for(Time{2'000'000});
    stage.finish(report);
    trouble.report(report);
    report.finish(world);
    return report;
}

}  // namespace sim
