#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "gossip/config.h"
#include "gossip/endpoint.h"
#include "gossip/ids.h"
#include "gossip/time.h"

namespace gossip {

// A ping that waits for its ack.
struct Probe {
    NodeId target;  // 0: a seed whose id is not known
    Endpoint to;
    std::uint32_t seq = 0;  // of the latest try
    unsigned tries = 1;
    bool wide = false;   // asks for as many cells as fit
    bool member = true;  // silence counts against the target
    Mono::time_point sent{};
};

// Outstanding pings. At most kMaxProbes: a node that cannot follow asks less, not more.
class Probes {
  public:
    static constexpr std::size_t kMaxProbes = 8;

    explicit Probes(const Config& config) : retry_(config.ping_retry), tries_(config.ping_tries) {}

    [[nodiscard]] bool full() const { return probes_.size() >= kMaxProbes; }
    [[nodiscard]] bool asks(NodeId target) const;
    void sent(const Probe& probe) { probes_.push_back(probe); }
    // The probe that this ack answers, which ends; none for a late, repeated or forged one.
    std::optional<Probe> answered(std::uint32_t seq, const Endpoint& from);
    void forget(NodeId target);

    // Due ones: `again` have tries left (send once more and call sent()), `silent` have not.
    void expire(Mono::time_point now, std::vector<Probe>& again, std::vector<Probe>& silent);
    [[nodiscard]] Mono::time_point next() const;
    // The process was not running for a while: what looks overdue may only be unread.
    void restart(Mono::time_point now);

  private:
    milliseconds retry_;
    unsigned tries_;
    std::vector<Probe> probes_;
};

}  // namespace gossip
