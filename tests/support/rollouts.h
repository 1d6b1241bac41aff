#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "tests/support/cluster.h"
#include "tests/support/eventually.h"

// What end-to-end tests ask and decide about the app "arena".
namespace test {

inline json place(Agent& agent, const std::string& query = "") {
    return json::parse(agent.client().get("/v1/apps/arena/endpoint" + query).body, nullptr, false);
}

inline HttpAnswer decide(Agent& agent, const std::string& verb, const json& body) {
    return agent.client().send(
        {.method = "POST", .target = "/v1/apps/arena/" + verb, .body = body.dump()});
}

// What a node says of a version; null if it knows none.
inline json version_at(Agent& agent, const std::string& version) {
    const json app = agent.get("/v1/apps/arena?census=0");
    if (!app.is_object()) return {};
    for (const json& each : app.at("versions")) {
        if (each.at("version") == version) return each;
    }
    return {};
}

inline std::string role_at(Agent& agent, const std::string& version) {
    const json known = version_at(agent, version);
    return known.is_object() ? known.at("role").get<std::string>() : "";
}

// Whether all running nodes come to give the version this role.
inline bool everywhere(Cluster& cluster, const std::string& version, const std::string& role) {
    return eventually([&] {
        for (std::size_t i = 0; i < cluster.size(); ++i) {
            if (cluster[i].running() && role_at(cluster[i], version) != role) return false;
        }
        return true;
    });
}

}  // namespace test
