#include "sim/scenarios/scenario.h"

// A node crashes, the others go on, it comes back with what its disk held: after one exchange with
// a peer that agrees with the others its table is theirs (15).

namespace sim {
namespace {

constexpr Time kForm{30'000'000};

void write_some(World& world, std::uint32_t rows, std::uint64_t version) {
    for (std::uint32_t i = 0; i < rows; ++i) {
        const auto at = static_cast<std::uint32_t>(world.dice().below(world.size()));
        const auto key = static_cast<std::uint32_t>(world.dice().below(rows));
        SimNode& node = world.node(at);
        if (node.running()) node.put(instance_write(key, version + i, node.now()));
        world.run_for(Time{2000});
    }
}

// The peer of the exchange has an equal table. The others may still miss what only the disk of the
// crashed node had, but it misses nothing that they have.
void compare_with_peers(World& world, std::uint32_t back) {
    const gossip::Table& table = world.node(back).core().table();
    bool equal = world.size() == 1;
    for (std::uint32_t i = 0; i < world.size(); ++i) {
        const gossip::Table& other = world.node(i).core().table();
        equal |= i != back && other.fingerprint() == table.fingerprint();
        for (std::uint32_t slot = 0; slot < other.slots(); ++slot) {
            const gossip::Record* theirs = other.at(slot);
            if (theirs == nullptr) continue;
            const gossip::Record* ours = table.find(theirs->kind(), theirs->key());
            if (ours != nullptr && gossip::rank(*ours) >= gossip::rank(*theirs)) continue;
            world.checkers().fail({15, back, world.now(), std::string{theirs->key()},
                                   "misses what node " + std::to_string(i) +
                                       " has, after its reload and one exchange"});
        }
    }
    if (!equal) {
        world.checkers().fail(
            {15, back, world.now(), "", "equals no peer after its reload and one exchange"});
    }
}

}  // namespace

Report run_restart(const Options& options) {
    WorldOptions setup = world_options(options, 5);
    World world{setup};
    Report report{options};
    const std::uint32_t rows = options.rows.value_or(200);
    report.add("nodes", std::uint64_t{setup.nodes});
    report.add("rows", std::uint64_t{rows});
    report.expect(form(world, kForm), "the cluster did not form");
    write_some(world, rows, 0);

    const auto victim = static_cast<std::uint32_t>(world.dice().below(setup.nodes));
    // At once after a write, or with effects half done: what is not on the disk yet is lost.
    if (world.dice().below(2) == 0) {
        world.node(victim).crash_within_turn(static_cast<std::uint32_t>(world.dice().below(6)));
        world.run_until([&] { return !world.node(victim).running(); }, Time{5'000'000});
    }
    if (world.node(victim).running()) world.node(victim).crash();
    world.run_for(Time{static_cast<std::int64_t>(world.dice().below(12'000'000))});
    write_some(world, rows / 4, 1'000'000);
    world.run_until([&] { return world.agreed(); }, kForm);

    SimNode& node = world.node(victim);
    node.start();
    const Time start = world.now();
    report.add("rows_restored", std::uint64_t{node.core().table().size()});
    // Its own announcement, one exchange, and what that brings.
    const bool asked =
        world.run_until([&] { return node.core().counters().exchanges >= 1; }, Time{3'000'000});
    world.run_for(Time{300'000});
    report.expect(asked || setup.nodes < 2 || !world.ok(), "the node has asked nobody");
    report.add("back_ms", world.now() - start);
    if (setup.faults.loss_ppm == 0) compare_with_peers(world, victim);
    settle(world, report, kForm);
    world.check_settled(true);
    report.finish(world);
    return report;
}

}  // namespace sim
