#include "node/http/line_stream.h"

#include <netinet/tcp.h>
#include <sys/socket.h>

#include <asio/buffer.hpp>
#include <asio/post.hpp>
#include <asio/write.hpp>
#include <charconv>
#include <utility>

namespace node {
namespace {

constexpr std::string_view kHead =
    "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: application/x-ndjson\r\n"
    "Cache-Control: no-store\r\nTransfer-Encoding: chunked\r\n\r\n";
constexpr std::string_view kLastChunk = "0\r\n\r\n";

// One line is one chunk, so that clients see it at once.
std::string chunk_of(const std::string& line) {
    std::array<char, 16> digits{};
    const auto end =
        std::to_chars(digits.data(), digits.data() + digits.size(), line.size() + 1, 16);
    std::string chunk(digits.data(), end.ptr);
    return chunk.append("\r\n").append(line).append("\n\r\n");
}

}  // namespace

SocketStream::SocketStream(asio::io_context& io, Open& open, std::function<void()> ended)
    : io_(io), open_(open), ended_(std::move(ended)), farewell_(io) {}

void SocketStream::send(std::string line) {
    asio::post(io_, [self = shared_from_this(), chunk = chunk_of(line)]() mutable {
        if (self->socket_ && self->host_is_silent()) return self->client_gone();
        self->queue(std::move(chunk));
    });
}

void SocketStream::finish(std::string line) {
    asio::post(io_, [self = shared_from_this(), chunk = chunk_of(line)]() mutable {
        if (self->finishing_) return;
        self->ended_ = nullptr;
        self->queue(chunk.append(kLastChunk));
        self->finishing_ = true;
        self->farewell_.expires_after(kFarewell);
        self->farewell_.async_wait([self](const std::error_code&) { self->close(); });
    });
}

void SocketStream::start(asio::ip::tcp::socket socket, std::shared_ptr<void> slot) {
    slot_ = std::move(slot);
    if (!socket.is_open()) return client_gone();
    socket_.emplace(std::move(socket));
    open_.insert(shared_from_this());
    std::error_code ignored;
    (void)socket_->set_option(asio::socket_base::send_buffer_size{kSendBuffer}, ignored);
    queue(std::string{kHead});
    read();
}

void SocketStream::close() {
    const auto self = shared_from_this();  // open_ may have been the last to hold us
    ended_ = nullptr;
    socket_.reset();
    slot_.reset();
    farewell_.cancel();
    open_.erase(self);
}

void SocketStream::read() {
    socket_->async_read_some(
        asio::buffer(ignored_),
        [self = shared_from_this()](const std::error_code& error, std::size_t) {
            if (!self->socket_) return;
            if (error) return self->client_gone();
            self->read();
        });
}

void SocketStream::queue(std::string bytes) {
    if (!socket_ || finishing_) return;
    next_ = std::move(bytes);
    if (!writing_) write();
}

void SocketStream::write() {
    current_ = std::exchange(next_, {});
    writing_ = true;
    asio::async_write(*socket_, asio::buffer(current_),
                      [self = shared_from_this()](const std::error_code& error, std::size_t) {
                          if (self->socket_) self->written(error);
                      });
}

void SocketStream::written(const std::error_code& error) {
    writing_ = false;
    if (error) return client_gone();
    if (!next_.empty()) return write();
    std::error_code ignored;
    if (finishing_) (void)socket_->shutdown(asio::socket_base::shutdown_send, ignored);
}

void SocketStream::client_gone() {
    const auto ended = std::exchange(ended_, nullptr);
    close();
    if (ended) ended();
}

// A host that lost its power closes nothing, and TCP would try for a quarter of an hour. One that
// is there and does not read has nothing to acknowledge: its window is closed.
bool SocketStream::host_is_silent() {
    tcp_info info{};
    socklen_t size = sizeof info;
    if (::getsockopt(socket_->native_handle(), IPPROTO_TCP, TCP_INFO, &info, &size) != 0) {
        return false;
    }
    return info.tcpi_unacked > 0 && std::chrono::milliseconds{info.tcpi_last_ack_recv} > kSilence;
}

}  // namespace node
