#pragma once

#include <cstdint>
#include <map>
#include <variant>
#include <vector>

#include "gossip/ids.h"
#include "gossip/member.h"
#include "gossip/time.h"

namespace gossip {

// What this node believes of a member, and how that changes. Source: protocol.md "Jury"; the order
// of claims and the suspicion with a time to refute are SWIM's (Das, Gupta, Motivala 2002).

struct Alive {
    // Somebody says that it is dead, but we have just heard it: held back until then, so that it
    // can refute. max: nobody says so.
    Mono::time_point disputed_until = Mono::time_point::max();
    std::uint64_t disputed_incarnation_ms = 0;
    [[nodiscard]] bool disputed() const { return disputed_until != Mono::time_point::max(); }
    bool operator==(const Alive&) const = default;
};
struct Suspect {
    Mono::time_point dies;        // unless it refutes
    Mono::duration window{};      // from its last sign of life to `dies`
    Mono::time_point notice_due;  // max: it is for somebody else, who accuses it, to tell it
    [[nodiscard]] bool told() const { return notice_due != Mono::time_point::max(); }
    bool operator==(const Suspect&) const = default;
};
struct Dead {
    bool operator==(const Dead&) const = default;
};
struct Left {
    bool operator==(const Left&) const = default;
};
// The index is the MemberState.
using Liveness = std::variant<Alive, Suspect, Dead, Left>;

struct Belief {
    std::uint64_t incarnation_ms = 0;
    Liveness liveness;

    [[nodiscard]] MemberState state() const { return static_cast<MemberState>(liveness.index()); }
    bool operator==(const Belief&) const = default;
};

// ---- what may be learnt of a member
struct Claim {  // a node record says so
    std::uint64_t incarnation_ms = 0;
    MemberState state = MemberState::alive;
    bool recently_heard = false;  // it has pinged us or answered within the accuser's window
};
struct Acked {};    // it has answered a ping of ours
struct Convicted {  // by our own jury
    Evidence evidence = Evidence::silence;
};
struct Elapsed {};  // time has passed; maybe not enough
struct Resumed {};  // this node did not run for a while, and may not have heard a refutation
using Observation = std::variant<Claim, Acked, Convicted, Elapsed, Resumed>;

// How long a suspect has, all of them multiplied by its patience.
struct Windows {
    Mono::duration accuser{};   // W
    Mono::duration refused{};   // after a refusal
    Mono::duration observer{};  // 3 W: then, if the accuser did not end it, one's own W begins
};

// The one transition function: total, pure, and indifferent to what is older than the belief.
[[nodiscard]] Belief transition(const Belief& belief, const Observation& what,
                                const Windows& windows, Mono::time_point now);

// Beliefs with a clock running: suspects, and the living that are called dead. Everybody else's is
// the state in the membership.
class Doubts {
  public:
    // A notice is the claim and a ping: whoever answers stays.
    static constexpr Mono::duration kNotice{100};

    [[nodiscard]] const Belief* find(NodeId id) const;
    void set(NodeId id, const Belief& belief);  // forgets it if no clock runs
    void clear() { beliefs_.clear(); }

    [[nodiscard]] std::vector<NodeId> all() const;
    [[nodiscard]] std::vector<NodeId> due(Mono::time_point now) const;  // for Elapsed
    // Suspects of ours to be told, each once per kNotice.
    [[nodiscard]] std::vector<NodeId> notices(Mono::time_point now);
    [[nodiscard]] Mono::time_point next() const;

  private:
    std::map<NodeId, Belief> beliefs_;
};

}  // namespace gossip
