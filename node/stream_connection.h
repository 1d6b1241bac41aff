#pragma once

#include <array>
#include <asio/ip/tcp.hpp>
#include <asio/steady_timer.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include "gossip/ids.h"
#include "node/stream_transport.h"

namespace node {

// One TCP connection. Kept alive by its own pending operations; the transport's map is what makes
// it reachable for the core.
class StreamConnection : public std::enable_shared_from_this<StreamConnection> {
  public:
    StreamConnection(StreamTransport& transport, gossip::StreamId id, asio::ip::tcp::socket socket);

    void serve();  // an accepted connection
    void connect(const asio::ip::tcp::endpoint& to);
    void fail_soon();  // reports `closed` from a handler of its own
    void send(std::string_view frame);
    void finish();   // the core's close: writes what is queued, then says goodbye
    void abandon();  // the transport stops: everything ends silently

  private:
    // `finishing`: the core is done with it; we still write, and read to throw away.
    enum class Phase : std::uint8_t { connecting, open, finishing, ended };

    void tune();
    void read_length();
    void read_body(std::size_t size);
    void discard();
    void write();
    void written(std::error_code problem);
    void shut_down_sending();
    void end();  // once: closes the socket and, unless the core did it, reports
    void progress();
    void watch();

    StreamTransport& transport_;
    gossip::StreamId id_;
    asio::ip::tcp::socket socket_;
    asio::steady_timer idle_;
    Phase phase_ = Phase::connecting;
    std::chrono::steady_clock::time_point last_progress_;
    std::array<std::uint8_t, 4> length_{};
    std::vector<std::uint8_t> body_;
    std::string queued_;   // frames with their lengths, while `writing_` is under way
    std::string writing_;  // one write at a time, as large as what was queued meanwhile
    bool write_pending_ = false;
};

}  // namespace node
