#include <algorithm>

#include "gossip/core_impl.h"

// Who is alive: the jury that turns silence and refusals into a verdict, and what is believed of a
// member on its way from ALIVE to DEAD and back.

namespace gossip {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kAccusations = 10;  // per kAccusationSpan; who finds more is itself cut off
constexpr Mono::duration kAccusationSpan = 10s;
constexpr Mono::duration kDeathSpan = 60s;      // more than half of the members within it
constexpr Mono::duration kPatienceSpan = 2min;  // patience is halved after it
constexpr std::size_t kRecentlyHeard = 16;
constexpr std::size_t kRefusals = 64;  // looked into per second; a scan of the members each

}  // namespace

FailureDetector::FailureDetector()
    : accusations(kAccusations, kAccusationSpan),
      refusals(kRefusals, 1s),
      deaths(SIZE_MAX, kDeathSpan) {}

// ---- beliefs

Windows Core::Impl::windows(const Member& member) const {
    const int patience = member.patience;
    return {config.suspicion * patience, config.refused * patience,
            config.suspicion * 3 * patience};
}

Belief Core::Impl::belief_of(const Member& member) const {
    if (const Belief* doubt = detector.doubts.find(member.id)) return *doubt;
    switch (member.state) {
        case MemberState::alive:
            return {member.incarnation_ms, Alive{}};
        case MemberState::suspect: {  // of a former life of this node, without a clock yet
            const Mono::duration window = windows(member).observer;
            return {member.incarnation_ms,
                    Suspect{Mono::time_point::max(), window, Mono::time_point::max()}};
        }
        case MemberState::dead:
            return {member.incarnation_ms, Dead{}};
        case MemberState::left:
            return {member.incarnation_ms, Left{}};
    }
    CHECK(false);
}

// Something was observed that is no claim in the table.
void Core::Impl::observe(NodeId id, const Observation& what, const Turn& t) {
    const Member* member = members.find(id);
    if (!member || id == self.id) return;
    const Belief before = belief_of(*member);
    const Belief after = transition(before, what, windows(*member), t.now.mono);
    if (after == before) return;
    adopt(id, before, after, t);
    if (after.state() == before.state()) return;
    const Record* record = node_record(id);
    const auto known = record ? record->stamp().counter() : 0;
    if (known < static_cast<std::uint16_t>(after.state())) {
        declare(*members.find(id), after.state(), t);
    } else {
        t.out.beliefs.push_back({id, after.state()});  // the record says so already
    }
}

void Core::Impl::adopt(NodeId id, const Belief& before, const Belief& after, const Turn& t) {
    detector.doubts.set(id, after);
    const bool same_state = after.state() == before.state();
    if (same_state && after.incarnation_ms == before.incarnation_ms) return;
    members.set(id, after.incarnation_ms, after.state());
    t.out.members_changed = true;
    if (same_state) return;
    switch (after.state()) {
        case MemberState::alive:
            t.out.events.push_back({Event::Kind::member_alive, id, 0});
            return;
        case MemberState::suspect:
            t.out.events.push_back({Event::Kind::member_suspect, id, 0});
            return;
        case MemberState::dead:
            t.out.events.push_back({Event::Kind::member_dead, id, 0});
            note_death(t);
            break;
        case MemberState::left:
            t.out.events.push_back({Event::Kind::member_left, id, 0});
            break;
    }
    probes.forget(id);
    detector.jury.drop(id);
    heard_digests.erase(id);
}

// A claim about another node won the merge.
void Core::Impl::believe(const NodeRecord& claim, const Turn& t) {
    const Member* known = members.find(claim.id);
    if (!known && members.all().size() >= config.max_members) return;
    const Belief before = known ? belief_of(*known) : Belief{0, Dead{}};
    const bool heard_of = recently_heard(claim.id, t.now.mono);
    Windows given = windows(known ? *known : Member{});
    const Belief after =
        transition(before, Claim{claim.incarnation_ms, claim.state, heard_of}, given, t.now.mono);
    NodeRecord now = claim;
    now.state = before.state();
    now.incarnation_ms = before.incarnation_ms;
    members.apply(now);  // where it is, whatever is believed of it
    t.out.members_changed = true;
    if (!known && after.state() == MemberState::alive) {
        members.set(claim.id, after.incarnation_ms, after.state());
        t.out.events.push_back({Event::Kind::member_joined, claim.id, 0});
        return;
    }
    adopt(claim.id, before, after, t);
    if (after.state() != claim.state) {  // it is called dead, and has just answered us
        t.out.beliefs.push_back({claim.id, after.state()});
        notify(claim.id, t);
    }
}

// Who did not hear a refutation because it did not run has to give it its time.
void Core::Impl::resume_detector(const Turn& t) {
    detector.jury.clear();
    detector.inquests.clear();
    for (const NodeId id : detector.doubts.all()) observe(id, Resumed{}, t);
}

// What the disk says of a suspect is from a former life of this node: its clock starts now.
void Core::Impl::resume_suspicions(const Turn& t) {
    std::vector<NodeId> suspects;
    for (const Member& member : members.all()) {
        if (member.state == MemberState::suspect) suspects.push_back(member.id);
    }
    for (const NodeId id : suspects) observe(id, Resumed{}, t);
}

void Core::Impl::expire_doubts(const Turn& t) {
    for (const NodeId id : detector.doubts.notices(t.now.mono)) notify(id, t);
    for (const NodeId id : detector.doubts.due(t.now.mono)) observe(id, Elapsed{}, t);
}

// Tells a node what is said of it, and asks whether it is there.
void Core::Impl::notify(NodeId id, const Turn& t) {
    const Member* member = members.find(id);
    const Record* claim = node_record(id);
    if (!member || !claim) return;
    send_records({*claim}, PutMode::repair, member->gossip, t);
    if (probes.full() || probes.asks(id)) return;
    Probe probe;
    probe.target = id;
    probe.to = member->gossip;
    probe.tries = config.ping_tries;
    send_ping(probe, false, t);
}

// The claim names no accuser, so that concurrent accusations are one record.
void Core::Impl::declare(const Member& member, MemberState state, const Turn& t) {
    const Record* known = node_record(member.id);
    if (!known) return;
    Result<NodeRecord> node = decode_node(known->fields());
    if (!node) return;
    NodeRecord claim = std::move(node).value();
    claim.state = state;
    merge_own(encode(claim, config.key), t);
}

void Core::Impl::note_death(const Turn& t) {
    const std::size_t deaths = detector.deaths.note(t.now.mono);
    const std::size_t were_there = members.reachable() + deaths;
    if (were_there > 2 && 2 * deaths > were_there) suspect_partition(t);
}

void Core::Impl::suspect_partition(const Turn& t) {
    const bool known = partition_suspected(t.now.mono);
    detector.partition_until = t.now.mono + kDeathSpan;
    if (!known) t.out.events.push_back({Event::Kind::partition_suspected, self.id, 0});
}

bool Core::Impl::partition_suspected(Mono::time_point now) const {
    return detector.partition_until > now;
}

// A ping or an ack of a member came from its address.
void Core::Impl::note_life(NodeId id, Mono::time_point now) {
    auto& heard = detector.heard;
    std::erase_if(heard, [&](const auto& sign) { return sign.from == id; });
    if (heard.size() >= kRecentlyHeard) heard.erase(heard.begin());
    heard.push_back({id, now});
}

bool Core::Impl::recently_heard(NodeId id, Mono::time_point now) const {
    return std::ranges::any_of(detector.heard, [&](const auto& sign) {
        return sign.from == id && sign.at + config.suspicion > now;
    });
}

// ---- the accuser

// Opens a trial, or its next round, if there is anybody left to ask.
void Core::Impl::accuse(const Member& subject, Evidence evidence, const std::vector<NodeId>& asked,
                        const Turn& t) {
    if (detector.jury.full() || detector.jury.find(subject.id)) return;
    const std::size_t wanted = Jury::wanted(evidence);
    std::vector<const Member*> sample;
    members.sample(rng, wanted + asked.size() + 3, self.id, sample);
    std::erase_if(sample, [&](const Member* juror) {
        return juror->id == subject.id || juror->state != MemberState::alive ||
               std::ranges::find(asked, juror->id) != asked.end();
    });
    if (sample.size() > wanted) sample.resize(wanted);
    if (sample.empty() && !asked.empty()) return;  // nobody new to ask
    Trial trial;
    trial.subject = subject.id;
    trial.incarnation_ms = subject.incarnation_ms;
    trial.evidence = evidence;
    trial.nonce = static_cast<std::uint32_t>(rng.next());
    trial.round = asked.empty() ? 1 : 2;
    trial.began = t.now.mono;
    for (const Member* juror : sample) trial.jurors.push_back(juror->id);
    ++counters.trials;
    if (trial.jurors.empty()) {  // two nodes: there is no other evidence than the own
        convict(trial, t);
        return;
    }
    ask(trial, t);
    detector.jury.open(std::move(trial));
}

// Asks those who have not voted.
void Core::Impl::ask(const Trial& trial, const Turn& t) {
    for (const NodeId id : trial.jurors) {
        const Member* juror = members.find(id);
        if (!juror || std::ranges::find(trial.against, id) != trial.against.end()) continue;
        encode(Judge{trial.nonce, trial.subject, trial.incarnation_ms, trial.evidence},
               sender.begin(MessageType::judge, t.out));
        sender.finish(juror->gossip, t.out);
    }
}

void Core::Impl::convict(const Trial& trial, const Turn& t) {
    const Member* member = members.find(trial.subject);
    if (!member || member->incarnation_ms != trial.incarnation_ms || !member->reachable()) return;
    if (member->state == MemberState::alive) {
        if (!detector.accusations.take(t.now.mono)) {
            suspect_partition(t);
            return;
        }
        ++counters.convictions;
    }
    observe(trial.subject, Convicted{trial.evidence}, t);
}

void Core::Impl::receive_vote(const Header& header, Bytes body, const Endpoint& from,
                              const Turn& t) {
    const std::optional<Ballot> ballot = decode_ballot(body);
    if (!ballot) {
        ++counters.malformed;
        return;
    }
    const Member* juror = members.find(header.from);
    if (!juror || juror->gossip != from) return;
    if (const auto guilty = detector.jury.vote(ballot->nonce, header.from, ballot->vote)) {
        convict(*guilty, t);
    }
}

void Core::Impl::expire_trials(const Turn& t) {
    std::vector<Trial> again;
    std::vector<Trial> hung;
    detector.jury.expire(t.now.mono, again, hung);
    for (const Trial& trial : again) ask(trial, t);
    for (const Trial& trial : hung) {
        const Member* subject = members.find(trial.subject);
        if (!subject || subject->state != MemberState::alive) continue;
        // Too few votes: the own network is bad. One more round, with others.
        if (trial.round == Jury::kRounds) continue;
        accuse(*subject, trial.evidence, trial.jurors, t);
    }
}

// The host at `by` said that nobody listens there.
void Core::Impl::refused(const Endpoint& by, const Turn& t) {
    const std::vector<Inquest> decided = detector.inquests.refused(by, t.now.mono);
    for (const Inquest& inquest : decided) vote(inquest, t);
    if (!decided.empty() || !started) return;  // somebody else is the accuser
    if (!detector.refusals.take(t.now.mono)) return;
    if (const Member* member = members.at(by)) suspect_refusal(*member, t);
}

// Another node answers where this one was: it lost its disk, or its address.
void Core::Impl::succeeded(NodeId former, const Turn& t) {
    const Member* member = members.find(former);
    if (member && member->reachable()) suspect_refusal(*member, t);
}

void Core::Impl::suspect_refusal(const Member& member, const Turn& t) {
    if (member.id == self.id) return;
    if (member.state != MemberState::alive && !suspected_by_others(member)) return;
    if (const Trial* trial = detector.jury.find(member.id)) {
        if (trial->evidence == Evidence::refusal) return;
        detector.jury.drop(member.id);
    }
    accuse(member, Evidence::refusal, {}, t);
}

// On silence, which takes longer than what a refusal proves.
bool Core::Impl::suspected_by_others(const Member& member) const {
    const Belief* doubt = detector.doubts.find(member.id);
    const Suspect* suspect = doubt ? std::get_if<Suspect>(&doubt->liveness) : nullptr;
    return suspect && suspect->window > windows(member).accuser;
}

// ---- the juror

void Core::Impl::receive_judge(const Header& header, Bytes body, const Endpoint& from,
                               const Turn& t) {
    const std::optional<Judge> judge = decode_judge(body);
    if (!judge) {
        ++counters.malformed;
        return;
    }
    const Member* accuser = members.find(header.from);
    if (!accuser || accuser->gossip != from || judge->subject == self.id) return;
    if (const Inquest* known = detector.inquests.find(header.from, judge->nonce)) {
        if (known->vote) vote(*known, t);
        return;
    }
    // Only where this node knows the subject: nobody can make it ping anywhere else.
    const Member* subject = members.find(judge->subject);
    if (!subject || detector.inquests.full()) return;
    Inquest inquest;
    inquest.accuser = header.from;
    inquest.reply_to = from;
    inquest.nonce = judge->nonce;
    inquest.subject = judge->subject;
    inquest.subject_at = subject->gossip;
    if (subject->incarnation_ms > judge->incarnation_ms) {  // it has refuted, or was restarted
        inquest.vote = Vote::alive;
        vote(inquest, t);
        if (const Record* record = node_record(subject->id)) {
            send_records({*record}, PutMode::repair, from, t);
        }
        return;
    }
    ping_subject(detector.inquests.open(inquest), t);
}

void Core::Impl::ping_subject(Inquest& inquest, const Turn& t) {
    Ping ping;
    ping.digest = digest(t.now);
    ping.census = true;
    encode(ping, 0, sender.begin(MessageType::ping, t.out));
    sender.finish(inquest.subject_at, t.out);
    detector.inquests.pinged(inquest, sender.last_seq(), t.now.mono);
}

void Core::Impl::vote(const Inquest& inquest, const Turn& t) {
    ++counters.votes;
    encode(Ballot{inquest.nonce, inquest.subject, *inquest.vote},
           sender.begin(MessageType::vote, t.out));
    sender.finish(inquest.reply_to, t.out);
}

void Core::Impl::expire_inquests(const Turn& t) {
    std::vector<Inquest*> ping;
    std::vector<Inquest> silent;
    detector.inquests.expire(t.now.mono, ping, silent);
    for (Inquest* inquest : ping) ping_subject(*inquest, t);
    for (const Inquest& inquest : silent) vote(inquest, t);
}

// ---- this node itself

// Somebody holds a claim about us that is not true, or is about an earlier life.
void Core::Impl::refute(const NodeRecord& claim, const Turn& t) {
    members.apply(claim);
    if (!started || leaving_until != Mono::time_point::max()) return;
    if (claim.state == MemberState::suspect || claim.state == MemberState::dead) {
        ++counters.refutations;
        detector.patience =
            static_cast<std::uint8_t>(std::min(2 * detector.patience, +kMaxPatience));
        detector.patience_since = t.now.mono;
    }
    announce(t);
}

void Core::Impl::lose_patience(const Turn& t) {
    if (detector.patience == 1 || t.now.mono < detector.patience_since + kPatienceSpan) return;
    detector.patience = static_cast<std::uint8_t>(detector.patience / 2);
    detector.patience_since = t.now.mono;
    announce(t);
}

}  // namespace gossip
