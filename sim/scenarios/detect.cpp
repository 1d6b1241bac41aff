#include <algorithm>

#include "gossip/membership.h"
#include "sim/scenarios/scenario.h"

// Who is alive: every node that runs should be believed alive, and one that is gone should not.

namespace sim {
namespace {

constexpr Time kLimit{30'000'000};
constexpr std::uint32_t kVictims = 5;

std::size_t believers(World& world, std::uint32_t about, gossip::MemberState state) {
    const gossip::NodeId id = world.node(about).identity().id;
    std::size_t count = 0;
    for (std::uint32_t i = 0; i < world.size(); ++i) {
        if (i == about || !world.node(i).running()) continue;
        const gossip::Member* member = world.node(i).core().members().find(id);
        if (member && member->state == state) ++count;
    }
    return count;
}

// From the moment that a machine is gone until the first and the last of the others know.
void measure_loss(World& world, Report& report, bool power) {
    std::vector<Time> first;
    std::vector<Time> last;
    for (std::uint32_t v = 0; v < kVictims && world.ok(); ++v) {
        const auto victim = static_cast<std::uint32_t>(world.dice().below(world.size()));
        if (!world.node(victim).running()) continue;
        world.run_for(Time{static_cast<std::int64_t>(world.dice().below(2'000'000))});
        const Time gone = world.now();
        if (power) {
            world.node(victim).lose_power();
        } else {
            world.node(victim).crash();
        }
        std::size_t running = 0;
        for (std::uint32_t i = 0; i < world.size(); ++i) running += world.node(i).running();
        const auto dead = [&] { return believers(world, victim, gossip::MemberState::dead); };
        const bool some = world.run_until([&] { return dead() > 0; }, kLimit, Time{10'000});
        first.push_back(world.now() - gone);
        const bool all = world.run_until([&] { return dead() == running; }, kLimit, Time{10'000});
        last.push_back(world.now() - gone);
        report.expect(some && all, "a machine that is gone was not found out within 30 s");
    }
    std::ranges::sort(first);
    std::ranges::sort(last);
    if (last.empty()) return;
    const std::string how = power ? "silent" : "killed";
    report.add(how + "_first_ms_median", first[first.size() / 2]);
    report.add(how + "_last_ms_median", last[last.size() / 2]);
    report.add(how + "_last_ms_worst", last.back());
}

}  // namespace

Report run_detect(const Options& options) {
    WorldOptions setup = world_options(options, 128);
    setup.warm = true;
    setup.config.sketch_cells = 256;
    World world{setup};
    Report report{options};
    report.add("nodes", std::uint64_t{setup.nodes});

    // What the living think of each other, for as long as rows / 60 minutes say.
    std::uint64_t suspicions = 0;
    std::uint64_t deaths = 0;
    world.on_publish = [&](const SimNode&, const gossip::Output& out) {
        for (const gossip::Event& event : out.events) {
            suspicions += event.kind == gossip::Event::Kind::member_suspect;
            deaths += event.kind == gossip::Event::Kind::member_dead;
        }
    };
    const std::uint32_t minutes = options.minutes.value_or(10);
    world.run_for(Time{60'000'000} * minutes);
    report.add("minutes", std::uint64_t{minutes});
    report.add("trials", world.sum(&gossip::Counters::trials));
    report.add("accusations", world.sum(&gossip::Counters::convictions));
    report.add("refutations", world.sum(&gossip::Counters::refutations));
    report.add("false_suspicions_seen", suspicions);
    report.add("false_deaths_seen", deaths);
    const auto all = world.network().traffic().all();
    const double per = static_cast<double>(setup.nodes) * minutes * 60;
    report.add("bytes_per_node_and_s", static_cast<double>(all.bytes) / per);
    report.add("datagrams_per_node_and_s", static_cast<double>(all.datagrams) / per);
    report.expect(deaths == 0, "a node that ran was called dead");
    world.on_publish = nullptr;

    measure_loss(world, report, false);
    measure_loss(world, report, true);
    report.finish(world);
    return report;
}

}  // namespace sim
