#pragma once

#include <chrono>
#include <string>

#include "node/cli/commands.h"

namespace node::cli {

// What to wait for; the first that is set.
struct WaitOptions {
    unsigned nodes = 0;      // so many live nodes, all of one mind
    bool converged = false;  // all live nodes hold the same table; with `app`: follow the same plan
    std::string app;
    std::string empty;  // "chat@v1": no session of that version is left
    std::chrono::milliseconds limit{std::chrono::minutes{5}};
};

// kOk when it is so, kTimeout when it is not within the limit, kUsage for nothing to wait for. Says
// on stderr how far it is, whenever that changes.
[[nodiscard]] int wait_for(const Session& session, const WaitOptions& options);
// Takes an instance out, or all that are registered at the node if `address` is empty: no new
// clients, those that are there stay. `wait`: until the last has left.
[[nodiscard]] int drain(const Session& session, const std::string& address, bool wait,
                        std::chrono::milliseconds limit);

}  // namespace node::cli
