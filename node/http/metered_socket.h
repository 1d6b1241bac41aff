#pragma once

#include <asio/buffer.hpp>
#include <asio/compose.hpp>
#include <asio/error.hpp>
#include <asio/execution_context.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/post.hpp>
#include <asio/write.hpp>
#include <cstddef>
#include <iterator>
#include <memory>
#include <string_view>
#include <system_error>
#include <utility>

#include "node/http/shared_bytes.h"

namespace node {

// What the connections of one io_context share: how many bytes of unanswered requests they hold,
// and why RESTinio is about to close one. Its thread only.
class ConnectionMeter : public asio::execution_context::service {
  public:
    using key_type = ConnectionMeter;
    static asio::execution_context::id id;

    // Enough for several of the largest bodies (16 MiB) at once, whoever sends them and however
    // slowly; a body in memory is the only thing of a client that is larger than a few kB.
    static constexpr std::size_t kMaxUnanswered = std::size_t{128} << 20;

    explicit ConnectionMeter(asio::execution_context& context) : service(context) {}

    [[nodiscard]] bool take(std::size_t bytes) {
        unanswered_ += bytes;
        return unanswered_ <= kMaxUnanswered;
    }
    void give_back(std::size_t bytes) { unanswered_ -= bytes; }

    // `message` is RESTinio's, as it goes to a log. The close follows at once.
    void closing_because(std::string_view message);
    // A whole response that gives the reason, which is forgotten.
    [[nodiscard]] std::string_view farewell();

  private:
    void shutdown() override {}

    std::size_t unanswered_ = 0;
    std::string_view farewell_;
};

// RESTinio's logger, of which we want nothing but the reason of a close.
class ReasonLogger {
  public:
    explicit ReasonLogger(asio::io_context& io) : meter_(&asio::use_service<ConnectionMeter>(io)) {}

    template <class Message>
    void error(Message&& message) const {
        meter_->closing_because(std::forward<Message>(message)());
    }
    template <class Message>
    constexpr void trace(Message&&) const noexcept {}
    template <class Message>
    constexpr void info(Message&&) const noexcept {}
    template <class Message>
    constexpr void warn(Message&&) const noexcept {}

  private:
    ConnectionMeter* meter_;
};

// The socket of one client, for RESTinio. It closes a connection without a word when a limit is
// exceeded, time is up or the request makes no sense; this one says why before it goes.
class MeteredSocket : public asio::ip::tcp::socket {
  public:
    using Base = asio::ip::tcp::socket;

    explicit MeteredSocket(asio::io_context& io)
        : Base(io), meter_(&asio::use_service<ConnectionMeter>(io)) {}
    MeteredSocket(MeteredSocket&& other) noexcept
        : Base(static_cast<Base&&>(other)),  // moves the base only
          meter_(other.meter_),
          unanswered_(std::exchange(other.unanswered_, 0)) {}
    MeteredSocket& operator=(MeteredSocket&&) = delete;
    MeteredSocket(const MeteredSocket&) = delete;
    MeteredSocket& operator=(const MeteredSocket&) = delete;
    ~MeteredSocket() { answered(); }

    // The handler keeps its connection, and so this socket, alive.
    template <class Buffers, class ReadHandler>
    void async_read_some(const Buffers& buffers, ReadHandler&& handler) {
        Base::async_read_some(buffers, [this, handler = std::forward<ReadHandler>(handler)](
                                           std::error_code error, std::size_t bytes) mutable {
            unanswered_ += bytes;
            if (!meter_->take(bytes) && !error) error = asio::error::no_memory;
            handler(error, bytes);
        });
    }
    template <class Buffers, class WriteHandler>
    void async_write_some(const Buffers& buffers, WriteHandler&& handler) {
        answered();
        // A single buffer is a plain send(), which costs less than sendmsg() with a list of one.
        const auto first = asio::buffer_sequence_begin(buffers);
        if (std::next(first) == asio::buffer_sequence_end(buffers)) {
            Base::async_write_some(asio::const_buffer{*first}, std::forward<WriteHandler>(handler));
        } else {
            Base::async_write_some(buffers, std::forward<WriteHandler>(handler));
        }
    }
    void shutdown(shutdown_type what, std::error_code& error) {
        say_farewell();
        answered();  // here, because the last handle of a connection may die on the core thread
        (void)Base::shutdown(what, error);  // `error` says it
    }

    // The request has its response: it counts no longer.
    void answered() { meter_->give_back(std::exchange(unanswered_, 0)); }

  private:
    void say_farewell();

    ConnectionMeter* meter_;
    std::size_t unanswered_ = 0;  // bytes of requests since the last response
};

// RESTinio knows buffers in memory only. What this thread is about to send is remembered, so that
// its file is found again when the buffers arrive at the socket.
void remember_file(const std::shared_ptr<const SharedBytes>& bytes);
// The file that has exactly the bytes of this buffer; -1 if none is remembered.
[[nodiscard]] int file_behind(asio::const_buffer buffer);

// Head and body on their way to one client.
class FileSend {
  public:
    FileSend(asio::const_buffer head, int file, std::size_t size)
        : head_(head), file_(file), left_(size) {}

    // Gives the socket what it takes. would_block: call again when it is writable.
    std::error_code advance(int socket);
    [[nodiscard]] std::size_t sent() const { return sent_; }

  private:
    asio::const_buffer head_;  // what is left of it
    int file_;
    std::size_t left_;  // of the file
    off_t offset_ = 0;
    std::size_t sent_ = 0;
};

// As asio::async_write. The caller keeps head and file until the handler is called.
template <class WriteHandler>
void async_send_file(MeteredSocket& socket, FileSend send, WriteHandler&& handler) {
    socket.answered();
    asio::async_compose<WriteHandler, void(std::error_code, std::size_t)>(
        [&socket, send, result = std::error_code{}, done = false](
            auto& self, std::error_code error = {}) mutable {
            if (done) return self.complete(result, send.sent());
            result = error ? error : send.advance(socket.native_handle());
            if (result == asio::error::would_block) {
                return socket.async_wait(asio::socket_base::wait_write, std::move(self));
            }
            done = true;
            asio::post(socket.get_executor(), std::move(self));  // never from within the call
        },
        handler, socket);
}

}  // namespace node

namespace asio {

// RESTinio writes with asio::async_write, which gives the kernel at most 64 KiB per call: 55 calls
// for a list of 10,000. This overload, found because it is declared before RESTinio is included,
// gives it 1 MiB, or the file that has the bytes.
template <class Buffers, class WriteHandler>
void async_write(node::MeteredSocket& socket, const Buffers& buffers, WriteHandler&& handler) {
    const auto first = buffer_sequence_begin(buffers);
    if (std::distance(first, buffer_sequence_end(buffers)) == 2) {
        const const_buffer body = *std::next(first);
        if (const int file = node::file_behind(body); file >= 0) {
            return node::async_send_file(socket, {*first, file, body.size()},
                                         std::forward<WriteHandler>(handler));
        }
    }
    async_write(
        socket, buffers,
        [](const std::error_code& error, std::size_t) {
            return error ? std::size_t{0} : std::size_t{1} << 20;
        },
        std::forward<WriteHandler>(handler));
}

}  // namespace asio
