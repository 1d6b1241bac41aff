#pragma once

#include <array>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "node/http/exchange.h"

namespace node {

// The connection of one client after its request was answered with a response that has no end: a
// socket of ours, which is read all the time, because the end of the client is what we wait for.
//
// What the client sends is read and thrown away. Of what we send, one line is on its way and the
// newest of the others waits: a client that does not read costs a few kB.
class SocketStream final : public LineStream, public std::enable_shared_from_this<SocketStream> {
  public:
    // Those of one io_context that have started. Its thread only, or after that was joined.
    using Open = std::set<std::shared_ptr<SocketStream>>;

    // `ended` is called on the thread of `io`, once, when the client has gone: it has closed its
    // side or its process has ended, or its host does not acknowledge what was sent for kSilence.
    // Not after finish() or close().
    SocketStream(asio::io_context& io, Open& open, std::function<void()> ended);

    void send(std::string line) override;
    void finish(std::string line) override;

    // ---- on the thread of `io`, or after that was joined
    // Sends the head of the response. `slot` is given back with the connection. A socket that is
    // closed already is a client that has gone.
    void start(asio::ip::tcp::socket socket, std::shared_ptr<void> slot);
    // At once, and without a word.
    void close();

    // Two lines that the host of the client had the time to acknowledge.
    static constexpr std::chrono::seconds kSilence{25};
    // For the last line to arrive, and for the client to close.
    static constexpr std::chrono::seconds kFarewell{2};
    // What the kernel keeps for a client that does not read: its least would be 4 kB.
    static constexpr int kSendBuffer = 16 << 10;

  private:
    void read();
    void queue(std::string bytes);
    void write();
    void written(const std::error_code& error);
    void client_gone();
    [[nodiscard]] bool host_is_silent();

    asio::io_context& io_;
    Open& open_;
    std::function<void()> ended_;
    asio::steady_timer farewell_;
    std::optional<asio::ip::tcp::socket> socket_;  // none: not started, or closed
    std::shared_ptr<void> slot_;
    std::array<char, 1024> ignored_{};
    std::string current_;  // on its way
    std::string next_;
    bool writing_ = false;
    bool finishing_ = false;
};

}  // namespace node
