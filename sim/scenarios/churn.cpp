#include "sim/scenarios/scenario.h"
#include "sim/scenarios/story.h"

// Random writes and random faults, everything checked after every event; then the faults end,
// everyone is started again, and the cluster has to agree on the newest version of every row.
// Limits differ from seed to seed, so that small differences and whole snapshots, datagrams and
// streams are all taken.

namespace sim {
namespace {

constexpr Time kForm{20'000'000};
constexpr Time kPeace{90'000'000};
constexpr int kSteps = 400;  // of 75 ms on average: 30 s altogether
constexpr Time kLapse{5'000'000};

}  // namespace

Report run_churn(const Options& options) {
    WorldOptions setup = world_options(options, 5 + static_cast<std::uint32_t>(options.seed % 5));
    setup.seeds = std::min<std::uint32_t>(2, setup.nodes);
    setup.config.sketch_cells = 32U << (options.seed % 6);
    setup.config.snapshot_gap = options.seed % 3 == 0 ? 16 : 4096;
    const bool lose_disks = options.seed % 4 == 0;
    World world{setup};
    Report report{options};
    report.add("nodes", std::uint64_t{setup.nodes});
    report.expect(form(world, kForm), "the cluster did not form");

    StoryOptions what;
    what.lose_disks = lose_disks;
    Story story{world, what};
    for (int i = 0; i < kSteps && world.ok(); ++i) story.step();
    story.make_peace();
    world.run_for(kLapse);
    settle(world, report, kPeace);
    // With a disk goes what nobody else has heard: the others cannot be blamed for it.
    if (lose_disks) {
        world.checkpoint();
    } else {
        world.check_settled(true);
    }
    if (setup.faults.loss_ppm == 0) measure_idle(world, report, 10);
    report.add("writes", story.done().writes);
    report.add("crashes", story.done().crashes);
    report.add("peel_failures", world.sum(&gossip::Counters::peel_failures));
    report.add("syncs", world.sum(&gossip::Counters::syncs));
    report.add("snapshots", world.sum(&gossip::Counters::snapshots_served));
    report.add("malformed", world.sum(&gossip::Counters::malformed));
    report.add("events", world.events_happened());
    report.finish(world);
    return report;
}

}  // namespace sim
