#include "gossip/core.h"

#include <algorithm>

#include "gossip/core_impl.h"

// The public face: every input becomes a Turn of the implementation.

namespace gossip {

Core::Core(Config config, Identity self, std::uint64_t seed, Now now, const SharedBase& base)
    : impl_(std::make_unique<Impl>(std::move(config), std::move(self), seed, now, base)) {}
Core::~Core() = default;

bool Core::restore(Bytes canonical, Now now) {
    const Result<RecordFields> fields = Record::parse(canonical);
    if (!fields) return false;
    const std::uint64_t digest = Record::digest_of(canonical, impl_->config.key);
    const Record record = Record::adopt(canonical, *fields, digest);
    if (impl_->table.merge(record, not_before(record, now.wall)) != Merge::fresh) return false;
    if (record.kind() == RecordKind::node) {
        const Result<NodeRecord> node = decode_node(*fields);
        if (node) impl_->members.apply(*node);
    }
    return true;
}

void Core::start(Now now, Output& out) {
    const Turn t{now, out};
    impl_->started = true;
    impl_->started_at = now.mono;
    impl_->next_search = now.mono;
    if (impl_->adopted_base && impl_->members.find(impl_->self.id)) {
        impl_->contacted = true;
        return;
    }
    for (std::uint32_t slot = 0; slot < impl_->table.slots(); ++slot) {
        const Record* record = impl_->table.at(slot);
        if (record && record->kind() == RecordKind::instance) impl_->follow_lease(*record, t);
    }
    impl_->announce(t);
    impl_->resume_suspicions(t);
}

void Core::set_seeds(std::vector<Endpoint> seeds, Now now) {
    if (seeds == impl_->seeds) return;
    impl_->seeds = std::move(seeds);
    if (impl_->peers() > 0) return;
    impl_->seed_retry = impl_->config.seed_retry_min;
    impl_->next_search = now.mono;
}

void Core::leave(Now now, Output& out) {
    impl_->leave({now, out});
}
bool Core::left(Now now) const {
    return now.mono >= impl_->leaving_until;
}

PutResult Core::put(const LocalWrite& write, Now now, Output& out) {
    return impl_->put(write, {now, out});
}

bool Core::expire(const std::string& address, Now now, Output& out) {
    return impl_->expire(address, {now, out});
}

void Core::receive(const Endpoint& from, Bytes datagram, Now now, Output& out) {
    Impl& core = *impl_;
    ++core.counters.datagrams_in;
    core.counters.bytes_in += datagram.size();
    Header header;
    Bytes body;
    switch (decode_header(datagram, core.sender.cluster(), header, body)) {
        case HeaderFault::malformed:
            ++core.counters.malformed;
            return;
        case HeaderFault::foreign_version:
            ++core.counters.foreign_version;
            return;
        case HeaderFault::foreign_cluster:
            ++core.counters.foreign_cluster;
            return;
        case HeaderFault::none:
            break;
    }
    if (header.from == core.self.id || !core.started) return;
    const Turn t{now, out};
    switch (header.type) {
        case MessageType::ping:
            core.receive_ping(header, body, datagram.size(), from, t);
            return;
        case MessageType::ack:
            core.receive_ack(header, body, from, t);
            return;
        case MessageType::put:
            core.receive_put(header, body, from, t);
            return;
        case MessageType::want:
            core.receive_want(body, from, t);
            return;
        case MessageType::renew:
            core.receive_renew(body, t);
            return;
        case MessageType::ask:
            core.receive_ask(header, body, from, t);
            return;
        case MessageType::judge:
            core.receive_judge(header, body, from, t);
            return;
        case MessageType::vote:
            core.receive_vote(header, body, from, t);
            return;
        case MessageType::question:
            core.receive_question(header, body, from, t);
            return;
        case MessageType::reply:
            core.receive_reply(header, body, from, t);
            return;
    }
    ++core.counters.unknown_type;  // of a later release
}

void Core::refused(const Endpoint& by, Now now, Output& out) {
    impl_->refused(by, {now, out});
}

void Core::stream_accepted(StreamId id, const Endpoint& from, Now now, Output& out) {
    impl_->stream_accepted(id, from, {now, out});
}
void Core::stream_received(StreamId id, Bytes frame, Now now, Output& out) {
    impl_->stream_received(id, frame, {now, out});
}
void Core::stream_drained(StreamId id, Now now, Output& out) {
    impl_->stream_drained(id, {now, out});
}
void Core::stream_closed(StreamId id, Now now, Output& out) {
    impl_->stream_closed(id, {now, out});
}

void Core::tick(Now now, Output& out) {
    impl_->tick({now, out});
}
Mono::time_point Core::next_wakeup() const {
    return impl_->next_wakeup();
}
NodeId Core::exchange_now(Now now, Output& out) {
    return impl_->exchange({now, out});
}

void Core::census(Now now, Output& out) {
    impl_->heard_digests.clear();
    ask_again(0, now, out);
}

void Core::ask_again(std::uint64_t topic, Now now, Output& out) {
    const auto poll = impl_->polls.find(topic);
    for (const Member& member : impl_->members.all()) {
        if (member.id == impl_->self.id || !member.reachable()) continue;
        const bool heard = topic == 0
                               ? impl_->heard_digests.contains(member.id)
                               : poll != impl_->polls.end() && poll->second.contains(member.id);
        if (heard) continue;
        Probe probe;
        probe.target = member.id;
        probe.to = member.gossip;
        impl_->send_ping(probe, true, {now, out}, topic);
    }
}

void Core::set_answer(std::uint64_t topic, const PollAnswer& answer) {
    if (answer == PollAnswer{}) {
        impl_->answers.erase(topic);
    } else {
        impl_->answers[topic] = answer;
    }
}

void Core::poll(std::uint64_t topic, Now now, Output& out) {
    if (impl_->polls.size() >= kMaxPolls) impl_->polls.clear();
    std::erase_if(impl_->asked_topics,
                  [topic](const auto& asked) { return asked.second == topic; });
    if (impl_->asked_topics.size() > impl_->config.max_members) impl_->asked_topics.clear();
    impl_->polls[topic].clear();
    ask_again(topic, now, out);
}

Polled Core::polled(std::uint64_t topic) const {
    Polled p;
    const auto own = impl_->answers.find(topic);
    const PollAnswer ours = own == impl_->answers.end() ? PollAnswer{} : own->second;
    p.oldest_epoch = ours.epoch;
    const auto poll = impl_->polls.find(topic);
    for (const Member& member : impl_->members.all()) {
        if (!member.reachable()) continue;
        ++p.nodes;
        if (member.id == impl_->self.id) {
            ++p.agreeing;
            continue;
        }
        const PollAnswer* theirs = nullptr;
        if (poll != impl_->polls.end()) {
            const auto heard = poll->second.find(member.id);
            if (heard != poll->second.end()) theirs = &heard->second;
        }
        if (theirs == nullptr) ++p.unheard;
        if (theirs != nullptr && *theirs == ours) ++p.agreeing;
        p.oldest_epoch = std::min(p.oldest_epoch, theirs ? theirs->epoch : 0);
    }
    return p;
}

void Core::ask_owners(const std::vector<std::string>& addresses, Now now, Output& out) {
    impl_->ask_owners(addresses, {now, out});
}
std::size_t Core::unanswered(Now now) const {
    return now.mono < impl_->asked_until ? impl_->asked_rows.size() : 0;
}

Agreement Core::agreement() const {
    Agreement a;
    for (const Member& member : impl_->members.all()) {
        if (!member.reachable()) continue;
        ++a.nodes;
        if (member.id == impl_->self.id) {
            ++a.agreeing;
            continue;
        }
        const auto heard = impl_->heard_digests.find(member.id);
        if (heard == impl_->heard_digests.end()) {
            ++a.unheard;
        } else if (heard->second.fingerprint == impl_->table.fingerprint()) {
            ++a.agreeing;
        }
    }
    return a;
}

const Identity& Core::self() const {
    return impl_->self;
}
const Config& Core::config() const {
    return impl_->config;
}
const Table& Core::table() const {
    return impl_->table;
}
const Membership& Core::members() const {
    return impl_->members;
}
const Counters& Core::counters() const {
    return impl_->counters;
}
std::uint64_t Core::last_update(const Record& record) const {
    return impl_->last_update_of(record);
}
milliseconds Core::clock_offset() const {
    return impl_->clock.offset();
}
Wall::time_point Core::horizon() const {
    return Wall::time_point{milliseconds{static_cast<std::int64_t>(impl_->table.horizon_ms())}};
}

bool Core::partition_suspected(Now now) const {
    return impl_->partition_suspected(now.mono);
}

bool Core::joined() const {
    return impl_->contacted || std::ranges::all_of(impl_->seeds, [&](const Endpoint& seed) {
               return seed == impl_->self.gossip;
           });
}

void Core::set_horizon(Wall::time_point persisted) {
    std::vector<Record> removed;
    const std::int64_t ms = persisted.time_since_epoch().count();
    impl_->table.raise_horizon(static_cast<std::uint64_t>(std::max<std::int64_t>(ms, 0)), removed);
    CHECK(removed.empty());
}

void Output::clear() {
    durable.clear();
    behind.clear();
    removed.clear();
    datagrams.clear();
    arena.clear();
    forgotten.clear();
    streams.clear();
    touched.clear();
    outranked.clear();
    beliefs.clear();
    events.clear();
    asked.clear();
    answered.clear();
    members_changed = false;
    wiped = false;
}

bool Output::overwritten(const Record& heard) const {
    return std::ranges::any_of(durable, [&heard](const Record& written) {
        return written.kind() == heard.kind() && written.key() == heard.key() &&
               rank(written) > rank(heard);
    });
}

std::string_view name(Event::Kind kind) {
    switch (kind) {
        case Event::Kind::member_joined:
            return "member_joined";
        case Event::Kind::member_alive:
            return "member_alive";
        case Event::Kind::member_suspect:
            return "member_suspect";
        case Event::Kind::member_dead:
            return "member_dead";
        case Event::Kind::member_left:
            return "member_left";
        case Event::Kind::clock_corrected:
            return "clock_corrected";
        case Event::Kind::stamp_from_future:
            return "stamp_from_future";
        case Event::Kind::left_future:
            return "left_future";
        case Event::Kind::joined_cluster:
            return "joined_cluster";
        case Event::Kind::reset_behind:
            return "reset_behind";
        case Event::Kind::partition_suspected:
            return "partition_suspected";
    }
    return "unknown";
}

}  // namespace gossip
