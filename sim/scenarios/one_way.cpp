#include <algorithm>

#include "sim/scenarios/scenario.h"
#include "sim/scenarios/watch.h"

// Links that carry one way only. One node sends and hears nothing, one hears and cannot send, one
// hears a part of the others, and a few pairs are cut in one direction. Whoever can be reached by
// most and reach most is well connected, and nobody may call it dead.

namespace sim {
namespace {

constexpr Time kBefore{2'000'000};
constexpr Time kLimit{60'000'000};
constexpr std::uint32_t kPairs = 4;

}  // namespace

Report run_one_way(const Options& options) {
    WorldOptions setup = world_options(options, 24);
    setup.nodes = std::max<std::uint32_t>(setup.nodes, 8);
    setup.warm = true;
    World world{setup};
    Report report{options};
    Watch watch{world};
    const std::vector<std::uint32_t> odd = some_nodes(world, 3);
    const std::uint32_t deaf = odd[0];
    const std::uint32_t mute = odd[1];
    const std::uint32_t hard_of_hearing = odd[2];
    report.add("nodes", std::uint64_t{setup.nodes});
    world.run_for(kBefore);

    watch.excuse(deaf);
    watch.excuse(mute);
    for (std::uint32_t i = 0; i < world.size(); ++i) {
        if (i != deaf) world.cut(i, deaf);
        if (i != mute) world.cut(mute, i);
        if (i != hard_of_hearing && world.dice().below(4) == 0) world.cut(i, hard_of_hearing);
    }
    for (std::uint32_t pair = 0; pair < kPairs; ++pair) {
        const std::vector<std::uint32_t> ends = some_nodes(world, 2);
        world.cut(ends[0], ends[1]);
    }
    world.run_for(Time{60'000'000} * options.minutes.value_or(1));
    report.add("deaf_called_dead_by", std::uint64_t{watch.burying(deaf)});
    report.add("mute_called_dead_by", std::uint64_t{watch.burying(mute)});
    const std::uint64_t by_the_deaf =
        world.node(deaf).core().members().count(gossip::MemberState::dead);
    report.add("called_dead_by_the_deaf", by_the_deaf);
    // The deaf may believe what it likes of others, as long as nobody follows it.
    std::uint64_t false_deaths = 0;
    for (std::uint32_t i = 0; i < world.size(); ++i) {
        if (i == deaf || i == mute) continue;
        const bool believed_by_the_deaf = believes(world, deaf, i, gossip::MemberState::dead);
        const std::uint64_t deaths = watch.verdicts_about(i).deaths;
        false_deaths += deaths - std::min<std::uint64_t>(deaths, believed_by_the_deaf ? 1 : 0);
    }
    report.add("false_suspicions_seen", watch.verdicts().false_suspicions);
    report.add("false_deaths_seen", false_deaths);
    report.expect(false_deaths == 0, "a well connected node was called dead");
    world.heal();
    settle(world, report, kLimit);
    world.check_settled(true);
    report.finish(world);
    return report;
}

}  // namespace sim
