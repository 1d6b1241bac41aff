#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gossip/core.h"
#include "gossip/record.h"
#include "gossip/result.h"

namespace registry {

// Limits. All of them together do not fit one record: Core::put says too_large then.
constexpr std::size_t kMaxWeights = 8;        // versions that share the new clients
constexpr std::size_t kMaxQuarantine = 16;    // versions
constexpr std::uint32_t kMaxWeight = 10'000;  // parts; 100 for people who think in per cent
constexpr std::uint32_t kMaxHold = 10'000;    // instances
constexpr std::uint32_t kMaxMinReady = 10'000;
constexpr std::uint32_t kMinTicketTtl = 5;  // seconds
constexpr std::uint32_t kMaxTicketTtl = 300;
constexpr std::uint32_t kDefaultTicketTtl = 30;
constexpr std::uint32_t kMaxResumeTtl = 7 * 86'400;
constexpr std::uint32_t kDefaultResumeTtl = 86'400;
constexpr std::size_t kMaxAuthor = 64;  // bytes

struct Weight {
    std::string version;
    std::uint32_t parts = 0;  // 1..kMaxWeight
    bool operator==(const Weight&) const = default;
};

// Which versions take new clients, as operators decided it.
struct Rollout {
    // Ordered by version. Empty: the version that was first seen last takes all, as soon as it is
    // ready. That is how an application without any decision behaves.
    std::vector<Weight> weights;
    std::vector<Weight> previous;         // before this decision: where a rollback goes
    std::vector<std::string> quarantine;  // ordered; never take new clients, whatever happens
    bool paused = false;                  // nothing that is empty is told to close
    bool hard = false;                    // at the deadline sessions are cut; else only warned
    std::uint64_t notify_at = 0;  // Unix seconds: draining servers tell their clients; 0: at once
    std::uint64_t drain_deadline = 0;  // Unix seconds; 0: never, sessions end by themselves
    std::uint32_t hold = 0;            // empty instances of other versions to keep, for a rollback
    std::uint32_t min_ready = 1;       // instances that are up before a version takes clients

    [[nodiscard]] std::uint32_t parts_of(std::string_view version) const;  // 0: no weight
    [[nodiscard]] bool quarantined(std::string_view version) const;
    bool operator==(const Rollout&) const = default;
};

enum class Pick : std::uint8_t {
    spread,  // by chance, in proportion to free seats
    packed,  // the fullest that still has a seat, so that others become empty
};
enum class OnFull : std::uint8_t {
    wait,   // say that everything is full
    older,  // offer a draining version that has seats
};

struct Policy {
    Pick pick = Pick::spread;
    OnFull on_full = OnFull::wait;
    std::uint32_t ticket_ttl_s = kDefaultTicketTtl;
    std::uint32_t resume_ttl_s = kDefaultResumeTtl;
    std::string backup;  // host:port for clients of legacy endpoints when nothing is free; or ""
    bool operator==(const Policy&) const = default;
};

// An application as its operators want it: the App record. Its epoch is that of the record.
struct App {
    std::string name;
    Rollout rollout;
    Policy policy;
    std::uint64_t parent = 0;  // the epoch that this decision was made in; two with one: a conflict
    std::string author;        // who decided, for people; or ""
    bool operator==(const App&) const = default;
};

// The app itself if it keeps every rule, else an Error that names the value and the rule.
[[nodiscard]] gossip::Result<App> validated(App app);

[[nodiscard]] gossip::LocalWrite encode(const App& app);
// Total, like decode() of an instance. Requires fields.kind == app, no tombstone.
[[nodiscard]] gossip::Result<App> decode_app(const gossip::RecordFields& fields);

// When a version of an app was first seen, by whichever node: a restart or a scale-up of an old
// version does not make it the newest. Written by the node where its first instance registers; of
// two that have not heard of each other, the earlier birth wins, whoever is written later. A
// version that operators have deleted may be born again: that is another generation, and the later
// wins.
struct Birth {
    std::string app;
    std::string version;
    std::uint64_t ms = 0;          // Unix milliseconds of the cluster's time; 0: the end of it
    std::uint64_t generation = 0;  // at most kMaxGeneration
    bool operator==(const Birth&) const = default;
};
constexpr std::uint64_t kMaxGeneration = 255;
[[nodiscard]] std::string birth_key(std::string_view app, std::string_view version);
// The app and the version of a key; nullopt if it names none.
[[nodiscard]] std::optional<std::pair<std::string_view, std::string_view>> split_birth_key(
    std::string_view key);
[[nodiscard]] gossip::LocalWrite encode(const Birth& birth);
[[nodiscard]] gossip::Result<Birth> decode_birth(const gossip::RecordFields& fields);

[[nodiscard]] std::string_view name(Pick pick);
[[nodiscard]] std::string_view name(OnFull on_full);

}  // namespace registry
