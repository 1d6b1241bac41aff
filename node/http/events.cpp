#include <charconv>

#include "node/activity.h"
#include "node/http/api.h"
#include "node/http/query.h"
#include "registry/json.h"
#include "registry/rollout_json.h"

// Who has decided what, as this node came to know of it.

namespace node {

void append_activity(std::string& out, const Activity& a) {
    registry::ObjectWriter members(out);
    members.number("seq", a.seq);
    members.number("at", a.at_ms);
    members.text("event", name(a.kind));
    members.flag("here", a.here);
    members.text("app", a.app.name);
    members.text("epoch", std::to_string(a.epoch));
    members.text("parent", std::to_string(a.app.parent));
    members.text("author", a.app.author);
    registry::append_rollout(members.name("rollout"), a.app.rollout);
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
