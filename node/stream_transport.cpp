#include "node/stream_transport.h"

#include "node/gossip_socket.h"
#include "node/log.h"
#include "node/stream_connection.h"

namespace node {

using asio::ip::tcp;
using gossip::StreamAction;
using gossip::StreamId;

StreamTransport::StreamTransport(asio::io_context& io, tcp::acceptor acceptor, GossipSink& sink,
                                 Limits limits)
    : io_(io), acceptor_(std::move(acceptor)), sink_(sink), limits_(limits) {}

StreamTransport::~StreamTransport() {
    stop();
}

void StreamTransport::start() {
    running_ = true;
    accept();
}

void StreamTransport::stop() {
    running_ = false;
    std::error_code ignored;
    (void)acceptor_.close(ignored);
    for (const auto& [id, connection] : connections_) connection->abandon();
    connections_.clear();
}

void StreamTransport::accept() {
    acceptor_.async_accept([this](std::error_code problem, tcp::socket socket) {
        if (problem == asio::error::operation_aborted || !running_) return;
        if (!problem) {
            accepted(std::move(socket));
            return accept();
        }
        // Out of descriptors, mostly: accepting again at once would spin until one is free.
        log(LogLevel::warn, "accept_failed", {{"error", problem.message()}});
        auto pause = std::make_shared<asio::steady_timer>(io_, std::chrono::milliseconds{200});
        pause->async_wait([this, pause](std::error_code cancelled) {
            if (!cancelled && running_) accept();
        });
    });
}

void StreamTransport::accepted(tcp::socket socket) {
    std::error_code problem;
    const tcp::endpoint from = socket.remote_endpoint(problem);
    if (problem || connections_.size() >= limits_.connections) {
        ++refused_;
        return;  // the socket closes here
    }
    const StreamId id{next_accepted_++};
    auto connection = std::make_shared<StreamConnection>(*this, id, std::move(socket));
    connections_.emplace(id, connection);
    connection->serve();
    sink_.accepted(id, to_endpoint(from.address(), from.port()));
}

void StreamTransport::open(StreamId id, const gossip::Endpoint& to) {
    auto connection = std::make_shared<StreamConnection>(*this, id, tcp::socket{io_});
    const bool v6 = acceptor_.local_endpoint().protocol() == tcp::v6();
    const SocketAddress address = to_address(to, v6);
    const bool room = connections_.size() < limits_.connections;
    connections_.emplace(id, connection);
    if (!room || !address.ok) {
        ++refused_;
        return connection->fail_soon();
    }
    connection->connect({address.address, to.port});
}

void StreamTransport::apply(const StreamAction& action) {
    if (!running_) return;
    if (action.kind == StreamAction::Kind::open) return open(action.id, action.to);
    const auto found = connections_.find(action.id);
    if (found == connections_.end()) return;
    if (action.kind == StreamAction::Kind::send) {
        found->second->send(action.frame);
    } else {
        found->second->finish();
    }
}

}  // namespace node
