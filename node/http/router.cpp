#include <algorithm>
#include <array>

#include "node/http/api.h"
#include "registry/json.h"

namespace node {
namespace {

using Handler = void (*)(Api&, const ExchangePtr&);

struct Route {
    Method method;
    std::string_view path;  // one that ends in '/' matches everything below it, a '*' anything
    Handler handler;
};

// The most frequent first: the table is searched from the top.
constexpr std::array kRoutes{
    Route{Method::get, "/registry/list", get_registry_list},
    Route{Method::get, "/v1/apps/*/endpoint", get_endpoint},
    Route{Method::get, "/api/get-endpoint", get_legacy_endpoint},
    Route{Method::get, "/available-gameserver", get_available},
    Route{Method::get, "/available-gameserver-list", get_available_list},
    Route{Method::post, "/v1/instances/*/heartbeat", post_heartbeat},
    Route{Method::post, "/v1/instances/*/redeem", post_redeem},
    Route{Method::post, "/v1/instances/*/fence", post_fence},
    Route{Method::post, "/v1/instances/*/drain", post_drain},
    Route{Method::get, "/v1/instances/*/instruction", get_instruction},
    Route{Method::post, "/registry/register_instance", post_register_instance},
    Route{Method::post, "/register/register_instance", post_register_instance},
    Route{Method::post, "/registry/register_all", post_register_all},
    Route{Method::get, "/registry/perform_update", get_perform_update},
    Route{Method::get, "/registry/get_ip", get_ip},
    Route{Method::get, "/v1/instances", get_instances},
    Route{Method::get, "/v1/instances/*/attach", get_attach},
    Route{Method::get, "/v1/instances/", get_instance},
    Route{Method::put, "/v1/instances/", put_instance},
    Route{Method::del, "/v1/instances/", delete_instance},
    Route{Method::get, "/v1/apps", get_apps},
    Route{Method::get, "/v1/apps/", get_app},
    Route{Method::put, "/v1/apps/", put_app},
    Route{Method::del, "/v1/apps/*", delete_app_version},
    Route{Method::post, "/v1/apps/*/promote", post_decision},
    Route{Method::post, "/v1/apps/*/split", post_decision},
    Route{Method::post, "/v1/apps/*/rollback", post_decision},
    Route{Method::post, "/v1/apps/*/pause", post_decision},
    Route{Method::post, "/v1/apps/*/resume", post_decision},
    Route{Method::post, "/v1/apps/*/quarantine", post_decision},
    Route{Method::post, "/v1/apps/*/release", post_decision},
    Route{Method::post, "/v1/apps/*/drain", post_decision},
    Route{Method::get, "/v1/events", get_events},
    Route{Method::get, "/v1/nodes", get_nodes},
    Route{Method::get, "/v1/status", get_status},
    Route{Method::get, "/v1/health", get_health},
};

std::string_view name(Method method) {
    switch (method) {
        case Method::get:
            return "GET, HEAD";
        case Method::put:
            return "PUT";
        case Method::post:
            return "POST";
        case Method::del:
            return "DELETE";
        case Method::other:
            return "";
    }
    return "";
}

bool matches(const Route& candidate, std::string_view path) {
    if (const auto star = candidate.path.find('*'); star != std::string_view::npos) {
        return path.size() >= candidate.path.size() &&
               path.starts_with(candidate.path.substr(0, star)) &&
               path.ends_with(candidate.path.substr(star + 1));
    }
    if (!candidate.path.ends_with('/')) return path == candidate.path;
    return path.size() > candidate.path.size() && path.starts_with(candidate.path);
}

// Nobody's route: the path is unknown, or only the method is.
Response refusal(std::string_view path) {
    std::string allow;
    for (const Route& candidate : kRoutes) {
        if (!matches(candidate, path)) continue;
        if (!allow.empty()) allow += ", ";
        allow += name(candidate.method);
    }
    if (!allow.empty()) {
        Response response =
            problem(405, registry::in_quotes(path) + " has no such method", "use " + allow);
        response.allow = std::move(allow);
        return response;
    }
    return problem(404, "there is nothing at " + registry::in_quotes(path),
                   "GET /registry/list, /v1/instances, /v1/nodes and /v1/status are here");
}

}  // namespace

void route(Api& api, const ExchangePtr& exchange) {
    api.requests.fetch_add(1, std::memory_order_relaxed);
    const Request& request = exchange->request();
    std::string_view path = request.path;
    if (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);  // /registry/list/ will do
    const auto found = std::find_if(kRoutes.begin(), kRoutes.end(), [&](const Route& candidate) {
        return candidate.method == request.method && matches(candidate, path);
    });
    if (found == kRoutes.end()) {
        exchange->send(refusal(path));
    } else {
        found->handler(api, exchange);
    }
}

}  // namespace node
