#include "sim/scenarios/scenario.h"

// N nodes start within a second of each other and know nothing but a seed. Until when do all know
// all, and at what cost?

namespace sim {
namespace {

constexpr Time kStartWithin{1'000'000};
constexpr Time kLimit{60'000'000};

}  // namespace

Report run_join(const Options& options) {
    WorldOptions setup = world_options(options, 50);
    World world{setup};
    Report report{options};
    report.add("nodes", std::uint64_t{setup.nodes});
    for (std::uint32_t i = 0; i < setup.nodes; ++i) {
        const Time at{static_cast<std::int64_t>(
            world.dice().below(static_cast<std::uint64_t>(kStartWithin.count())))};
        world.events().at(at, [&world, i] { world.node(i).start(); });
    }
    world.run_for(kStartWithin);
    settle(world, report, kLimit);
    const double nodes = static_cast<double>(setup.nodes);
    report.add("datagrams_per_node",
               static_cast<double>(world.network().traffic().all().datagrams) / nodes);
    report.add("bytes_per_node",
               static_cast<double>(world.network().traffic().all().bytes) / nodes);
    report.add("seed_bytes", world.network().traffic(0).all().bytes);
    world.check_settled(true);
    if (setup.faults.loss_ppm == 0) measure_idle(world, report, 20);
    report.finish(world);
    return report;
}

}  // namespace sim
