#pragma once

#include <cstdint>
#include <set>
#include <utility>
#include <vector>

#include "gossip/random.h"
#include "sim/events.h"

namespace sim {

// What goes wrong on every link. Probabilities are in millionths, so that no floating point decides
// anything.
struct Faults {
    Time hop{500};  // median one-way delay
    std::uint32_t loss_ppm = 0;
    std::uint32_t duplicate_ppm = 0;
    std::uint32_t reorder_ppm = 0;  // held back by up to 50 hops
    // A DIFF arrives with other cells than were sent, as a hash collision or an attacker would.
    std::uint32_t corrupt_ppm = 0;
    std::uint32_t babble_ppm = 0;  // a damaged copy arrives besides
};

// Who can reach whom, and how long it takes.
class Links {
  public:
    Links(Faults initial, std::uint32_t nodes, std::uint64_t seed)
        : faults(initial), islands_(nodes), rng_(seed) {}

    Faults faults;

    // Nodes on different islands do not reach each other. All start on island 0.
    void put_on_island(std::uint32_t node, std::uint8_t island) { islands_[node] = island; }
    // One way only.
    void cut(std::uint32_t from, std::uint32_t to) { cuts_.emplace(from, to); }
    void heal();

    [[nodiscard]] bool connected(std::uint32_t from, std::uint32_t to) const {
        return islands_[from] == islands_[to] && (cuts_.empty() || !cuts_.contains({from, to}));
    }
    [[nodiscard]] bool happens(std::uint32_t ppm) {
        return ppm != 0 && rng_.below(1'000'000) < ppm;
    }
    // Lognormal around faults.hop with sigma 0.46: p99 is 2.9 hops, the greatest 1 in 10^5 is 7.
    [[nodiscard]] Time delay();
    [[nodiscard]] gossip::Rng& rng() { return rng_; }

  private:
    std::vector<std::uint8_t> islands_;
    std::set<std::pair<std::uint32_t, std::uint32_t>> cuts_;
    gossip::Rng rng_;
};

}  // namespace sim
