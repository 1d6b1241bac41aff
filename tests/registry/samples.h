#pragma once

#include <cstdint>
#include <string>

#include "gossip/member.h"
#include "registry/instance.h"
#include "registry/plan.h"
#include "registry/token.h"

// Instances, records and nodes that the tests of this folder share.

namespace registry::testing {

inline const gossip::HashKey kKey = gossip::derive_key("test");
constexpr gossip::NodeId kAlice{0xa11ce};
constexpr gossip::NodeId kBob{0xb0b};

inline Instance sample(std::string address = "10.0.0.1:7777") {
    Instance x;
    x.address = std::move(address);
    x.app_name = "chat";
    x.version = "v1";
    x.incarnation = 7;
    x.capacity = 40;
    x.sessions = 12;
    x.zone = "eu-1";
    x.metadata = R"({"build":"abc"})";
    x.last_update = 1'763'700'000;
    x.owner = kAlice;
    return x;
}

// A live instance's record as its owner would make it, without a stamp. Points into `write`.
inline gossip::RecordFields fields_of(const gossip::LocalWrite& write) {
    gossip::RecordFields fields;
    fields.kind = write.kind;
    fields.owner = kAlice;
    fields.last_update = write.last_update;
    fields.ttl_s = write.ttl_s;
    fields.key = write.key;
    fields.value = write.value;
    return fields;
}

struct Version {
    std::uint64_t ms = 1;
    bool tombstone = false;
    bool expired = false;
};

inline gossip::Record record(const Instance& x, Version version = {}) {
    const gossip::LocalWrite write = encode(x);
    gossip::RecordFields fields = fields_of(write);
    fields.tombstone = version.tombstone;
    fields.expired = version.expired;
    fields.stamp = gossip::Stamp::at_ms(version.ms);
    fields.owner = x.owner;
    return gossip::Record::make(fields, kKey);
}

// A ticket for sample(), at `now_ms`.
inline Token ticket(std::uint64_t nonce, std::uint64_t now_ms, gossip::NodeId lessee = {}) {
    Token t;
    t.app = "chat";
    t.version = "v1";
    t.address = sample().address;
    t.incarnation = 7;
    t.issued_ms = now_ms;
    t.expires_s = (now_ms / 1000) + 30;
    t.nonce = nonce;
    t.lessee = lessee.value;
    return t;
}

// A version of which so many instances are up.
inline VersionFacts facts(std::string version, std::uint64_t birth, std::uint32_t up,
                          std::uint64_t sessions = 0) {
    VersionFacts f;
    f.version = std::move(version);
    f.birth_ms = birth;
    f.by_state[static_cast<std::size_t>(State::up)] = up;
    f.sessions = sessions;
    f.capacity = up * 100U;
    return f;
}

inline gossip::Record node(gossip::NodeId id, gossip::MemberState state,
                           std::uint64_t incarnation_ms = 1) {
    gossip::NodeRecord node;
    node.id = id;
    node.state = state;
    node.incarnation_ms = incarnation_ms;
    node.info.name = "node-" + std::to_string(id.value);
    node.info.gossip = gossip::Endpoint::v4(10, 1, 2, 3, 7701);
    node.info.http = "10.1.2.3:7700";
    return gossip::encode(node, kKey);
}

constexpr gossip::Now at_second(std::int64_t second) {
    gossip::Now now;
    now.mono = gossip::Mono::time_point{std::chrono::seconds{second}};
    return now;
}

}  // namespace registry::testing
