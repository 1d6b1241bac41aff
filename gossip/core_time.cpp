#include <algorithm>

#include "gossip/core_impl.h"

// Time: what is due when, and what age does to records.

namespace gossip {
namespace {

using namespace std::chrono_literals;

constexpr Mono::duration kLag{200};           // woke so late: the machine, not the peers, was slow
constexpr milliseconds kHousekeeping{1000};   // how often the horizon moves, at most
constexpr std::int64_t kHorizonSteps = 1440;  // of G: nodes drop a record in the same step
constexpr std::int64_t kRefreshShare = 3;     // live rows are stamped anew at age G / 3
constexpr std::int64_t kRefreshScans = 24;    // per G
constexpr milliseconds kAheadOfCluster = 1h;  // of the horizon: our clock was wrong for long
constexpr milliseconds kLingerMax{600};
constexpr milliseconds kAlone{60'000};
constexpr int kMeetPeriods = 3;         // a cluster that starts as a whole learns itself in these
constexpr milliseconds kFarewell{150};  // LEFT goes out again this often while lingering

TableLimits limits(const Config& c) {
    return {c.sketch_cells, c.max_rows, static_cast<std::uint64_t>(c.max_ahead.count()), c.key};
}

}  // namespace

Core::Impl::Impl(Config config_in, Identity self_in, std::uint64_t seed, Now now,
                 const SharedBase& base)
    : config(std::move(config_in)),
      self(std::move(self_in)),
      rng(seed),
      table(base.table ? Table(limits(config), base.table) : Table(limits(config))),
      sender(config, self.id, counters),
      probes(config),
      last_flush(now.mono - config.flush_interval - kLag),
      flush_interval(config.flush_interval),
      next_period(now.mono + milliseconds{static_cast<std::int64_t>(
                                 rng.below(static_cast<std::uint64_t>(config.interval.count())))}),
      period_from(next_period),
      next_housekeeping(now.mono),
      next_refresh(now.mono + config.horizon / kRefreshScans),
      seed_retry(config.seed_retry_min),
      next_search(now.mono),
      allowances_since(now.mono),
      stream_bucket(config.stream_bytes_per_s) {
    if (base.members) {
        members = *base.members;
        adopted_base = true;
    }
}

void Core::Impl::tick(const Turn& t) {
    notice_lag(t);
    notice_step(t);
    if (t.now.mono >= next_housekeeping) {
        next_housekeeping = t.now.mono + kHousekeeping;
        forget_old(t);
        if (started && leaving_until == Mono::time_point::max()) leave_future(t);
    }
    if (started) {
        linger(t);
        if (t.now.mono >= next_refresh) refresh_own_rows(t);
        find_members(t);
        run_period(t);
        expire_probes(t);
        expire_inquests(t);
        expire_trials(t);
        expire_doubts(t);
        lose_patience(t);
        lapse(t);
    }
    while (!pushes.empty() && pushes.front().deadline <= t.now.mono) {
        const Endpoint to = pushes.front().to;
        push(to, t);
    }
    pump_all(t);
    flush(t);
    expected_wakeup = next_wakeup();
}

Mono::time_point Core::Impl::next_wakeup() const {
    Mono::time_point next = next_pump;
    if (!started) {
        next = std::min(next, next_housekeeping);
    } else {  // and housekeeping waits for the period, which is never far
        next = std::min({next, next_refresh, next_search, next_period, probes.next(),
                         detector.jury.next(), detector.inquests.next(), detector.doubts.next(),
                         leases.next(), next_farewell, outbox.next_due()});
    }
    for (const Push& p : pushes) next = std::min(next, p.deadline);
    if (!outbox.empty()) next = std::min(next, last_flush + flush_interval);
    return next;
}

// After a stall what looks like silence may only be unread: outstanding questions start anew, and
// nobody loses a lease because we were not there to renew it.
void Core::Impl::notice_lag(const Turn& t) {
    if (expected_wakeup == Mono::time_point::max() || t.now.mono < expected_wakeup + kLag) return;
    const Mono::duration lag = t.now.mono - expected_wakeup;
    probes.restart(t.now.mono);
    resume_detector(t);
    leases.extend(lag);
}

// Somebody set our clock: what peers said of it before is void.
void Core::Impl::notice_step(const Turn& t) {
    const milliseconds ahead = t.now.wall.time_since_epoch() - t.now.mono.time_since_epoch();
    if (std::chrono::abs(ahead - wall_over_mono) > ClockOffset::kTolerance) clock.forget();
    wall_over_mono = ahead;
}

// Who has been alone for a minute is the cluster.
bool Core::Impl::sure_of_time(Now now) const {
    return peers() > 0 ? clock.confirmed(peers()) : now.mono >= started_at + kAlone;
}

// What a peer's clock said half a round trip ago. Who has just come goes by whoever let it in, if
// that one is sure. To all others the first peers of a cluster that starts are too few: a right
// clock would go half of the way to a wrong one, before the rest is there.
void Core::Impl::learn_time(NodeId peer, const Digest& digest, Mono::duration rtt, const Turn& t) {
    const bool few = peers() < ClockOffset::kEnough;
    const bool newcomer = few && digest.sure;
    const bool starting = t.now.mono < contacted_at + kMeetPeriods * config.interval;
    if (starting && few && !newcomer) return;
    const auto most = static_cast<std::uint64_t>(ClockOffset::kMost.count());
    const Wall::duration said{static_cast<std::int64_t>(std::min(digest.clock_ms, most))};
    const Wall::duration ahead = said - (wall(t.now).time_since_epoch() - rtt / 2);
    const auto moved = clock.sample(peer, ahead, peers(), newcomer);
    if (moved) t.out.events.push_back({Event::Kind::clock_corrected, peer, moved->count()});
}

milliseconds Core::Impl::age(const Record& record, Now now) const {
    return milliseconds{wall(now).time_since_epoch().count() -
                        static_cast<std::int64_t>(record.stamp().ms())};
}

// Moves the horizon, in steps, so that all nodes forget a record at about the same moment instead
// of repairing it into each other.
void Core::Impl::forget_old(const Turn& t) {
    const std::int64_t g = config.horizon.count();
    const std::int64_t step = std::max<std::int64_t>(g / kHorizonSteps, 1);
    const std::int64_t target = (wall(t.now).time_since_epoch().count() - g) / step * step;
    const auto held = static_cast<std::int64_t>(table.horizon_ms());
    // With nothing to lose it needs no peers' word: alone it would never get one.
    const bool sure = clock.confirmed(peers()) || table.size() == 0;
    if (sure && held > target + std::min(kAheadOfCluster, config.horizon / 4).count()) {
        wipe(t);
        return;
    }
    if (target <= held) return;
    std::vector<Record> removed;
    table.raise_horizon(static_cast<std::uint64_t>(target), removed);
    for (const Record& record : removed) {
        renewed_elsewhere.erase(record.digest());
        if (record.kind() == RecordKind::node) {
            const Result<NodeRecord> node = decode_node(record.fields());
            if (node) members.remove(node->id);
            t.out.members_changed = true;
        } else {
            leases.drop(std::string{record.key()});
        }
        t.out.removed.push_back(record);
    }
    // We slept for longer than a horizon, or our clock leapt: what we knew is forgotten, and so are
    // we, unless we say again that we are here.
    if (started && t.now.mono < leaving_until && !node_record(self.id)) announce(t);
}

// A node whose clock was far ahead has announced itself in the future, where nobody else would hear
// of it before that has come.
void Core::Impl::leave_future(const Turn& t) {
    const Record* me = node_record(self.id);
    if (!me || me->stamp().ms() <= latest_ms(t.now) || !clock.confirmed(peers())) return;
    t.out.events.push_back(
        {Event::Kind::left_future, self.id,
         static_cast<std::int64_t>(me->stamp().ms()) - wall(t.now).time_since_epoch().count()});
    forget_member(self.id, t);
    announce(t);
}

// Those whose clocks are right do not know the version that we have, which a clock that was far
// ahead has stamped. It yields to the one that they know. Only records of nodes do: they repeat
// what is true, and no deletion can be undone by them.
bool Core::Impl::yields(const RecordFields& to, const Turn& t) {
    if (to.kind != RecordKind::node || to.owner == self.id) return false;
    const Record* held = node_record(to.owner);
    if (!held || held->stamp().ms() <= latest_ms(t.now) || !clock.confirmed(peers())) return false;
    forget_member(to.owner, t);
    return true;
}

std::uint64_t Core::Impl::clock_ms(Now now) const {
    const std::int64_t ms = wall(now).time_since_epoch().count();
    return static_cast<std::uint64_t>(std::max<std::int64_t>(ms, 0));
}

std::uint64_t Core::Impl::latest_ms(Now now) const {
    return clock_ms(now) + static_cast<std::uint64_t>(config.max_ahead.count());
}

void Core::Impl::forget_member(NodeId id, const Turn& t) {
    const Record record = *node_record(id);
    table.forget(record.kind(), record.key());
    members.remove(id);
    t.out.members_changed = true;
    std::erase(t.out.durable, record);
    std::erase(t.out.behind, record);
    t.out.forgotten.push_back(record);
}

// Our clock was far ahead once: our horizon refuses what the cluster still holds. Only an empty
// start makes us agree again.
void Core::Impl::wipe(const Turn& t) {
    t.out.durable.clear();
    t.out.behind.clear();
    t.out.removed.clear();
    t.out.touched.clear();
    t.out.outranked.clear();
    t.out.wiped = true;
    table = Table(limits(config));
    members.clear();
    outbox.clear();
    leases.clear();
    detector = FailureDetector{};
    pushes.clear();
    touches.clear();
    renewed_elsewhere.clear();
    t.out.events.push_back({Event::Kind::reset_behind, self.id, 0});
    next_search = t.now.mono;
    announce(t);
}

bool Core::Impl::ages(const Record& record, Now now) const {
    return age(record, now) >= config.horizon / kRefreshShare;
}

// The next on the ring cares for the rows of the cluster that a lost node has left behind. Two that
// do not agree who that is write the same, and one of both stays.
bool Core::Impl::heir_to(const Record& record) const {
    if (record.kind() != RecordKind::app) return false;
    const Member* owner = members.find(record.owner());
    if (owner && owner->reachable()) return false;
    const Member* next = members.successor(record.owner());
    return !next || next->id == self.id;
}

void Core::Impl::refresh_own_rows(const Turn& t) {
    next_refresh = t.now.mono + config.horizon / kRefreshScans;
    std::vector<Record> due;
    for (std::uint32_t slot = 0; slot < table.slots(); ++slot) {
        const Record* record = table.at(slot);
        if (!record || !ages(*record, t.now)) continue;
        const bool ours = record->owner() == self.id && record->kind() != RecordKind::version;
        if (!ours && !heir_to(*record)) continue;
        if (!record->tombstone() && !record->expired()) due.push_back(*record);
    }
    for (const Record& record : due) {
        if (record.kind() == RecordKind::node) {
            const Member* me = members.find(self.id);
            if (record.key() == node_record(self.id)->key() && me && me->reachable()) announce(t);
            continue;
        }
        RecordFields f = record.fields();
        f.owner = self.id;
        f.stamp = Stamp::after(record.stamp(), wall(t.now));
        merge_own(Record::make(f, config.key), t);
    }
}

void Core::Impl::leave(const Turn& t) {
    if (leaving_until != Mono::time_point::max()) return;
    leaving_until = t.now.mono + std::min<milliseconds>(2 * config.interval, kLingerMax);
    const Member* me = members.find(self.id);
    if (me) declare(*me, MemberState::left, t);
    last_flush = t.now.mono - flush_interval;
    next_farewell = t.now.mono + kFarewell;
}

void Core::Impl::linger(const Turn& t) {
    if (t.now.mono < next_farewell) return;
    next_farewell = t.now.mono + kFarewell;
    if (const Record* farewell = node_record(self.id)) outbox.add({*farewell, self.id, true});
}

}  // namespace gossip
