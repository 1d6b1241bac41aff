#pragma once

#include <asio.hpp>
#include <cerrno>
#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "examples/arena/lines.h"

namespace arena {

// A socket that speaks lines, for either side. Belongs to one io_context with one thread. Whoever
// waits for a line says how long; a connection is over at its first error, whatever that is.
class Connection : public std::enable_shared_from_this<Connection> {
  public:
    explicit Connection(asio::ip::tcp::socket socket)
        : socket_(std::move(socket)), limit_(socket_.get_executor()) {
        asio::error_code ignored;  // one that is not open yet has it from connect()
        socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
    }

    asio::awaitable<bool> connect(asio::ip::tcp::endpoint to, std::chrono::milliseconds patience) {
        const auto self = shared_from_this();
        asio::error_code failed;
        socket_.open(to.protocol(), failed);
        if (failed) co_return false;
        close_after(patience);
        auto token = asio::redirect_error(asio::use_awaitable, failed);
        co_await socket_.async_connect(to, token);
        limit_.cancel();
        asio::error_code ignored;
        socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
        co_return !failed;
    }

    // nullopt: the connection is over, by the other side, by close(), by a line that is too long,
    // or because nothing came in time.
    asio::awaitable<std::optional<std::string>> read_line(std::chrono::milliseconds patience) {
        const auto self = shared_from_this();
        close_after(patience);
        asio::error_code failed;
        auto token = asio::redirect_error(asio::use_awaitable, failed);
        const std::size_t length = co_await asio::async_read_until(
            socket_, asio::dynamic_buffer(received_, kLongestLine), '\n', token);
        limit_.cancel();
        if (failed) co_return std::nullopt;
        std::string line = received_.substr(0, length - 1);
        received_.erase(0, length);
        co_return line;
    }

    // Never waits. Who does not read for too long is cut off.
    void send(const std::string& line) {
        if (!socket_.is_open() || ending_) return;
        if (waiting_.size() >= kMostWaiting) return close();
        waiting_.push_back(line + "\n");
        if (waiting_.size() == 1) write();
    }
    // The last line: closes when it is written.
    void send_last(const std::string& line) {
        send(line);
        ending_ = true;
        if (waiting_.empty()) return close();
        close_after(kLastWords);
    }
    void close() {
        asio::error_code ignored;
        socket_.close(ignored);
        limit_.cancel();
    }

    // Whether the other side has closed already, as far as is known without reading.
    bool gone() {
        asio::error_code failed;
        char byte = 0;
        socket_.non_blocking(true, failed);
        if (failed) return true;
        const auto size = socket_.receive(asio::buffer(&byte, 1), MSG_PEEK, failed);
        return failed ? failed != asio::error::would_block : size == 0;
    }

  private:
    static constexpr std::size_t kMostWaiting = 16;       // lines
    static constexpr std::chrono::seconds kLastWords{1};  // to take the last line

    void close_after(std::chrono::milliseconds patience) {
        limit_.expires_after(patience);
        limit_.async_wait([weak = weak_from_this()](const asio::error_code& cancelled) {
            if (cancelled) return;
            const auto self = weak.lock();
            // It may have expired, and been set again, before this ran.
            if (self && self->limit_.expiry() <= std::chrono::steady_clock::now()) self->close();
        });
    }
    void write() {
        asio::async_write(
            socket_, asio::buffer(waiting_.front()),
            [self = shared_from_this()](const asio::error_code& failed, std::size_t /*size*/) {
                if (failed) return self->close();
                self->waiting_.pop_front();
                if (!self->waiting_.empty()) return self->write();
                if (self->ending_) self->close();
            });
    }

    asio::ip::tcp::socket socket_;
    asio::steady_timer limit_;
    std::string received_;
    std::deque<std::string> waiting_;  // the first one is being written
    bool ending_ = false;
};

// Runs what blocks on a thread of the pool; the coroutine goes on where it was.
template <class Work>
auto on_pool(asio::thread_pool& pool, Work work) -> asio::awaitable<decltype(work())> {
    const auto run = [](Work job) -> asio::awaitable<decltype(job())> { co_return job(); };
    co_return co_await asio::co_spawn(pool, run(std::move(work)), asio::use_awaitable);
}

// "127.0.0.1:9000", "[::1]:9000". nullopt if it is no numeric address with a port.
inline std::optional<asio::ip::tcp::endpoint> endpoint_of(const std::string& text) {
    const std::size_t colon = text.rfind(':');
    if (colon == std::string::npos) return std::nullopt;
    std::string host = text.substr(0, colon);
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    asio::error_code failed;
    const auto address = asio::ip::make_address(host, failed);
    const std::string port = text.substr(colon + 1);
    const bool number = !port.empty() && port.size() <= 5 &&
                        port.find_first_not_of("0123456789") == std::string::npos;
    if (failed || !number || std::stoul(port) > 65'535) return std::nullopt;
    return asio::ip::tcp::endpoint{address, static_cast<std::uint16_t>(std::stoul(port))};
}

}  // namespace arena
