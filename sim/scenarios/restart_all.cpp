#include <map>

#include "sim/scenarios/scenario.h"

// The power goes in the middle of writing: every process ends at once, some of them within a turn,
// and all come back with their disks. Nothing that was acknowledged is lost, on any node.

namespace sim {
namespace {

constexpr Time kForm{30'000'000};
constexpr Time kLimit{60'000'000};
constexpr std::uint64_t kDownMost = 20'000'000;  // us
constexpr std::uint64_t kApartMost = 2'000'000;  // us between the first start and the last
constexpr std::uint64_t kBetweenMost = 2'000;    // us between writes

using Acknowledged = std::map<std::string, gossip::Rank>;  // the newest version of each key

void write(World& world, std::uint32_t keys, std::uint64_t version, Acknowledged& acknowledged) {
    SimNode& node = world.node(static_cast<std::uint32_t>(world.dice().below(world.size())));
    if (!node.running()) return;
    const auto key = static_cast<std::uint32_t>(world.dice().below(keys));
    gossip::LocalWrite w = instance_write(key, version, node.now());
    w.tombstone = world.dice().below(8) == 0;
    w.timed_by_application = !w.tombstone;
    const gossip::PutResult result = node.put(w);
    const bool accepted =
        result.status == gossip::PutStatus::created || result.status == gossip::PutStatus::updated;
    if (!accepted || !node.running()) return;
    gossip::Rank& newest = acknowledged[w.key];
    newest = std::max(newest, rank(result.current));
}

// Acknowledged versions that a node has neither, nor newer ones.
std::uint64_t missing(const gossip::Table& table, const Acknowledged& acknowledged) {
    std::uint64_t count = 0;
    for (const auto& [key, newest] : acknowledged) {
        const gossip::Record* row = table.find(gossip::RecordKind::instance, key);
        if (row == nullptr || rank(*row) < newest) ++count;
    }
    return count;
}

}  // namespace

Report run_restart_all(const Options& options) {
    WorldOptions setup = world_options(options, 9);
    setup.seeds = std::min<std::uint32_t>(3, setup.nodes);
    World world{setup};
    Report report{options};
    const std::uint32_t rows = options.rows.value_or(2'000);
    report.add("nodes", std::uint64_t{setup.nodes});
    report.expect(form(world, kForm), "the cluster did not form");

    Acknowledged acknowledged;
    for (std::uint32_t i = 0; i < rows && world.ok(); ++i) {
        if (i + 20 == rows) {  // these may die between the disk and the network
            for (const std::uint32_t node : some_nodes(world, setup.nodes / 3)) {
                const auto effects = static_cast<std::uint32_t>(world.dice().below(5));
                world.node(node).crash_within_turn(effects);
            }
        }
        write(world, rows / 2 + 1, i, acknowledged);
        world.run_for(Time{static_cast<std::int64_t>(world.dice().below(kBetweenMost))});
    }
    for (std::uint32_t i = 0; i < world.size(); ++i) {
        if (world.node(i).running()) world.node(i).lose_power();
    }
    world.run_for(Time{static_cast<std::int64_t>(world.dice().below(kDownMost))});
    for (std::uint32_t i = 0; i < world.size(); ++i) {
        world.events().after(Time{static_cast<std::int64_t>(world.dice().below(kApartMost))},
                             [&world, i] { world.node(i).start(); });
    }
    world.run_for(Time{static_cast<std::int64_t>(kApartMost)});
    settle(world, report, kLimit);
    std::uint64_t lost = 0;
    for (std::uint32_t i = 0; i < world.size(); ++i) {
        lost += missing(world.node(i).core().table(), acknowledged);
    }
    report.add("acknowledged_keys", std::uint64_t{acknowledged.size()});
    report.add("acknowledged_and_lost", lost);
    report.expect(lost == 0 || !world.ok(), "a write that was acknowledged is lost");
    world.check_settled(true);
    report.finish(world);
    return report;
}

}  // namespace sim
