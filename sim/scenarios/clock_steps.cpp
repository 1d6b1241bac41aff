#include "sim/scenarios/scenario.h"
#include "sim/scenarios/watch.h"

// The wall clocks of some nodes, less than half of all, step by an hour, one way or the other, and
// are put right later. Rows are written and deleted everywhere meanwhile. Nothing comes back to
// life, nobody is called dead, and in the end all agree: at the latest when an hour has passed, for
// until then a row may lie further in the future than the others merge.

namespace sim {
namespace {

constexpr Time kForm{30'000'000};
constexpr std::int64_t kHour = 3'600'000;  // ms
constexpr std::int64_t kWrong = 2;         // of 5 nodes
constexpr int kSteps = 300;
constexpr std::uint32_t kKeys = 40;
constexpr std::uint64_t kPauseMost = 200'000;  // us between two writes
constexpr Time kLimit = Time{3'600'000'000} + Time{300'000'000};

void write(World& world, std::uint64_t version) {
    SimNode& node = world.node(static_cast<std::uint32_t>(world.dice().below(world.size())));
    const auto key = static_cast<std::uint32_t>(world.dice().below(kKeys));
    gossip::LocalWrite w = instance_write(key, version, node.now());
    w.tombstone = world.dice().below(3) == 0;
    w.timed_by_application = world.dice().below(2) == 0;
    node.put(w);
}

}  // namespace

Report run_clock_steps(const Options& options) {
    WorldOptions setup = world_options(options, 7);
    World world{setup};
    Report report{options};
    Watch watch{world};
    const std::vector<std::uint32_t> wrong = some_nodes(world, setup.nodes * kWrong / 5);
    report.add("nodes", std::uint64_t{setup.nodes});
    report.add("stepping", std::uint64_t{wrong.size()});
    report.expect(form(world, kForm), "the cluster did not form");

    std::vector<std::int64_t> steps;
    steps.reserve(wrong.size());
    for (std::size_t i = 0; i < wrong.size(); ++i) {
        steps.push_back(world.dice().below(2) == 0 ? kHour : -kHour);
    }
    for (int step = 0; step < kSteps && world.ok(); ++step) {
        for (std::size_t i = 0; i < wrong.size(); ++i) {
            if (step == kSteps / 4) world.node(wrong[i]).step_wall(steps[i]);
            if (step == kSteps * 3 / 4) world.node(wrong[i]).step_wall(-steps[i]);
        }
        write(world, static_cast<std::uint64_t>(step));
        world.run_for(Time{static_cast<std::int64_t>(world.dice().below(kPauseMost))});
        if (step % 20 == 0) world.checkpoint();
    }
    settle(world, report, kLimit);
    report.add("from_future", world.sum(&gossip::Counters::from_future));
    report.add("false_suspicions_seen", watch.verdicts().suspicions);
    report.add("false_deaths_seen", watch.verdicts().deaths);
    report.expect(watch.verdicts().deaths == 0, "a node was called dead for its clock");
    world.check_settled(false);
    report.finish(world);
    return report;
}

}  // namespace sim
