#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "gossip/member.h"
#include "gossip/random.h"

namespace gossip {

// One member, as the table's node record says.
struct Member {
    NodeId id;
    std::uint64_t position = 0;  // on the ring: mix64(id)
    Endpoint gossip;
    std::uint64_t incarnation_ms = 0;
    MemberState state = MemberState::alive;
    ProtocolRange protocol;
    std::uint8_t patience = 1;

    // Gets gossip and is asked: everyone but the dead and those who left.
    [[nodiscard]] bool reachable() const { return state <= MemberState::suspect; }
};

// Every known node, sorted by position on the ring, including this one. An index over the table's
// node records; copies share their members until one of them changes (the simulator holds 10^5).
class Membership {
  public:
    // Adds or changes a member. O(log n), O(n) for a new one.
    void apply(const NodeRecord& node);
    // Changes what is believed of a known member. O(log n).
    void set(NodeId id, std::uint64_t incarnation_ms, MemberState state);
    void remove(NodeId id);
    void clear();

    [[nodiscard]] const Member* find(NodeId id) const;
    [[nodiscard]] const Member* at(const Endpoint& endpoint) const;  // a reachable one; O(n)
    [[nodiscard]] const std::vector<Member>& all() const { return *members_; }  // by position
    [[nodiscard]] std::size_t count(MemberState state) const;
    [[nodiscard]] std::size_t reachable() const {
        return count(MemberState::alive) + count(MemberState::suspect);
    }

    // The next reachable member on the ring in either direction, or nullptr when `id` is alone.
    [[nodiscard]] const Member* successor(NodeId id) const { return neighbour(id, 1); }
    [[nodiscard]] const Member* predecessor(NodeId id) const { return neighbour(id, -1); }

    // Appends up to `count` different reachable members that are neither `self` nor in `out` yet.
    void sample(Rng& rng, std::size_t count, NodeId self, std::vector<const Member*>& out) const;

  private:
    [[nodiscard]] const Member* neighbour(NodeId id, int direction) const;
    std::vector<Member>& own();  // a copy of our own, if the members are shared

    std::shared_ptr<std::vector<Member>> members_ = std::make_shared<std::vector<Member>>();
    std::size_t counts_[4] = {};
};

}  // namespace gossip
