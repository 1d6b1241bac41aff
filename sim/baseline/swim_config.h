#pragma once

#include <cstdint>

#include "sim/events.h"

// The constants are those of memberlist's DefaultLANConfig, with which Serf and Consul run;
// "SWIM" is Das, Gupta, Motivala (2002), "Lifeguard" is Dadgar, Phillips, Currey (2018).

namespace sim::baseline {

constexpr Time kProbeInterval{1'000'000};      // ProbeInterval; the protocol period of SWIM
constexpr Time kProbeTimeout{500'000};         // ProbeTimeout
constexpr unsigned kIndirectChecks = 3;        // IndirectChecks; SWIM's k
constexpr Time kGossipInterval{200'000};       // GossipInterval; SWIM only piggy-backs
constexpr unsigned kGossipNodes = 3;           // GossipNodes
constexpr Time kGossipToTheDead{30'000'000};   // GossipToTheDeadTime
constexpr unsigned kRetransmitMult = 4;        // RetransmitMult; SWIM's lambda log n
constexpr unsigned kSuspicionMult = 4;         // SuspicionMult
constexpr unsigned kSuspicionMaxMult = 6;      // SuspicionMaxTimeoutMult; Lifeguard's beta
constexpr unsigned kMaxAwareness = 8;          // AwarenessMaxMultiplier; Lifeguard's S
constexpr Time kPushPullInterval{30'000'000};  // PushPullInterval
constexpr Time kStreamTimeout{10'000'000};     // TCPTimeout
constexpr std::size_t kUdpBuffer = 1400;       // UDPBufferSize
constexpr std::size_t kCompoundHeader = 2;     // compoundHeaderOverhead: type and count
constexpr std::size_t kCompoundOverhead = 2;   // compoundOverhead: a length per message

// RetransmitMult * ceil(log10(n + 1)).
[[nodiscard]] unsigned retransmit_limit(std::uint32_t nodes);
// SuspicionMult * max(1, log10(n)) * ProbeInterval: after which a suspicion that enough others
// share is a death.
[[nodiscard]] Time suspicion_minimum(std::uint32_t nodes);
// What a suspicion of one takes, with `confirmations` of the `wanted` independent others:
// Lifeguard's max - (max - min) * log(c + 1) / log(k + 1).
[[nodiscard]] Time suspicion_time(std::uint32_t nodes, unsigned confirmations, unsigned wanted);
// SuspicionMult - 2, or none where so many others do not exist.
[[nodiscard]] unsigned confirmations_wanted(std::uint32_t nodes);
// pushPullScale: beyond 32 nodes, one interval more per doubling.
[[nodiscard]] Time push_pull_interval(std::uint32_t nodes);

}  // namespace sim::baseline
