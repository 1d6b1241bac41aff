#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "gossip/config.h"
#include "gossip/output.h"
#include "gossip/table.h"
#include "sim/disk.h"
#include "sim/events.h"
#include "sim/host.h"

namespace sim {

// A broken invariant, by its number in the protocol's list.
struct Violation {
    unsigned invariant = 0;
    std::uint32_t node = kNobody;
    Time at{0};
    std::string key;  // of the record, if it is about one
    std::string what;
};
[[nodiscard]] std::string describe(const Violation& violation);

// How much of the bounded things a node holds.
struct Held {
    std::uint32_t rows = 0;
    std::uint32_t members = 0;
    std::uint32_t streams_opened = 0;
    std::uint32_t streams_accepted = 0;
};

// Watches a cluster from outside and keeps what it finds. It is told plain facts, so that its own
// tests can lie to it. The first group of calls is cheap and made after every event, the second
// costs O(rows) and is made at checkpoints.
class Checkers {
  public:
    Checkers(const gossip::Config& config, std::uint32_t nodes);

    [[nodiscard]] const std::vector<Violation>& violations() const { return violations_; }
    void fail(Violation violation);

    // ---- after every event
    // A process began with these rows.
    void started(std::uint32_t node, const Disk::Rows& rows);
    // A version was written at a node, at this Unix time, and is on its disk. Until then nobody may
    // hear of it.
    void written(const gossip::Record& record, std::uint64_t true_ms);
    // What one turn changed in a node's table: versions grow (2), and somebody wrote them (7).
    void merged(std::uint32_t node, Time at, const gossip::Output& out, const gossip::Table& table);
    // Before that: a version of a node's record gives way to lower ones, because by this clock it
    // is from the future (2).
    void forgotten(std::uint32_t node, Time at, const gossip::Record& record,
                   std::uint64_t clock_ms);
    // A datagram left: its size (12), and which versions it forwards (10), and that it
    // repairs nobody with a version that it has replaced (2).
    void sent(std::uint32_t node, Time at, std::uint32_t to, gossip::Bytes datagram);
    void sent_frame(std::uint32_t node, Time at, std::size_t bytes);  // (12)
    void holds(std::uint32_t node, Time at, const Held& held);        // (11)

    // ---- at checkpoints
    // The sketch is the one of these rows (3).
    void sketch(std::uint32_t node, Time at, std::span<const gossip::Cell> cells,
                const std::vector<std::uint64_t>& digests);
    // Two tables are equal if and only if their fingerprints are (4).
    struct Summary {
        std::uint32_t node = kNobody;
        gossip::Cell fingerprint;
        std::uint64_t content = 0;  // hash of the sorted rows
    };
    void fingerprints(Time at, const std::vector<Summary>& summaries);
    // A node of a cluster that has been quiet and whole for long holds the newest version of every
    // row above its horizon (5), and no version that a deletion has beaten (6). Not `complete`:
    // some node may have lost what it wrote, so only (6).
    void settled(std::uint32_t node, Time at, const gossip::Table& table, bool complete);

    // How often a version was handed to the network as a flood.
    [[nodiscard]] std::uint64_t copies(std::uint64_t digest) const;
    [[nodiscard]] std::size_t writes() const { return written_.size(); }

  private:
    struct Flood {
        Time at{0};
        std::uint32_t copies = 0;
    };
    struct NodeState {
        std::map<RowKey, gossip::Rank> floors;  // the greatest version that it had of each row
        std::unordered_map<std::uint64_t, Flood> floods;
        std::set<RowKey> forgotten;
    };
    struct Newest {
        gossip::Rank rank;
        bool tombstone = false;
        gossip::Rank deleted;  // by the newest tombstone
    };
    void check_change(std::uint32_t node, Time at, const gossip::Record& record);
    void check_kept(std::uint32_t node, Time at, const gossip::Record& record,
                    const gossip::Table& table);
    void flooded(std::uint32_t node, Time at, gossip::NodeId self, gossip::Bytes record);
    void repaired(std::uint32_t node, Time at, gossip::Bytes record);
    void check_row(std::uint32_t node, Time at, const RowKey& key, const Newest& newest,
                   const gossip::Table& table);

    gossip::HashKey key_;
    std::uint32_t cluster_;
    Held most_;
    std::uint64_t most_ahead_ms_;
    std::uint32_t most_targets_;
    std::vector<NodeState> nodes_;
    std::map<RowKey, Newest> newest_;
    std::unordered_set<std::uint64_t> written_;  // digests; never iterated
    std::unordered_map<std::uint64_t, std::uint64_t> copies_;
    std::vector<Violation> violations_;
};

// The table's digests, and a hash of its rows in order of their keys.
[[nodiscard]] std::vector<std::uint64_t> digests_of(const gossip::Table& table);
[[nodiscard]] Checkers::Summary summary_of(std::uint32_t node, const gossip::Table& table);

}  // namespace sim
