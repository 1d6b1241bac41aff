#include <algorithm>
#include <utility>

#include "sim/scenarios/scenario.h"

// One update in N nodes that agree. How long until half, 99 % and all of them have it, and what it
// costs. Nodes share their base table, so that N may be 100,000.

namespace sim {
namespace {

constexpr std::uint32_t kOwnCells = 256;  // 3 kB per node; one update needs 16
constexpr Time kSettling{20'000};         // of the start, before the update
constexpr std::int64_t kPeriods = 30;     // after which the update counts as lost

Time quantile(const std::vector<Time>& sorted, std::size_t percent) {
    return sorted[(sorted.size() * percent + 99) / 100 - 1];
}

void add_times(Report& report, std::vector<Time>& times, double interval_ms) {
    if (times.empty()) return;
    std::ranges::sort(times);
    report.add("t50_ms", quantile(times, 50));
    report.add("t99_ms", quantile(times, 99));
    report.add("t100_ms", times.back());
    report.add("rounds", static_cast<double>(times.back().count()) / 1000 / interval_ms);
}

}  // namespace

Report run_spread(const Options& options) {
    WorldOptions setup = world_options(options, 1000);
    setup.config.sketch_cells = kOwnCells;
    setup.warm = true;
    setup.rows = options.rows.value_or(0);
    World world{setup};
    Report report{options};
    report.add("nodes", std::uint64_t{setup.nodes});
    report.add("loss", static_cast<double>(setup.faults.loss_ppm) / 1e6);
    world.run_for(kSettling);

    const auto writer = static_cast<std::uint32_t>(world.dice().below(setup.nodes));
    const gossip::LocalWrite write = instance_write(9'000, 1, world.node(writer).now());
    const Time start = world.now();
    std::vector<Time> times;
    world.on_publish = [&](const SimNode&, const gossip::Output& out) {
        const auto is_it = [&](const gossip::Record& r) { return r.key() == write.key; };
        if (std::ranges::any_of(out.durable, is_it) || std::ranges::any_of(out.behind, is_it)) {
            times.push_back(world.now() - start);
        }
    };
    const Traffic before = world.network().traffic();
    const gossip::PutResult put = world.node(writer).put(write);
    const auto interval = std::chrono::duration_cast<Time>(setup.config.interval);
    const bool everywhere = world.run_until([&] { return times.size() >= setup.nodes; },
                                            interval * kPeriods, Time{100});
    report.expect(everywhere || !world.ok(), "the update has not reached every node");
    // The last copies are still under way or wait to be sent.
    world.run_for(setup.faults.hop * 40);

    add_times(report, times, static_cast<double>(setup.config.interval.count()));
    const auto nodes = static_cast<double>(setup.nodes);
    const Traffic used = world.network().traffic() - before;
    const Traffic::Count puts = used.of(gossip::MessageType::put);
    const std::uint64_t copies = world.checkers().copies(put.current.digest());
    report.add("record_bytes", std::uint64_t{put.current.bytes().size()});
    report.add("reached", std::uint64_t{times.size()});
    report.add("copies_per_node", static_cast<double>(copies) / nodes);
    report.add("put_bytes_per_node", static_cast<double>(puts.bytes) / nodes);
    report.add("all_bytes_per_node", static_cast<double>(used.all().bytes) / nodes);
    report.draw(SpreadPicture{setup.nodes, std::move(times)});
    report.finish(world);
    return report;
}

}  // namespace sim
