#pragma once

#include <string>
#include <vector>

#include "node/cli/commands.h"

namespace node::cli {

struct RolloutOptions {
    std::string verb;  // promote, split, rollback, pause, resume, quarantine, release, drain
    std::string app;
    std::string version;               // of those that are about one
    std::vector<std::string> weights;  // of split: "v1=80"
    std::string if_epoch;              // decide only in this epoch; empty: anyway
    std::string author;
    bool dry_run = false;
    bool force = false;
    std::string within;     // of drain: a duration, or never; empty: as it is
    std::string notify_in;  // of drain
    bool hard = false;      // of drain
};

// All apps, or what is decided about one and what follows for each of its versions.
[[nodiscard]] int list_apps(const Session& session);
[[nodiscard]] int show_rollout(const Session& session, const std::string& app);
// Decides, and shows what has become of it. kUsage for weights that are none, kRefused when
// somebody else has decided meanwhile.
[[nodiscard]] int change_rollout(const Session& session, const RolloutOptions& options);
// Why an instance is offered to new clients, or is not.
[[nodiscard]] int explain_instance(const Session& session, const std::string& address);

}  // namespace node::cli
