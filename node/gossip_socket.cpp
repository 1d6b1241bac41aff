#include "node/gossip_socket.h"

#include <linux/errqueue.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <asio/ip/v6_only.hpp>
#include <cstring>
#include <optional>
#include <string>

#include "node/log.h"
#include "registry/view.h"

namespace node {
namespace {

using asio::ip::tcp;
using asio::ip::udp;
using gossip::Endpoint;
using gossip::Errc;
using gossip::Error;
using gossip::Result;

// Ours are at most 1,232 B; a longer one is foreign and is cut, which its length field betrays.
constexpr std::size_t kReadBytes = 2048;
// A burst of floods of a large cluster while the core commits. The kernel gives at most rmem_max.
constexpr int kReceiveBuffer = 4 << 20;
constexpr int kSendBuffer = 1 << 20;
constexpr int kPortTries = 32;  // to find one that is free for UDP and TCP

Endpoint from_sockaddr(const sockaddr_storage& storage) {
    Endpoint e;
    if (storage.ss_family == AF_INET) {
        sockaddr_in v4{};
        std::memcpy(&v4, &storage, sizeof v4);
        std::uint8_t b[4];
        std::memcpy(b, &v4.sin_addr, sizeof b);
        return Endpoint::v4(b[0], b[1], b[2], b[3], ntohs(v4.sin_port));
    }
    sockaddr_in6 v6{};
    std::memcpy(&v6, &storage, sizeof v6);
    std::memcpy(e.ip.data(), &v6.sin6_addr, e.ip.size());
    e.port = ntohs(v6.sin6_port);
    return e;
}

template <class Socket, class Protocol>
void open_socket(Socket& socket, const Protocol& protocol, const asio::ip::address& address) {
    socket.open(protocol);
    if (address.is_v6()) socket.set_option(asio::ip::v6_only{!address.is_unspecified()});
}

// Makes the kernel keep what ICMP says of our datagrams, with the address that each went to. A
// socket that is bound to :: sends to both families.
void queue_errors(int socket, bool v6) {
    const int yes = 1;
    ::setsockopt(socket, IPPROTO_IP, IP_RECVERR, &yes, sizeof yes);
    if (v6) ::setsockopt(socket, IPPROTO_IPV6, IPV6_RECVERR, &yes, sizeof yes);
}

// The kernel's report in an entry of the error queue, if it is one about the network.
const sock_extended_err* report_in(msghdr& message) {
    for (cmsghdr* part = CMSG_FIRSTHDR(&message); part; part = CMSG_NXTHDR(&message, part)) {
        const bool v4 = part->cmsg_level == IPPROTO_IP && part->cmsg_type == IP_RECVERR;
        const bool v6 = part->cmsg_level == IPPROTO_IPV6 && part->cmsg_type == IPV6_RECVERR;
        if (v4 || v6) return reinterpret_cast<const sock_extended_err*>(CMSG_DATA(part));
    }
    return nullptr;
}

std::unique_ptr<GossipPorts> try_bind(asio::io_context& io, const asio::ip::address& address,
                                      std::uint16_t port) {
    const bool v6 = address.is_v6();
    auto ports =
        std::make_unique<GossipPorts>(GossipPorts{udp::socket{io}, tcp::acceptor{io}, Endpoint{}});
    open_socket(ports->tcp, v6 ? tcp::v6() : tcp::v4(), address);
    ports->tcp.set_option(tcp::acceptor::reuse_address{true});  // over our own TIME_WAIT
    ports->tcp.bind({address, port});
    ports->tcp.listen();
    port = ports->tcp.local_endpoint().port();
    open_socket(ports->udp, v6 ? udp::v6() : udp::v4(), address);
    ports->udp.bind({address, port});
    ports->udp.set_option(udp::socket::receive_buffer_size{kReceiveBuffer});
    ports->udp.set_option(udp::socket::send_buffer_size{kSendBuffer});
    ports->udp.non_blocking(true);
    queue_errors(ports->udp.native_handle(), v6);
    ports->local = to_endpoint(address, port);
    return ports;
}

}  // namespace

Endpoint to_endpoint(const asio::ip::address& address, std::uint16_t port) {
    if (address.is_v4()) {
        const auto b = address.to_v4().to_bytes();
        return Endpoint::v4(b[0], b[1], b[2], b[3], port);
    }
    Endpoint e;
    const auto bytes = address.to_v6().to_bytes();
    std::copy(bytes.begin(), bytes.end(), e.ip.begin());
    e.port = port;
    return e;
}

SocketAddress to_address(const Endpoint& endpoint, bool v6_socket) {
    asio::ip::address_v6::bytes_type bytes;
    std::copy(endpoint.ip.begin(), endpoint.ip.end(), bytes.begin());
    const asio::ip::address_v6 v6{bytes};
    if (v6_socket) return {v6, true};
    if (!v6.is_v4_mapped()) return {v6, false};
    return {asio::ip::make_address_v4(asio::ip::v4_mapped, v6), true};
}

Result<std::unique_ptr<GossipPorts>> bind_gossip(asio::io_context& io, const Endpoint& listen) {
    const SocketAddress v4 = to_address(listen, false);
    std::string reason;
    for (int i = 0; i < (listen.port == 0 ? kPortTries : 1); ++i) {
        try {
            return try_bind(io, v4.address, listen.port);
        } catch (const asio::system_error& problem) {
            reason = problem.code() == asio::error::address_in_use ? "address already in use"
                                                                   : problem.code().message();
        }
    }
    return Error{Errc::unavailable,
                 "cannot gossip at " + registry::to_text(listen) + ": " + reason};
}

// What recvmmsg fills: allocated once, about 140 kB.
struct GossipSocket::Buffers {
    std::array<std::array<std::uint8_t, kReadBytes>, kBatch> bytes;
    std::array<sockaddr_storage, kBatch> from;
    std::array<iovec, kBatch> parts;
    std::array<mmsghdr, kBatch> headers;

    Buffers() {
        for (std::size_t i = 0; i < kBatch; ++i) {
            parts[i] = {bytes[i].data(), kReadBytes};
            headers[i] = {};
            headers[i].msg_hdr.msg_iov = &parts[i];
            headers[i].msg_hdr.msg_iovlen = 1;
            headers[i].msg_hdr.msg_name = &from[i];
        }
    }
};

GossipSocket::GossipSocket(udp::socket socket, GossipSink& sink)
    : socket_(std::move(socket)), sink_(sink), buffers_(std::make_unique<Buffers>()) {
    v6_ = socket_.local_endpoint().address().is_v6();
}

GossipSocket::~GossipSocket() = default;

void GossipSocket::start() {
    running_ = true;
    wait();
}

void GossipSocket::stop() {
    running_ = false;
    std::error_code ignored;
    (void)socket_.close(ignored);
}

void GossipSocket::wait() {
    socket_.async_wait(udp::socket::wait_read, [this](std::error_code problem) {
        if (problem || !running_) return;
        sink_.datagrams_read(read_batch() < kBatch);
        if (running_) wait();
    });
}

void GossipSocket::drain(std::size_t limit) {
    for (std::size_t read = 0; running_ && read < limit;) {
        const std::size_t batch = read_batch();
        read += batch;
        if (batch < kBatch) return;
    }
}

std::size_t GossipSocket::read_batch() {
    for (mmsghdr& header : buffers_->headers) {
        header.msg_hdr.msg_namelen = sizeof(sockaddr_storage);
    }
    const auto receive = [this] {
        return recvmmsg(socket_.native_handle(), buffers_->headers.data(), kBatch, MSG_DONTWAIT,
                        nullptr);
    };
    int count = receive();
    if (count <= 0) {  // nothing there, or an error of the past that hides what is there
        const bool hidden = count < 0 && errno != EAGAIN;
        read_errors();
        if (hidden && running_) count = receive();
    }
    if (count <= 0) return 0;
    for (std::size_t i = 0; i < static_cast<std::size_t>(count) && running_; ++i) {
        ++stats_.received;
        sink_.datagram(from_sockaddr(buffers_->from[i]),
                       {buffers_->bytes[i].data(), buffers_->headers[i].msg_len});
    }
    return static_cast<std::size_t>(count);
}

// Each entry is a datagram that did not arrive, and the address that it was for.
void GossipSocket::read_errors() {
    for (std::size_t i = 0; i < kBatch && running_; ++i) {
        sockaddr_storage to{};
        std::array<std::uint8_t, 512> control{};
        msghdr message{};
        message.msg_name = &to;
        message.msg_namelen = sizeof to;
        message.msg_control = control.data();
        message.msg_controllen = control.size();
        if (::recvmsg(socket_.native_handle(), &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) return;
        const sock_extended_err* report = report_in(message);
        if (!report || report->ee_errno != ECONNREFUSED || message.msg_namelen == 0) continue;
        ++stats_.refused;
        sink_.refused(from_sockaddr(to));
    }
}

void GossipSocket::send(const Endpoint& to, gossip::Bytes datagram) {
    const SocketAddress address = to_address(to, v6_);
    std::error_code problem = asio::error::address_family_not_supported;
    if (address.ok) {
        const udp::endpoint there{address.address, to.port};
        socket_.send_to(asio::buffer(datagram.data(), datagram.size()), there, 0, problem);
        if (problem == asio::error::connection_refused) {  // an earlier datagram, to somebody else
            socket_.send_to(asio::buffer(datagram.data(), datagram.size()), there, 0, problem);
        }
    }
    if (problem) {
        ++stats_.send_dropped;
    } else {
        ++stats_.sent;
    }
}

}  // namespace node
