#include <algorithm>

#include "gossip/core_impl.h"

// The only places where the table changes, and what follows from a change.

namespace gossip {
namespace {

using namespace std::chrono_literals;

constexpr milliseconds kRepairForwardAge = 5s;  // older news found by a sketch is not flooded
constexpr milliseconds kFloodShouldHaveCome = 1s;
constexpr int kJoinPeriods = 3;          // a cluster that starts as a whole learns itself in these
constexpr std::int64_t kAheadAsNow = 2;  // seconds: clocks of applications are this bad
constexpr std::int64_t kAheadLimit = 60;
constexpr std::int64_t kClockAtAll = 3600;  // older than this: a counter, or a broken clock

RecordFields fields_of(const LocalWrite& w, NodeId owner, Stamp stamp) {
    RecordFields f;
    f.kind = w.kind;
    f.tombstone = w.tombstone;
    f.stamp = stamp;
    f.owner = owner;
    f.last_update = w.last_update;
    f.ttl_s = w.ttl_s;
    f.key = w.key;
    f.value = w.value;
    return f;
}

// What If-Match compares.
Stamp version_of(const Record& record) {
    return record.kind() == RecordKind::app ? Stamp{rank(record).epoch} : record.stamp();
}

// The moment that a write with this last_update counts as: "newest last_update wins" has to hold
// across nodes that have not met, and a row must never be born below the horizon.
std::uint64_t effective_ms(const LocalWrite& w, Wall::time_point wall) {
    const std::int64_t now_ms = wall.time_since_epoch().count();
    const auto said = static_cast<std::int64_t>(std::min<std::uint64_t>(w.last_update, 1ULL << 40));
    const std::int64_t ahead = said - now_ms / 1000;
    std::int64_t ms = now_ms;
    if (w.timed_by_application) {
        if (ahead > kAheadAsNow) {
            ms = now_ms + kAheadAsNow * 1000;
        } else if (ahead < 0 && ahead >= -kClockAtAll) {
            ms = said * 1000;
        }
    }
    return static_cast<std::uint64_t>(std::max<std::int64_t>(ms, 0));
}

}  // namespace

Merge Core::Impl::accept(Bytes bytes, Path path, NodeId from, const Turn& t) {
    const Result<RecordFields> parsed = Record::parse(bytes);
    if (!parsed) {
        ++counters.malformed;
        return Merge::known;
    }
    const std::uint64_t digest = Record::digest_of(bytes, config.key);
    Merge verdict = table.consider(*parsed, digest, wall(t.now));
    if (verdict == Merge::known && !table.find_digest(digest) && yields(*parsed, t)) {
        verdict = table.consider(*parsed, digest, wall(t.now));
    }
    switch (verdict) {
        case Merge::known:
            correct(*parsed, from, t);
            if (parsed->kind == RecordKind::app && !table.find_digest(digest)) {
                t.out.outranked.push_back(Record::adopt(bytes, *parsed, digest));
            }
            return verdict;
        case Merge::below_horizon:
            ++counters.below_horizon;
            return verdict;
        case Merge::full:
            ++counters.table_full;
            return verdict;
        case Merge::from_future:
            ++counters.from_future;
            t.out.events.push_back({Event::Kind::stamp_from_future, from,
                                    static_cast<std::int64_t>(parsed->stamp.ms()) -
                                        wall(t.now).time_since_epoch().count()});
            if (const auto node = decode_node(*parsed)) seek_time(node->info.gossip, t);
            return verdict;
        case Merge::fresh:
            break;
    }
    if (parsed->kind == RecordKind::node && !decode_node(*parsed)) {
        ++counters.malformed;
        return Merge::known;
    }
    const Record record = Record::adopt(bytes, *parsed, digest);
    Record replaced;
    CHECK(table.merge(record, wall(t.now), &replaced) == Merge::fresh);
    if (replaced) renewed_elsewhere.erase(replaced.digest());
    if (replaced && replaced.kind() == RecordKind::app) t.out.outranked.push_back(replaced);
    t.out.behind.push_back(record);
    // What a stream brings is not passed on: whoever else misses it finds it by its own sketch.
    const milliseconds old = age(record, t.now);
    if (path == Path::flood || (path == Path::repair && old < kRepairForwardAge)) {
        outbox.add({record, from, false});
    }
    // A repair that the flood should have made long ago: where one is missing there may be more.
    const bool joining = t.now.mono < contacted_at + kJoinPeriods * config.interval;
    if (path == Path::repair && (joining || old > kFloodShouldHaveCome)) hurry(t.now);
    follow(record, t);
    if (path == Path::repair && record.kind() == RecordKind::node) warn(record, t);
    return verdict;
}

bool Core::Impl::merge_own(const Record& record, const Turn& t, bool coalesce) {
    Record replaced;
    const Record* known = table.find(record.kind(), record.key());
    const Wall::time_point now = known ? not_before(*known, wall(t.now)) : wall(t.now);
    if (table.merge(record, now, &replaced) != Merge::fresh) return false;
    if (replaced) renewed_elsewhere.erase(replaced.digest());
    t.out.durable.push_back(record);
    follow(record, t);
    Rumour rumour{record, self.id, true};
    Leases::Lease* lease = leases.find(std::string{record.key()});
    if (coalesce && lease && lease->flooded + config.refresh_interval > t.now.mono) {
        outbox.delay(std::move(rumour), lease->flooded + config.refresh_interval);
        return true;
    }
    if (lease) lease->flooded = t.now.mono;
    outbox.add(std::move(rumour));
    return true;
}

// An old claim about this node itself: whoever holds it has missed the refutation.
void Core::Impl::correct(const RecordFields& claim, NodeId from, const Turn& t) {
    if (claim.kind != RecordKind::node || claim.owner != self.id) return;
    const Member* teller = members.find(from);
    const Record* ours = node_record(self.id);
    if (!teller || !ours || claim.stamp >= ours->stamp()) return;
    if (claim.stamp.counter() == 0) return;  // an old ALIVE harms nobody, and floods bring many
    send_records({*ours}, PutMode::repair, teller->gossip, t);
}

// What a sketch found against a member may be old: it should hear of it.
void Core::Impl::warn(const Record& claim, const Turn& t) {
    const Result<NodeRecord> node = decode_node(claim.fields());
    if (!node || node->id == self.id) return;
    if (node->state != MemberState::suspect && node->state != MemberState::dead) return;
    send_records({claim}, PutMode::repair, node->info.gossip, t);
}

void Core::Impl::follow(const Record& record, const Turn& t) {
    if (record.kind() == RecordKind::node) follow_node(record, t);
    if (record.kind() == RecordKind::instance) follow_lease(record, t);
}

void Core::Impl::follow_node(const Record& record, const Turn& t) {
    const Result<NodeRecord> node = decode_node(record.fields());
    CHECK(node.has_value());
    if (node->id == self.id) {
        if (node->state != MemberState::alive || node->info.gossip != self.gossip) {
            refute(*node, t);
            return;
        }
        members.apply(*node);
        t.out.members_changed = true;
        return;
    }
    believe(*node, t);
}

void Core::Impl::follow_lease(const Record& record, const Turn& t) {
    const std::string key{record.key()};
    const RecordFields f = record.fields();
    if (f.owner != self.id || f.tombstone || f.expired) {
        leases.drop(key);
        return;
    }
    leases.renew(key, f.last_update, Mono::duration{std::int64_t{f.ttl_s} * 1000}, t.now.mono);
}

PutResult Core::Impl::put(const LocalWrite& w, const Turn& t) {
    const Record* found = table.find(w.kind, w.key);
    const Record current = found ? *found : Record{};
    const bool live = current && !current.tombstone();
    if (w.conditional && (live ? version_of(current) : Stamp{}) != w.if_stamp) {
        return {PutStatus::conflict, live ? current : Record{}};
    }
    if (w.tombstone && !live) return {PutStatus::not_found, {}};
    const std::int64_t now_s = wall(t.now).time_since_epoch().count() / 1000;
    if (w.timed_by_application &&
        w.last_update >
            static_cast<std::uint64_t>(std::max<std::int64_t>(now_s, 0) + kAheadLimit)) {
        return {PutStatus::future, current};
    }
    if (w.timed_by_application && live && w.last_update < last_update_of(current)) {
        return {PutStatus::stale, current};
    }
    if (!current && table.size() >= config.max_rows) return {PutStatus::table_full, {}};
    if (live && !w.tombstone && !current.expired()) {
        const RecordFields f = current.fields();
        const bool taken = w.take_over && current.owner() != self.id;
        if (!taken && f.value == w.value && f.ttl_s == w.ttl_s) {
            const PutResult renewed = renew(w, current, t);
            if (renewed.status != PutStatus::updated) return renewed;
        }
    }
    Stamp stamp = Stamp::at_ms(std::max(effective_ms(w, wall(t.now)), table.horizon_ms() + 1));
    if (current) stamp = {std::max(stamp.value, current.stamp().value + 1)};
    RecordFields fields = fields_of(w, self.id, stamp);
    if (w.kind == RecordKind::app) fields.last_update = stamp.value;
    if (Record::encoded_size(fields) > kMaxRecordBytes) return {PutStatus::too_large, current};
    const Record record = Record::make(fields, config.key);
    // Fails only if the row's stamp is as far ahead as stamps may be: the writer has to wait.
    if (!merge_own(record, t, w.coalesce && live)) return {PutStatus::future, current};
    return {live ? PutStatus::updated : PutStatus::created, record};
}

// The same content again. At the owner it extends the lease; for another owner that is alive it
// becomes one datagram, so that load balancers do not flip ownership. `updated` means: neither, the
// caller has to take the row over with a new version.
PutResult Core::Impl::renew(const LocalWrite& w, const Record& current, const Turn& t) {
    if (w.kind == RecordKind::app) return {PutStatus::renewed, current};
    if (w.kind == RecordKind::version) {  // no lease, but whoever knows of it keeps it alive
        return {ages(current, t.now) ? PutStatus::updated : PutStatus::renewed, current};
    }
    if (current.owner() == self.id) {
        leases.renew(w.key, w.last_update, Mono::duration{std::int64_t{w.ttl_s} * 1000},
                     t.now.mono);
        touch_own(current, t);
        return {PutStatus::renewed, current};
    }
    const Member* owner = members.find(current.owner());
    if (!owner || owner->state != MemberState::alive) return {PutStatus::updated, {}};
    encode(Renew{current.digest(), w.last_update}, sender.begin(MessageType::renew, t.out));
    sender.finish(owner->gossip, t.out);
    return {PutStatus::forwarded, current};
}

void Core::Impl::lapse(const Turn& t) {
    for (const std::string& key : leases.lapse(t.now.mono)) expire(key, t);
}

bool Core::Impl::expire(const std::string& address, const Turn& t) {
    const Record* current = table.find(RecordKind::instance, address);
    if (!current || current->owner() != self.id) return false;
    if (current->tombstone() || current->expired()) return false;
    RecordFields f = current->fields();
    f.expired = true;
    f.stamp = Stamp::after(current->stamp(), wall(t.now));
    return merge_own(Record::make(f, config.key), t);
}

std::uint64_t Core::Impl::last_update_of(const Record& record) const {
    const std::uint64_t said = record.fields().last_update;
    if (record.owner() != self.id) {
        const auto heard = renewed_elsewhere.find(record.digest());
        return heard == renewed_elsewhere.end() ? said : std::max(said, heard->second);
    }
    const Leases::Lease* lease = leases.find(std::string{record.key()});
    return lease ? std::max(said, lease->last_update) : said;
}

}  // namespace gossip
