#pragma once

#include <cstdint>
#include <vector>

#include "sim/baseline/peer.h"

namespace sim::baseline {

// Push gossip with heartbeats: van Renesse, Minsky, Hayden, "A Gossip-Style Failure Detection
// Service" (1998), with the rows of a registry in the same table.
class Naive final : public Peer {
  public:
    static constexpr Time kPeriod{1'000'000};  // T: Cassandra's and the usual one
    static constexpr unsigned kFanout = 3;     // K
    static constexpr std::size_t kDatagram = 1232;

    Naive(Cluster& cluster, std::uint32_t index, std::uint64_t seed);

    void start() override;
    void write(std::uint32_t row, std::uint32_t version) override;
    [[nodiscard]] bool thinks_dead(std::uint32_t about) const override {
        return members_[about].dead;
    }
    [[nodiscard]] bool quiet() const override { return true; }  // it never is: ask no more of it

    // Silence for so long is death. It has to grow with log N, for so does the way of a heartbeat
    // (van Renesse et al., section 3); 2 periods per doubling are the 18 s at a few hundred nodes
    // after which Cassandra's detector (phi = 8, 1 s) convicts.
    static Time time_out(std::uint32_t nodes);
    // Datagrams that one node sends in a period.
    static std::uint64_t datagrams_per_period(std::uint32_t nodes, std::uint32_t rows,
                                              std::size_t row_bytes);

  protected:
    void received(std::uint32_t from, Reader message) override;

  private:
    struct Member {
        std::uint32_t heartbeat = 0;
        bool dead = false;
        Time heard{0};
    };
    void push();
    void bury();
    [[nodiscard]] std::vector<std::string> whole_table() const;
    [[nodiscard]] std::uint32_t somebody(bool dead);

    std::vector<Member> members_;
    std::vector<std::uint32_t> versions_;
    std::uint32_t dead_ = 0;
};

}  // namespace sim::baseline
