#pragma once

#include <string>
#include <string_view>

#include "gossip/endpoint.h"
#include "gossip/ids.h"
#include "gossip/record.h"

namespace gossip {

// What is believed of a node. A node record's stamp is (incarnation in ms << 16) | state, so that
// of two claims about one incarnation the worse wins, and a new incarnation beats both.
enum class MemberState : std::uint8_t { alive = 0, suspect = 1, dead = 2, left = 3 };

[[nodiscard]] std::string_view name(MemberState state);

// Why a member is suspected. A refusal: its host says that nobody listens at its address any more.
// Silence may have many reasons.
enum class Evidence : std::uint8_t { silence = 0, refusal = 1 };
// What a juror, who was asked about a member, found.
enum class Vote : std::uint8_t { silent = 0, alive = 1, refused = 2 };

// Two major versions do not speak; of one major version the lower minor is spoken.
struct ProtocolRange {
    std::uint8_t min = 1;
    std::uint8_t max = 1;
    bool operator==(const ProtocolRange&) const = default;
};

constexpr std::uint8_t kMaxPatience = 8;

// The value of a node record: how to reach the node. The accuser is not in it, so that concurrent
// accusations are one record.
struct NodeInfo {
    Endpoint gossip;
    ProtocolRange protocol;
    std::string name;  // for people; not an identity
    std::string http;  // host:port of its API
    // Everybody multiplies the time that it has to refute a suspicion by this: a node that had to
    // refute often damps itself.
    std::uint8_t patience = 1;  // to kMaxPatience
    std::string trailing;       // fields of a later release
    bool operator==(const NodeInfo&) const = default;
};

struct NodeRecord {
    NodeId id;
    std::uint64_t incarnation_ms = 0;
    MemberState state = MemberState::alive;
    NodeInfo info;
    bool operator==(const NodeRecord&) const = default;
};

[[nodiscard]] Record encode(const NodeRecord& node, HashKey key);
// An Error for a key or a value that no release could have written.
[[nodiscard]] Result<NodeRecord> decode_node(const RecordFields& fields);

}  // namespace gossip
