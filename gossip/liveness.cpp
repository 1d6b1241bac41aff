#include "gossip/liveness.h"

#include <algorithm>
#include <tuple>

namespace gossip {
namespace {

constexpr Mono::time_point kNever = Mono::time_point::max();

// One overload per observation; each knows what it means in each of the four states.
struct Transition {
    const Belief& belief;
    const Windows& windows;
    Mono::time_point now;

    Belief operator()(const Claim& claim) const {
        const auto known = std::tuple{belief.incarnation_ms, belief.state()};
        if (std::tuple{claim.incarnation_ms, claim.state} <= known) return belief;
        switch (claim.state) {
            case MemberState::alive:
                return {claim.incarnation_ms, Alive{}};
            case MemberState::suspect:
                return {claim.incarnation_ms,
                        Suspect{now + windows.observer, windows.observer, kNever}};
            case MemberState::left:
                return {claim.incarnation_ms, Left{}};
            case MemberState::dead:
                break;
        }
        if (const Alive* alive = std::get_if<Alive>(&belief.liveness)) {
            if (alive->disputed()) return belief;
            if (claim.recently_heard) {
                return {belief.incarnation_ms, Alive{now + windows.accuser, claim.incarnation_ms}};
            }
        }
        return {claim.incarnation_ms, Dead{}};
    }

    Belief operator()(const Acked&) const {
        Belief next = belief;
        if (Suspect* suspect = std::get_if<Suspect>(&next.liveness)) {
            suspect->dies = std::max(suspect->dies, now + suspect->window);
        }
        return next;
    }

    Belief operator()(const Convicted& verdict) const {
        const Mono::duration window =
            verdict.evidence == Evidence::refusal ? windows.refused : windows.accuser;
        const Suspect accused{now + window, window, now};
        if (const Alive* alive = std::get_if<Alive>(&belief.liveness)) {
            if (alive->disputed()) return {alive->disputed_incarnation_ms, Dead{}};
            return {belief.incarnation_ms, accused};
        }
        if (const Suspect* suspect = std::get_if<Suspect>(&belief.liveness)) {
            if (accused.dies < suspect->dies) return {belief.incarnation_ms, accused};
        }
        return belief;
    }

    Belief operator()(const Elapsed&) const {
        if (const Suspect* suspect = std::get_if<Suspect>(&belief.liveness)) {
            if (suspect->dies > now) return belief;
            if (suspect->told()) return {belief.incarnation_ms, Dead{}};
            return {belief.incarnation_ms, Suspect{now + windows.accuser, windows.accuser, now}};
        }
        if (const Alive* alive = std::get_if<Alive>(&belief.liveness)) {
            if (alive->disputed_until <= now) return {alive->disputed_incarnation_ms, Dead{}};
        }
        return belief;
    }

    Belief operator()(const Resumed&) const {
        Belief next = belief;
        if (Suspect* suspect = std::get_if<Suspect>(&next.liveness)) {
            suspect->dies = now + suspect->window;
        }
        if (Alive* alive = std::get_if<Alive>(&next.liveness); alive && alive->disputed()) {
            alive->disputed_until = now + windows.accuser;
        }
        return next;
    }
};

// The moments at which a belief wants to be looked at.
Mono::time_point deadline(const Belief& belief) {
    if (const Suspect* suspect = std::get_if<Suspect>(&belief.liveness)) return suspect->dies;
    if (const Alive* alive = std::get_if<Alive>(&belief.liveness)) return alive->disputed_until;
    return kNever;
}

}  // namespace

Belief transition(const Belief& belief, const Observation& what, const Windows& windows,
                  Mono::time_point now) {
    return std::visit(Transition{belief, windows, now}, what);
}

const Belief* Doubts::find(NodeId id) const {
    const auto at = beliefs_.find(id);
    return at == beliefs_.end() ? nullptr : &at->second;
}

void Doubts::set(NodeId id, const Belief& belief) {
    if (deadline(belief) == kNever) {
        beliefs_.erase(id);
    } else {
        beliefs_[id] = belief;
    }
}

std::vector<NodeId> Doubts::all() const {
    std::vector<NodeId> ids;
    ids.reserve(beliefs_.size());
    for (const auto& [id, belief] : beliefs_) ids.push_back(id);
    return ids;
}

std::vector<NodeId> Doubts::due(Mono::time_point now) const {
    std::vector<NodeId> ids;
    for (const auto& [id, belief] : beliefs_) {
        if (deadline(belief) <= now) ids.push_back(id);
    }
    return ids;
}

std::vector<NodeId> Doubts::notices(Mono::time_point now) {
    std::vector<NodeId> ids;
    for (auto& [id, belief] : beliefs_) {
        Suspect* suspect = std::get_if<Suspect>(&belief.liveness);
        if (!suspect || suspect->notice_due > now) continue;
        suspect->notice_due = now + kNotice;
        ids.push_back(id);
    }
    return ids;
}

Mono::time_point Doubts::next() const {
    Mono::time_point next = kNever;
    for (const auto& [id, belief] : beliefs_) {
        next = std::min(next, deadline(belief));
        if (const Suspect* suspect = std::get_if<Suspect>(&belief.liveness)) {
            next = std::min(next, suspect->notice_due);
        }
    }
    return next;
}

}  // namespace gossip
