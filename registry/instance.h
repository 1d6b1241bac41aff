#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "gossip/core.h"
#include "gossip/ids.h"
#include "gossip/record.h"
#include "gossip/result.h"
#include "registry/health_check.h"

namespace registry {

using gossip::Errc;
using gossip::Error;
using gossip::Result;

// What a server says of itself; it only moves forward within one incarnation.
enum class Phase : std::uint8_t { starting, running, stopping, stopped };

// What the registry says of it: the phase, corrected by what is known of its lease and its node.
enum class State : std::uint8_t {
    up,           // running, its node is alive
    starting,     // not ready for clients yet
    draining,     // stopping: keeps its clients, takes no new ones
    suspect,      // its node did not answer: no new clients until that is settled
    unreachable,  // its node is gone or was never heard of; the server itself may be fine
    expired,      // its lease lapsed
    stopped,      // it said so itself
};
constexpr std::size_t kStates = 7;

[[nodiscard]] std::string_view name(Phase phase);
[[nodiscard]] std::string_view name(State state);
[[nodiscard]] std::optional<Phase> phase_of(std::string_view name);
[[nodiscard]] std::optional<State> state_of(std::string_view name);

// Limits, in bytes of UTF-8 unless said. An address, a name and metadata that are all at their
// limit do not fit one record (gossip::kMaxRecordBytes): Core::put says too_large then.
constexpr std::size_t kMaxAddress = 255;
constexpr std::size_t kMaxAppName = 128;
constexpr std::size_t kMaxVersion = 64;
constexpr std::size_t kMaxZone = 64;
constexpr std::size_t kMaxMetadata = 1024;  // of canonical JSON
constexpr std::uint32_t kMaxTtl = 3600;     // seconds
constexpr std::uint32_t kDefaultTtl = 30;
// Seconds beyond this (the year 5138) are milliseconds that someone forgot to divide.
constexpr std::uint64_t kMaxLastUpdate = 100'000'000'000;

// One application server, as it described itself when it registered.
struct Instance {
    std::string address;            // host[:port]; the identity of the row
    std::string app_name;           // 1..kMaxAppName, printable
    std::string version;            // opaque; "" when the application does not say
    std::uint64_t incarnation = 0;  // tells a restarted server at the same address from the old one
    Phase phase = Phase::running;
    std::uint32_t capacity = 0;   // seats; 0: unknown or unlimited
    std::uint32_t sessions = 0;   // seats taken; may exceed capacity for a moment
    std::uint32_t protocol = 0;   // of its clients; 0: any
    bool ready_to_close = false;  // the server's consent to be stopped; does not change its state
    std::string zone;
    std::string metadata = "{}";    // a JSON object as canonical text: keys sorted, no white space
    std::uint64_t last_update = 0;  // Unix seconds as the application said them; 0 is legal
    std::uint32_t ttl_s = kDefaultTtl;  // its lease: 1..kMaxTtl seconds
    std::optional<Check> check;         // how its node asks after it; none: it heartbeats itself
    // The epoch of the rollout in which the server said that it knows it is draining; 0: in none.
    std::uint64_t acked_epoch = 0;
    // Nonzero: it was fenced, in this epoch of its app's rollout or 1 without one. It has no
    // sessions and takes none any more, in this incarnation.
    std::uint64_t closed_epoch = 0;
    gossip::NodeId owner;  // the node that watches the lease; set by gossip
    bool operator==(const Instance&) const = default;
};

// The instance itself if it keeps every rule, else an Error that names the value and the rule.
// too_large for metadata above its limit, invalid for everything else.
[[nodiscard]] Result<Instance> validated(Instance instance);

// nullopt if `address` is host[:port], else what is wrong with it. Host: an IPv4 address, an IPv6
// address (in brackets if a port follows), or a DNS name, in which underscores are allowed.
[[nodiscard]] std::optional<Error> check_address(std::string_view address);

// nullopt if `text` is a JSON object that may be copied verbatim into what we serve: at most
// kMaxMetadata bytes, no control characters (so on one line), nesting within kMaxDepth.
[[nodiscard]] std::optional<Error> check_metadata(std::string_view text);

// How an instance changed from one registration to the next. What routing depends on travels at
// once; other content may wait for its turn (LocalWrite::coalesce).
enum class Change : std::uint8_t {
    none,     // a heartbeat; last_update and owner do not count
    content,  // capacity, sessions within (empty, full), zone, metadata, ttl, check, acked_epoch
    state,    // app, version, incarnation, phase, protocol, ready_to_close, closed_epoch, empty or
              // full from or to
};
[[nodiscard]] Change change(const Instance& before, const Instance& after);

// What a registration cannot take back while the server lives, i.e. within one incarnation: the
// phase moves forward only, and what was fenced stays so.
void continue_life(const Instance& before, Instance& after);

// The write that registers a valid instance. The caller sets `coalesce` and conditions.
// About 60 ns; the value is about 30 B without metadata.
[[nodiscard]] gossip::LocalWrite encode(const Instance& instance);

// What a live instance record says. Total: an Error for anything that no release could have
// written and for a value of a later, incompatible release. Bytes after the known ones belong to
// a later, compatible release and are ignored. Requires fields.kind == instance, no tombstone.
[[nodiscard]] Result<Instance> decode(const gossip::RecordFields& fields);
// The check alone, without a look at the rest: nullopt also for what decode() refuses. About 20 ns.
[[nodiscard]] std::optional<Check> decode_check(const gossip::RecordFields& fields);

}  // namespace registry
