#include "sim/scenarios/scenario.h"
#include "sim/scenarios/watch.h"

// A release: one node after the other leaves or is killed, is away for a moment and comes back with
// its disk, while applications go on writing. Nobody that runs is called dead, and all agree.

namespace sim {
namespace {

constexpr Time kForm{30'000'000};
constexpr Time kLimit{30'000'000};
constexpr Time kLinger{700'000};                 // of a node that leaves
constexpr std::uint64_t kDownMost = 5'000'000;   // us
constexpr std::uint64_t kReadyMost = 2'000'000;  // us from its start to the next one's turn
constexpr Time kBetweenWrites{20'000};
constexpr std::uint32_t kKeys = 200;

class Release {
  public:
    Release(World& world, Watch& watch) : world_(world), watch_(watch) {}

    void restart(std::uint32_t node) {
        watch_.excuse(node);
        if (world_.dice().below(2) == 0) {
            leaving_ = node;
            world_.node(node).leave();
            write_for(kLinger);
            leaving_ = kNobody;
        }
        watch_.crash(node);
        write_for(Time{static_cast<std::int64_t>(world_.dice().below(kDownMost))});
        watch_.start(node);
        write_for(Time{static_cast<std::int64_t>(world_.dice().below(kReadyMost))});
    }

  private:
    void write_for(Time duration) {
        const Time end = world_.now() + duration;
        while (world_.now() < end && world_.ok()) {
            const auto at = static_cast<std::uint32_t>(world_.dice().below(world_.size()));
            SimNode& node = world_.node(at);
            if (node.running() && at != leaving_) {
                const auto key = static_cast<std::uint32_t>(world_.dice().below(kKeys));
                node.put(instance_write(key, ++version_, node.now()));
            }
            world_.run_for(kBetweenWrites);
        }
    }

    World& world_;
    Watch& watch_;
    std::uint32_t leaving_ = kNobody;
    std::uint64_t version_ = 0;
};

}  // namespace

Report run_rolling_restart(const Options& options) {
    WorldOptions setup = world_options(options, 12);
    setup.seeds = std::min<std::uint32_t>(3, setup.nodes);
    World world{setup};
    Report report{options};
    report.add("nodes", std::uint64_t{setup.nodes});
    report.expect(form(world, kForm), "the cluster did not form");
    Watch watch{world};
    Release release{world, watch};
    const Time start = world.now();
    for (std::uint32_t i = 0; i < world.size() && world.ok(); ++i) release.restart(i);
    report.add("release_ms", world.now() - start);
    settle(world, report, kLimit);
    report.add("deaths_seen", watch.verdicts().deaths);
    report.add("false_suspicions_seen", watch.verdicts().false_suspicions);
    report.add("false_deaths_seen", watch.verdicts().false_deaths);
    report.expect(watch.verdicts().false_deaths == 0, "a node that ran was called dead");
    world.check_settled(true);
    report.finish(world);
    return report;
}

}  // namespace sim
