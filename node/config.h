#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gossip/config.h"
#include "gossip/result.h"
#include "node/address.h"
#include "node/checks/policy.h"
#include "node/log.h"

namespace node {

// Everything `hearsay agent` can be told. Each setting has one name: `log_level` is the flag
// --log-level, the variable HEARSAY_LOG_LEVEL and the key log_level of the TOML file.
struct AgentConfig {
    HostPort http{"127.0.0.1", 7700};    // where applications reach the API; port 0: any free
    HostPort gossip{"127.0.0.1", 7701};  // UDP and TCP; port 0: any free
    // Where peers reach us; port 0: that of `gossip`. Nothing: the gossip address, or the first
    // network interface if that is a wildcard.
    std::optional<HostPort> advertise;
    std::vector<HostPort> seeds;  // nodes to join through; names are resolved again and again
    std::filesystem::path data = "hearsay-data";
    std::string name;  // for people; the host name by default
    std::string cluster = "hearsay";
    unsigned fanout = 4;
    unsigned peers = 1;
    std::chrono::milliseconds interval{1000};
    std::chrono::milliseconds suspicion{2000};
    LogLevel log_level = LogLevel::info;
    unsigned http_threads = 1;
    CheckPolicy checks;                // where health checks may go
    std::filesystem::path token_keys;  // a file; empty: a key that the cluster's name gives

    // Where each value comes from, in the order of the help text.
    struct Origin {
        std::string key;
        std::string value;
        std::string from;  // "default", "--fanout", "HEARSAY_FANOUT" or "hearsay.toml: fanout"
    };
    std::vector<Origin> origins;
};

using Environment = std::map<std::string, std::string>;
// The variables of this process that start with HEARSAY_.
[[nodiscard]] Environment hearsay_environment();

// Reads flags, variables, the file that --config or HEARSAY_CONFIG names, and defaults, in this
// order of precedence. An error is one line that names the place, the value and what is legal. An
// empty variable counts as unset: compose files write `HEARSAY_SEED=${SEED:-}`. Unknown variables
// are ignored (Kubernetes makes HEARSAY_PORT and others out of Service names), unknown flags and
// keys are refused.
[[nodiscard]] gossip::Result<AgentConfig> load_config(const std::vector<std::string>& args,
                                                      const Environment& environment);

// What the core needs to know; refuses what gossip::validated() refuses.
[[nodiscard]] gossip::Result<gossip::Config> gossip_config(const AgentConfig& config);

// One line per setting, for --help.
[[nodiscard]] std::string settings_help();

}  // namespace node
