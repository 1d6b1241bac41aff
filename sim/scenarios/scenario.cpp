#include "sim/scenarios/scenario.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>

namespace sim {
namespace {

constexpr std::array kScenarios{
    Scenario{"spread", "one update in a cluster that agrees: time, copies and bytes", run_spread,
             true},
    Scenario{"join", "all nodes start together and find each other through a seed", run_join},
    Scenario{"partition", "two halves, writes on both sides, heal", run_partition},
    Scenario{"churn", "random writes and faults with every checker, then peace", run_churn},
    Scenario{"restart", "a crash, a reload from disk, one exchange", run_restart},
    Scenario{"long_absence", "nodes away for longer than deletions are remembered",
             run_long_absence},
    Scenario{"snapshot", "a node joins a cluster with a big table", run_snapshot},
    Scenario{"skew", "clocks that are wrong, run fast or slow, and step", run_skew},
    Scenario{"idle", "a cluster that agrees and has nothing to do", run_idle},
    Scenario{"detect", "who is called dead: nobody that runs, and soon who does not", run_detect,
             true},
    Scenario{"join_storm", "all nodes start in the same instant, and nobody stalls",
             run_join_storm},
    Scenario{"flapping", "some nodes freeze and continue again and again", run_flapping, true},
    Scenario{"frozen", "16 nodes stop for 8 s at the same moment", run_frozen, true},
    Scenario{"one_way", "nodes that only send or only hear, links that carry one way", run_one_way},
    Scenario{"clock_steps", "wall clocks step by an hour while rows come and go", run_clock_steps},
    Scenario{"wrong_clocks", "nodes boot with clocks that are minutes off", run_wrong_clocks},
    Scenario{"restart_all", "everything crashes at once and restarts from disk", run_restart_all},
    Scenario{"rolling_restart", "one node after the other restarts while writes go on",
             run_rolling_restart},
    Scenario{"registrations", "many thousands register, change and leave", run_registrations},
    Scenario{"soak", "one world of a soak: random faults of all kinds", run_soak_world},
    Scenario{"rollout", "v1 to v2 to v3, v3 before v1 is empty; nobody loses his session",
             run_rollout},
    Scenario{"rollout_partition", "v2 is promoted while the cluster is divided",
             run_rollout_partition},
    Scenario{"two_rollouts", "both sides of a partition promote, each another version",
             run_two_rollouts},
    Scenario{"rollback", "half of the clients go to v2, then all to v1 again", run_rollback},
    Scenario{"storm", "many clients, few seats (--rows clients): never one too many", run_storm},
    Scenario{"rollout_restarts", "nodes crash, lose their disks and freeze during rollouts",
             run_rollout_restarts},
    Scenario{"rollout_skew", "rollouts with clocks that are wrong by minutes, drift and step",
             run_rollout_skew},
    Scenario{"rollout_soak", "one world of a soak of rollouts: all of that, at random",
             run_rollout_soak},
};

// For the handler, which may not allocate.
std::array<char, 256> g_last_words{};
std::size_t g_last_words_size = 0;

void say_last_words(int) {
    [[maybe_unused]] const auto written =
        ::write(STDERR_FILENO, g_last_words.data(), g_last_words_size);
    static_cast<void>(std::signal(SIGABRT, SIG_DFL));
}

}  // namespace

std::span<const Scenario> scenarios() {
    return kScenarios;
}

const Scenario* find_scenario(std::string_view name) {
    const auto* const found = std::ranges::find(kScenarios, name, &Scenario::name);
    return found == kScenarios.end() ? nullptr : found;
}

Report run(const Scenario& scenario, const Options& options) {
    const std::string words = "replay with: " + replay_command(options) + '\n';
    g_last_words_size = std::min(words.size(), g_last_words.size());
    std::ranges::copy_n(words.begin(), static_cast<std::ptrdiff_t>(g_last_words_size),
                        g_last_words.begin());
    const auto before = std::signal(SIGABRT, say_last_words);
    Report report = scenario.run(options);
    static_cast<void>(std::signal(SIGABRT, before));
    return report;
}

WorldOptions world_options(const Options& options, std::uint32_t default_nodes) {
    WorldOptions world;
    world.seed = options.seed;
    world.nodes = options.nodes.value_or(default_nodes);
    world.faults.loss_ppm = options.loss_ppm.value_or(0);
    if (options.delay_us) world.faults.hop = Time{*options.delay_us};
    if (options.interval_ms)
        world.config.interval = std::chrono::milliseconds{*options.interval_ms};
    if (options.fanout) world.config.fanout = *options.fanout;
    world.config.sketch_cells = 1024;  // enough for what these scenarios make differ
    return world;
}

std::vector<std::uint32_t> some_nodes(World& world, std::size_t count) {
    CHECK(count <= world.size());
    std::vector<std::uint32_t> nodes;
    while (nodes.size() < count) {
        const auto node = static_cast<std::uint32_t>(world.dice().below(world.size()));
        if (std::ranges::find(nodes, node) == nodes.end()) nodes.push_back(node);
    }
    return nodes;
}

bool believes(World& world, std::uint32_t node, std::uint32_t about, gossip::MemberState state) {
    const gossip::NodeId id = world.node(about).identity().id;
    const gossip::Member* member = world.node(node).core().members().find(id);
    return member != nullptr && member->state == state;
}

bool form(World& world, Time limit) {
    world.start_all();
    return world.run_until([&] { return world.whole(); }, limit, Time{10'000});
}

bool settle(World& world, Report& report, Time limit) {
    const Time start = world.now();
    const bool settled = world.run_until([&] { return world.whole(); }, limit, Time{10'000});
    report.add("settled_ms", world.now() - start);
    report.expect(settled || !world.ok(),
                  world.agreed() ? "all nodes agree, but some are still regarded as dead"
                                 : "the nodes do not agree after " +
                                       std::to_string(limit.count() / 1'000'000) + " s of peace");
    return settled;
}

void measure_idle(World& world, Report& report, std::uint32_t periods) {
    const auto interval = std::chrono::duration_cast<Time>(world.config().interval);
    world.run_for(interval * 3);  // what is still under way is not idle
    const Traffic::Count before = world.network().traffic().all();
    const std::uint64_t streamed = world.streams().bytes();
    std::uint64_t wakeups = 0;
    for (std::uint32_t i = 0; i < world.size(); ++i) wakeups += world.node(i).wakeups();
    world.run_for(interval * periods);
    const Traffic::Count after = world.network().traffic().all();
    for (std::uint32_t i = 0; i < world.size(); ++i) wakeups -= world.node(i).wakeups();

    const double turns = static_cast<double>(world.size()) * periods;
    const auto datagrams = static_cast<double>(after.datagrams - before.datagrams);
    const auto bytes = static_cast<double>(after.bytes - before.bytes);
    report.add("idle_datagrams_per_period", datagrams / turns);
    report.add("idle_bytes_per_period", bytes / turns);
    report.add("idle_wakeups_per_period",
               -static_cast<double>(static_cast<std::int64_t>(wakeups)) / turns);
    // The periods are 10 % longer or shorter, so that a few more may fall into the time.
    const bool few = datagrams <= 2.1 * turns + 4;
    const bool small = datagrams < 1 || bytes / datagrams <= 100;
    if (world.ok() && !(few && small && world.streams().bytes() == streamed)) {
        world.checkers().fail({8, kNobody, world.now(), "",
                               "equal tables cost " + std::to_string(datagrams / turns) +
                                   " datagrams and " + std::to_string(bytes / turns) +
                                   " B per node and period"});
    }
}

}  // namespace sim
