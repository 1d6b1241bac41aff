#include "node/readable.h"

#include "gossip/member.h"
#include "registry/instance.h"
#include "registry/view.h"

namespace node {
namespace {

// As the API names it: what the list says of an instance whose node is alive.
registry::State state_of(registry::Phase phase) {
    switch (phase) {
        case registry::Phase::starting:
            return registry::State::starting;
        case registry::Phase::running:
            return registry::State::up;
        case registry::Phase::stopping:
            return registry::State::draining;
        case registry::Phase::stopped:
            return registry::State::stopped;
    }
    return registry::State::up;
}

Readable describe_node(const gossip::RecordFields& fields) {
    const auto node = gossip::decode_node(fields);
    if (!node) return {};
    Readable readable;
    readable.name = node->info.name;
    readable.state = gossip::name(node->state);
    readable.gossip = registry::to_text(node->info.gossip);
    readable.http = node->info.http;
    return readable;
}

Readable describe_instance(const gossip::RecordFields& fields) {
    const auto instance = registry::decode(fields);
    if (!instance) return {};
    Readable readable;
    readable.name = instance->app_name;
    readable.version = instance->version;
    readable.zone = instance->zone;
    readable.state = registry::name(state_of(instance->phase));
    return readable;
}

}  // namespace

Readable describe(const gossip::RecordFields& fields) {
    if (fields.tombstone) return {};
    if (fields.kind == gossip::RecordKind::node) return describe_node(fields);
    if (fields.kind == gossip::RecordKind::instance) return describe_instance(fields);
    return {};
}

}  // namespace node
