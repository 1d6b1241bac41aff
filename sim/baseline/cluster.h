#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "gossip/config.h"
#include "gossip/random.h"
#include "sim/baseline/peer.h"
#include "sim/events.h"
#include "sim/links.h"
#include "sim/network.h"
#include "sim/streams.h"

namespace sim::baseline {

enum class Protocol : std::uint8_t { hearsay, swim, naive };

struct ClusterOptions {
    Protocol protocol = Protocol::swim;
    std::uint64_t seed = 1;
    std::uint32_t nodes = 5;
    std::uint32_t rows = 0;  // that all know from the start
    Faults faults{};
};

// What hearsay sends of one instance, so that all protocols carry equal rows.
[[nodiscard]] std::size_t bytes_of_a_record();

// What World is for the real core: a cluster of a baseline over the same events, links, datagrams
// and streams.
class Cluster {
  public:
    explicit Cluster(const ClusterOptions& options);
    ~Cluster();
    Cluster(const Cluster&) = delete;
    Cluster& operator=(const Cluster&) = delete;

    // ---- time
    [[nodiscard]] Time now() const { return events_.now(); }
    void run_for(Time duration);
    template <class Done>
    bool run_until(Done done, Time limit, Time step) {
        const Time end = now() + limit;
        while (!done()) {
            if (now() >= end) return false;
            run_for(step);
        }
        return true;
    }

    // ---- what is done to it, and seen from outside
    [[nodiscard]] std::uint32_t size() const { return static_cast<std::uint32_t>(peers_.size()); }
    [[nodiscard]] Peer& peer(std::uint32_t index) { return *peers_[index]; }
    [[nodiscard]] std::uint32_t running() const;
    [[nodiscard]] gossip::Rng& dice() { return dice_; }
    [[nodiscard]] Links& links() { return links_; }
    [[nodiscard]] std::uint64_t trace() const { return trace_; }
    [[nodiscard]] Traffic::Count datagrams() const { return network_.traffic().all(); }
    [[nodiscard]] std::uint64_t stream_bytes() const { return streams_.bytes(); }
    // Running nodes that think so.
    [[nodiscard]] std::uint32_t think_dead(std::uint32_t about) const;
    [[nodiscard]] std::uint64_t false_deaths() const { return false_deaths_; }
    // The one row that is not known from the start: when each node learned it, and what was sent.
    [[nodiscard]] std::uint32_t news() const { return rows_; }
    [[nodiscard]] const std::vector<Time>& learned_at() const { return learned_at_; }
    [[nodiscard]] const Traffic::Count& copies() const { return copies_; }

    // ---- for the peers
    [[nodiscard]] Events& events() { return events_; }
    [[nodiscard]] std::uint32_t rows() const { return rows_; }
    [[nodiscard]] std::size_t row_bytes() const { return row_bytes_; }
    void send(std::uint32_t from, std::uint32_t to, const std::string& datagram);
    void stream(std::uint32_t node, const gossip::StreamAction& action);
    void crashed(std::uint32_t node);
    void learned(std::uint32_t node, std::uint32_t row);
    void copied(std::uint32_t row, std::size_t bytes);
    void changed_mind(std::uint32_t node, std::uint32_t about, bool dead);

  private:
    void trace(std::uint64_t what, std::uint64_t detail);

    std::uint32_t rows_;
    std::size_t row_bytes_;
    gossip::Config config_{};
    gossip::Rng dice_;
    Events events_;
    Links links_;
    std::vector<Host*> hosts_;
    Streams streams_;
    Network network_;
    std::vector<std::unique_ptr<Peer>> peers_;
    std::vector<Time> learned_at_;
    Traffic::Count copies_;
    std::uint64_t false_deaths_ = 0;
    std::uint64_t trace_ = 0;
};

}  // namespace sim::baseline
