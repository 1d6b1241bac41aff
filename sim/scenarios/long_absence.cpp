#include "sim/scenarios/scenario.h"

// Nodes that are away for longer than deletions are remembered: one was cut off and went on
// running, one was down with its disk. Meanwhile the others deleted rows and forgot the deletions.
// Nothing comes back to life (6), and all agree again. With --minutes M the horizon is the real one
// of 24 h, and the absence lasts for M minutes: 2880 are two days.

namespace sim {
namespace {

constexpr std::chrono::milliseconds kHorizon{60'000};  // G; everything below is in terms of it
constexpr Time kForm{30'000'000};

}  // namespace

Report run_long_absence(const Options& options) {
    WorldOptions setup = world_options(options, 6);
    setup.nodes = std::max<std::uint32_t>(setup.nodes, 3);
    if (!options.minutes) setup.config.horizon = kHorizon;
    const auto horizon = std::chrono::duration_cast<Time>(setup.config.horizon);
    World world{setup};
    Report report{options};
    const std::uint32_t rows = options.rows.value_or(60);
    report.add("nodes", std::uint64_t{setup.nodes});
    report.add("rows", std::uint64_t{rows});
    report.expect(form(world, kForm), "the cluster did not form");

    // Owners are all nodes, also those who are going to be away.
    for (std::uint32_t row = 0; row < rows; ++row) {
        SimNode& owner = world.node(row % setup.nodes);
        owner.put(instance_write(row, 0, owner.now()));
        world.run_for(Time{2'000});
    }
    world.run_until([&] { return world.agreed(); }, kForm);

    const std::uint32_t cut_off = setup.nodes - 1;
    const std::uint32_t down = setup.nodes - 2;
    world.partition({cut_off});
    world.node(down).crash();
    for (std::uint32_t row = 0; row < rows; row += 2) {
        SimNode& remover = world.node(row % (setup.nodes - 2));
        gossip::LocalWrite removal = instance_write(row, 0, remover.now());
        removal.tombstone = true;
        removal.timed_by_application = false;
        removal.value.clear();
        remover.put(removal);
        world.run_for(Time{2'000});
    }
    Time absence = horizon + horizon / 4 +
                   Time{static_cast<std::int64_t>(
                       world.dice().below(static_cast<std::uint64_t>(horizon.count())))};
    if (options.minutes) absence = Time{60'000'000} * *options.minutes;
    world.run_for(absence);
    report.add("absent_minutes", static_cast<std::uint64_t>(absence / std::chrono::minutes{1}));
    world.heal();
    world.node(down).start();
    settle(world, report, std::chrono::duration_cast<Time>(kHorizon));
    // Who lost its rows to the horizon has not got everything that was ever written.
    world.check_settled(true);
    std::uint64_t alive = 0;
    const gossip::Table& table = world.node(0).core().table();
    for (std::uint32_t row = 0; row < rows; ++row) {
        const std::string key = instance_write(row, 0, world.node(0).now()).key;
        const gossip::Record* found = table.find(gossip::RecordKind::instance, key);
        if (found != nullptr && !found->tombstone()) ++alive;
    }
    report.add("rows_alive", alive);
    report.finish(world);
    return report;
}

}  // namespace sim
