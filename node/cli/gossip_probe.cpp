#include "node/cli/gossip_probe.h"

#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <map>
#include <system_error>
#include <thread>
#include <utility>

#include "gossip/wire.h"
#include "node/address.h"

namespace node::cli {
namespace {

using gossip::Ack;
using gossip::AckStatus;
using gossip::Endpoint;
using std::chrono::milliseconds;
using Steady = std::chrono::steady_clock;
using WallClock = std::chrono::system_clock;

constexpr unsigned kV4Overhead = 20 + 8;  // headers of IP and UDP
constexpr unsigned kV6Overhead = 40 + 8;
constexpr std::size_t kBarePing = gossip::kHeaderBytes + 25;
constexpr std::size_t kBareAck = gossip::kHeaderBytes + 4 + 24 + 1 + 1;  // of a difference
constexpr std::size_t kCell = gossip::kCellBytes;
// Sizes of packets between which the largest that passes is looked for: those of common tunnels.
constexpr std::array kPackets{576U, 800U, 1000U, 1100U, 1150U, 1200U, 1220U, 1240U, 1260U, 1280U};
// Cells of the answers that are asked for. With the full ones before them these stay below the ten
// differences a second that a peer grants.
constexpr std::array<std::size_t, 4> kCells{32, 64, 80, 88};

class Descriptor {
  public:
    explicit Descriptor(int fd) : fd_(fd) {}
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    ~Descriptor() {
        if (fd_ >= 0) ::close(fd_);
    }
    [[nodiscard]] int get() const { return fd_; }

  private:
    int fd_;
};

struct Address {
    sockaddr_storage storage{};
    socklen_t size = 0;
    bool v6 = false;
};

Address socket_address(const Endpoint& endpoint) {
    Address address;
    address.v6 = !mapped_v4(endpoint);
    if (address.v6) {
        sockaddr_in6 v6{};
        v6.sin6_family = AF_INET6;
        v6.sin6_port = htons(endpoint.port);
        std::memcpy(&v6.sin6_addr, endpoint.ip.data(), sizeof v6.sin6_addr);
        address.size = sizeof v6;
        std::memcpy(&address.storage, &v6, sizeof v6);
    } else {
        sockaddr_in v4{};
        v4.sin_family = AF_INET;
        v4.sin_port = htons(endpoint.port);
        std::memcpy(&v4.sin_addr, endpoint.ip.data() + kMappedPrefix, sizeof v4.sin_addr);
        address.size = sizeof v4;
        std::memcpy(&address.storage, &v4, sizeof v4);
    }
    return address;
}

std::int64_t wall_ms() {
    return std::chrono::duration_cast<milliseconds>(WallClock::now().time_since_epoch()).count();
}

Contact contact_of(int error) {
    if (error == ECONNREFUSED) return {Reach::refused, {}};
    if (error == ETIMEDOUT) return {Reach::silent, {}};
    return {Reach::failed, std::generic_category().message(error)};
}

// The questions to one address, and what came back.
class Prober {
  public:
    Prober(const Endpoint& to, const ProbeOptions& options)
        : options_(options),
          address_(socket_address(to)),
          overhead_(address_.v6 ? kV6Overhead : kV4Overhead),
          udp_(::socket(family(), SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)),
          tcp_(::socket(family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
        found_.address = to;
    }

    PeerMeasurement run() {
        connect_udp();
        connect_tcp();
        for (int i = 0; i < kContactTries && !(udp_settled() && tcp_settled_); ++i) {
            if (!udp_settled()) ask(kBarePing, false);
            wait(options_.contact_wait, [this] { return udp_settled() && tcp_settled_; });
        }
        if (found_.udp.reach == Reach::answered) measure_sizes();
        return found_;
    }

  private:
    struct Question {
        Steady::time_point asked;
        std::int64_t wall = 0;
        unsigned packet = 0;  // of the question itself
        bool back = false;    // it is the answer's size that counts
    };

    [[nodiscard]] int family() const { return address_.v6 ? AF_INET6 : AF_INET; }
    [[nodiscard]] const sockaddr* sockaddr_of() const {
        return reinterpret_cast<const sockaddr*>(&address_.storage);
    }
    [[nodiscard]] bool udp_settled() const { return udp_settled_; }

    void settle_udp(Contact contact) {
        if (udp_settled_) return;
        udp_settled_ = true;
        found_.udp = std::move(contact);
    }
    void settle_tcp(Contact contact) {
        tcp_settled_ = true;
        found_.tcp = std::move(contact);
    }

    void connect_udp() {
        // DF: a datagram that is too long for the path is lost, instead of being cut.
        if (address_.v6) {
            const int how = IPV6_PMTUDISC_DO;
            ::setsockopt(udp_.get(), IPPROTO_IPV6, IPV6_MTU_DISCOVER, &how, sizeof how);
        } else {
            const int how = IP_PMTUDISC_DO;
            ::setsockopt(udp_.get(), IPPROTO_IP, IP_MTU_DISCOVER, &how, sizeof how);
        }
        if (::connect(udp_.get(), sockaddr_of(), address_.size) != 0) {
            settle_udp(contact_of(errno));
        }
    }
    void connect_tcp() {
        if (::connect(tcp_.get(), sockaddr_of(), address_.size) == 0) {
            settle_tcp({Reach::answered, {}});
        } else if (errno != EINPROGRESS) {
            settle_tcp(contact_of(errno));
        }
    }

    // Sends a ping of so many bytes. `wide` asks for as many cells of the peer's sketch as it
    // grants to a question of this size: it sees the digest of a table as large as its own that
    // is not its own.
    void ask(std::size_t bytes, bool wide) {
        gossip::Ping ping;
        ping.census = !wide;
        ping.wide = wide;
        ping.digest.clock_ms = static_cast<std::uint64_t>(wall_ms() + found_.ahead.count());
        ping.digest.rows = rows_;
        if (wide) ping.digest.fingerprint.low = fingerprint_ + 1;
        gossip::Header header;
        header.type = gossip::MessageType::ping;
        header.cluster = options_.cluster;
        header.from = options_.self;
        header.seq = ++sequence_;
        std::string out;
        gossip::begin_datagram(out, header);
        gossip::encode(ping, bytes - kBarePing, out);
        gossip::finish_datagram(out, 0, 0);

        const auto packet = static_cast<unsigned>(bytes) + overhead_;
        asked_[header.seq] = {Steady::now(), wall_ms(), packet, wide};
        ssize_t sent = ::send(udp_.get(), out.data(), out.size(), MSG_NOSIGNAL);
        // What ICMP said of an earlier datagram is reported by the next call, once.
        if (sent < 0) sent = ::send(udp_.get(), out.data(), out.size(), MSG_NOSIGNAL);
        if (sent < 0 && errno != EMSGSIZE && errno != EAGAIN) settle_udp(contact_of(errno));
    }

    // Takes what arrives until `enough`, at most so long.
    template <class Enough>
    void wait(milliseconds limit, Enough enough) {
        const auto deadline = Steady::now() + limit;
        while (!enough()) {
            const auto left = std::chrono::ceil<milliseconds>(deadline - Steady::now()).count();
            if (left <= 0) return;
            std::array<pollfd, 2> sockets{pollfd{udp_.get(), POLLIN, 0},
                                          pollfd{tcp_settled_ ? -1 : tcp_.get(), POLLOUT, 0}};
            if (::poll(sockets.data(), sockets.size(), static_cast<int>(left)) < 0) continue;
            if (sockets[0].revents != 0) receive();
            if (sockets[1].revents != 0) finish_tcp();
        }
    }

    void finish_tcp() {
        int error = 0;
        socklen_t size = sizeof error;
        ::getsockopt(tcp_.get(), SOL_SOCKET, SO_ERROR, &error, &size);
        settle_tcp(error == 0 ? Contact{Reach::answered, {}} : contact_of(error));
    }

    void receive() {
        std::array<char, 2048> buffer{};
        const ssize_t size = ::recv(udp_.get(), buffer.data(), buffer.size(), 0);
        const auto now = Steady::now();
        if (size < 0) {
            if (errno != EAGAIN && errno != EMSGSIZE && errno != EINTR) {
                settle_udp(contact_of(errno));
            }
            return;
        }
        gossip::Header header;
        gossip::Bytes body;
        const auto bytes =
            gossip::as_bytes(std::string_view{buffer.data(), static_cast<std::size_t>(size)});
        if (gossip::decode_header(bytes, options_.cluster, header, body) !=
            gossip::HeaderFault::none) {
            return;
        }
        if (header.type != gossip::MessageType::ack) return;
        const auto ack = gossip::decode_ack(body);
        const auto asked = ack ? asked_.find(ack->ping_seq) : asked_.end();
        if (asked == asked_.end()) return;
        found_.id = header.from;
        note_time(*ack, asked->second, now);
        note_size(*ack, asked->second, static_cast<unsigned>(size) + overhead_);
        asked_.erase(asked);
        settle_udp({Reach::answered, {}});
    }

    // The shortest round trip tells most about the clock.
    void note_time(const Ack& ack, const Question& question, Steady::time_point now) {
        rows_ = ack.digest.rows;
        fingerprint_ = ack.digest.fingerprint.low;
        const auto rtt =
            std::chrono::duration_cast<std::chrono::microseconds>(now - question.asked);
        if (timed_ && rtt >= found_.rtt) return;
        timed_ = true;
        found_.rtt = rtt;
        const std::int64_t half = std::chrono::round<milliseconds>(rtt / 2).count();
        found_.ahead =
            milliseconds{static_cast<std::int64_t>(ack.digest.clock_ms) - (question.wall + half)};
    }

    void note_size(const Ack& ack, const Question& question, unsigned packet) {
        if (!question.back) {
            found_.there.largest = std::max(found_.there.largest, question.packet);
            small_arrived_ |= question.packet == kBarePing + overhead_;
        } else if (ack.status == AckStatus::diff) {
            found_.back.largest = std::max(found_.back.largest, packet);
        } else {
            not_granted_ = true;  // too many differences, a snapshot, or far-off clocks
        }
    }

    // The size of a question that is granted so many cells: three bytes for each of its own.
    static std::size_t question_for(std::size_t cells) {
        return std::max(kBarePing, (kBareAck + cells * kCell + 2) / 3);
    }

    void measure_sizes() {
        found_.there.attempted = static_cast<unsigned>(gossip::kMaxDatagram) + overhead_;
        found_.back.attempted =
            static_cast<unsigned>(kBareAck + gossip::kMaxDiffCells * kCell) + overhead_;
        const auto both = [this] {
            return found_.there.largest >= found_.there.attempted &&
                   (not_granted_ || found_.back.largest >= found_.back.attempted);
        };
        for (int i = 0; i < kFullTries && !both(); ++i) {
            ask_full();
            wait(options_.size_wait, both);
        }
        // A peer that has fallen silent since says nothing about sizes.
        small_arrived_ = both();
        for (int i = 0; i < kLadderTries && !both(); ++i) {
            ask_ladder();
            wait(options_.size_wait, both);
        }
        found_.there.known = small_arrived_;
        found_.there.full = found_.there.largest >= found_.there.attempted;
        found_.back.full = found_.back.largest >= found_.back.attempted;
        found_.back.known = small_arrived_ && (found_.back.full || !not_granted_);
        read_link_mtu();
    }

    void ask_full() {
        if (found_.there.largest < found_.there.attempted) ask(gossip::kMaxDatagram, false);
        if (!not_granted_ && found_.back.largest < found_.back.attempted) {
            ask(question_for(gossip::kMaxDiffCells), true);
        }
    }

    // Every size at once, instead of one after the other: one round trip tells.
    void ask_ladder() {
        ask_full();
        ask(kBarePing, false);
        for (const unsigned packet : kPackets) {
            const std::size_t bytes = packet - overhead_;
            const bool tells = packet > found_.there.largest && bytes < gossip::kMaxDatagram;
            if (found_.there.largest < found_.there.attempted && tells) ask(bytes, false);
        }
        for (const std::size_t cells : kCells) {
            const auto packet = static_cast<unsigned>(kBareAck + cells * kCell) + overhead_;
            if (!not_granted_ && packet > found_.back.largest) ask(question_for(cells), true);
        }
    }

    void read_link_mtu() {
        int mtu = 0;
        socklen_t size = sizeof mtu;
        const int level = address_.v6 ? static_cast<int>(IPPROTO_IPV6) : IPPROTO_IP;
        const int option = address_.v6 ? IPV6_MTU : IP_MTU;
        if (::getsockopt(udp_.get(), level, option, &mtu, &size) == 0 && mtu > 0) {
            found_.link_mtu = static_cast<unsigned>(mtu);
        }
    }

    ProbeOptions options_;
    Address address_;
    unsigned overhead_;
    Descriptor udp_;
    Descriptor tcp_;
    PeerMeasurement found_;
    std::map<std::uint32_t, Question> asked_;  // by sequence number
    std::uint32_t sequence_ = 0;
    std::uint32_t rows_ = 0;  // of the peer's table
    std::uint32_t fingerprint_ = 0;
    bool udp_settled_ = false;
    bool tcp_settled_ = false;
    bool timed_ = false;
    bool small_arrived_ = false;
    bool not_granted_ = false;
};

}  // namespace

PeerMeasurement probe(const Endpoint& address, const ProbeOptions& options) {
    return Prober(address, options).run();
}

std::vector<PeerMeasurement> probe_all(const std::vector<Endpoint>& addresses,
                                       const ProbeOptions& options) {
    std::vector<PeerMeasurement> found(std::min(addresses.size(), kMaxProbes));
    std::vector<std::jthread> threads;
    threads.reserve(found.size());
    for (std::size_t i = 0; i < found.size(); ++i) {
        threads.emplace_back([&, i] { found[i] = probe(addresses[i], options); });
    }
    threads.clear();  // joins them
    return found;
}

}  // namespace node::cli
