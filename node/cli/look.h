#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "node/cli/http_client.h"

namespace node::cli {

struct SeenInstance {
    std::string app;
    std::string version;
    std::string state;
    std::string owner;  // id of its node
    bool operator==(const SeenInstance&) const = default;
};

struct SeenNode {
    std::string id;
    std::string state;
    std::string http;
    bool operator==(const SeenNode&) const = default;
};

// What one node says about the cluster at one moment.
struct Look {
    bool answered = false;
    std::map<std::string, SeenInstance> instances;  // by address
    std::map<std::string, SeenNode> nodes;          // by name
    unsigned agreement_nodes = 0;                   // live nodes that it counts, itself included
    unsigned agreeing = 0;                          // of them: hold the same table

    [[nodiscard]] bool agreed(unsigned nodes_expected) const {
        return answered && agreement_nodes == nodes_expected && agreeing == nodes_expected;
    }
};

// A version of an application, as one node sees its rollout.
struct SeenVersion {
    std::string version;
    std::string role;
    std::int64_t sessions = 0;
    std::int64_t seats = 0;  // of the instances that are up
    bool operator==(const SeenVersion&) const = default;
};
// The newest first; empty if it does not answer or knows of none.
[[nodiscard]] std::vector<SeenVersion> versions_at(HttpClient& node, const std::string& app);

// Three requests. `answered` only if all three were.
[[nodiscard]] Look look_at(HttpClient& node);

}  // namespace node::cli
