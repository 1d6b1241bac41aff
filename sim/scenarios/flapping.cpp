#include <algorithm>

#include "sim/scenarios/scenario.h"
#include "sim/scenarios/watch.h"

// A few nodes freeze and continue again and again, for up to 6 s at a time. Nobody else may be
// called dead because of them, and when they have calmed down all are whole again.

namespace sim {
namespace {

constexpr std::uint32_t kFlapping = 6;
constexpr Time kBefore{2'000'000};
constexpr std::uint64_t kFrozenLeast = 500'000;  // us
constexpr std::uint64_t kFrozenMost = 6'000'000;
constexpr std::uint64_t kAwakeLeast = 1'000'000;
constexpr std::uint64_t kAwakeMost = 5'000'000;
constexpr Time kLimit{60'000'000};

// One node that freezes and continues until `end`.
void flap(World& world, Watch& watch, std::uint32_t node, Time end) {
    if (world.now() >= end) return;
    watch.pause(node);
    const auto frozen = kFrozenLeast + world.dice().below(kFrozenMost - kFrozenLeast);
    world.events().after(Time{static_cast<std::int64_t>(frozen)}, [&world, &watch, node, end] {
        watch.resume(node);
        const auto awake = kAwakeLeast + world.dice().below(kAwakeMost - kAwakeLeast);
        world.events().after(Time{static_cast<std::int64_t>(awake)},
                             [&world, &watch, node, end] { flap(world, watch, node, end); });
    });
}

}  // namespace

Report run_flapping(const Options& options) {
    WorldOptions setup = world_options(options, 50);
    setup.nodes = std::max<std::uint32_t>(setup.nodes, 3);
    setup.warm = true;
    World world{setup};
    Report report{options};
    Watch watch{world};
    const std::vector<std::uint32_t> flapping =
        some_nodes(world, std::min(kFlapping, setup.nodes / 3));
    report.add("nodes", std::uint64_t{setup.nodes});
    report.add("flapping", std::uint64_t{flapping.size()});
    world.run_for(kBefore);

    const Time start = world.now();
    const Time end = start + Time{60'000'000} * options.minutes.value_or(1);
    for (const std::uint32_t node : flapping) flap(world, watch, node, end);
    world.run_for(end - start);
    // Who is frozen at the end continues by itself within kFrozenMost.
    world.run_for(Time{static_cast<std::int64_t>(kFrozenMost)});
    settle(world, report, kLimit);

    std::uint64_t others_dead = 0;
    std::uint64_t others_suspected = 0;
    for (std::uint32_t i = 0; i < world.size(); ++i) {
        if (std::ranges::find(flapping, i) != flapping.end()) continue;
        others_dead += watch.verdicts_about(i).deaths;
        others_suspected += watch.verdicts_about(i).suspicions;
    }
    report.add("suspicions_seen", watch.verdicts().suspicions);
    report.add("deaths_seen", watch.verdicts().deaths);
    report.add("suspicions_of_others_seen", others_suspected);
    report.add("deaths_of_others_seen", others_dead);
    report.expect(others_dead == 0, "a node that did not flap was called dead");
    world.check_settled(true);

    BeliefPicture picture = picture_of(watch, flapping, start, start, world.now());
    picture.title = std::to_string(flapping.size()) + " nodes freeze and continue again and again";
    picture.axis = "seconds since the first one stopped";
    report.draw(std::move(picture));
    report.finish(world);
    return report;
}

}  // namespace sim
