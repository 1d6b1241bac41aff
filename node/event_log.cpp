#include "node/event_log.h"

#include <string>

#include "gossip/bytes.h"
#include "gossip/member.h"
#include "node/log.h"
#include "registry/json.h"

namespace node {
namespace {

using gossip::Event;

std::string node_name(gossip::NodeId id, const gossip::Table& table) {
    std::string key;
    gossip::Writer{key}.u64(id.value);
    const gossip::Record* record = table.find(gossip::RecordKind::node, key);
    if (record == nullptr) return {};
    const auto node = gossip::decode_node(record->fields());
    return node ? node->info.name : std::string{};
}

// What Event::value is; empty when it is nothing.
std::string_view value_key(Event::Kind kind) {
    switch (kind) {
        case Event::Kind::clock_corrected:
            return "offset_ms";
        case Event::Kind::stamp_from_future:
        case Event::Kind::left_future:
            return "ahead_ms";
        case Event::Kind::joined_cluster:
            return "rows";
        case Event::Kind::member_joined:
        case Event::Kind::member_alive:
        case Event::Kind::member_suspect:
        case Event::Kind::member_dead:
        case Event::Kind::member_left:
        case Event::Kind::reset_behind:
        case Event::Kind::partition_suspected:
            return {};
    }
    return {};
}

LogLevel level_of(Event::Kind kind) {
    switch (kind) {
        case Event::Kind::member_suspect:
        case Event::Kind::member_dead:
        case Event::Kind::clock_corrected:
        case Event::Kind::stamp_from_future:
        case Event::Kind::left_future:
        case Event::Kind::reset_behind:
        case Event::Kind::partition_suspected:
            return LogLevel::warn;
        case Event::Kind::member_joined:
        case Event::Kind::member_alive:
        case Event::Kind::member_left:
        case Event::Kind::joined_cluster:
            return LogLevel::info;
    }
    return LogLevel::info;
}

}  // namespace

void log_event(const Event& event, const gossip::Table& table) {
    std::string id;
    registry::append_hex(id, event.node.value);
    // A node is heard before its record is, when it is the one we join through.
    const std::string named = node_name(event.node, table);
    const LogField node{"node", named.empty() ? id : named};
    const std::string_view key = value_key(event.kind);
    if (key.empty()) {
        log(level_of(event.kind), gossip::name(event.kind), {node, {"id", id}});
    } else {
        log(level_of(event.kind), gossip::name(event.kind), {node, {"id", id}, {key, event.value}});
    }
}

}  // namespace node
