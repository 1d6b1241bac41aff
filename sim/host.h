#pragma once

#include <cstdint>
#include <string>

#include "gossip/endpoint.h"
#include "gossip/ids.h"

namespace sim {

// Nodes are numbered from 0. Node n listens at 10.x.y.z:7701 where x.y.z are the bytes of n.
constexpr std::uint32_t kMaxNodes = 1U << 24;
constexpr std::uint32_t kNobody = UINT32_MAX;

inline gossip::Endpoint endpoint_of(std::uint32_t node) {
    return gossip::Endpoint::v4(10, static_cast<std::uint8_t>(node >> 16),
                                static_cast<std::uint8_t>(node >> 8),
                                static_cast<std::uint8_t>(node), 7701);
}
inline std::uint32_t node_at(const gossip::Endpoint& e) {
    const std::uint32_t node =
        (std::uint32_t{e.ip[13]} << 16) | (std::uint32_t{e.ip[14]} << 8) | std::uint32_t{e.ip[15]};
    return e == endpoint_of(node) ? node : kNobody;
}

// A machine, as the network sees it.
class Host {
  public:
    virtual ~Host() = default;
    // Its process runs. A stopped one (SIGSTOP) counts as running: the kernel answers for it.
    [[nodiscard]] virtual bool running() const = 0;
    // Its kernel says so when nobody listens. Not after a power failure.
    [[nodiscard]] virtual bool powered() const = 0;
    virtual void refused(const gossip::Endpoint& by) = 0;
    virtual void datagram(const gossip::Endpoint& from, std::string bytes) = 0;
    virtual void stream_accepted(gossip::StreamId id, const gossip::Endpoint& from) = 0;
    virtual void stream_received(gossip::StreamId id, std::string frame) = 0;
    virtual void stream_drained(gossip::StreamId id) = 0;
    virtual void stream_closed(gossip::StreamId id) = 0;
};

}  // namespace sim
