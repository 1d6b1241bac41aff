#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "gossip/endpoint.h"
#include "gossip/ids.h"

// Asks gossip addresses the protocol's own questions, from sockets of its own. A ping of an unknown
// node changes nothing at a peer but its counters, and a connection that says nothing is a stream
// that ended before it began.
namespace node::cli {

// What one address did with what we sent.
enum class Reach : std::uint8_t {
    answered,
    refused,  // the host said that nobody listens there
    silent,   // nothing came back
    failed,   // our own system refused to send; `error` says why
};

struct Contact {
    Reach reach = Reach::silent;
    std::string error;
};

// How large datagrams may be in one direction, in bytes of an IP packet.
struct PathSize {
    bool known = false;      // the peer took part
    bool full = false;       // the largest that the protocol sends arrived
    unsigned largest = 0;    // that arrived; 0: none but the smallest
    unsigned attempted = 0;  // the largest that was tried
};

struct PeerMeasurement {
    gossip::Endpoint address;
    Contact udp;
    Contact tcp;
    // The following are known if `udp` answered.
    gossip::NodeId id;
    std::chrono::microseconds rtt{0};
    std::chrono::milliseconds ahead{0};  // its corrected clock less ours; off by rtt / 2 at most
    PathSize there;                      // with DF set: whole, or not at all
    PathSize back;                       // as the peer sends them
    unsigned link_mtu = 0;               // of the route, as our kernel knows it; 0: unknown
};

struct ProbeOptions {
    std::uint32_t cluster = 0;  // gossip::cluster_tag(): peers are silent to any other
    gossip::NodeId self{1};     // whom we speak as: nobody that is known

    // Three pings of a contact, three of full size, and two rounds of a ladder of sizes: about 3 s
    // at the worst. A healthy peer takes some round trips.
    std::chrono::milliseconds contact_wait{500};
    std::chrono::milliseconds size_wait{350};
};
constexpr int kContactTries = 3;
constexpr int kFullTries = 3;
constexpr int kLadderTries = 2;
constexpr std::size_t kMaxProbes = 64;  // addresses at a time; each takes a thread and two sockets

// Blocks until everything about one address is known.
[[nodiscard]] PeerMeasurement probe(const gossip::Endpoint& address, const ProbeOptions& options);
// All of them at the same time, in the same order; the first kMaxProbes if there are more.
[[nodiscard]] std::vector<PeerMeasurement> probe_all(const std::vector<gossip::Endpoint>& addresses,
                                                     const ProbeOptions& options);

}  // namespace node::cli
