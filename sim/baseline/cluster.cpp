#include "sim/baseline/cluster.h"

#include <algorithm>

#include "gossip/record.h"
#include "sim/baseline/naive.h"
#include "sim/baseline/swim.h"
#include "sim/clock.h"
#include "sim/world.h"

namespace sim::baseline {
namespace {

constexpr std::uint64_t kDice = 0xd1ce;
constexpr std::uint64_t kLinks = 0x11;

std::unique_ptr<Peer> make_peer(Protocol protocol, Cluster& cluster, std::uint32_t index,
                                std::uint64_t seed) {
    CHECK(protocol != Protocol::hearsay);
    if (protocol == Protocol::swim) return std::make_unique<Swim>(cluster, index, seed);
    return std::make_unique<Naive>(cluster, index, seed);
}

}  // namespace

std::size_t bytes_of_a_record() {
    const gossip::Now now = Clock{}.now(Time{0});
    const gossip::LocalWrite write = instance_write(9'000, 1, now);
    gossip::RecordFields fields;
    fields.stamp = gossip::Stamp::at(now.wall);
    fields.last_update = write.last_update;
    fields.key = write.key;
    fields.value = write.value;
    return gossip::Record::make(fields, {}).bytes().size();
}

Cluster::Cluster(const ClusterOptions& options)
    : rows_(options.rows),
      row_bytes_(bytes_of_a_record()),
      dice_(gossip::mix64(options.seed ^ kDice)),
      links_(options.faults, options.nodes, gossip::mix64(options.seed + kLinks)),
      hosts_(options.nodes),
      streams_(events_, links_, hosts_),
      network_(config_, events_, links_, hosts_) {
    CHECK(options.nodes > 0 && options.nodes < kMaxNodes);
    gossip::Rng seeds{gossip::mix64(options.seed)};
    peers_.resize(options.nodes);  // its size is what the peers know of the cluster
    for (std::uint32_t i = 0; i < options.nodes; ++i) {
        peers_[i] = make_peer(options.protocol, *this, i, seeds.next());
        hosts_[i] = peers_[i].get();
    }
    for (const auto& peer : peers_) peer->start();
}

Cluster::~Cluster() = default;

void Cluster::run_for(Time duration) {
    const Time end = now() + duration;
    while (events_.step(end)) {
    }
}

std::uint32_t Cluster::running() const {
    return static_cast<std::uint32_t>(
        std::ranges::count_if(peers_, [](const auto& peer) { return peer->running(); }));
}

std::uint32_t Cluster::think_dead(std::uint32_t about) const {
    return static_cast<std::uint32_t>(std::ranges::count_if(
        peers_, [&](const auto& peer) { return peer->running() && peer->thinks_dead(about); }));
}

void Cluster::send(std::uint32_t from, std::uint32_t to, const std::string& datagram) {
    const gossip::Bytes bytes = gossip::as_bytes(datagram);
    trace((std::uint64_t{from} << 32) | to, gossip::siphash({}, bytes));
    network_.send(from, endpoint_of(to), bytes);
}

void Cluster::stream(std::uint32_t node, const gossip::StreamAction& action) {
    trace((std::uint64_t{node} << 32) | static_cast<std::uint64_t>(action.kind),
          gossip::siphash({}, gossip::as_bytes(action.frame)));
    streams_.perform(node, action);
}

void Cluster::crashed(std::uint32_t node) {
    trace(2, node);
    streams_.crashed(node);
}

void Cluster::learned(std::uint32_t node, std::uint32_t row) {
    trace(3, node);
    if (row == news()) learned_at_.push_back(now());
}

void Cluster::copied(std::uint32_t row, std::size_t bytes) {
    if (row == news()) copies_ += {1, bytes};
}

void Cluster::changed_mind(std::uint32_t node, std::uint32_t about, bool dead) {
    trace(dead ? 4 : 5, (std::uint64_t{node} << 32) | about);
    if (dead && peers_[about]->running()) ++false_deaths_;
}

void Cluster::trace(std::uint64_t what, std::uint64_t detail) {
    const auto time = static_cast<std::uint64_t>(now().count());
    trace_ = gossip::mix64(trace_ ^ time) + gossip::mix64(what ^ gossip::mix64(detail));
}

}  // namespace sim::baseline
