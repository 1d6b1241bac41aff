#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "gossip/core.h"
#include "gossip/random.h"
#include "sim/checkers.h"
#include "sim/events.h"
#include "sim/links.h"
#include "sim/network.h"
#include "sim/sim_node.h"
#include "sim/streams.h"

namespace sim {

struct WorldOptions {
    std::uint64_t seed = 1;
    std::uint32_t nodes = 5;
    std::uint32_t seeds = 1;  // the first nodes: everyone asks them when it starts
    gossip::Config config{};
    Faults faults{};
    // Every node begins as a member of a cluster of all, whose table has `rows` instances, and
    // shares both with the others. Otherwise nodes begin with nothing, stopped: start() them.
    bool warm = false;
    std::uint32_t rows = 0;
    std::uint32_t cold_nodes = 0;  // of the nodes, so many (the last) stay out of a warm start
    std::int64_t drift_ppm = 0;    // clocks run up to this much faster or slower than time
};

// A cluster in one thread: real cores, virtual time, a network that loses, delays and cuts.
// Everything that happens is decided by the seed and by what a scenario asks for. Stops at the
// first violation of an invariant.
class World {
  public:
    explicit World(const WorldOptions& options);
    ~World();
    World(const World&) = delete;
    World& operator=(const World&) = delete;

    // ---- time
    [[nodiscard]] Time now() const { return events_.now(); }
    void run_for(Time duration);
    // Until done() holds, looking every `step`; false if it does not within `limit`.
    template <class Done>
    bool run_until(Done done, Time limit, Time step = Time{1000}) {
        const Time end = now() + limit;
        while (!done()) {
            if (now() >= end || !ok()) return false;
            run_for(step);
        }
        return ok();
    }

    // ---- what scenarios do
    [[nodiscard]] std::uint32_t size() const { return static_cast<std::uint32_t>(nodes_.size()); }
    [[nodiscard]] SimNode& node(std::uint32_t index) { return *nodes_[index]; }
    [[nodiscard]] Links& links() { return links_; }
    void start_all();  // those that do not run
    void partition(const std::vector<std::uint32_t>& island);
    void cut(std::uint32_t from, std::uint32_t to);
    void heal();
    // Randomness for scenarios alone: drawing from it changes no delay.
    [[nodiscard]] gossip::Rng& dice() { return dice_; }
    // Called after every turn that changed a table.
    std::function<void(const SimNode&, const gossip::Output&)> on_publish;
    // Called when a process has read its disk, before its first turn.
    std::function<void(const SimNode&)> on_start;

    // ---- what is seen from outside
    [[nodiscard]] bool ok() const { return checkers_.violations().empty(); }
    [[nodiscard]] Checkers& checkers() { return checkers_; }
    [[nodiscard]] const Checkers& checkers() const { return checkers_; }
    [[nodiscard]] const Network& network() const { return network_; }
    [[nodiscard]] const Streams& streams() const { return streams_; }
    [[nodiscard]] std::uint64_t trace() const { return trace_; }
    [[nodiscard]] std::uint64_t events_happened() const { return events_.happened(); }
    // All running nodes have equal fingerprints.
    [[nodiscard]] bool agreed() const;
    // And each of them regards all running nodes, and no other, as alive.
    [[nodiscard]] bool whole() const;
    // The sum of one counter over the running nodes.
    [[nodiscard]] std::uint64_t sum(std::uint64_t gossip::Counters::*counter) const;
    // Invariants 3 and 4, on every running node.
    void checkpoint();
    // Invariants 5 and 6 as well: for when all is quiet, healed and started.
    void check_settled(bool complete);

    // ---- for the nodes
    [[nodiscard]] Events& events() { return events_; }
    [[nodiscard]] gossip::Rng& rng() { return rng_; }
    [[nodiscard]] const gossip::Config& config() const { return config_; }
    [[nodiscard]] std::vector<gossip::Endpoint> seeds() const;
    [[nodiscard]] gossip::Output& scratch() { return scratch_; }
    // What happens outside of the nodes is a part of the trace too.
    void note(std::uint64_t detail) { trace(4, detail); }
    void started(const SimNode& node);
    void crashed(const SimNode& node);
    void before_effects(const SimNode& node, const gossip::Output& out);
    void persisted(const SimNode& node, const gossip::Output& out);
    void published(const SimNode& node, const gossip::Output& out);
    void after_turn(const SimNode& node, const gossip::Output& out);
    void send(const SimNode& node, const gossip::Endpoint& to, gossip::Bytes datagram);
    void stream(const SimNode& node, const gossip::StreamAction& action);

  private:
    [[nodiscard]] gossip::SharedBase make_base(std::uint32_t nodes, std::uint32_t rows);
    void trace(std::uint64_t what, std::uint64_t detail);
    [[nodiscard]] std::uint64_t true_ms() const {  // what a perfect wall clock shows
        return static_cast<std::uint64_t>(Clock::kWallStart + (now().count() / 1000));
    }

    gossip::Config config_;
    std::uint32_t seeds_;
    gossip::Rng rng_;
    gossip::Rng dice_;
    Events events_;
    Links links_;
    std::vector<Host*> hosts_;
    Streams streams_;
    Network network_;
    Checkers checkers_;
    gossip::Output scratch_;
    std::vector<std::unique_ptr<SimNode>> nodes_;
    std::uint64_t trace_ = 0;
};

// An instance as a small application would register it: about 150 B on the wire.
[[nodiscard]] gossip::LocalWrite instance_write(std::uint32_t number, std::uint64_t version,
                                                gossip::Now now);

}  // namespace sim
