#pragma once

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "gossip/endpoint.h"
#include "gossip/ids.h"
#include "gossip/output.h"
#include "gossip/result.h"
#include "node/gossip_sink.h"

namespace node {

class StreamConnection;

// The core's streams over TCP. A frame is its length, u32 little-endian, and as many bytes; one
// above gossip::kMaxFrame ends the connection. Runs on the core thread; never calls the sink from
// within open(), send() or close().
class StreamTransport {
  public:
    struct Limits {
        // A peer that neither takes what we wrote nor completes a frame for so long is gone. Also
        // the longest time to connect.
        std::chrono::milliseconds idle{30'000};
        // Both directions together; the core allows itself far fewer, so only a foreigner gets
        // here. Beyond it a connection is closed as soon as it is accepted.
        std::size_t connections = 64;
    };

    StreamTransport(asio::io_context& io, asio::ip::tcp::acceptor acceptor, GossipSink& sink,
                    Limits limits);
    ~StreamTransport();

    void start();
    void stop();  // closes everything; no call of the sink after it

    // What the core asks for. Actions on a stream that is gone do nothing. After `close` the sink
    // hears nothing more of the stream; what was sent before still reaches the peer.
    void apply(const gossip::StreamAction& action);

    [[nodiscard]] std::size_t connections() const { return connections_.size(); }
    [[nodiscard]] std::uint64_t refused() const { return refused_; }

  private:
    friend class StreamConnection;

    void accept();
    void accepted(asio::ip::tcp::socket socket);
    void open(gossip::StreamId id, const gossip::Endpoint& to);
    void forget(gossip::StreamId id) { connections_.erase(id); }

    asio::io_context& io_;
    asio::ip::tcp::acceptor acceptor_;
    GossipSink& sink_;
    Limits limits_;
    std::map<gossip::StreamId, std::shared_ptr<StreamConnection>> connections_;
    std::uint64_t next_accepted_ = gossip::kAcceptedStreams;
    std::uint64_t refused_ = 0;
    bool running_ = false;
};

}  // namespace node
