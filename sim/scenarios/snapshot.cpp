#include "sim/scenarios/scenario.h"

// A node with an empty table joins a cluster with a big one. When does it have everything, and how
// many bytes did it take, compared with the table's own?

namespace sim {
namespace {

constexpr Time kLimit{30'000'000};

std::uint64_t bytes_of(const gossip::Table& table) {
    std::uint64_t bytes = 0;
    for (std::uint32_t slot = 0; slot < table.slots(); ++slot) {
        if (const gossip::Record* row = table.at(slot)) bytes += row->bytes().size();
    }
    return bytes;
}

}  // namespace

Report run_snapshot(const Options& options) {
    WorldOptions setup = world_options(options, 5);
    setup.config.sketch_cells = 32'768;
    setup.nodes = std::max<std::uint32_t>(setup.nodes, 2);
    setup.warm = true;
    setup.cold_nodes = 1;
    setup.rows = options.rows.value_or(20'000);
    World world{setup};
    Report report{options};
    report.add("nodes", std::uint64_t{setup.nodes});
    report.add("rows", std::uint64_t{setup.rows});
    world.run_for(Time{500'000});

    const std::uint64_t datagram_bytes = world.network().traffic().all().bytes;
    SimNode& joiner = world.node(setup.nodes - 1);
    const Time start = world.now();
    joiner.start();
    const bool joined = world.run_until([&] { return world.whole(); }, kLimit);
    report.expect(joined || !world.ok(), "the joiner has not got everything");
    report.add("join_ms", world.now() - start);
    const auto table = static_cast<double>(bytes_of(joiner.core().table()));
    const auto used = static_cast<double>(world.streams().bytes() +
                                          world.network().traffic().all().bytes - datagram_bytes);
    report.add("table_bytes", table);
    report.add("bytes_used", used);
    report.add("bytes_per_table_byte", table > 0 ? used / table : 0.0);
    report.add("snapshots", world.sum(&gossip::Counters::snapshots_served));
    world.check_settled(true);
    report.finish(world);
    return report;
}

}  // namespace sim
