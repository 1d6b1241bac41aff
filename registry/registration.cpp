#include "registry/registration.h"

#include <algorithm>
#include <utility>

#include "gossip/check.h"
#include "gossip/table.h"
#include "registry/app.h"
#include "registry/instance.h"

namespace registry {
namespace {

using gossip::PutStatus;

gossip::RecordFields fields_of(const gossip::LocalWrite& write) {
    gossip::RecordFields fields;
    fields.key = write.key;
    fields.value = write.value;
    fields.ttl_s = write.ttl_s;
    fields.last_update = write.last_update;
    return fields;
}

// Keeps what the row's life so far has settled, and decides whether the write may wait for its
// turn: only content that routing does not depend on.
void continue_row(const gossip::Core& core, gossip::LocalWrite& write, Instance& after) {
    write.coalesce = false;
    const gossip::Record* current = core.table().find(write.kind, write.key);
    if (current == nullptr || current->tombstone()) return;
    const auto before = decode(current->fields());
    if (!before) return;
    const Instance said = after;
    continue_life(*before, after);
    if (said != after) write.value = encode(after).value;
    write.coalesce = !current->expired() && change(*before, after) == Change::content;
}

// The first instance of a version says when it was born; every later one keeps that alive.
void note_version(gossip::Core& core, const Instance& x, gossip::Now now, gossip::Output& out) {
    const gossip::Record* known =
        core.table().find(gossip::RecordKind::version, birth_key(x.app_name, x.version));
    // The core stamps it anew from a third of the horizon on; before that there is nothing to
    // write.
    const auto now_ms = (now.wall.time_since_epoch() + core.clock_offset()).count();
    if (known != nullptr && !known->tombstone() &&
        now_ms - static_cast<std::int64_t>(known->stamp().ms()) <
            core.config().horizon.count() / 4) {
        return;
    }
    Birth birth{x.app_name, x.version, 0, 0};
    if (known != nullptr) {
        if (const auto decoded = decode_birth(known->fields())) birth = *decoded;
        if (known->tombstone()) {
            birth.ms = 0;
            birth.generation = std::min(birth.generation + 1, kMaxGeneration);
        }
    }
    if (birth.ms == 0) {
        birth.ms = static_cast<std::uint64_t>(std::max<std::int64_t>(now_ms, 1));
    }
    (void)core.put(encode(birth), now, out);
}

}  // namespace

gossip::PutResult put_registration(gossip::Core& core, gossip::LocalWrite& write, gossip::Now now,
                                   gossip::Output& out) {
    auto decoded = decode(fields_of(write));
    CHECK(decoded.has_value());
    Instance instance = std::move(decoded).value();
    continue_row(core, write, instance);
    const gossip::PutResult put = core.put(write, now, out);
    if (accepted(put.status)) note_version(core, instance, now, out);
    return put;
}

void forget_version(gossip::Core& core, const std::string& app, const std::string& version,
                    gossip::Now now, gossip::Output& out) {
    const gossip::Record* known =
        core.table().find(gossip::RecordKind::version, birth_key(app, version));
    if (known == nullptr || known->tombstone()) return;
    const auto birth = decode_birth(known->fields());
    gossip::LocalWrite write = encode(Birth{app, version, 0, birth ? birth->generation : 0});
    write.tombstone = true;
    (void)core.put(write, now, out);
}

bool accepted(PutStatus status) {
    return status == PutStatus::created || status == PutStatus::updated ||
           status == PutStatus::renewed || status == PutStatus::forwarded;
}

}  // namespace registry
