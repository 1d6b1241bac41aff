#include "sim/baseline/naive.h"

#include <algorithm>
#include <bit>
#include <set>

#include "sim/baseline/cluster.h"

namespace sim::baseline {
namespace {

constexpr std::uint64_t kHeartbeat = 1;
constexpr std::uint64_t kRow = 2;
constexpr std::size_t kHeartbeatBytes = 13;  // kind, node, counter
constexpr std::size_t kBudget = Naive::kDatagram - 5;

}  // namespace

Naive::Naive(Cluster& cluster, std::uint32_t index, std::uint64_t seed)
    : Peer(cluster, index, seed), members_(cluster.size()), versions_(cluster.rows() + 1, 1) {
    versions_.back() = 0;
}

Time Naive::time_out(std::uint32_t nodes) {
    return kPeriod * 2 * std::bit_width(std::max(nodes, 8U) - 1);
}

std::uint64_t Naive::datagrams_per_period(std::uint32_t nodes, std::uint32_t rows,
                                          std::size_t row_bytes) {
    const std::uint64_t bytes = nodes * kHeartbeatBytes + rows * (row_bytes + 1);
    return kFanout * (bytes / kBudget + 1);
}

void Naive::start() {
    every(kPeriod, [this] {
        ++members_[index()].heartbeat;
        members_[index()].heard = cluster().now();
        bury();
        push();
    });
}

void Naive::write(std::uint32_t row, std::uint32_t version) {
    versions_[row] = version;
    cluster().learned(index(), row);
}

void Naive::bury() {
    const Time limit = time_out(cluster().size());
    for (std::uint32_t i = 0; i < members_.size(); ++i) {
        Member& member = members_[i];
        if (member.dead || cluster().now() - member.heard <= limit) continue;
        member.dead = true;
        ++dead_;
        cluster().changed_mind(index(), i, true);
    }
}

// Who is dead is not told: everybody misses the heartbeats by himself, and nobody can bring an old
// one back, because it is remembered.
std::vector<std::string> Naive::whole_table() const {
    std::vector<std::string> datagrams(1);
    const auto begin_row = [&](std::size_t bytes) {
        if (datagrams.back().size() + bytes > kBudget) datagrams.emplace_back();
        return Writer{datagrams.back()};
    };
    for (std::uint32_t i = 0; i < members_.size(); ++i) {
        if (members_[i].dead) continue;
        begin_row(kHeartbeatBytes).number(kHeartbeat, 1).node(i).number(members_[i].heartbeat, 4);
    }
    for (std::uint32_t row = 0; row < versions_.size(); ++row) {
        if (versions_[row] == 0) continue;
        Writer writer = begin_row(1 + cluster().row_bytes());
        writer.number(kRow, 1);
        write_row(writer, row, versions_[row], cluster().row_bytes());
    }
    return datagrams;
}

std::uint32_t Naive::somebody(bool dead) {
    for (int tries = 0; tries < 64; ++tries) {
        const auto peer = static_cast<std::uint32_t>(rng_.below(members_.size()));
        if (peer != index() && members_[peer].dead == dead) return peer;
    }
    return kNobody;
}

void Naive::push() {
    const std::vector<std::string> datagrams = whole_table();
    const auto push_to = [&](std::uint32_t peer) {
        if (peer == kNobody) return;
        for (const std::string& datagram : datagrams) send(peer, datagram);
        if (versions_.back() != 0) cluster().copied(cluster().news(), cluster().row_bytes() + 1);
    };
    std::set<std::uint32_t> chosen;
    for (unsigned i = 0; i < kFanout; ++i) {
        const std::uint32_t peer = somebody(false);
        if (chosen.insert(peer).second) push_to(peer);
    }
    // Cassandra's way back from a partition: now and then the dead are told, too.
    if (dead_ > 0 && rng_.below(members_.size() - dead_ + 1) < dead_) push_to(somebody(true));
}

void Naive::received(std::uint32_t /*from*/, Reader message) {
    while (!message.empty()) {
        if (message.number(1) == kRow) {
            const Row row = read_row(message, cluster().row_bytes());
            if (row.version <= versions_[row.number]) continue;
            versions_[row.number] = row.version;
            cluster().learned(index(), row.number);
            continue;
        }
        const std::uint32_t node = message.node();
        const auto heartbeat = static_cast<std::uint32_t>(message.number(4));
        Member& member = members_[node];
        if (heartbeat <= member.heartbeat) continue;
        member.heartbeat = heartbeat;
        member.heard = cluster().now();
        if (!member.dead) continue;
        member.dead = false;
        --dead_;
        cluster().changed_mind(index(), node, false);
    }
}

}  // namespace sim::baseline
