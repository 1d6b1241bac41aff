#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "gossip/random.h"
#include "sim/baseline/wire.h"
#include "sim/events.h"
#include "sim/host.h"

namespace sim::baseline {

class Cluster;

// One machine of a baseline: the same process as SimNode's, around another protocol. It starts as
// a member of a cluster that agrees; one that crashed does not return.
class Peer : public Host {
  public:
    Peer(Cluster& cluster, std::uint32_t index, std::uint64_t seed)
        : rng_(seed), cluster_(cluster), index_(index) {}

    [[nodiscard]] std::uint32_t index() const { return index_; }
    [[nodiscard]] bool running() const override { return running_; }
    [[nodiscard]] bool powered() const override { return powered_; }

    // ---- the life of the process, as SimNode's
    void crash();
    void lose_power();
    void pause() { paused_ = true; }
    void resume();

    // ---- what a protocol does
    // Plans what it does periodically.
    virtual void start() = 0;
    // An application changes a row here.
    virtual void write(std::uint32_t row, std::uint32_t version) = 0;
    [[nodiscard]] virtual bool thinks_dead(std::uint32_t about) const = 0;
    // Nothing is left to say about past changes.
    [[nodiscard]] virtual bool quiet() const = 0;

    // ---- Host
    // Unconnected UDP sockets hear of no refusal: memberlist's are, and so are the naive ones.
    void refused(const gossip::Endpoint& /*by*/) override {}
    void datagram(const gossip::Endpoint& from, std::string bytes) override;
    void stream_accepted(gossip::StreamId /*id*/, const gossip::Endpoint& /*from*/) override {}
    void stream_received(gossip::StreamId id, std::string frame) override;
    void stream_drained(gossip::StreamId /*id*/) override {}
    void stream_closed(gossip::StreamId id) override;

  protected:
    virtual void received(std::uint32_t from, Reader message) = 0;
    virtual void frame_received(gossip::StreamId /*id*/, Reader /*frame*/) {}
    virtual void ended(gossip::StreamId /*id*/) {}

    [[nodiscard]] Cluster& cluster() const { return cluster_; }
    void send(std::uint32_t to, const std::string& message);
    // Unless the process ends before; if it is stopped then, when it goes on.
    void after(Time delay, Events::Action action);
    // First at a random moment within the period, as periodic work is staggered everywhere.
    void every(Time period, const Events::Action& action);
    [[nodiscard]] Time within(Time period) {
        return Time{
            static_cast<std::int64_t>(rng_.below(static_cast<std::uint64_t>(period.count())))};
    }

    gossip::Rng rng_;

  private:
    void when_running(Events::Action input, std::vector<Events::Action>& waiting);
    void repeat(Time period, const Events::Action& action);

    Cluster& cluster_;
    std::uint32_t index_;
    bool running_ = true;
    bool powered_ = true;
    bool paused_ = false;
    std::vector<Events::Action> inputs_;  // in the sockets of a stopped process
    std::vector<Events::Action> timers_;  // that went off meanwhile
    std::size_t waiting_bytes_ = 0;
};

}  // namespace sim::baseline
