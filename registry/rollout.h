#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "registry/app_book.h"

namespace registry {

// What operators ask for. Each is a new decision, made from the one that a node knows.
struct RolloutCommand {
    enum class Kind : std::uint8_t {
        promote,     // `version` takes all new clients
        split,       // `weights` share them
        rollback,    // back to `version`, or to what was before this decision
        pause,       // who accepts now goes on to, and nothing that is empty is told to close
        resume,      // the end of a pause
        quarantine,  // `version` takes no new clients, whatever else is said
        release,     // of a quarantine
        drain,       // by when sessions of draining versions end; `version` becomes one of them
    };
    Kind kind = Kind::promote;
    std::string version;
    std::vector<Weight> weights;
    bool force = false;  // also a version of which no instance is known yet
    // drain: Unix seconds; 0: never. Without it the deadline stays as it is.
    std::optional<std::uint64_t> deadline = std::nullopt;
    std::uint64_t notify_at = 0;  // Unix seconds; 0: at once
    bool hard = false;            // what is left at the deadline is cut
    std::string author;
};

// The app as it is after the command, its parent the epoch of `row`. invalid or not_found, with
// what is known, if the command makes no sense there.
[[nodiscard]] gossip::Result<App> decide(const AppRow& row, const RolloutCommand& command);

// The app without a version that nobody needs any more: no weight, no quarantine. invalid while it
// accepts, has sessions or has live instances.
[[nodiscard]] gossip::Result<App> without_version(const AppRow& row, std::string_view version);

// What becomes of each version if `app` is decided: the plan as it would be.
[[nodiscard]] Plan preview(const AppRow& row, const App& app);

[[nodiscard]] std::string_view name(RolloutCommand::Kind kind);
[[nodiscard]] std::optional<RolloutCommand::Kind> command_of(std::string_view name);

}  // namespace registry
