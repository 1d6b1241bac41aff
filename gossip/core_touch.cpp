#include <algorithm>

#include "gossip/core_impl.h"

// Touches: renewals told to the others without a new version of the record. They ride once per
// period, forwarded once per node, under a budget of the whole cluster: what exceeds it is dropped,
// and a row's last_update elsewhere stays a true lower bound.

namespace gossip {
namespace {

constexpr std::uint64_t kClusterTouchesPerS = 200;
constexpr milliseconds kAskPatience{500};
constexpr std::size_t kMaxAsked = 100'000;              // rows at a time
constexpr std::size_t kOverloadBytes = 256 * kMaxBody;  // of the outbox: touches give way first

}  // namespace

// At the owner: `last_update` was seen just now.
void Core::Impl::touch_own(const Record& record, const Turn& t) {
    t.out.touched.push_back({record, last_update_of(record)});
    if (peers() == 0 || own_touches >= touch_allowance()) return;
    ++own_touches;
    touches[record.digest()] = {last_update_of(record), t.now.mono};
}

// This node's share of the budget, per period.
std::uint64_t Core::Impl::touch_allowance() const {
    const auto per_period =
        kClusterTouchesPerS * static_cast<std::uint64_t>(config.interval.count());
    return std::max<std::uint64_t>(
        1, per_period / 1000 / std::max<std::size_t>(1, members.reachable()));
}

void Core::Impl::receive_touches(Bytes entries, bool pass_on, const Turn& t) {
    const std::optional<std::vector<TouchEntry>> decoded = decode_touches(entries);
    if (!decoded) {
        ++counters.malformed;
        return;
    }
    const std::uint64_t limit = clock_ms(t.now) / 1000 + 60;
    for (const TouchEntry& entry : *decoded) {
        if (!pass_on) asked_rows.erase(entry.digest);
        const Record* record = table.find_digest(entry.digest);
        if (!record || record->owner() == self.id || entry.last_update > limit) continue;
        if (entry.last_update <= last_update_of(*record)) continue;
        renewed_elsewhere[entry.digest] = entry.last_update;
        t.out.touched.push_back({*record, entry.last_update});
        if (pass_on && touches.size() < kMaxTouches) {
            touches[entry.digest] = {entry.last_update, t.now.mono - Mono::duration{entry.age_ms}};
        }
    }
}

void Core::Impl::send_touches(const Turn& t) {
    own_touches = 0;
    if (touches.empty()) return;
    std::vector<TouchEntry> entries;
    for (const auto& [record, touch] : touches) {
        if (entries.size() == kMaxTouches) break;
        const auto age = std::clamp<std::int64_t>((t.now.mono - touch.seen).count(), 0, UINT32_MAX);
        entries.push_back({record, touch.last_update, static_cast<std::uint32_t>(age)});
    }
    touches.clear();
    if (outbox.bytes() > kOverloadBytes) return;
    const std::vector<const Member*> targets = flood_targets(config.fanout);
    for (std::size_t i = 0; i < targets.size(); ++i) {
        if (i > 0) {
            sender.repeat(t.out.datagrams.size() - 1, targets[i]->gossip, t.out);
            continue;
        }
        std::string& body = sender.begin(MessageType::put, t.out);
        body.push_back(static_cast<char>(PutMode::touch));
        encode(entries, body);
        sender.finish(targets[i]->gossip, t.out);
    }
}

// ---- what the owners know exactly

void Core::Impl::ask_owners(const std::vector<std::string>& addresses, const Turn& t) {
    if (t.now.mono >= asked_until) asked_rows.clear();
    asked_until = t.now.mono + kAskPatience;
    std::map<NodeId, std::vector<std::uint64_t>> by_owner;
    for (const std::string& address : addresses) {
        const Record* record = table.find(RecordKind::instance, address);
        if (!record || record->tombstone() || record->expired()) continue;
        if (record->owner() == self.id || asked_rows.size() >= kMaxAsked) continue;
        const Member* owner = members.find(record->owner());
        if (!owner || !owner->reachable()) continue;
        asked_rows.insert(record->digest());
        by_owner[owner->id].push_back(record->digest());
    }
    for (const auto& [owner, digests] : by_owner) {
        for (std::size_t at = 0; at < digests.size(); at += kMaxWant) {
            const std::size_t count = std::min(kMaxWant, digests.size() - at);
            encode_digests({&digests[at], count}, sender.begin(MessageType::ask, t.out));
            sender.finish(members.find(owner)->gossip, t.out);
        }
    }
}

void Core::Impl::receive_ask(const Header& header, Bytes body, const Endpoint& from,
                             const Turn& t) {
    const Member* member = members.find(header.from);
    if (!member || member->gossip != from) return;
    if (sender.bucket().available(t.now.mono) <= 0) {
        ++counters.egress_limited;
        return;
    }
    std::vector<TouchEntry> entries;
    for (const std::uint64_t digest : decode_digests(body)) {
        const Record* record = table.find_digest(digest);
        if (!record || record->owner() != self.id) continue;
        entries.push_back({digest, last_update_of(*record), 0});
        if (entries.size() < kMaxTouches) continue;
        send_fresh(entries, from, t);
        entries.clear();
    }
    if (!entries.empty()) send_fresh(entries, from, t);
}

void Core::Impl::send_fresh(const std::vector<TouchEntry>& entries, const Endpoint& to,
                            const Turn& t) {
    std::string& body = sender.begin(MessageType::put, t.out);
    body.push_back(static_cast<char>(PutMode::fresh));
    encode(entries, body);
    sender.finish(to, t.out);
}

}  // namespace gossip
