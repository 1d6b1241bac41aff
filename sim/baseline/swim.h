#pragma once

#include <cstdint>
#include <initializer_list>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "gossip/output.h"
#include "sim/baseline/broadcast_queue.h"
#include "sim/baseline/peer.h"
#include "sim/baseline/swim_config.h"

namespace sim::baseline {

// SWIM as memberlist runs it below Serf and Consul: probes with a piggy-backed gossip queue, a
// gossip round of its own, suspicion with Lifeguard's refinements, and full-state push/pull. The
// rows of a registry are the delegate's: broadcasts of its queue, and its part of push/pull.
class Swim final : public Peer {
  public:
    Swim(Cluster& cluster, std::uint32_t index, std::uint64_t seed);

    void start() override;
    void write(std::uint32_t row, std::uint32_t version) override;
    [[nodiscard]] bool thinks_dead(std::uint32_t about) const override;
    [[nodiscard]] bool quiet() const override { return member_news_.empty() && row_news_.empty(); }

  protected:
    void received(std::uint32_t from, Reader message) override;
    void frame_received(gossip::StreamId id, Reader frame) override;
    void ended(gossip::StreamId id) override { opened_.erase(id.value); }

  private:
    enum class State : std::uint8_t { alive, suspect, dead };
    struct Member {
        std::uint32_t incarnation = 1;
        State state = State::alive;
    };
    struct Suspicion {
        Time since{0};
        unsigned wanted = 0;
        std::set<std::uint32_t> accusers;  // the first one does not count as a confirmation
        std::uint64_t timer = 0;
    };
    // The probe that is under way: there is one at most.
    struct Probe {
        std::uint32_t sequence = 0;  // 0: none
        std::uint32_t target = 0;
        unsigned relays = 0;
        unsigned nacks = 0;
        std::uint64_t stream = 0;  // of the fallback
        bool contacted = false;    // over it
    };

    // ---- swim_probe.cpp: the failure detector
    void tick();
    [[nodiscard]] std::uint32_t next_target();
    void probe(std::uint32_t target);
    void probe_indirectly();
    void probe_failed();
    void probe_ended(int awareness);
    void ping_received(std::uint32_t from, Reader& message);
    void relay_received(std::uint32_t from, Reader& message);
    void acknowledged(std::uint32_t sequence);
    void adjust_awareness(int delta);

    // ---- swim_members.cpp: who is what
    void alive(std::uint32_t about, std::uint32_t incarnation);
    void suspect(std::uint32_t about, std::uint32_t incarnation, std::uint32_t accuser);
    void dead(std::uint32_t about, std::uint32_t incarnation, std::uint32_t accuser);
    void refute(std::uint32_t accused);
    void confirm(std::uint32_t about, std::uint32_t accuser, std::uint32_t incarnation);
    void arm(std::uint32_t about, Suspicion& suspicion);
    void change(std::uint32_t about, std::uint32_t incarnation, State state);
    void row_received(Reader& message);

    // ---- swim.cpp: messages, gossip, push/pull
    void handle(std::uint32_t from, Reader& message);
    void send_with_news(std::uint32_t to, const std::string& message);
    void send_packet(std::uint32_t to, const std::vector<std::string>& parts, bool only_news);
    void take_news(std::size_t budget, std::vector<std::string>& parts);
    void gossip();
    void push_pull();
    [[nodiscard]] std::string whole_state(std::uint64_t type) const;
    void merge_state(Reader& state);
    [[nodiscard]] std::uint64_t open_stream(std::uint32_t to, std::string frame);
    void close_stream(std::uint64_t id);
    // At most `count` distinct members that are wanted, as kRandomNodes draws them.
    template <class Wanted>
    [[nodiscard]] std::vector<std::uint32_t> some_members(unsigned count, Wanted wanted);

    std::vector<Member> members_;
    std::vector<std::uint32_t> versions_;
    std::map<std::uint32_t, Suspicion> suspicions_;
    std::map<std::uint32_t, Time> died_;
    BroadcastQueue member_news_;
    BroadcastQueue row_news_;

    std::vector<std::uint32_t> order_;  // of probes
    std::size_t next_ = 0;
    Probe probe_;
    bool tick_missed_ = false;
    unsigned awareness_ = 0;  // Lifeguard's local health: 0 is healthy
    std::uint32_t sequence_ = 0;
    std::map<std::uint32_t, std::pair<std::uint32_t, std::uint32_t>> relayed_;

    std::set<std::uint64_t> opened_;
    std::uint64_t last_stream_ = 0;
    std::uint64_t last_timer_ = 0;
};

// Types of messages, and their encoding.
enum class SwimType : std::uint8_t {
    ping = 1,
    indirect_ping,
    ack,
    nack,
    suspect,
    dead,
    alive,
    row,
    compound,
    state,
    state_reply
};
// `fields` of four bytes each, after those that are nodes.
[[nodiscard]] std::string swim_message(SwimType type, std::initializer_list<std::uint32_t> nodes,
                                       std::initializer_list<std::uint32_t> fields);
// Address, name and tags: what a member tells about itself, about as long as hearsay's.
constexpr std::size_t kMemberInfo = 40;

template <class Wanted>
std::vector<std::uint32_t> Swim::some_members(unsigned count, Wanted wanted) {
    std::vector<std::uint32_t> chosen;
    const std::size_t tries = 3 * members_.size();
    for (std::size_t i = 0; i < tries && chosen.size() < count; ++i) {
        const auto member = static_cast<std::uint32_t>(rng_.below(members_.size()));
        bool fresh = member != index() && wanted(member);
        for (const std::uint32_t other : chosen) fresh = fresh && other != member;
        if (fresh) chosen.push_back(member);
    }
    return chosen;
}

}  // namespace sim::baseline
