#include "sim/scenarios/scenario.h"
#include "sim/scenarios/story.h"

// One world of a soak: everything that churn does and more, with limits, periods and seeds that
// differ from world to world, so that many seeds go where a single one does not.

namespace sim {
namespace {

constexpr Time kForm{30'000'000};
constexpr Time kPeace{120'000'000};
constexpr Time kLapse{5'000'000};
constexpr std::uint64_t kSteps = 300;        // 22 s on average, and up to twice as many
constexpr std::int64_t kSmallStep = 400;     // ms: within what clocks may differ
constexpr std::int64_t kGreatStep = 25'000;  // ms: two clocks stay within what is merged
constexpr std::chrono::milliseconds kShortHorizon{15'000};
constexpr std::uint32_t kMostLossPpm = 250'000;  // also in times of peace

WorldOptions setup_of(const Options& options, gossip::Rng& dice) {
    WorldOptions setup = world_options(options, 2 + static_cast<std::uint32_t>(dice.below(10)));
    const auto draw = [&](std::uint64_t sides) {
        return static_cast<std::uint32_t>(dice.below(sides));
    };
    setup.seeds = std::min(1 + draw(3), setup.nodes);
    setup.config.sketch_cells = 32U << draw(7);
    setup.config.snapshot_gap = 16U << draw(9);
    setup.drift_ppm = 200;
    if (!options.fanout) setup.config.fanout = 2 + draw(4);
    if (!options.interval_ms) setup.config.interval = std::chrono::milliseconds{400 + draw(1'200)};
    const bool lossy = draw(3) == 0;
    if (!options.loss_ppm && lossy) setup.faults.loss_ppm = draw(kMostLossPpm);
    // So that deletions and whole nodes are forgotten while the world lasts.
    if (draw(3) == 0) {
        setup.config.horizon = kShortHorizon + std::chrono::milliseconds{draw(30'000)};
        setup.config.max_ahead = setup.config.horizon / 3;
    }
    return setup;
}

}  // namespace

Report run_soak_world(const Options& options) {
    gossip::Rng dice{gossip::mix64(options.seed ^ 0x50a4)};
    const WorldOptions setup = setup_of(options, dice);
    StoryOptions what;
    what.lose_power = true;
    what.change_hops = true;
    what.lose_disks = dice.below(4) == 0;
    // A clock that was ahead by a good part of the horizon makes its node forget all, also
    // deletions that nobody else has heard of: then no checker could tell what has to be left.
    const auto remembers = [&setup](std::int64_t step_ms) {
        return setup.config.horizon > 8 * std::chrono::milliseconds{step_ms};
    };
    what.step_ms = dice.below(5) == 0 && remembers(kGreatStep) ? kGreatStep : kSmallStep;
    if (options.step_ms) what.step_ms = *options.step_ms;
    const bool forgets = options.step_ms && !remembers(*options.step_ms);
    const bool beyond_merging = 2 * what.step_ms > setup.config.max_ahead.count();
    World world{setup};
    Report report{options};
    report.add("nodes", std::uint64_t{setup.nodes});
    report.add("loss", static_cast<double>(setup.faults.loss_ppm) / 1e6);
    report.add("loses_disks", std::uint64_t{what.lose_disks});
    report.add("steps_ms_most", static_cast<std::uint64_t>(what.step_ms));
    report.expect(form(world, kForm), "the cluster did not form");

    Story story{world, what};
    const std::uint64_t steps = kSteps + dice.below(kSteps);
    for (std::uint64_t i = 0; i < steps && world.ok(); ++i) story.step();
    story.make_peace();
    world.run_for(kLapse);
    settle(world, report, kPeace);
    // With a disk goes what nobody else has heard, deletions too; and what a clock that was far
    // ahead wrote may be refused until it is lost. The others cannot be blamed for either.
    if (what.lose_disks || forgets) {
        world.checkpoint();
    } else {
        world.check_settled(!beyond_merging);
    }
    const Story::Done& done = story.done();
    report.add("writes", done.writes);
    report.add("crashes", done.crashes);
    report.add("restarts", done.restarts);
    report.add("freezes", done.pauses);
    report.add("partitions", done.partitions);
    report.add("one_way_cuts", done.cuts);
    report.add("clock_steps", done.clock_steps);
    report.add("lost_disks", done.lost_disks);
    report.add("peel_failures", world.sum(&gossip::Counters::peel_failures));
    report.add("snapshots", world.sum(&gossip::Counters::snapshots_served));
    report.add("malformed", world.sum(&gossip::Counters::malformed));
    report.add("events", world.events_happened());
    report.finish(world);
    return report;
}

}  // namespace sim
