#include <algorithm>

#include "sim/scenarios/scenario.h"
#include "sim/scenarios/watch.h"

// 16 nodes stop in the same moment for 8 s and continue, as when a host swaps or its hypervisor
// moves it. Whom do the others call dead, whom do those who slept accuse when they wake, and when
// is all as before?

namespace sim {
namespace {

constexpr std::uint32_t kFrozen = 16;
constexpr Time kBefore{3'000'000};
constexpr Time kFreeze{8'000'000};
constexpr Time kLimit{30'000'000};
constexpr Time kAfter{5'000'000};  // in which a late verdict would be seen

}  // namespace

Report run_frozen(const Options& options) {
    WorldOptions setup = world_options(options, 128);
    setup.nodes = std::max<std::uint32_t>(setup.nodes, 3);
    setup.warm = true;
    World world{setup};
    Report report{options};
    Watch watch{world};
    const std::vector<std::uint32_t> frozen = some_nodes(world, std::min(kFrozen, setup.nodes / 3));
    report.add("nodes", std::uint64_t{setup.nodes});
    report.add("frozen", std::uint64_t{frozen.size()});
    world.run_for(kBefore);

    const Time start = world.now();
    for (const std::uint32_t node : frozen) watch.pause(node);
    world.run_for(kFreeze);
    std::uint64_t dead = 0;
    for (const std::uint32_t node : frozen) dead += watch.burying(node) > 0;
    report.add("called_dead", dead);
    for (const std::uint32_t node : frozen) watch.resume(node);
    settle(world, report, kLimit);
    world.run_for(kAfter);
    report.add("suspicions_seen", watch.verdicts().suspicions);
    report.add("deaths_seen", watch.verdicts().deaths);
    report.add("false_suspicions_seen", watch.verdicts().false_suspicions);
    report.add("false_deaths_seen", watch.verdicts().false_deaths);
    report.expect(watch.verdicts().false_deaths == 0, "a node that ran was called dead");
    report.expect(world.whole() || !world.ok(), "the cluster did not stay whole");
    world.check_settled(true);

    BeliefPicture picture = picture_of(watch, frozen, start, start - Time{1'000'000},
                                       std::min(world.now(), start + (kFreeze * 3) / 2));
    picture.title = std::to_string(frozen.size()) + " nodes stop for 8 s at the same moment";
    picture.axis = "seconds since they stopped";
    report.draw(std::move(picture));
    report.finish(world);
    return report;
}

}  // namespace sim
