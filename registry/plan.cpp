#include "registry/plan.h"

#include <algorithm>
#include <tuple>

#include "gossip/bytes.h"
#include "gossip/hash.h"

namespace registry {
namespace {

constexpr std::array<std::string_view, kRoles> kRoleNames{"accepting", "warming", "warm",
                                                          "draining",  "closing", "stopped"};
constexpr std::array<std::string_view, 4> kAdmissionNames{"open", "standby", "draining", "closed"};
constexpr std::array<std::string_view, 11> kReasons{
    "operators gave it a weight",
    "it was first seen last, and nobody has decided otherwise",
    "nothing that should accept clients is ready, and it is the newest other version that is",
    "too few of its instances are up",
    "it still has sessions",
    "it is kept for a rollback",
    "it is newer than what accepts clients, and nobody has promoted it",
    "the rollout is paused, so nothing is told to close",
    "it is older than what accepts clients, and empty",
    "operators put it in quarantine",
    "none of its instances is alive",
};
// Not secret: a checksum that all nodes compute alike.
constexpr gossip::HashKey kHashKey{0x6865617273617921, 0x706c616e73};

// One version while the plan is made.
struct Draft {
    const VersionFacts* facts;
    VersionPlan plan;
    bool wanted = false;  // to accept, as soon as it can
    bool quarantined = false;
};

// The newest first; what was first seen at the same millisecond, by name.
bool newer(const VersionFacts& a, const VersionFacts& b) {
    return std::tie(a.birth_ms, a.version) > std::tie(b.birth_ms, b.version);
}

// Without a decision: everything down to the newest that is ready is wanted, that one accepts.
void want_newest(std::vector<Draft>& drafts, std::uint32_t min_ready) {
    for (Draft& d : drafts) {
        if (d.quarantined || d.facts->live() == 0) continue;
        d.wanted = true;
        if (d.facts->ready() >= min_ready) return;
    }
}

void accept(Draft& d, Reason reason, std::uint32_t parts) {
    d.plan.role = Role::accepting;
    d.plan.reason = reason;
    d.plan.parts = parts;
}

// Never nobody: the newest that is older than what is wanted, else the newest of all.
void fall_back(std::vector<Draft>& drafts) {
    const auto able = [](const Draft& d) { return d.facts->ready() > 0 && !d.quarantined; };
    const auto wanted =
        std::find_if(drafts.begin(), drafts.end(), [](const Draft& d) { return d.wanted; });
    auto found =
        std::find_if(wanted, drafts.end(), [able](const Draft& d) { return able(d) && !d.wanted; });
    if (found == drafts.end()) found = std::find_if(drafts.begin(), drafts.end(), able);
    if (found != drafts.end()) accept(*found, Reason::fallback, 1);
}

void settle(Draft& d, Role role, Reason reason) {
    d.plan.role = role;
    d.plan.reason = reason;
}

// Versions that do not accept.
void settle_others(std::vector<Draft>& drafts, const Rollout& rollout) {
    std::uint32_t held = 0;
    bool earlier = false;  // than the newest that accepts
    for (Draft& d : drafts) {
        if (d.plan.role == Role::accepting) {
            earlier = true;
            continue;
        }
        const std::uint32_t live = d.facts->live();
        const bool stock = earlier && held < rollout.hold;
        if (d.wanted && !d.quarantined) {
            settle(d, Role::warming, Reason::not_ready);
        } else if (live == 0) {
            settle(d, Role::stopped, Reason::gone);
        } else if (d.facts->sessions > 0) {
            settle(d, Role::draining, d.quarantined ? Reason::quarantined : Reason::has_sessions);
            d.plan.keeps_empty = rollout.paused || (!d.quarantined && (stock || !earlier));
            if (stock && !d.quarantined) held += live;
        } else if (rollout.paused) {
            settle(d, Role::warm, Reason::paused);
        } else if (d.quarantined) {
            settle(d, Role::closing, Reason::quarantined);
        } else if (!earlier) {
            settle(d, Role::warm, Reason::not_promoted);
        } else if (stock) {
            held += live;
            settle(d, Role::warm, Reason::held);
        } else {
            settle(d, Role::closing, Reason::superseded);
        }
    }
}

std::uint64_t hash_of(const Plan& plan) {
    std::string text;
    gossip::Writer w{text};
    w.varint(plan.epoch);
    for (const VersionPlan& v : plan.versions) {
        w.text(v.version);
        w.u8(static_cast<std::uint8_t>(v.role));
        w.varint(v.parts);
        w.u8(v.keeps_empty ? 1 : 0);
    }
    return gossip::siphash(kHashKey, gossip::as_bytes(text));
}

}  // namespace

std::uint32_t VersionFacts::live() const {
    std::uint32_t sum = 0;
    for (const std::uint32_t n : by_state) sum += n;
    return sum - count(State::expired) - count(State::stopped);
}

bool VersionFacts::empty() const {
    return std::all_of(by_state.begin(), by_state.end(), [](std::uint32_t n) { return n == 0; });
}

const VersionPlan* Plan::find(std::string_view version) const {
    const auto found =
        std::find_if(versions.begin(), versions.end(),
                     [version](const VersionPlan& v) { return v.version == version; });
    return found == versions.end() ? nullptr : &*found;
}

Plan make_plan(const App* app, std::uint64_t epoch, std::span<const VersionFacts> facts) {
    static const Rollout kNoDecision;
    const Rollout& rollout = app ? app->rollout : kNoDecision;
    std::vector<Draft> drafts;
    drafts.reserve(facts.size());
    for (const VersionFacts& f : facts) {
        Draft d{&f, {f.version, Role::stopped, Reason::gone, 0}};
        d.quarantined = rollout.quarantined(f.version);
        d.wanted = rollout.parts_of(f.version) > 0 && !d.quarantined;
        drafts.push_back(std::move(d));
    }
    std::sort(drafts.begin(), drafts.end(),
              [](const Draft& a, const Draft& b) { return newer(*a.facts, *b.facts); });
    const bool decided = !rollout.weights.empty();
    if (!decided) want_newest(drafts, rollout.min_ready);

    bool anybody = false;
    for (Draft& d : drafts) {
        if (!d.wanted || d.facts->ready() < rollout.min_ready) continue;
        accept(d, decided ? Reason::weighted : Reason::newest,
               decided ? rollout.parts_of(d.facts->version) : 1);
        anybody = true;
    }
    if (!anybody) fall_back(drafts);
    settle_others(drafts, rollout);

    Plan plan;
    plan.epoch = epoch;
    plan.versions.reserve(drafts.size());
    for (Draft& d : drafts) plan.versions.push_back(std::move(d.plan));
    plan.hash = hash_of(plan);
    return plan;
}

Admission admission(const VersionPlan& version, const Standing& instance) {
    if (instance.fenced || instance.state == State::stopped || instance.state == State::expired) {
        return Admission::closed;
    }
    const bool empty = instance.sessions == 0;
    if (instance.state == State::draining) return empty ? Admission::closed : Admission::draining;
    switch (version.role) {
        case Role::accepting:
            return instance.state == State::up ? Admission::open : Admission::standby;
        case Role::warming:
        case Role::warm:
            return empty ? Admission::standby : Admission::draining;
        case Role::draining:
            if (!empty) return Admission::draining;
            return version.keeps_empty ? Admission::standby : Admission::closed;
        case Role::closing:
        case Role::stopped:
            return empty ? Admission::closed : Admission::draining;
    }
    return Admission::closed;
}

std::string_view name(Role role) {
    return kRoleNames[static_cast<std::size_t>(role)];
}
std::string_view name(Admission admission) {
    return kAdmissionNames[static_cast<std::size_t>(admission)];
}
std::string_view explain(Reason reason) {
    return kReasons[static_cast<std::size_t>(reason)];
}

}  // namespace registry
