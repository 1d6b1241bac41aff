#include "gossip/jury.h"

#include <algorithm>

namespace gossip {

const Trial* Jury::find(NodeId subject) const {
    const auto at = std::ranges::find(trials_, subject, &Trial::subject);
    return at == trials_.end() ? nullptr : &*at;
}

std::size_t Jury::needed(Evidence evidence, std::size_t jurors) {
    return evidence == Evidence::silence ? (jurors + 1) / 2 : std::min(kWitnesses, jurors);
}

void Jury::drop(NodeId subject) {
    std::erase_if(trials_, [&](const Trial& trial) { return trial.subject == subject; });
}

std::optional<Trial> Jury::vote(std::uint32_t nonce, NodeId juror, Vote vote) {
    const auto at = std::ranges::find(trials_, nonce, &Trial::nonce);
    if (at == trials_.end() || std::ranges::find(at->jurors, juror) == at->jurors.end()) return {};
    if (vote == Vote::alive) {
        trials_.erase(at);
        return {};
    }
    // Silence confirms no refusal, but a refusal is silence, too.
    const bool counts = at->evidence == Evidence::silence || vote == Vote::refused;
    if (!counts || std::ranges::find(at->against, juror) != at->against.end()) return {};
    at->against.push_back(juror);
    if (at->against.size() < needed(at->evidence, at->jurors.size())) return {};
    Trial guilty = std::move(*at);
    trials_.erase(at);
    return guilty;
}

void Jury::expire(Mono::time_point now, std::vector<Trial>& again, std::vector<Trial>& hung) {
    std::erase_if(trials_, [&](Trial& trial) {
        const Mono::duration round =
            trial.evidence == Evidence::silence ? kSilenceRound : kRefusalRound;
        if (trial.began + round <= now) {
            hung.push_back(trial);
            return true;
        }
        if (!trial.asked_again && trial.began + kAskAgain <= now) {
            trial.asked_again = true;
            again.push_back(trial);
        }
        return false;
    });
}

Mono::time_point Jury::next() const {
    Mono::time_point next = Mono::time_point::max();
    for (const Trial& trial : trials_) {
        const Mono::duration round =
            trial.evidence == Evidence::silence ? kSilenceRound : kRefusalRound;
        next = std::min(next, trial.began + (trial.asked_again ? round : kAskAgain));
    }
    return next;
}

Inquest* Inquests::find(NodeId accuser, std::uint32_t nonce) {
    const auto at = std::ranges::find_if(inquests_, [&](const Inquest& inquest) {
        return inquest.accuser == accuser && inquest.nonce == nonce;
    });
    return at == inquests_.end() ? nullptr : &*at;
}

Inquest& Inquests::open(const Inquest& inquest) {
    return inquests_.emplace_back(inquest);
}

void Inquests::pinged(Inquest& inquest, std::uint32_t seq, Mono::time_point now) {
    inquest.seqs[inquest.pings++] = seq;
    inquest.due = now + kPing;
}

void Inquests::decide(Inquest& inquest, Vote vote, Mono::time_point now) {
    inquest.vote = vote;
    inquest.due = now + kMemory;
}

std::vector<Inquest> Inquests::answered(std::uint32_t seq, const Endpoint& from, NodeId by,
                                        Mono::time_point now) {
    std::vector<Inquest> decided;
    for (Inquest& inquest : inquests_) {
        const auto end = inquest.seqs + inquest.pings;
        if (inquest.vote || inquest.subject_at != from) continue;
        if (std::find(inquest.seqs, end, seq) == end) continue;
        decide(inquest, by == inquest.subject ? Vote::alive : Vote::refused, now);
        decided.push_back(inquest);
    }
    return decided;
}

std::vector<Inquest> Inquests::refused(const Endpoint& by, Mono::time_point now) {
    std::vector<Inquest> decided;
    for (Inquest& inquest : inquests_) {
        if (inquest.vote || inquest.subject_at != by) continue;
        decide(inquest, Vote::refused, now);
        decided.push_back(inquest);
    }
    return decided;
}

void Inquests::expire(Mono::time_point now, std::vector<Inquest*>& ping,
                      std::vector<Inquest>& silent) {
    std::erase_if(inquests_, [&](const Inquest& i) { return i.vote && i.due <= now; });
    for (Inquest& inquest : inquests_) {
        if (inquest.vote || inquest.due > now) continue;
        if (inquest.pings < kPings) {
            ping.push_back(&inquest);
        } else {
            decide(inquest, Vote::silent, now);
            silent.push_back(inquest);
        }
    }
}

Mono::time_point Inquests::next() const {
    Mono::time_point next = Mono::time_point::max();
    for (const Inquest& inquest : inquests_) next = std::min(next, inquest.due);
    return next;
}

bool Ration::take(Mono::time_point now) {
    forget(now);
    if (when_.size() >= most_) return false;
    when_.push_back(now);
    return true;
}

std::size_t Ration::note(Mono::time_point now) {
    forget(now);
    when_.push_back(now);
    return when_.size();
}

void Ration::forget(Mono::time_point now) {
    while (!when_.empty() && when_.front() + span_ <= now) when_.pop_front();
}

}  // namespace gossip
