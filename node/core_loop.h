#pragma once

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "gossip/core.h"
#include "gossip/output.h"
#include "node/core_handle.h"
#include "node/gossip_sink.h"
#include "node/gossip_socket.h"
#include "node/published.h"
#include "node/row_listener.h"
#include "node/sqlite_store.h"
#include "node/stream_transport.h"
#include "registry/view_builder.h"

namespace node {

// Drives the core on the thread that runs `io`: sockets, works of other threads and one timer go
// in, perform() comes out.
//
// A turn begins with the first input and ends in a handler that is posted at that moment. So every
// input that is queued by then belongs to it, shares one Output, one transaction and one View, and
// while that transaction waits for the disk the next turn's inputs gather: batches grow with the
// load by themselves, and an idle node answers at once. Where nobody else can be waiting (the
// timer, the last datagram) the turn ends without that handler. Nothing polls: the timer stands at
// the earliest moment at which the core, the store or the view has something to do.
class CoreLoop final : public CoreHandle, private GossipSink, private gossip::Effects {
  public:
    // All must outlive the loop. The rows that `core` has restored are listed from the start.
    struct Parts {
        gossip::Core& core;
        SqliteStore& store;
        Published<registry::View>& view;
        std::vector<RowListener*> rows = {};  // who listens, in this order
    };
    CoreLoop(asio::io_context& io, Parts parts, GossipPorts ports);
    ~CoreLoop() override;

    // Before io.run(): the first View, the first announcement, sockets on. Throws PersistFailed,
    // as any turn may from io.run().
    void start();
    // Says goodbye to the cluster; calls `gone` when that is done, about 0.6 s later.
    void leave(std::function<void()> gone);
    // No turn begins after it; submit() says no. Queued writes are on disk when it returns.
    void stop();

    bool submit(Work work, Done done) override;
    void listen(QuestionListener* listener) override { listener_.store(listener); }

    struct TurnStats {
        std::uint64_t turns = 0;
        std::chrono::microseconds total{0};  // from the first input to the last answer
        std::chrono::microseconds longest{0};
        std::uint64_t stalls = 0;  // the timer was more than kStall late
    };
    [[nodiscard]] const TurnStats& turn_stats() const { return turns_; }
    // As of the last turn; for any thread.
    [[nodiscard]] const std::atomic<std::int64_t>& clock_offset_ms() const { return offset_ms_; }
    [[nodiscard]] const GossipSocket::Stats& datagram_stats() const { return socket_.stats(); }

  private:
    using SteadyTime = std::chrono::steady_clock::time_point;

    // The machine or we slept: what peers sent meanwhile is read before time-outs are believed.
    static constexpr std::chrono::milliseconds kStall{200};
    static constexpr std::size_t kStallDatagrams = 4096;
    static constexpr std::chrono::milliseconds kWorthRearming{100};

    void datagram(const gossip::Endpoint& from, gossip::Bytes bytes) override;
    void datagrams_read(bool last) override;
    void refused(const gossip::Endpoint& by) override;
    void accepted(gossip::StreamId id, const gossip::Endpoint& from) override;
    void received(gossip::StreamId id, gossip::Bytes frame) override;
    void drained(gossip::StreamId id) override;
    void closed(gossip::StreamId id) override;

    void persist(const gossip::Output& out) override;
    void write_behind(const gossip::Output& out) override;
    void send(const gossip::Endpoint& to, gossip::Bytes datagram) override;
    void stream(const gossip::StreamAction& action) override;
    void publish(const gossip::Output& out) override;

    void run_work(const Work& work, Done done);
    void open_turn();
    void begin_turn();  // opens it, if none is, and posts its end
    void end_turn_if_alone();
    void end_turn();
    void hear_questions();
    void finish_output();
    void publish_now();
    void answer_polls(const registry::AppRows& before, const registry::AppRows& after);
    void arm();
    void timer_fired(SteadyTime due);
    [[nodiscard]] gossip::Mono::time_point next_due() const;

    asio::io_context& io_;
    gossip::Core& core_;
    SqliteStore& store_;
    Published<registry::View>& view_;
    std::vector<RowListener*> rows_;
    registry::ViewBuilder builder_;
    GossipSocket socket_;
    StreamTransport streams_;
    asio::steady_timer timer_;
    std::optional<gossip::Mono::time_point> armed_;  // what timer_ waits for

    gossip::Output output_;
    gossip::Now now_{};
    std::vector<Done> dones_;
    SteadyTime turn_began_;
    bool turn_open_ = false;
    bool end_posted_ = false;
    TurnStats turns_;

    // Rows of peers may wait a little for their View while Views are expensive.
    std::optional<gossip::Mono::time_point> publish_due_;
    SteadyTime published_at_;
    std::chrono::nanoseconds publish_cost_{0};

    std::atomic<QuestionListener*> listener_{nullptr};
    std::function<void()> gone_;
    std::atomic<std::size_t> queued_{0};
    std::atomic<std::int64_t> offset_ms_{0};
    std::atomic<bool> stopping_{false};
};

}  // namespace node
