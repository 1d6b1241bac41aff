#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "gossip/result.h"

namespace node::cli {

struct DoctorOptions {
    std::string node;                   // URL of the agent; empty: where the settings say
    std::vector<std::string> settings;  // flags of `hearsay agent`: --seed, --data, ...
    bool json = false;

    static constexpr std::size_t kMaxMembers = 32;  // of the agent's; what is left out is counted
};

// Examines this machine, the agent and every seed and member (those that the cluster has lost
// first), in at most about eight seconds, and prints what it found. Works without an agent.
// Changes nothing anywhere. Exit codes: kOk when nothing fails, kFailed when something does,
// kNodeUnreachable when there was no node to examine. Wrong settings are an Error.
[[nodiscard]] gossip::Result<int> run_doctor(const DoctorOptions& options);

}  // namespace node::cli
