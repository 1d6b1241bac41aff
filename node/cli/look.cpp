#include "node/cli/look.h"

#include <nlohmann/json.hpp>

#include "node/cli/json_text.h"

namespace node::cli {

std::vector<SeenVersion> versions_at(HttpClient& node, const std::string& app) {
    const auto answer = node.get("/v1/apps/" + url_encoded(app) + "?census=0");
    const auto body = parse_json(answer.ok() ? answer.body : "");
    std::vector<SeenVersion> versions;
    for (const auto& row : rows_of(body, "versions")) {
        versions.push_back({text_of(row, "version"), text_of(row, "role"),
                            number_of(row, "sessions"), number_of(row, "capacity")});
    }
    return versions;
}

Look look_at(HttpClient& node) {
    const auto instances = node.get("/v1/instances");
    const auto nodes = instances.ok() ? node.get("/v1/nodes") : HttpAnswer{};
    const auto status = nodes.ok() ? node.get("/v1/status") : HttpAnswer{};
    Look look;
    look.answered = status.ok();
    if (!look.answered) return look;

    const auto instance_body = parse_json(instances.body);
    for (const auto& row : rows_of(instance_body, "instances")) {
        look.instances[text_of(row, "address")] = {text_of(row, "app_name"),
                                                   text_of(row, "version"), text_of(row, "state"),
                                                   text_of(row, "owner")};
    }
    const auto node_body = parse_json(nodes.body);
    for (const auto& row : rows_of(node_body, "nodes")) {
        look.nodes[text_of(row, "name")] = {text_of(row, "id"), text_of(row, "state"),
                                            text_of(row, "http")};
    }
    const auto status_body = parse_json(status.body);
    if (status_body.is_object() && status_body.contains("agreement")) {
        look.agreement_nodes = static_cast<unsigned>(number_of(status_body["agreement"], "nodes"));
        look.agreeing = static_cast<unsigned>(number_of(status_body["agreement"], "agreeing"));
    }
    return look;
}

}  // namespace node::cli
