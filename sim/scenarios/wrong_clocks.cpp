#include "sim/scenarios/scenario.h"

// Nodes boot with wall clocks that are minutes off: one of them ahead or behind, a minority, or
// all, each another way. Applications register before anybody has told their node what time it is.
// The cluster forms, agrees about the time, and what is written from then on gets everywhere at
// once; what was stamped too far ahead when its time has come. Then, if most were right, all are
// put right, and the nodes start again.

namespace sim {
namespace {

constexpr Time kAlone{500'000};
constexpr Time kForm{60'000'000};
constexpr Time kAgree{30'000'000};
constexpr Time kSoon{3'000'000};
constexpr std::int64_t kWrong = 300'000;  // ms
constexpr std::uint32_t kRows = 20;       // each node

struct Clocks {
    std::uint32_t wrong = 0;  // nodes
    bool alike = false;       // exactly kWrong off, else by anything up to that
};

Clocks clocks_of(std::uint64_t seed, std::uint32_t nodes) {
    switch (seed % 3) {
        case 0:
            return {1, true};
        case 1:
            return {(nodes - 1) / 2, false};
        default:
            return {nodes, false};
    }
}

// Each node's own rows, of one generation.
gossip::LocalWrite row_of(World& world, std::uint32_t node, std::uint32_t row, std::uint32_t gen) {
    const std::uint32_t number = (gen * world.size() + node) * kRows + row;
    gossip::LocalWrite w = instance_write(number, gen, world.node(node).now());
    w.timed_by_application = false;
    return w;
}

void write_all(World& world, std::uint32_t gen) {
    for (std::uint32_t i = 0; i < world.size(); ++i) {
        for (std::uint32_t row = 0; row < kRows; ++row) {
            world.node(i).put(row_of(world, i, row, gen));
        }
    }
}

// Of the rows that node `of` wrote, how many are not at node `at`.
std::uint64_t missing(World& world, std::uint32_t at, std::uint32_t of, std::uint32_t gen) {
    std::uint64_t count = 0;
    for (std::uint32_t i = 0; i < kRows; ++i) {
        const gossip::LocalWrite w = row_of(world, of, i, gen);
        const gossip::Record* row =
            world.node(at).core().table().find(gossip::RecordKind::instance, w.key);
        if (row == nullptr || row->fields().value != w.value) ++count;
    }
    return count;
}

// Everybody knows that everybody lives.
bool met(World& world) {
    for (std::uint32_t i = 0; i < world.size(); ++i) {
        if (world.node(i).core().members().count(gossip::MemberState::alive) < world.size()) {
            return false;
        }
    }
    return true;
}

void expect_all(World& world, Report& report, std::uint32_t gen, const char* when) {
    std::uint64_t lost = 0;
    for (std::uint32_t at = 0; at < world.size(); ++at) {
        for (std::uint32_t of = 0; of < world.size(); ++of) lost += missing(world, at, of, gen);
    }
    report.expect(lost == 0 || !world.ok(),
                  std::to_string(lost) + " rows are missing somewhere " + when);
}

}  // namespace

Report run_wrong_clocks(const Options& options) {
    WorldOptions setup = world_options(options, 5);
    setup.seeds = std::min<std::uint32_t>(3, setup.nodes);
    World world{setup};
    Report report{options};
    const Clocks clocks = clocks_of(options.seed, setup.nodes);
    std::vector<std::int64_t> steps(setup.nodes, 0);
    for (const std::uint32_t i : some_nodes(world, clocks.wrong)) {
        const auto any = static_cast<std::int64_t>(world.dice().below(2 * kWrong + 1)) - kWrong;
        steps[i] = !clocks.alike ? any : any < 0 ? -kWrong : kWrong;
        world.node(i).step_wall(steps[i]);
    }
    report.add("nodes", std::uint64_t{setup.nodes});
    report.add("wrong_clocks", std::uint64_t{clocks.wrong});

    world.start_all();
    write_all(world, 0);
    world.run_for(Time{static_cast<std::int64_t>(world.dice().below(kAlone.count()))});
    const Time began = world.now();
    report.expect(world.run_until([&world] { return met(world); }, kForm),
                  "the nodes have not met");
    report.add("met_ms", static_cast<double>((world.now() - began).count()) / 1'000);
    world.run_for(kAgree);
    write_all(world, 1);
    world.run_for(kSoon);
    expect_all(world, report, 1, "though their clocks were right by then");
    report.add("from_future", world.sum(&gossip::Counters::from_future));
    settle(world, report, Time{2 * kWrong * 1'000});
    expect_all(world, report, 0, "when their time has come");
    // A cluster whose time goes back as a whole waits until it has caught up.
    if (clocks.wrong < setup.nodes) {
        for (std::uint32_t i = 0; i < setup.nodes; ++i) world.node(i).step_wall(-steps[i]);
        for (std::uint32_t i = 0; i < setup.nodes; ++i) world.node(i).lose_power();
        report.expect(form(world, kForm), "the cluster did not form again");
        settle(world, report, kAgree);
        expect_all(world, report, 1, "after a restart with clocks that are right");
    }
    world.check_settled(true);
    report.finish(world);
    return report;
}

}  // namespace sim
