#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <thread>

#include "gossip/wire.h"

namespace test {

// What a peer that answers pings does otherwise than it should.
struct FakeFaults {
    std::chrono::milliseconds clock{0};       // ahead of ours
    std::size_t loses_longer_than = 100'000;  // bytes of a ping's datagram, on their way here
    std::size_t cuts_longer_than = 100'000;   // and of an answer's, on its way back
    bool grants = true;                       // differences that are asked for
    bool mute = false;                        // no datagram is answered
    bool tcp = true;                          // something listens there
};

// The address of a peer that answers pings as the protocol says, but for its faults. Reads and
// answers on a thread of its own until the object dies.
class FakePeer {
  public:
    // `address` is ipv4:port, which nobody else uses.
    FakePeer(const std::string& address, std::uint64_t id, FakeFaults faults,
             const std::string& cluster = "hearsay")
        : faults_(faults),
          id_{id},
          cluster_(gossip::cluster_tag(gossip::derive_key(cluster))),
          udp_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)),
          tcp_(faults.tcp ? ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) : -1) {
        const auto colon = address.rfind(':');
        sockaddr_in at{};
        at.sin_family = AF_INET;
        at.sin_port = htons(static_cast<std::uint16_t>(std::stoi(address.substr(colon + 1))));
        ::inet_pton(AF_INET, address.substr(0, colon).c_str(), &at.sin_addr);
        const auto* const where = reinterpret_cast<const sockaddr*>(&at);
        ok_ = ::bind(udp_, where, sizeof at) == 0 && ::pipe2(stop_.data(), O_CLOEXEC) == 0;
        if (tcp_ >= 0) {
            ok_ = ok_ && ::bind(tcp_, where, sizeof at) == 0 && ::listen(tcp_, 16) == 0;
        }
        if (ok_) thread_ = std::jthread([this] { serve(); });
    }
    FakePeer(const FakePeer&) = delete;
    FakePeer& operator=(const FakePeer&) = delete;
    ~FakePeer() {
        ::close(stop_[1]);
        if (thread_.joinable()) thread_.join();
        for (const int fd : {udp_, tcp_, stop_[0]}) {
            if (fd >= 0) ::close(fd);
        }
    }
    [[nodiscard]] bool ok() const { return ok_; }

  private:
    static constexpr std::uint32_t kRows = 10'000;

    void serve() {
        while (true) {
            std::array<pollfd, 2> ready{pollfd{udp_, POLLIN, 0}, pollfd{stop_[0], POLLIN, 0}};
            ::poll(ready.data(), ready.size(), -1);
            if (ready[1].revents != 0) return;
            std::array<char, 2048> buffer{};
            sockaddr_in from{};
            socklen_t size = sizeof from;
            const auto got = ::recvfrom(udp_, buffer.data(), buffer.size(), 0,
                                        reinterpret_cast<sockaddr*>(&from), &size);
            if (got <= 0 || faults_.mute) continue;
            const std::string out = answer({buffer.data(), static_cast<std::size_t>(got)});
            if (out.empty() || out.size() > faults_.cuts_longer_than) continue;
            ::sendto(udp_, out.data(), out.size(), 0, reinterpret_cast<const sockaddr*>(&from),
                     size);
        }
    }

    [[nodiscard]] std::string answer(std::string_view datagram) const {
        gossip::Header header;
        gossip::Bytes body;
        if (datagram.size() > faults_.loses_longer_than) return "";
        if (gossip::decode_header(gossip::as_bytes(datagram), cluster_, header, body) !=
            gossip::HeaderFault::none) {
            return "";
        }
        const auto ping = gossip::decode_ping(body);
        if (header.type != gossip::MessageType::ping || !ping) return "";
        const auto now = std::chrono::system_clock::now().time_since_epoch() + faults_.clock;
        gossip::Ack ack;
        ack.ping_seq = header.seq;
        ack.digest.clock_ms = static_cast<std::uint64_t>(
            std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
        const auto apart = static_cast<std::int64_t>(ack.digest.clock_ms - ping->digest.clock_ms);
        const bool near = apart < 10'000 && apart > -10'000;
        ack.digest.rows = kRows;
        // As a node: none to far-off clocks, nor to one that had better fetch a snapshot.
        if (ping->wide && near && ping->digest.rows >= kRows / 2 && faults_.grants) {
            ack.status = gossip::AckStatus::diff;
            ack.cells.resize(
                std::min(gossip::kMaxDiffCells,
                         (3 * datagram.size() - gossip::kHeaderBytes - 30) / gossip::kCellBytes));
        }
        gossip::Header mine;
        mine.type = gossip::MessageType::ack;
        mine.cluster = cluster_;
        mine.from = id_;
        std::string out;
        gossip::begin_datagram(out, mine);
        gossip::encode(ack, out);
        gossip::finish_datagram(out, 0);
        return out;
    }

    FakeFaults faults_;
    gossip::NodeId id_;
    std::uint32_t cluster_;
    int udp_;
    int tcp_;
    std::array<int, 2> stop_{-1, -1};
    bool ok_ = false;
    std::jthread thread_;
};

}  // namespace test
