#include "sim/scenarios/scenario.h"

// Nodes that agree and have nothing to do: what they cost each other (8).

namespace sim {

Report run_idle(const Options& options) {
    WorldOptions setup = world_options(options, 20);
    setup.warm = true;
    setup.rows = options.rows.value_or(10'000);
    World world{setup};
    Report report{options};
    report.add("nodes", std::uint64_t{setup.nodes});
    report.add("rows", std::uint64_t{setup.rows});
    world.run_for(std::chrono::duration_cast<Time>(setup.config.interval) * 2);
    measure_idle(world, report, 50);
    world.checkpoint();
    report.finish(world);
    return report;
}

}  // namespace sim
