#include "node/stream_connection.h"

#include <asio/post.hpp>
#include <asio/read.hpp>
#include <asio/write.hpp>

#include "gossip/bytes.h"
#include "gossip/check.h"
#include "node/gossip_socket.h"

namespace node {

using asio::ip::tcp;

StreamConnection::StreamConnection(StreamTransport& transport, gossip::StreamId id,
                                   tcp::socket socket)
    : transport_(transport),
      id_(id),
      socket_(std::move(socket)),
      idle_(socket_.get_executor()),
      last_progress_(std::chrono::steady_clock::now()) {}

void StreamConnection::serve() {
    phase_ = Phase::open;
    tune();
    watch();
    read_length();
}

void StreamConnection::connect(const tcp::endpoint& to) {
    watch();
    socket_.async_connect(to, [self = shared_from_this(), to](std::error_code problem) {
        if (self->phase_ == Phase::ended) return;
        if (problem) {
            const bool refused = problem == asio::error::connection_refused;
            if (refused) self->transport_.sink_.refused(to_endpoint(to.address(), to.port()));
            return self->end();
        }
        self->tune();
        self->progress();
        if (self->phase_ == Phase::finishing) {
            self->write();
            return self->discard();
        }
        self->phase_ = Phase::open;
        self->read_length();
        if (self->queued_.empty()) {
            self->transport_.sink_.drained(self->id_);
        } else {
            self->write();
        }
    });
}

void StreamConnection::fail_soon() {
    asio::post(socket_.get_executor(), [self = shared_from_this()] { self->end(); });
}

// Frames are written whole, so waiting to fill segments only delays the last one.
void StreamConnection::tune() {
    std::error_code ignored;
    (void)socket_.set_option(tcp::no_delay{true}, ignored);
}

void StreamConnection::send(std::string_view frame) {
    CHECK(frame.size() <= gossip::kMaxFrame);
    if (phase_ != Phase::connecting && phase_ != Phase::open) return;
    gossip::Writer writer{queued_};
    writer.u32(static_cast<std::uint32_t>(frame.size()));
    queued_.append(frame);
    if (phase_ == Phase::open) write();
}

void StreamConnection::write() {
    if (write_pending_) return;
    if (queued_.empty()) {
        if (phase_ == Phase::finishing) shut_down_sending();
        return;
    }
    writing_.clear();
    writing_.swap(queued_);
    write_pending_ = true;
    asio::async_write(socket_, asio::buffer(writing_),
                      [self = shared_from_this()](std::error_code problem, std::size_t) {
                          self->written(problem);
                      });
}

void StreamConnection::written(std::error_code problem) {
    write_pending_ = false;
    if (phase_ == Phase::ended) return;
    if (problem) return end();
    progress();
    if (!queued_.empty() || phase_ == Phase::finishing) return write();
    transport_.sink_.drained(id_);
}

void StreamConnection::read_length() {
    asio::async_read(socket_, asio::buffer(length_),
                     [self = shared_from_this()](std::error_code problem, std::size_t) {
                         if (self->phase_ == Phase::ended) return;
                         if (problem) return self->end();
                         if (self->phase_ == Phase::finishing) return self->discard();
                         const std::uint32_t size = gossip::Reader{self->length_}.u32();
                         if (size > gossip::kMaxFrame) return self->end();
                         self->read_body(size);
                     });
}

void StreamConnection::read_body(std::size_t size) {
    body_.resize(size);
    asio::async_read(socket_, asio::buffer(body_),
                     [self = shared_from_this()](std::error_code problem, std::size_t) {
                         if (self->phase_ == Phase::ended) return;
                         if (problem) return self->end();
                         if (self->phase_ == Phase::finishing) return self->discard();
                         self->progress();
                         self->transport_.sink_.received(self->id_, self->body_);
                         if (self->phase_ == Phase::open) self->read_length();
                         if (self->phase_ == Phase::finishing) self->discard();
                     });
}

// Until the peer closes. Closing with unread bytes would reset the connection, and a reset may
// overtake what we sent last.
void StreamConnection::discard() {
    body_.resize(gossip::kMaxFrame);
    socket_.async_read_some(asio::buffer(body_),
                            [self = shared_from_this()](std::error_code problem, std::size_t) {
                                if (self->phase_ == Phase::ended) return;
                                if (problem) return self->end();
                                self->discard();
                            });
}

void StreamConnection::finish() {
    if (phase_ == Phase::ended) return;
    const bool connected = phase_ == Phase::open;
    phase_ = Phase::finishing;
    progress();
    if (connected) write();
}

void StreamConnection::shut_down_sending() {
    std::error_code ignored;
    (void)socket_.shutdown(tcp::socket::shutdown_send, ignored);
}

void StreamConnection::abandon() {
    phase_ = Phase::ended;
    std::error_code ignored;
    (void)socket_.close(ignored);
    idle_.cancel();
}

void StreamConnection::end() {
    if (phase_ == Phase::ended) return;
    const bool report = phase_ != Phase::finishing;
    abandon();
    transport_.forget(id_);  // `this` lives on: the caller's handler holds it
    if (report) transport_.sink_.closed(id_);
}

void StreamConnection::progress() {
    last_progress_ = std::chrono::steady_clock::now();
}

// One timer per connection that looks at the time of the last progress when it fires, instead of
// being set anew with every frame.
void StreamConnection::watch() {
    idle_.expires_at(last_progress_ + transport_.limits_.idle);
    idle_.async_wait([self = shared_from_this()](std::error_code problem) {
        if (problem || self->phase_ == Phase::ended) return;
        const auto deadline = self->last_progress_ + self->transport_.limits_.idle;
        if (std::chrono::steady_clock::now() >= deadline) return self->end();
        self->watch();
    });
}

}  // namespace node
