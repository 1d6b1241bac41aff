#include "registry/rollout.h"

#include <algorithm>
#include <array>
#include <utility>

#include "registry/json.h"

namespace registry {
namespace {

using gossip::Errc;
using gossip::Error;
using gossip::Result;
using Kind = RolloutCommand::Kind;

constexpr std::array<std::string_view, 8> kKinds{"promote", "split",      "rollback", "pause",
                                                 "resume",  "quarantine", "release",  "drain"};
constexpr std::uint32_t kAll = 100;  // parts of a version that takes everything

std::string known_versions(const AppRow& row) {
    std::string text;
    for (const VersionFacts& f : row.versions) {
        if (!text.empty()) text += ", ";
        text += in_quotes(f.version);
    }
    return text.empty() ? "none" : text;
}

Error unknown(const AppRow& row, std::string_view version) {
    return {Errc::not_found, "no instance of version " + in_quotes(version) + " of " +
                                 in_quotes(row.app.name) +
                                 " is known; known: " + known_versions(row)};
}

bool alive(const AppRow& row, std::string_view version) {
    const VersionFacts* facts = row.facts(version);
    return facts && facts->live() > 0;
}

// Who accepts now, as weights: what a rollback comes back to.
std::vector<Weight> accepting(const AppRow& row) {
    std::vector<Weight> weights;
    for (const VersionPlan& v : row.plan.versions) {
        if (v.role != Role::accepting) continue;
        weights.push_back({v.version, v.reason == Reason::weighted ? v.parts : kAll});
    }
    std::sort(weights.begin(), weights.end(),
              [](const Weight& a, const Weight& b) { return a.version < b.version; });
    return weights;
}

void release(Rollout& rollout, std::string_view version) {
    std::erase(rollout.quarantine, version);
}

void set_weights(App& app, const AppRow& row, std::vector<Weight> weights) {
    std::sort(weights.begin(), weights.end(),
              [](const Weight& a, const Weight& b) { return a.version < b.version; });
    if (weights == app.rollout.weights) return;
    app.rollout.previous =
        app.rollout.weights.empty() ? accepting(row) : std::move(app.rollout.weights);
    app.rollout.weights = std::move(weights);
    for (const Weight& w : app.rollout.weights) release(app.rollout, w.version);
}

void quarantine(App& app, const AppRow& row, const std::string& version) {
    std::vector<Weight> rest = app.rollout.weights;
    std::erase_if(rest, [&](const Weight& w) { return w.version == version; });
    set_weights(app, row, std::move(rest));
    auto& list = app.rollout.quarantine;
    std::erase(list, version);
    list.insert(std::upper_bound(list.begin(), list.end(), version), version);
}

// The version that accepted before the newest that does now.
Result<std::vector<Weight>> before_now(const AppRow& row) {
    const Rollout& rollout = row.app.rollout;
    if (!rollout.previous.empty() && rollout.previous != rollout.weights) return rollout.previous;
    const auto& versions = row.plan.versions;
    const auto now = std::find_if(versions.begin(), versions.end(),
                                  [](const VersionPlan& v) { return v.role == Role::accepting; });
    const auto earlier = std::find_if(
        now == versions.end() ? now : now + 1, versions.end(), [&](const VersionPlan& v) {
            return alive(row, v.version) && !rollout.quarantined(v.version);
        });
    if (earlier == versions.end()) {
        return Error{Errc::not_found, "there is no earlier version of " + in_quotes(row.app.name) +
                                          " to go back to; known: " + known_versions(row)};
    }
    return std::vector<Weight>{{earlier->version, kAll}};
}

Result<std::vector<Weight>> target(const AppRow& row, const RolloutCommand& command) {
    if (command.kind == Kind::split) return command.weights;
    if (command.kind == Kind::rollback && command.version.empty()) return before_now(row);
    return std::vector<Weight>{{command.version, kAll}};
}

}  // namespace

std::string_view name(RolloutCommand::Kind kind) {
    return kKinds[static_cast<std::size_t>(kind)];
}

std::optional<RolloutCommand::Kind> command_of(std::string_view name) {
    const auto* found = std::find(kKinds.begin(), kKinds.end(), name);
    if (found == kKinds.end()) return std::nullopt;
    return static_cast<Kind>(found - kKinds.begin());
}

Result<App> decide(const AppRow& row, const RolloutCommand& command) {
    App app = row.app;
    app.parent = row.epoch;
    app.author = command.author;
    Rollout& rollout = app.rollout;
    switch (command.kind) {
        case Kind::promote:
        case Kind::split:
        case Kind::rollback: {
            const auto weights = target(row, command);
            if (!weights) return weights.error();
            for (const Weight& w : *weights) {
                if (!command.force && !alive(row, w.version)) return unknown(row, w.version);
            }
            if (weights->empty()) return Error{Errc::invalid, "a split needs at least one version"};
            set_weights(app, row, *weights);
            break;
        }
        case Kind::pause:
            if (rollout.weights.empty()) set_weights(app, row, accepting(row));
            rollout.paused = true;
            break;
        case Kind::resume:
            rollout.paused = false;
            break;
        case Kind::quarantine:
            if (!command.force && !row.facts(command.version)) return unknown(row, command.version);
            quarantine(app, row, command.version);
            break;
        case Kind::release:
            if (!rollout.quarantined(command.version)) {
                return Error{Errc::not_found,
                             "version " + in_quotes(command.version) + " is not in quarantine"};
            }
            release(rollout, command.version);
            break;
        case Kind::drain:
            if (command.version.empty() && !command.deadline) {
                return Error{Errc::invalid,
                             "a drain needs a version, a time within which it ends, or both"};
            }
            if (!command.version.empty()) {
                if (!row.facts(command.version)) return unknown(row, command.version);
                quarantine(app, row, command.version);
            }
            if (command.deadline) {
                rollout.drain_deadline = *command.deadline;
                rollout.notify_at = command.notify_at;
                rollout.hard = command.hard;
            }
            break;
    }
    return validated(std::move(app));
}

Result<App> without_version(const AppRow& row, std::string_view version) {
    const VersionPlan* plan = row.plan.find(version);
    if (!plan) return unknown(row, version);
    const VersionFacts* facts = row.facts(version);
    const auto refused = [&](const std::string& why) {
        return Error{Errc::invalid, "version " + in_quotes(version) + " " + why};
    };
    if (plan->role == Role::accepting) return refused("accepts new clients: promote another first");
    if (facts && facts->sessions > 0) {
        return refused("still has " + std::to_string(facts->sessions) +
                       " sessions: wait until they end, or force it with a deadline");
    }
    if (facts && facts->live() > 0) {
        return refused("still has " + std::to_string(facts->live()) + " live instances");
    }
    App app = row.app;
    app.parent = row.epoch;
    const auto is_it = [&](const Weight& w) { return w.version == version; };
    std::erase_if(app.rollout.weights, is_it);
    std::erase_if(app.rollout.previous, is_it);
    release(app.rollout, version);
    return validated(std::move(app));
}

Plan preview(const AppRow& row, const App& app) {
    std::vector<VersionFacts> facts = row.versions;
    for (const Weight& w : app.rollout.weights) {
        if (row.facts(w.version)) continue;
        facts.push_back({});
        facts.back().version = w.version;
    }
    return make_plan(&app, row.epoch, facts);
}

}  // namespace registry
