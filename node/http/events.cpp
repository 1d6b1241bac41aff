#include <charconv>

#include "node/activity.h"
#include "node/http/api.h"
#include "node/http/query.h"
#include "registry/json.h"
#include "registry/rollout_json.h"

// Who has decided what, as this node came to know of it.

namespace node {

void append_activity(std::string& out, const Activity& a) {
    out += R"({"seq":)";
    registry::append_number(out, a.seq);
    out += R"(,"at":)";
    registry::append_number(out, a.at_ms);
    out += R"(,"event":")";
    out += name(a.kind);
    out += R"(","here":)";
    out += a.here ? "true" : "false";
    out += R"(,"app":)";
    registry::append_string(out, a.app.name);
    out += R"(,"epoch":")";
    registry::append_number(out, a.epoch);
    out += R"(","parent":")";
    registry::append_number(out, a.app.parent);
    out += R"(","author":)";
    registry::append_string(out, a.app.author);
    out += R"(,"rollout":)";
    registry::append_rollout(out, a.app.rollout);
    out += '}';
}

void get_events(Api& api, const ExchangePtr& exchange) {
    const auto parameters = parse_query(exchange->request().query, {"since", "app"});
    if (!parameters) return exchange->send(problem(parameters.error()));
    std::uint64_t since = 0;
    std::string app;
    for (const auto& [name, value] : *parameters) {
        if (name == "app") app = value;
        if (name != "since") continue;
        const char* end = value.data() + value.size();
        const auto parsed = std::from_chars(value.data(), end, since);
        if (value.empty() || parsed.ec != std::errc{} || parsed.ptr != end) {
            return exchange->send(
                problem(400, "since: " + registry::in_quotes(value) + " is no number of an event",
                        "send the last `seq` that you have seen, or nothing"));
        }
    }
    std::string body = R"({"events":[)";
    if (const ActivityLog* activity = api.context.activity) {
        for (const Activity& a : activity->since(since, app)) {
            if (body.back() != '[') body += ',';
            append_activity(body, a);
        }
    }
    exchange->send(json(body + "]}"));
}

}  // namespace node
