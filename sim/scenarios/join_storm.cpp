#include <algorithm>

#include "sim/scenarios/scenario.h"

// All nodes start in the same instant, as after a power cut, and know nothing but the seeds. Until
// when does each of them know all, and does anybody stall?

namespace sim {
namespace {

constexpr Time kLimit{60'000'000};
constexpr Time kLook{5'000};
constexpr std::int64_t kStallPeriods = 10;  // who needs more of them than the median has stalled

}  // namespace

Report run_join_storm(const Options& options) {
    WorldOptions setup = world_options(options, 100);
    setup.seeds = std::min<std::uint32_t>(3, setup.nodes);
    World world{setup};
    Report report{options};
    report.add("nodes", std::uint64_t{setup.nodes});
    world.start_all();

    std::vector<Time> joined(setup.nodes, kLimit);
    const auto knows_all = [&](std::uint32_t i) {
        return world.node(i).core().members().count(gossip::MemberState::alive) == setup.nodes;
    };
    world.run_until(
        [&] {
            for (std::uint32_t i = 0; i < setup.nodes; ++i) {
                if (joined[i] == kLimit && knows_all(i)) joined[i] = world.now();
            }
            return std::ranges::count(joined, kLimit) == 0;
        },
        kLimit, kLook);
    settle(world, report, kLimit);
    std::ranges::sort(joined);
    const Time median = joined[joined.size() / 2];
    report.add("knows_all_ms_median", median);
    report.add("knows_all_ms_last", joined.back());
    const auto stall = std::chrono::duration_cast<Time>(setup.config.interval) * kStallPeriods;
    report.expect(joined.back() <= median + stall || !world.ok(),
                  "a node stalled: it knew the others much later than most did");
    const auto all = world.network().traffic().all();
    report.add("bytes_per_node", static_cast<double>(all.bytes) / setup.nodes);
    report.add("seed_bytes", world.network().traffic(0).all().bytes);
    report.add("stream_bytes", world.streams().bytes());
    world.check_settled(true);
    report.finish(world);
    return report;
}

}  // namespace sim
