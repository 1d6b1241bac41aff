#include "sim/baseline/measures.h"

#include <algorithm>

#include "sim/baseline/naive.h"
#include "sim/baseline/swim_config.h"

namespace sim::baseline {
namespace {

constexpr Time kSecond{1'000'000};
constexpr Time kSpreadLimit{30'000'000};
constexpr Time kRetellingLimit{30'000'000};
// A suspicion that nobody shares takes swim 6 * 14.8 s in 5,000 nodes.
constexpr Time kDetectLimit{180'000'000};

std::uint64_t naive_datagrams_per_second(const ClusterOptions& options) {
    const std::uint64_t each =
        Naive::datagrams_per_period(options.nodes, options.rows, bytes_of_a_record());
    return options.nodes * each;
}

std::int64_t affordable_seconds(const ClusterOptions& options, std::int64_t wanted) {
    if (options.protocol != Protocol::naive) return wanted;
    const auto most = static_cast<std::int64_t>(
        kNaiveDatagrams / std::max<std::uint64_t>(1, naive_datagrams_per_second(options)));
    return std::clamp<std::int64_t>(most, 1, wanted);
}

Time quantile(const std::vector<Time>& sorted, std::size_t percent) {
    return sorted[(sorted.size() * percent + 99) / 100 - 1];
}

void measure_loss(Cluster& cluster, Figures& figures, std::uint32_t victims, bool power) {
    std::vector<Time> first;
    std::vector<Time> last;
    for (std::uint32_t v = 0; v < victims; ++v) {
        const auto victim = static_cast<std::uint32_t>(cluster.dice().below(cluster.size()));
        if (!cluster.peer(victim).running()) continue;
        cluster.run_for(Time{static_cast<std::int64_t>(cluster.dice().below(2'000'000))});
        const Time gone = cluster.now();
        if (power) {
            cluster.peer(victim).lose_power();
        } else {
            cluster.peer(victim).crash();
        }
        const auto know = [&] { return cluster.think_dead(victim); };
        cluster.run_until([&] { return know() > 0; }, kDetectLimit, Time{10'000});
        first.push_back(cluster.now() - gone);
        cluster.run_until([&] { return know() == cluster.running(); }, kDetectLimit, Time{10'000});
        last.push_back(cluster.now() - gone);
    }
    if (last.empty()) return;
    std::ranges::sort(first);
    std::ranges::sort(last);
    const std::string how = power ? "silent" : "killed";
    figures.add(how + "_first_ms_median", first[first.size() / 2]);
    figures.add(how + "_last_ms_median", last[last.size() / 2]);
    figures.add(how + "_last_ms_worst", last.back());
}

}  // namespace

std::optional<double> Figures::find(std::string_view name) const {
    const auto found = std::ranges::find(values, name, &std::pair<std::string, double>::first);
    if (found == values.end()) return std::nullopt;
    return found->second;
}

bool affordable(const ClusterOptions& options) {
    if (options.protocol != Protocol::naive) return true;
    return options.nodes <= kNaiveNodes && naive_datagrams_per_second(options) <= kNaiveDatagrams;
}

Figures measure_spread(const ClusterOptions& options) {
    Cluster cluster{options};
    Figures figures;
    cluster.run_for(kSecond * 2);
    const auto writer = static_cast<std::uint32_t>(cluster.dice().below(cluster.size()));
    const Time start = cluster.now();
    cluster.peer(writer).write(cluster.news(), 1);
    const std::vector<Time>& times = cluster.learned_at();
    cluster.run_until([&] { return times.size() == cluster.size(); }, kSpreadLimit, Time{100});
    // Nodes that know go on telling for a while. (A naive one does so for ever: that is idle cost.)
    const auto quiet = [&] {
        for (std::uint32_t i = 0; i < cluster.size(); ++i) {
            if (!cluster.peer(i).quiet()) return false;
        }
        return true;
    };
    cluster.run_until(quiet, kRetellingLimit, Time{10'000});

    // In order of time as they are.
    figures.add("t50_ms", quantile(times, 50) - start);
    figures.add("t99_ms", quantile(times, 99) - start);
    figures.add("t100_ms", times.back() - start);
    const auto nodes = static_cast<double>(cluster.size());
    figures.add("record_bytes", static_cast<double>(cluster.row_bytes()));
    figures.add("reached", static_cast<double>(times.size()));
    figures.add("copies_per_node", static_cast<double>(cluster.copies().datagrams) / nodes);
    figures.add("put_bytes_per_node", static_cast<double>(cluster.copies().bytes) / nodes);
    figures.trace = cluster.trace();
    return figures;
}

Figures measure_idle(const ClusterOptions& options) {
    Cluster cluster{options};
    Figures figures;
    // Whole push/pull intervals, in which every node has just one.
    const std::int64_t wanted = options.protocol == Protocol::swim
                                    ? push_pull_interval(options.nodes) / kSecond
                                    : std::int64_t{5};
    const std::int64_t seconds = affordable_seconds(options, wanted);
    cluster.run_for(kSecond);
    const Traffic::Count before = cluster.datagrams();
    const std::uint64_t streamed = cluster.stream_bytes();
    cluster.run_for(kSecond * seconds);
    const Traffic::Count after = cluster.datagrams();
    const double per = static_cast<double>(cluster.size()) * static_cast<double>(seconds);
    const auto stream_bytes = static_cast<double>(cluster.stream_bytes() - streamed);
    const auto bytes = static_cast<double>(after.bytes - before.bytes) + stream_bytes;
    figures.add("idle_datagrams_per_period",
                static_cast<double>(after.datagrams - before.datagrams) / per);
    figures.add("idle_bytes_per_period", bytes / per);
    figures.add("idle_stream_bytes_per_period", stream_bytes / per);
    figures.trace = cluster.trace();
    return figures;
}

Figures measure_detect(const ClusterOptions& options, std::uint32_t minutes,
                       std::uint32_t victims) {
    Cluster cluster{options};
    Figures figures;
    const std::int64_t wanted = std::int64_t{60} * minutes;
    const std::int64_t seconds = affordable_seconds(options, wanted);
    cluster.run_for(kSecond * seconds);
    const double scale = static_cast<double>(wanted) / static_cast<double>(seconds);
    figures.add("minutes", minutes);
    figures.add("false_deaths_seen", static_cast<double>(cluster.false_deaths()) * scale);
    measure_loss(cluster, figures, victims, false);
    measure_loss(cluster, figures, victims, true);
    figures.trace = cluster.trace();
    return figures;
}

}  // namespace sim::baseline
