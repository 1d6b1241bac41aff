#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "gossip/time.h"

namespace gossip {

// The leases of the instances that this node owns: who has to be heard from again, and until when.
// Renewing is O(log n) without touching the timers: each lease has one entry in a heap, which is
// put back when it comes up too early.
class Leases {
  public:
    struct Lease {
        Mono::time_point deadline;
        Mono::time_point timer;    // of its one valid entry in the heap
        Mono::time_point flooded;  // when its content last went out, for coalescing
        std::uint64_t last_update = 0;
        bool timed = true;  // false: no ttl, never lapses
    };

    // Starts or renews. ttl 0: never lapses.
    Lease& renew(const std::string& key, std::uint64_t last_update, Mono::duration ttl,
                 Mono::time_point now);
    void drop(const std::string& key) { leases_.erase(key); }
    void clear();
    [[nodiscard]] Lease* find(const std::string& key);
    [[nodiscard]] const Lease* find(const std::string& key) const;

    // Keys whose lease has lapsed; they are no longer held.
    [[nodiscard]] std::vector<std::string> lapse(Mono::time_point now);
    // The earliest moment at which lapse() could give something.
    [[nodiscard]] Mono::time_point next() const;
    // The node was stopped for `lag`: applications could not renew, so they get the time back.
    void extend(Mono::duration lag);

  private:
    using Timer = std::pair<Mono::time_point, std::string>;
    std::map<std::string, Lease> leases_;
    std::vector<Timer> timers_;  // min-heap
};

}  // namespace gossip
