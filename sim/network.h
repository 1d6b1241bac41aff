#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "gossip/config.h"
#include "gossip/hash.h"
#include "gossip/wire.h"
#include "sim/events.h"
#include "sim/host.h"
#include "sim/links.h"

namespace sim {

// What was handed to the network, lost or not, by MessageType.
struct Traffic {
    struct Count {
        std::uint64_t datagrams = 0;
        std::uint64_t bytes = 0;
        void operator+=(const Count& other) {
            datagrams += other.datagrams;
            bytes += other.bytes;
        }
    };
    std::array<Count, 9> types;  // 0: none that we know
    [[nodiscard]] const Count& of(gossip::MessageType type) const {
        return types[static_cast<std::size_t>(type)];
    }
    [[nodiscard]] Count all() const;
    void operator+=(const Traffic& other);
};
// What was sent since an earlier moment.
Traffic operator-(const Traffic& later, const Traffic& earlier);

// Datagrams: each is lost, delayed, doubled, held back or damaged on its own.
class Network {
  public:
    Network(const gossip::Config& config, Events& events, Links& links,
            const std::vector<Host*>& hosts);

    void send(std::uint32_t from, const gossip::Endpoint& to, gossip::Bytes datagram);

    [[nodiscard]] const Traffic& traffic(std::uint32_t node) const { return traffic_[node]; }
    [[nodiscard]] const Traffic& traffic() const { return total_; }

  private:
    void refuse(std::uint32_t from, std::uint32_t to);
    void deliver(std::uint32_t from, std::uint32_t to, std::string bytes);
    [[nodiscard]] std::string corrupted(gossip::Bytes datagram);
    [[nodiscard]] std::string babble(gossip::Bytes datagram);

    std::uint32_t cluster_;
    Events& events_;
    Links& links_;
    const std::vector<Host*>& hosts_;
    std::vector<Traffic> traffic_;
    Traffic total_;
};

}  // namespace sim
