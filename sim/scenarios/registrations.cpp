#include "sim/scenarios/scenario.h"

// Very many applications register, some of them change, some leave again, all within seconds and at
// whatever node they find. How long after the last write do all nodes agree, and at what cost?

namespace sim {
namespace {

constexpr Time kForm{30'000'000};
constexpr Time kLimit{120'000'000};
constexpr std::uint32_t kPerMillisecond = 5;

}  // namespace

Report run_registrations(const Options& options) {
    WorldOptions setup = world_options(options, 3);
    setup.config.sketch_cells = 32'768;
    World world{setup};
    Report report{options};
    const std::uint32_t rows = options.rows.value_or(100'000);
    report.add("nodes", std::uint64_t{setup.nodes});
    report.add("rows", std::uint64_t{rows});
    report.expect(form(world, kForm), "the cluster did not form");

    std::uint64_t accepted = 0;
    std::uint64_t writes = 0;
    const auto put = [&](gossip::LocalWrite (*make)(std::uint32_t, std::uint64_t, gossip::Now),
                         std::uint32_t row) {
        SimNode& node = world.node(static_cast<std::uint32_t>(world.dice().below(world.size())));
        const gossip::PutResult result = node.put(make(row, writes, node.now()));
        accepted += result.status == gossip::PutStatus::created ||
                    result.status == gossip::PutStatus::updated;
        if (++writes % kPerMillisecond == 0) world.run_for(Time{1000});
    };
    const auto removal = [](std::uint32_t row, std::uint64_t version, gossip::Now now) {
        gossip::LocalWrite w = instance_write(row, version, now);
        w.tombstone = true;
        w.timed_by_application = false;
        w.value.clear();
        return w;
    };
    const Time start = world.now();
    for (std::uint32_t row = 0; row < rows && world.ok(); ++row) {
        put(instance_write, row);
        // Somebody who came earlier changes, or leaves.
        if (row % 10 == 9) {
            const auto earlier = static_cast<std::uint32_t>(world.dice().below(row));
            if (world.dice().below(2) == 0) {
                put(instance_write, earlier);
            } else {
                put(removal, earlier);
            }
        }
    }
    report.add("writing_ms", world.now() - start);
    settle(world, report, kLimit);
    const auto bytes = world.network().traffic().all().bytes + world.streams().bytes();
    report.add("writes", writes);
    report.add("accepted", accepted);
    report.add("table_rows", std::uint64_t{world.node(0).core().table().size()});
    report.add("bytes_per_write_and_node",
               static_cast<double>(bytes) / static_cast<double>(writes + 1) / setup.nodes);
    report.add("stream_bytes", world.streams().bytes());
    report.add("egress_limited", world.sum(&gossip::Counters::egress_limited));
    world.check_settled(true);
    report.finish(world);
    return report;
}

}  // namespace sim
