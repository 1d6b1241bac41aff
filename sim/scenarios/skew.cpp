#include "sim/scenarios/scenario.h"

// Clocks: every node's runs a little fast or slow and is a little wrong; some step while they run;
// one is minutes ahead until somebody puts it right. Deletions and writes go on meanwhile, the
// horizon is short, and nothing comes back to life (6).

namespace sim {
namespace {

constexpr std::chrono::milliseconds kHorizon{120'000};
constexpr Time kForm{30'000'000};
constexpr std::int64_t kOffset = 400;         // ms, of a well kept clock
constexpr std::int64_t kStep = 3'000;         // ms, of a badly kept one
constexpr std::int64_t kLiar = 70'000;        // ms ahead: beyond what is merged
constexpr std::int64_t kGreatLiar = 600'000;  // ms ahead: its horizon forgets all that is true
constexpr std::int64_t kDrift = 200;          // ppm
constexpr int kSteps = 300;
constexpr std::uint32_t kKeys = 30;

std::int64_t within(gossip::Rng& dice, std::int64_t most) {
    return static_cast<std::int64_t>(dice.below(static_cast<std::uint64_t>(2 * most + 1))) - most;
}

void write(World& world, std::uint32_t at, std::uint64_t version) {
    SimNode& node = world.node(at);
    const auto key = static_cast<std::uint32_t>(world.dice().below(kKeys));
    gossip::LocalWrite w = instance_write(key, version, node.now());
    w.tombstone = world.dice().below(3) == 0;
    w.timed_by_application = world.dice().below(2) == 0;
    node.put(w);
}

}  // namespace

Report run_skew(const Options& options) {
    WorldOptions setup = world_options(options, 7);
    setup.config.horizon = kHorizon;
    setup.drift_ppm = kDrift;
    World world{setup};
    Report report{options};
    report.add("nodes", std::uint64_t{setup.nodes});
    for (std::uint32_t i = 0; i < setup.nodes; ++i) {
        world.node(i).step_wall(within(world.dice(), kOffset));
    }
    report.expect(form(world, kForm), "the cluster did not form");

    const std::int64_t lie = world.dice().below(3) == 0 ? kGreatLiar : kLiar;
    const auto liar = static_cast<std::uint32_t>(world.dice().below(setup.nodes));
    for (int step = 0; step < kSteps && world.ok(); ++step) {
        const auto at = static_cast<std::uint32_t>(world.dice().below(setup.nodes));
        if (step == kSteps / 3) world.node(liar).step_wall(lie);
        if (step == 2 * kSteps / 3) world.node(liar).step_wall(-lie);
        if (world.dice().below(50) == 0) world.node(at).step_wall(within(world.dice(), kStep));
        write(world, at, static_cast<std::uint64_t>(step));
        world.run_for(Time{static_cast<std::int64_t>(world.dice().below(500'000))});
        if (step % 20 == 0) world.checkpoint();
    }
    settle(world, report, Time{120'000'000});
    std::int64_t corrected = 0;
    for (std::uint32_t i = 0; i < setup.nodes; ++i) {
        if (world.node(i).core().clock_offset().count() != 0) ++corrected;
    }
    report.add("clocks_corrected", static_cast<std::uint64_t>(corrected));
    report.add("from_future", world.sum(&gossip::Counters::from_future));
    // Who forgets everybody loses what it wrote meanwhile, deletions too.
    if (lie == kGreatLiar) {
        world.checkpoint();
    } else {
        world.check_settled(false);
    }
    report.finish(world);
    return report;
}

}  // namespace sim
