#include <algorithm>

#include "gossip/core_impl.h"

// Exchanges: a ping carries the fingerprint of the table; if the peer's differs, its ack carries
// enough cells to decode which records differ.

namespace gossip {
namespace {

constexpr std::uint64_t kClockRefusedMs = 10'000;  // pings further off get no difference
constexpr milliseconds kAllowanceWindow{1000};
constexpr milliseconds kPushWait{100};  // for wanted records, before ours are pushed anyway
constexpr std::size_t kAckFixedBytes = kHeaderBytes + 4 + 24 + 1 + 1;
constexpr std::size_t kAmplification = 3;  // bytes answered per byte asked, to strangers

}  // namespace

Digest Core::Impl::digest(Now now) const {
    return {clock_ms(now), table.size(), table.fingerprint(), sure_of_time(now)};
}

void Core::Impl::send_ping(Probe probe, bool census, const Turn& t, std::uint64_t topic) {
    const bool stranger = probe.target == NodeId{};
    Ping ping;
    ping.digest = digest(t.now);
    ping.census = census;
    ping.wide = probe.wide;
    ping.topic = topic;
    encode(ping, stranger ? kJoinPad : 0, sender.begin(MessageType::ping, t.out));
    sender.finish(probe.to, t.out);
    if (topic != 0) asked_topics[sender.last_seq()] = topic;
    if (census) return;
    probe.seq = sender.last_seq();
    probe.sent = t.now.mono;
    probes.sent(probe);
    ++counters.exchanges;
}

void Core::Impl::receive_ping(const Header& header, Bytes body, std::size_t size,
                              const Endpoint& from, const Turn& t) {
    const std::optional<Ping> ping = decode_ping(body);
    if (!ping) {
        ++counters.malformed;
        return;
    }
    const Member* member = members.find(header.from);
    if (member && member->gossip != from) member = nullptr;
    if (member) {
        heard(header.from, ping->digest);
        note_life(header.from, t.now.mono);
    }
    if (!ping->census) meet(from, t);
    Ack ack;
    ack.ping_seq = header.seq;
    ack.digest = digest(t.now);
    const bool differ = ping->digest.fingerprint != table.fingerprint();
    if (!ping->census && differ && !needs_snapshot(ack.digest.rows, ping->digest.rows)) {
        const std::uint64_t ours = ack.digest.clock_ms;
        const std::uint64_t theirs = ping->digest.clock_ms;
        if (std::max(ours, theirs) - std::min(ours, theirs) > kClockRefusedMs) {
            ++counters.clock_refused;
            seek_time(from, t);
        } else if (allow_diff(from, t.now.mono)) {
            answer(*ping, member, size, ack);
        } else {
            ++counters.ingress_limited;
        }
    }
    if (ping->topic != 0 && ack.status == AckStatus::same) {
        const auto known = answers.find(ping->topic);
        ack.answer = known == answers.end() ? PollAnswer{} : known->second;
    }
    encode(ack, sender.begin(MessageType::ack, t.out));
    const std::size_t sent = sender.finish(from, t.out);
    if (ack.status == AckStatus::diff) counters.repair_control_bytes_out += sent;
}

bool Core::Impl::misses_most(std::uint32_t rows, std::uint32_t of) const {
    return rows < of / 2 && of - rows > config.snapshot_gap;
}

// A node that fetches a snapshot, or ought to, reconciles with nobody else: all of them would send
// it the same rows.
bool Core::Impl::needs_snapshot(std::uint32_t ours, std::uint32_t theirs) const {
    return misses_most(ours, theirs) || fetching_snapshot();
}

void Core::Impl::answer(const Ping& ping, const Member* member, std::size_t size, Ack& ack) {
    const std::uint32_t theirs = ping.digest.rows;
    const std::uint32_t ours = table.size();
    if (misses_most(theirs, ours)) {
        ack.status = AckStatus::snapshot;
        if (streams(false) < config.streams_in) return;
        std::vector<const Member*> other;
        members.sample(rng, 1, self.id, other);
        if (other.empty() || (member && other.front()->id == member->id)) return;
        ack.status = AckStatus::busy;
        ack.redirect = other.front()->gossip;
        return;
    }
    const std::uint64_t gap = std::max(theirs, ours) - std::min(theirs, ours);
    std::size_t cells = kMaxDiffCells;
    if (!ping.wide) cells = std::clamp<std::size_t>(kMinDiffCells + 2 * gap, kMinDiffCells, cells);
    if (!member) {
        const std::size_t allowed = kAmplification * size;
        const std::size_t limit =
            allowed > kAckFixedBytes ? (allowed - kAckFixedBytes) / kCellBytes : 0;
        cells = std::min(cells, limit);
    }
    cells = std::min<std::size_t>(cells, config.sketch_cells);
    if (cells == 0) return;
    const auto prefix = table.sketch().cells().first(cells);
    ack.status = AckStatus::diff;
    ack.cells.assign(prefix.begin(), prefix.end());
    ++counters.diffs;
}

// Which poll it answers is known by its number; what answers none is dropped.
void Core::Impl::learn(const Ack& ack, NodeId from) {
    const auto asked = asked_topics.find(ack.ping_seq);
    if (asked == asked_topics.end()) return;
    const auto poll = polls.find(asked->second);
    if (poll != polls.end()) poll->second[from] = *ack.answer;
    asked_topics.erase(asked);
}

void Core::Impl::receive_ack(const Header& header, Bytes body, const Endpoint& from,
                             const Turn& t) {
    const std::optional<Ack> ack = decode_ack(body);
    if (!ack) {
        ++counters.malformed;
        return;
    }
    heard(header.from, ack->digest);
    if (ack->answer) learn(*ack, header.from);
    for (const Inquest& inquest :
         detector.inquests.answered(ack->ping_seq, from, header.from, t.now.mono)) {
        vote(inquest, t);
    }
    const std::optional<Probe> probe = probes.answered(ack->ping_seq, from);
    if (!probe) return;  // late, repeated, a census, or forged
    note_life(header.from, t.now.mono);
    observe(header.from, Acked{}, t);
    if (probe->target != NodeId{} && probe->target != header.from) succeeded(probe->target, t);
    if (!contacted) {
        contacted = true;
        contacted_at = t.now.mono;
        hurry(t.now);
        t.out.events.push_back({Event::Kind::joined_cluster, header.from, ack->digest.rows});
    }
    learn_time(header.from, ack->digest, t.now.mono - probe->sent, t);
    seed_retry = config.seed_retry_min;
    const Member* member = members.find(header.from);
    if (member && (member->state == MemberState::dead || member->state == MemberState::suspect)) {
        // It lives: let it say so itself, with a new incarnation.
        if (const Record* claim = node_record(header.from)) {
            send_records({*claim}, PutMode::repair, from, t);
        }
    }
    switch (ack->status) {
        case AckStatus::same:
            return;
        case AckStatus::diff:
            reconcile(*ack, *probe, header.from, t);
            return;
        case AckStatus::snapshot:
            open_stream(from, StreamRequest::snapshot, t);
            return;
        case AckStatus::busy:
            if (!probes.full() && ack->redirect.valid() && ack->redirect != self.gossip) {
                Probe next;
                next.to = ack->redirect;
                next.member = false;
                send_ping(next, false, t);
            }
            return;
    }
}

// Pull first, then push what is still current: rows just superseded are never sent.
void Core::Impl::reconcile(const Ack& ack, const Probe& probe, NodeId peer, const Turn& t) {
    if (fetching_snapshot()) return;
    const auto ours = table.sketch().cells();
    std::vector<Cell> difference = ack.cells;
    difference.resize(std::min(difference.size(), ours.size()));
    for (std::size_t i = 0; i < difference.size(); ++i) difference[i] ^= ours[i];
    Peeler peeler;
    peeler.add(difference);
    if (!peeler.complete()) {
        ++counters.peel_failures;
        if (probe.wide) {
            open_stream(probe.to, StreamRequest::sync, t);
        } else if (!probes.full()) {
            Probe again = probe;
            again.target = peer;
            again.wide = true;
            again.tries = 1;
            send_ping(again, false, t);
        }
        return;
    }
    std::vector<std::uint64_t> want;
    Push have;
    for (const std::uint64_t digest : peeler.digests()) {
        (table.find_digest(digest) ? have.digests : want).push_back(digest);
    }
    if (want.size() > kMaxWant) want.resize(kMaxWant);
    if (!want.empty()) {
        encode_digests(want, sender.begin(MessageType::want, t.out));
        counters.repair_control_bytes_out += sender.finish(probe.to, t.out);
    }
    if (have.digests.empty()) return;
    have.to = probe.to;
    have.awaited = want.size();
    have.deadline = t.now.mono + kPushWait;
    std::erase_if(pushes, [&](const Push& p) { return p.to == have.to; });
    if (pushes.size() < Probes::kMaxProbes) pushes.push_back(std::move(have));
    push(probe.to, t);
}

// Sends what waits for `to`, if everything wanted from it has come or taken too long.
void Core::Impl::push(const Endpoint& to, const Turn& t) {
    std::vector<Record> records;
    std::erase_if(pushes, [&](const Push& p) {
        if (p.to != to || (p.awaited > 0 && p.deadline > t.now.mono)) return false;
        for (const std::uint64_t digest : p.digests) {
            if (const Record* record = table.find_digest(digest)) records.push_back(*record);
        }
        return true;
    });
    send_records(records, PutMode::repair, to, t);
}

void Core::Impl::receive_want(Bytes body, const Endpoint& from, const Turn& t) {
    // Answers are many times the question, so only so many bytes a second leave for repairs.
    std::vector<Record> records;
    for (const std::uint64_t digest : decode_digests(body)) {
        if (const Record* record = table.find_digest(digest)) records.push_back(*record);
    }
    if (sender.bucket().available(t.now.mono) <= 0) {
        ++counters.egress_limited;
        return;
    }
    send_records(records, PutMode::repair, from, t);
}

void Core::Impl::receive_renew(Bytes body, const Turn& t) {
    const std::optional<Renew> renewal = decode_renew(body);
    if (!renewal) {
        ++counters.malformed;
        return;
    }
    const Record* record = table.find_digest(renewal->digest);
    if (!record || record->owner() != self.id || record->tombstone() || record->expired()) return;
    const RecordFields f = record->fields();
    const std::uint64_t limit = clock_ms(t.now) / 1000 + 60;
    leases.renew(std::string{f.key}, std::min(renewal->last_update, limit),
                 Mono::duration{std::int64_t{f.ttl_s} * 1000}, t.now.mono);
    touch_own(*record, t);
}

bool Core::Impl::allow_diff(const Endpoint& from, Mono::time_point now) {
    if (!allow_datagram(from, now)) return false;
    Allowance& used = allowances[from];
    return ++used.diffs <= config.diffs_per_s_per_peer;
}

bool Core::Impl::allow_datagram(const Endpoint& from, Mono::time_point now) {
    if (now >= allowances_since + kAllowanceWindow) {
        allowances.clear();
        allowances_since = now;
    }
    if (allowances.size() >= kMaxPeers && !allowances.contains(from)) return false;
    return ++allowances[from].datagrams <= config.peer_datagrams_per_s;
}

}  // namespace gossip
