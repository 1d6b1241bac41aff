#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "registry/app.h"
#include "registry/instance.h"

namespace registry {

// What the instances of one version add up to.
struct VersionFacts {
    std::string version;
    std::uint64_t birth_ms = 0;  // 0: its record has not arrived yet; older than everything
    std::array<std::uint32_t, kStates> by_state{};  // index: State
    std::uint64_t sessions = 0;                     // of live instances
    std::uint64_t capacity = 0;                     // of instances that are up
    std::uint32_t unlimited = 0;                    // instances that are up and have no capacity
    std::uint32_t acked = 0;  // live instances that know the app's epoch; no plan depends on it

    [[nodiscard]] std::uint32_t count(State state) const {
        return by_state[static_cast<std::size_t>(state)];
    }
    [[nodiscard]] std::uint32_t ready() const { return count(State::up); }
    // Those that may still have clients: everything but expired and stopped.
    [[nodiscard]] std::uint32_t live() const;
    [[nodiscard]] bool empty() const;  // no instance of any state
    bool operator==(const VersionFacts&) const = default;
};

// What a version is there for.
enum class Role : std::uint8_t {
    accepting,  // takes new clients
    warming,    // is meant to, as soon as enough of its instances are up
    warm,       // empty, and kept: for a rollback, or because nobody has promoted it yet
    draining,   // keeps its clients, takes no new ones
    closing,    // empty, not needed: its instances are told to stop
    stopped,    // nothing of it is alive
};
constexpr std::size_t kRoles = 6;

// Why a version has its role. For people, and for tests of the plan.
enum class Reason : std::uint8_t {
    weighted,      // operators gave it a weight
    newest,        // no decision: it was first seen last
    fallback,      // nothing that should accept can: it is the newest earlier one that is ready
    not_ready,     // fewer than min_ready instances are up
    has_sessions,  // somebody is still on it
    held,          // stock for a rollback
    not_promoted,  // newer than everything that accepts
    paused,        // the rollout is paused: nothing is told to close
    superseded,    // earlier than what accepts, and empty
    quarantined,   // operators took it out
    gone,          // no live instance
};

struct VersionPlan {
    std::string version;
    Role role = Role::stopped;
    Reason reason = Reason::gone;
    std::uint32_t parts = 0;   // its share of new clients, of the sum over all; 0 unless accepting
    bool keeps_empty = false;  // while it drains, instances that are empty stay
    bool operator==(const VersionPlan&) const = default;
};

// Which versions of an app do what. A pure function of what a node knows: equal views give equal
// plans, on every node, in whatever order the records arrived.
struct Plan {
    std::uint64_t epoch = 0;            // of the decision; 0: nobody has decided anything
    std::vector<VersionPlan> versions;  // the newest first
    std::uint64_t hash = 0;             // of all of the above

    // nullptr if no such version is known. O(versions).
    [[nodiscard]] const VersionPlan* find(std::string_view version) const;
    bool operator==(const Plan&) const = default;
};

// `app`: nullptr if there is no App record. `facts` in any order, one per version. O(v log v).
[[nodiscard]] Plan make_plan(const App* app, std::uint64_t epoch,
                             std::span<const VersionFacts> facts);

// What one instance is to do.
enum class Admission : std::uint8_t {
    open,      // takes new clients
    standby,   // none yet, but stays
    draining,  // no new ones; keeps those it has
    closed,    // has none and may stop, or has stopped
};

// As much of an instance as its admission depends on.
struct Standing {
    State state = State::up;
    bool fenced = false;  // it has closed for good: never offered again in this life
    std::uint32_t sessions = 0;
};
[[nodiscard]] Admission admission(const VersionPlan& version, const Standing& instance);

[[nodiscard]] std::string_view name(Role role);
[[nodiscard]] std::string_view name(Admission admission);
// A sentence without a full stop, e.g. "it was first seen last".
[[nodiscard]] std::string_view explain(Reason reason);

}  // namespace registry
