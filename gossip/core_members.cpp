#include <algorithm>

#include "gossip/core_impl.h"

// Members: whom to talk to, who is silent, how to find the first of them and the lost ones.

namespace gossip {
namespace {

constexpr std::size_t kWitnesses = 4;  // of our time, to whom it is told; one datagram

}  // namespace

std::size_t Core::Impl::peers() const {
    const Member* me = members.find(self.id);
    return members.reachable() - (me && me->reachable() ? 1U : 0U);
}

const Record* Core::Impl::node_record(NodeId id) const {
    std::string key;
    Writer{key}.u64(id.value);
    return table.find(RecordKind::node, key);
}

// Says that this node is here, in an incarnation that beats every claim about an earlier one.
void Core::Impl::announce(const Turn& t) {
    NodeRecord me;
    me.id = self.id;
    me.info.gossip = self.gossip;
    me.info.protocol = kProtocol;
    me.info.name = self.name;
    me.info.http = self.http;
    me.info.patience = detector.patience;
    me.incarnation_ms = clock_ms(t.now);
    if (const Record* before = node_record(self.id)) {
        me.incarnation_ms = std::max(me.incarnation_ms, before->stamp().ms() + 1);
    }
    const Record record = encode(me, config.key);
    if (!merge_own(record, t)) return;
    members.apply(me);
}

void Core::Impl::heard(NodeId peer, const Digest& peer_digest) {
    heard_digests[peer] = {peer_digest.fingerprint, peer_digest.rows};
    if (heard_digests.size() > config.max_members) heard_digests.clear();
}

void Core::Impl::run_period(const Turn& t) {
    if (t.now.mono < period_from) return;
    const milliseconds tenth = std::max(config.interval / 10, milliseconds{1});
    const auto more =
        static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(tenth.count()) + 1));
    period_from = t.now.mono + config.interval - tenth;
    next_period = t.now.mono + config.interval + milliseconds{more};
    for (unsigned i = 0; i < config.peers; ++i) exchange(t);
    if (peers() > 0) send_touches(t);
}

void Core::Impl::hurry(Now now) {
    next_period = std::min(next_period, now.mono + config.interval / 4);
    period_from = std::min(period_from, next_period);
}

// Alternately the successor on the ring, which bounds the time to the first probe of any member by
// two periods, and the next of a shuffled list, which makes every pair meet.
const Member* Core::Impl::next_partner() {
    if (++period % 2 == 1) return members.successor(self.id);
    for (std::size_t tries = 0; tries < 2; ++tries) {
        while (!shuffled.empty()) {
            const NodeId id = shuffled.back();
            shuffled.pop_back();
            const Member* member = members.find(id);
            if (member && member->reachable()) return member;
        }
        // At most a thousand at a time: a cluster of 10^5 needs no list of 10^5 at every node.
        std::vector<const Member*> sample;
        members.sample(rng, 1000, self.id, sample);
        for (const Member* member : sample) shuffled.push_back(member->id);
        rng.shuffle(shuffled);
    }
    return nullptr;
}

NodeId Core::Impl::exchange(const Turn& t) {
    const Member* partner = next_partner();
    if (!partner || probes.full() || probes.asks(partner->id)) return {};
    if (!spoken(kProtocol, partner->protocol)) return {};
    Probe probe;
    probe.target = partner->id;
    probe.to = partner->gossip;
    send_ping(probe, false, t);
    return probe.target;
}

// Who asks a node that knows nobody is a way in: it may have no seed but itself. Asked later, like
// a seed, because nobody is to be made to send two datagrams for one.
void Core::Impl::meet(const Endpoint& stranger, const Turn& t) {
    if (!started || peers() > 0 || way_in.valid()) return;
    way_in = stranger;
    next_search = std::min(next_search, t.now.mono + config.seed_retry_min);
}

// It lives at another time than we do. Whoever is few has to learn what time it is, and would else
// ask only those who are as wrong as itself.
void Core::Impl::seek_time(const Endpoint& stranger, const Turn& t) {
    if (t.now.mono < next_seek || stranger == self.gossip || members.at(stranger)) return;
    next_seek = t.now.mono + config.interval;
    // Some of those who have our time, too: it gets no difference from us while it lives at
    // another.
    std::vector<const Member*> witnesses;
    members.sample(rng, kWitnesses, self.id, witnesses);
    std::vector<Record> records;
    for (const Member* member : witnesses) {
        if (const Record* record = node_record(member->id)) records.push_back(*record);
    }
    send_records(records, PutMode::repair, stranger, t);
    introduce(stranger, t);
}

// Its stream broke off in the middle: it may have crashed. If nobody listens there any more, its
// host answers this ping with a refusal, a period or two before somebody's turn to ask would come.
void Core::Impl::look_after(const Member& member, const Turn& t) {
    if (!member.reachable() || probes.full() || probes.asks(member.id)) return;
    Probe probe;
    probe.target = member.id;
    probe.to = member.gossip;
    send_ping(probe, false, t);
}

// Until somebody has answered: every seed, with back-off, for ever. From then on now and then one
// node that is believed dead, or a seed that is no member: that is how two halves meet again.
void Core::Impl::find_members(const Turn& t) {
    if (t.now.mono < next_search) return;
    std::vector<Endpoint> ask;
    const bool alone = peers() == 0;
    for (const Endpoint& seed : seeds) {
        if (seed == self.gossip) continue;
        if (!alone && members.at(seed) != nullptr) continue;
        ask.push_back(seed);
    }
    if (alone && way_in.valid()) ask.push_back(way_in);
    way_in = {};
    if (alone && !ask.empty()) {
        next_search = t.now.mono + seed_retry;
        seed_retry = std::min(seed_retry * 2, config.seed_retry_max);
    } else {
        // Not all at the same moment: two halves of 100 nodes that started together should find
        // each other within a tenth of a second, not when everybody's period ends.
        const auto period_ms = static_cast<std::uint64_t>(config.rejoin_period.count());
        next_search = t.now.mono + config.rejoin_period / 2 +
                      milliseconds{static_cast<std::int64_t>(rng.below(period_ms + 1))};
    }
    if (!alone || ask.empty()) {
        for (const Member& member : members.all()) {
            if (member.state == MemberState::dead) ask.push_back(member.gossip);
        }
        if (ask.empty()) return;
        ask = {ask[rng.below(ask.size())]};
    }
    for (const Endpoint& to : ask) introduce(to, t);
}

// Asks a stranger, who first hears whom it answers.
void Core::Impl::introduce(const Endpoint& to, const Turn& t) {
    if (probes.full()) return;
    const Record* me = node_record(self.id);
    if (me) send_records({*me}, PutMode::flood, to, t);
    Probe probe;
    probe.to = to;
    probe.member = false;
    send_ping(probe, false, t);
}

void Core::Impl::expire_probes(const Turn& t) {
    std::vector<Probe> again;
    std::vector<Probe> silent;
    probes.expire(t.now.mono, again, silent);
    for (Probe& probe : again) {
        ++probe.tries;
        send_ping(probe, false, t);
    }
    for (const Probe& probe : silent) {
        if (!probe.member) continue;
        hurry(t.now);
        const Member* member = members.find(probe.target);
        if (member && member->state == MemberState::alive) {
            accuse(*member, Evidence::silence, {}, t);
        }
    }
}

}  // namespace gossip
