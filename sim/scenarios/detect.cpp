#include <algorithm>
#include <utility>

#include "sim/scenarios/scenario.h"
#include "sim/scenarios/watch.h"

// Who is alive: every node that runs should be believed alive, and one that is gone should not.

namespace sim {
namespace {

constexpr Time kLimit{30'000'000};
constexpr std::uint32_t kVictims = 5;
constexpr Time kLead{1'000'000};        // shown before a machine is lost
constexpr std::size_t kFalseLanes = 6;  // of nodes that were suspected wrongly: the first ones

// A machine that was lost, and when.
struct Loss {
    std::uint32_t node = 0;
    bool power = false;
    Time at{0};
    Time known{0};  // to the last of the others
};

// From the moment that a machine is gone until the first and the last of the others know.
void measure_loss(World& world, Watch& watch, Report& report, bool power,
                  std::vector<Loss>& losses) {
    std::vector<Time> first;
    std::vector<Time> last;
    for (std::uint32_t v = 0; v < kVictims && world.ok(); ++v) {
        const auto victim = static_cast<std::uint32_t>(world.dice().below(world.size()));
        if (!world.node(victim).running()) continue;
        world.run_for(Time{static_cast<std::int64_t>(world.dice().below(2'000'000))});
        const Time gone = world.now();
        if (power) {
            watch.lose_power(victim);
        } else {
            watch.crash(victim);
        }
        std::size_t running = 0;
        for (std::uint32_t i = 0; i < world.size(); ++i) running += world.node(i).running();
        const auto dead = [&] { return watch.burying(victim); };
        const bool some = world.run_until([&] { return dead() > 0; }, kLimit, Time{10'000});
        first.push_back(world.now() - gone);
        const bool all = world.run_until([&] { return dead() == running; }, kLimit, Time{10'000});
        last.push_back(world.now() - gone);
        losses.push_back({victim, power, gone, world.now()});
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

// Every lost machine since it was lost, then some that were suspected though they ran.
BeliefPicture draw(const Watch& watch, const std::vector<Loss>& losses) {
    BeliefPicture picture;
    picture.title = "How soon a lost machine is called dead, and who else is suspected";
    picture.axis = "seconds since it was lost, or first suspected";
    picture.believers = watch.size() - 1;
    picture.start = -kLead;
    picture.end = Time{5'000'000};
    for (const Loss& loss : losses) {
        picture.end = std::max(picture.end, loss.known - loss.at + kLead);
    }
    const auto add = [&](std::uint32_t node, Time zero, const char* what) {
        auto lane = lane_of(watch, node, zero, zero + picture.start, zero + picture.end);
        lane.name += what;
        picture.lanes.push_back(std::move(lane));
    };
    for (const Loss& loss : losses) add(loss.node, loss.at, loss.power ? " silent" : " killed");
    for (std::uint32_t i = 0;
         i < watch.size() && picture.lanes.size() < losses.size() + kFalseLanes; ++i) {
        if (watch.verdicts_about(i).false_suspicions == 0) continue;
        add(i, watch.history(i)[1].at, " runs");
    }
    return picture;
}

}  // namespace

Report run_detect(const Options& options) {
    WorldOptions setup = world_options(options, 128);
    setup.warm = true;
    setup.config.sketch_cells = 256;
    World world{setup};
    Report report{options};
    report.add("nodes", std::uint64_t{setup.nodes});

    // What the living think of each other.
    Watch watch{world};
    const std::uint32_t minutes = options.minutes.value_or(10);
    world.run_for(Time{60'000'000} * minutes);
    report.add("minutes", std::uint64_t{minutes});
    report.add("trials", world.sum(&gossip::Counters::trials));
    report.add("accusations", world.sum(&gossip::Counters::convictions));
    report.add("refutations", world.sum(&gossip::Counters::refutations));
    report.add("false_suspicions_seen", watch.verdicts().suspicions);
    report.add("false_deaths_seen", watch.verdicts().deaths);
    const auto all = world.network().traffic().all();
    const double per = static_cast<double>(setup.nodes) * minutes * 60;
    report.add("bytes_per_node_and_s", static_cast<double>(all.bytes) / per);
    report.add("datagrams_per_node_and_s", static_cast<double>(all.datagrams) / per);
    report.expect(watch.verdicts().deaths == 0, "a node that ran was called dead");

    std::vector<Loss> losses;
    measure_loss(world, watch, report, false, losses);
    measure_loss(world, watch, report, true, losses);
    report.draw(draw(watch, losses));
    report.finish(world);
    return report;
}

}  // namespace sim
