#pragma once

#include <asio.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "clients/cpp/hearsay/client.h"
#include "examples/arena/connection.h"
#include "examples/arena/log.h"
#include "examples/arena/rules.h"

namespace arena {

struct ArenaOptions {
    hearsay::ServerOptions registration;
    asio::ip::tcp::endpoint listen;
    std::chrono::milliseconds resume_window{30'000};
};

// One instance of the game: its players, their sessions and connections. Everything happens on the
// thread of `io`, except what waits for the node.
class Arena {
  public:
    // Listens; throws asio::system_error if it cannot.
    Arena(asio::io_context& io, ArenaOptions options, Log& log);

    // Registers, as soon as the node answers, and takes clients. Returns at once. The io_context
    // stops when the arena is closed, or after end().
    void start();
    // The operator's end: says goodbye to everybody and stops.
    void end();
    // After the io_context has stopped: deregisters.
    void leave();

    [[nodiscard]] int exit_code() const { return exit_code_; }

  private:
    using Link = std::shared_ptr<Connection>;
    struct Session {
        Link link;  // nullptr: its connection broke
        std::unique_ptr<asio::steady_timer> window;
    };

    asio::awaitable<void> enroll();
    asio::awaitable<void> accept();
    asio::awaitable<void> serve(Link link);
    asio::awaitable<std::string> let_in(Link link);
    asio::awaitable<void> play(Link link, std::string session);
    // False after the last command of a session.
    bool obey(const Link& link, const std::string& session, const Command& command);
    void answer(const Link& link, const std::string& session);
    void lose(const std::string& session);
    void finish(const std::string& session, const char* event);
    void instructed(const std::string& instruction);
    void stop_soon();
    void flush();
    void note(const std::string& text) { log_.write("event=" + text); }

    asio::io_context& io_;
    asio::thread_pool pool_;
    asio::ip::tcp::acceptor acceptor_;
    asio::steady_timer retry_;
    asio::steady_timer flush_;
    asio::steady_timer last_words_;
    ArenaOptions options_;
    Log& log_;
    World world_;
    std::map<std::string, Session> sessions_;
    std::map<Connection*, std::weak_ptr<Connection>> strangers_;  // connected, without a seat
    std::string instruction_;
    int exit_code_ = 0;
    bool ending_ = false;
    hearsay::Server server_;  // last: its thread calls us
};

}  // namespace arena
