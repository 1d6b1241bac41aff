#include "gossip/member.h"

#include <algorithm>

#include "gossip/bytes.h"

namespace gossip {
namespace {

constexpr std::uint16_t kLastState = static_cast<std::uint16_t>(MemberState::left);

Error malformed(const std::string& what) {
    return {Errc::malformed, "a node record " + what};
}

}  // namespace

std::string_view name(MemberState state) {
    switch (state) {
        case MemberState::alive:
            return "alive";
        case MemberState::suspect:
            return "suspect";
        case MemberState::dead:
            return "dead";
        case MemberState::left:
            return "left";
    }
    CHECK(false);
}

Record encode(const NodeRecord& node, HashKey hash_key) {
    std::string key;
    Writer{key}.u64(node.id.value);
    std::string value;
    Writer w{value};
    w.raw(node.info.gossip.ip);
    w.u16(node.info.gossip.port);
    w.u8(node.info.protocol.min);
    w.u8(node.info.protocol.max);
    w.text(node.info.name);
    w.text(node.info.http);
    w.u8(node.info.patience);
    w.raw(as_bytes(node.info.trailing));
    RecordFields fields;
    fields.kind = RecordKind::node;
    fields.stamp = Stamp::at_ms(node.incarnation_ms, static_cast<std::uint16_t>(node.state));
    fields.owner = node.id;
    fields.key = key;
    fields.value = value;
    return Record::make(fields, hash_key);
}

Result<NodeRecord> decode_node(const RecordFields& fields) {
    if (fields.kind != RecordKind::node || fields.tombstone || fields.expired) {
        return malformed("of another kind, deleted or expired");
    }
    if (fields.key.size() != sizeof(NodeId)) {
        return malformed("whose key has " + std::to_string(fields.key.size()) + " B instead of 8");
    }
    NodeRecord node;
    node.id = {Reader{as_bytes(fields.key)}.u64()};
    if (node.id == NodeId{} || fields.owner != node.id) {
        return malformed("of id " + std::to_string(node.id.value) + ", owned by " +
                         std::to_string(fields.owner.value) + "; a node owns its own record");
    }
    if (fields.stamp.counter() > kLastState) {
        return malformed("with state " + std::to_string(fields.stamp.counter()) + ", above 3");
    }
    node.incarnation_ms = fields.stamp.ms();
    node.state = static_cast<MemberState>(fields.stamp.counter());

    Reader r{as_bytes(fields.value)};
    std::ranges::copy(r.raw(node.info.gossip.ip.size()), node.info.gossip.ip.begin());
    node.info.gossip.port = r.u16();
    node.info.protocol.min = r.u8();
    node.info.protocol.max = r.u8();
    node.info.name = r.text();
    node.info.http = r.text();
    node.info.patience = r.u8();
    node.info.trailing = as_text(r.rest());
    if (!r.ok()) return malformed("whose value ends early");
    if (!node.info.gossip.valid()) return malformed("with port 0");
    if (node.info.protocol.min == 0 || node.info.protocol.min > node.info.protocol.max) {
        return malformed("with protocols " + std::to_string(node.info.protocol.min) + " to " +
                         std::to_string(node.info.protocol.max));
    }
    if (node.info.patience == 0 || node.info.patience > kMaxPatience) {
        return malformed("with patience " + std::to_string(node.info.patience) + "; 1 to " +
                         std::to_string(kMaxPatience));
    }
    return node;
}

}  // namespace gossip
