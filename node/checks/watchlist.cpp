#include "node/checks/watchlist.h"

#include <algorithm>

#include "gossip/table.h"
#include "node/http/writes.h"
#include "node/log.h"
#include "registry/instance.h"
#include "registry/registration.h"

namespace node {
namespace {

using gossip::Record;
using gossip::RecordKind;
using registry::Check;
using registry::Instance;

// The check of a row that this node has to carry out.
std::optional<Check> duty(const Record* record, const gossip::Core& core) {
    if (record == nullptr || record->tombstone() || record->owner() != core.self().id) return {};
    return registry::decode_check(record->fields());
}

// Free seats are what the registered sessions leave of the capacity. Of a full server whose
// sessions nobody counts, one seat counts as taken: a capacity of 0 would mean unlimited.
void set_free_seats(Instance& instance, std::uint32_t seats) {
    if (seats == 0 && instance.sessions == 0) instance.sessions = 1;
    const std::uint64_t capacity = std::uint64_t{instance.sessions} + seats;
    instance.capacity = static_cast<std::uint32_t>(std::min<std::uint64_t>(capacity, UINT32_MAX));
}

}  // namespace

void Watchlist::restored(const gossip::Core& core) {
    const gossip::Table& table = core.table();
    std::vector<Change> changes;
    for (std::uint32_t slot = 0; slot < table.slots(); ++slot) {
        const Record* record = table.at(slot);
        if (record && record->kind() == RecordKind::instance) look(record->key(), core, changes);
    }
    if (!changes.empty()) tell_(std::move(changes));
}

void Watchlist::changed(const gossip::Output& out, const gossip::Core& core) {
    std::vector<Change> changes;
    if (out.wiped) {
        for (const auto& [address, known] : known_) changes.push_back({address, std::nullopt});
        known_.clear();
    }
    for (const auto* records : {&out.durable, &out.behind, &out.removed}) {
        for (const Record& record : *records) {
            if (record.kind() != RecordKind::instance) continue;
            if (record.owner() != core.self().id && !known_.contains(record.key())) continue;
            look(record.key(), core, changes);
        }
    }
    if (!changes.empty()) tell_(std::move(changes));
}

// The table decides, not the record that was named: a turn may bring several versions of a row.
void Watchlist::look(std::string_view address, const gossip::Core& core,
                     std::vector<Change>& changes) {
    std::optional<Check> check = duty(core.table().find(RecordKind::instance, address), core);
    const auto known = known_.find(address);
    if (known == known_.end() ? !check : check == known->second.check) return;
    if (!check) {
        known_.erase(known);
    } else {
        known_.insert_or_assign(std::string{address}, Known{*check, {}});
    }
    changes.push_back({std::string{address}, std::move(check)});
}

void Watchlist::apply(const Finding& finding, gossip::Core& core, gossip::Now now,
                      gossip::Output& out) {
    const auto known = known_.find(finding.address);
    if (known == known_.end() || known->second.check != finding.check) return;
    const Record* found = core.table().find(RecordKind::instance, finding.address);
    if (duty(found, core) != finding.check) return;
    if (finding.up) return renew(finding, known->second, Record{*found}, core, now, out);
    const bool full_by_us = found->stamp() == known->second.full_since;
    if (!core.expire(finding.address, now, out)) return;
    found = core.table().find(RecordKind::instance, finding.address);
    if (full_by_us && found != nullptr) known->second.full_since = found->stamp();
    log(LogLevel::info, "check_expired", {{"address", finding.address}, {"why", finding.why}});
}

void Watchlist::renew(const Finding& finding, Known& known, const Record& current,
                      gossip::Core& core, gossip::Now now, gossip::Output& out) {
    auto decoded = registry::decode(current.fields());
    if (!decoded) return;
    Instance instance = std::move(decoded).value();
    const HealthBody& health = finding.health;
    if (health.ready_to_close) instance.ready_to_close = *health.ready_to_close;
    bool counted = true;  // by the application
    if (health.available_capacity) {
        if (current.stamp() == known.full_since) instance.sessions = 0;
        counted = instance.sessions > 0;
        set_free_seats(instance, *health.available_capacity);
    }
    const auto seconds = std::chrono::floor<std::chrono::seconds>(now.wall.time_since_epoch());
    instance.last_update =
        std::max(core.last_update(current), static_cast<std::uint64_t>(seconds.count()));
    gossip::LocalWrite write = registry::encode(instance);
    write.timed_by_application = false;  // this node has seen it itself
    const gossip::PutResult put = registry::put_registration(core, write, now, out);
    if (!counted && instance.sessions > 0 && put.current) {
        known.full_since = put.current.stamp();
    }
    if (current.expired()) log(LogLevel::info, "check_revived", {{"address", finding.address}});
}

}  // namespace node
