#include "gossip/table.h"
#include "sim/scenarios/scenario.h"

// Two halves that do not hear each other, `rows` writes on each side, heal. How long until all
// agree, and how many bytes does it take, compared with those that were missing? With two nodes the
// cost of control is that of decoding one difference, so that invariant 9 can be checked.

namespace sim {
namespace {

constexpr Time kForm{30'000'000};
constexpr Time kApart{15'000'000};  // long enough for each half to declare the other dead

std::uint64_t control_bytes(const World& world) {
    return world.sum(&gossip::Counters::repair_control_bytes_out) + world.streams().control_bytes();
}

// d differing digests cost d digests and 12 B for each of 1.8 d cells, besides a few datagrams.
void check_control_bytes(World& world, Report& report, std::uint64_t differences,
                         std::uint64_t control) {
    const std::uint32_t cells = world.config().sketch_cells;
    const std::uint64_t rows = world.node(0).core().table().size();
    const double d = static_cast<double>(differences);
    constexpr double kFixed = 2 * 1232 + 4 * 96 * 12;  // a wide DIFF, and the members' own rows
    double most = 12 * 1.8 * d + 8 * d + kFixed;
    if (d > cells / 1.4) most = 12.0 * cells + 8.0 * static_cast<double>(rows) + kFixed;
    report.add("control_bytes_allowed", most);
    if (static_cast<double>(control) > most) {
        world.checkers().fail({9, kNobody, world.now(), "",
                               std::to_string(control) + " B of control for " +
                                   std::to_string(differences) + " differences"});
    }
}

// Bytes of rows that `to` has to get from `from` to hold the newest version of each.
std::uint64_t bytes_missing(const gossip::Table& to, const gossip::Table& from) {
    std::uint64_t bytes = 0;
    for (std::uint32_t slot = 0; slot < from.slots(); ++slot) {
        const gossip::Record* theirs = from.at(slot);
        if (theirs == nullptr) continue;
        const gossip::Record* ours = to.find(theirs->kind(), theirs->key());
        if (ours == nullptr || rank(*ours) < rank(*theirs)) bytes += theirs->bytes().size();
    }
    return bytes;
}

}  // namespace

Report run_partition(const Options& options) {
    WorldOptions setup = world_options(options, 10);
    setup.seeds = std::min<std::uint32_t>(2, setup.nodes);
    setup.config.sketch_cells = 32'768;
    World world{setup};
    Report report{options};
    const std::uint32_t rows = options.rows.value_or(100);
    report.add("nodes", std::uint64_t{setup.nodes});
    report.add("rows_per_side", std::uint64_t{rows});
    report.expect(form(world, kForm), "the cluster did not form");

    std::vector<std::uint32_t> island;
    for (std::uint32_t i = setup.nodes / 2; i < setup.nodes; ++i) island.push_back(i);
    world.partition(island);
    world.run_for(kApart / 3);
    for (std::uint32_t row = 0; row < 2 * rows; ++row) {
        const std::uint32_t half = row % 2;
        const std::uint64_t members = half == 0 ? setup.nodes / 2 : island.size();
        if (members == 0) continue;
        const auto at = static_cast<std::uint32_t>(world.dice().below(members)) +
                        (half == 0 ? 0 : setup.nodes / 2);
        // Every tenth key is written on both sides.
        const std::uint32_t key = row % 20 < 2 ? row / 20 : 10'000 + row;
        world.node(at).put(instance_write(key, row, world.node(at).now()));
        world.run_for(Time{1000});
    }
    world.run_for(kApart);
    report.expect(setup.nodes < 2 || rows == 0 || !world.agreed(),
                  "the halves agree although they are apart");

    // Every node of a half misses what the other half has.
    const gossip::Table& left = world.node(0).core().table();
    const gossip::Table& right = world.node(setup.nodes - 1).core().table();
    const std::uint64_t missing = (bytes_missing(left, right) * (setup.nodes - island.size())) +
                                  (bytes_missing(right, left) * island.size());

    const std::uint64_t control = control_bytes(world);
    const std::uint64_t datagram_bytes = world.network().traffic().all().bytes;
    const std::uint64_t stream_bytes = world.streams().bytes();
    world.heal();
    settle(world, report, Time{60'000'000});
    const std::uint64_t control_used = control_bytes(world) - control;
    report.add("control_bytes", control_used);
    const std::uint64_t datagrams_used = world.network().traffic().all().bytes - datagram_bytes;
    const std::uint64_t streams_used = world.streams().bytes() - stream_bytes;
    report.add("datagram_bytes", datagrams_used);
    report.add("stream_bytes", streams_used);
    report.add("missing_bytes", missing);
    const double used = static_cast<double>(datagrams_used + streams_used);
    report.add("repair_bytes_per_missing_byte",
               missing > 0 ? used / static_cast<double>(missing) : 0.0);
    if (setup.nodes == 2 && setup.faults.loss_ppm == 0) {
        check_control_bytes(world, report, 2ULL * rows, control_used);
    }
    world.check_settled(true);
    report.finish(world);
    return report;
}

}  // namespace sim
