#include <functional>
#include <optional>
#include <utility>

#include "node/activity.h"
#include "node/http/api.h"
#include "node/http/census.h"
#include "node/http/query.h"
#include "node/http/writes.h"
#include "registry/duration.h"
#include "registry/json.h"
#include "registry/registration.h"
#include "registry/rollout_json.h"

// What operators decide about an app, and what follows from it.

namespace node {
namespace {

using gossip::Errc;
using gossip::Result;
using registry::App;
using registry::AppRow;
using registry::RolloutCommand;
using ViewPtr = std::shared_ptr<const registry::View>;

constexpr std::string_view kApps = "/v1/apps/";
constexpr int kTries = 8;  // somebody else decided at the same time: again, from his decision

std::string quoted(std::uint64_t epoch) {
    return '"' + std::to_string(epoch) + '"';
}

Response unknown_app(const std::string& name) {
    return problem(404, "there is no app " + registry::in_quotes(name),
                   "GET /v1/apps lists what there is; an app appears with its first instance");
}

std::string app_json(const AppRow& row) {
    std::string body;
    registry::append_app(body, row);
    return body;
}

// The same, and whose decision of the same moment does not count.
std::string app_json(const Api& api, const AppRow& row) {
    std::string body = app_json(row);
    body.back() = ',';
    body += R"("overruled":)";
    const auto loser =
        api.context.activity ? api.context.activity->overruled(row.app) : std::nullopt;
    if (loser) {
        append_activity(body, *loser);
    } else {
        body += "null";
    }
    return body + '}';
}

// One decision on its way: made from what this node knows, and made again if that has changed
// before the core takes it.
struct Decision {
    using Make = std::function<Result<App>(const AppRow&)>;

    Api& api;
    ExchangePtr exchange;
    std::string name;
    Make make;
    std::optional<gossip::Stamp> if_epoch;  // If-Match: only from this epoch
    bool dry_run = false;
    int tries = 0;
    gossip::PutStatus status = gossip::PutStatus::created;
    std::optional<std::string> forgets = {};  // with it: the end of this version
};
using DecisionPtr = std::shared_ptr<Decision>;

AppRow nothing_decided(const std::string& name) {
    AppRow row;
    row.app.name = name;
    return row;
}

Response conflict(const Decision& d, const AppRow& row) {
    return problem(409,
                   registry::in_quotes(d.name) + " is in epoch " + std::to_string(row.epoch) +
                       ", not in " + std::to_string(d.if_epoch.value_or(gossip::Stamp{}).value) +
                       ": somebody has decided meanwhile",
                   "look at `current`, then send its epoch as If-Match, or none to decide anyway",
                   R"(,"current":)" + app_json(row));
}

Response previewed(const AppRow& row, const App& app) {
    std::string body = R"({"dry_run":true,"before":)";
    registry::append_versions(body, row, row.plan);
    body += R"(,"after":)";
    registry::append_versions(body, row, registry::preview(row, app));
    return json(body + '}');
}

Response decided(const Decision& d) {
    const ViewPtr view = d.api.view();
    const AppRow* row = view->app(d.name);
    if (row == nullptr) return json("{}");  // deleted in the same turn
    Response response = json(app_json(d.api, *row));
    response.etag = quoted(row->epoch);
    return response;
}

void submit(const DecisionPtr& d);

void settle(const DecisionPtr& d) {
    if (d->status == gossip::PutStatus::conflict && d->tries < kTries) return submit(d);
    if (registry::accepted(d->status)) return d->exchange->send(decided(*d));
    if (d->status == gossip::PutStatus::conflict) {
        const ViewPtr view = d->api.view();
        const AppRow* row = view->app(d->name);
        return d->exchange->send(conflict(*d, row ? *row : nothing_decided(d->name)));
    }
    if (d->status == gossip::PutStatus::too_large) {
        return d->exchange->send(
            problem(413, "the decision about " + registry::in_quotes(d->name) + " exceeds 1,100 B",
                    "name fewer versions, or take old ones out of quarantine"));
    }
    d->exchange->send(refused(d->api, d->name, {d->status, {}}));
}

void submit(const DecisionPtr& d) {
    ++d->tries;
    const ViewPtr view = d->api.view();
    const AppRow* known = view->app(d->name);
    const AppRow row = known ? *known : nothing_decided(d->name);
    if (d->if_epoch && d->if_epoch->value != row.epoch) return d->exchange->send(conflict(*d, row));
    const Result<App> app = d->make(row);
    if (!app && d->forgets && app.error().code == Errc::invalid) {
        return d->exchange->send(
            problem(409, app.error().message, "hearsay rollout status shows who is still on it"));
    }
    if (!app) return d->exchange->send(problem(app.error()));
    if (d->dry_run) return d->exchange->send(previewed(row, *app));
    const bool same =
        known && row.epoch != 0 && app->rollout == row.app.rollout && app->policy == row.app.policy;
    if (same && !d->forgets) {
        return d->exchange->send(decided(*d));  // as it is already
    }
    gossip::LocalWrite write = registry::encode(*app);
    write.conditional = true;
    write.if_stamp = {row.epoch};
    const bool queued = d->api.context.core.submit(
        [d, write = std::move(write)](gossip::Core& core, gossip::Now now, gossip::Output& out) {
            d->status = core.put(write, now, out).status;
            if (registry::accepted(d->status) && d->forgets) {
                registry::forget_version(core, d->name, *d->forgets, now, out);
            }
        },
        [d] { settle(d); });
    if (!queued) d->exchange->send(busy());
}

// `"agreement":{..},"watermark":..`: how many live nodes follow the same plan, and from when on no
// ticket of an earlier epoch can be valid any more (Unix seconds; null while somebody has not
// heard).
std::string agreement_json(Api& api, const AppRow& row, const CoreStatus& others) {
    std::string out = R"(,"agreement":)";
    append_agreement(out, others.agreement);
    out += R"(,"watermark":)";
    const auto watermark = api.watermarks->at(row, others.agreement,
                                              registry::live_nodes(*api.view()), api.cluster_ms());
    if (!watermark) return out + "null";
    registry::append_number(out, *watermark);
    return out;
}

// With what the other nodes say of it, if they were asked; then on the core thread.
void send_app(Api& api, const ExchangePtr& exchange, const std::string& name,
              const CoreStatus* others) {
    const ViewPtr view = api.view();
    const AppRow* row = view->app(name);
    if (row == nullptr) return exchange->send(unknown_app(name));
    Response response = json(app_json(api, *row));
    if (others) {
        response.body.pop_back();
        response.body += agreement_json(api, *row, *others) + '}';
    }
    response.etag = quoted(row->epoch);
    exchange->send(std::move(response));
}

void decide_by(Api& api, const ExchangePtr& exchange, const Result<std::string>& name,
               Decision::Make make) {
    const Request& request = exchange->request();
    if (!name) return exchange->send(problem(name.error()));
    const auto parameters = parse_query(request.query, {"dry_run"});
    if (!parameters) return exchange->send(problem(parameters.error()));
    const auto epoch = parse_if_match(request.if_match);
    if (!epoch) return exchange->send(problem(epoch.error()));
    bool dry_run = false;
    if (!parameters->empty()) {
        const auto flag = parse_flag("dry_run", parameters->front().second);
        if (!flag) return exchange->send(problem(flag.error()));
        dry_run = *flag;
    }
    submit(std::make_shared<Decision>(
        Decision{api, exchange, *name, std::move(make), *epoch, dry_run}));
}

}  // namespace

void get_apps(Api& api, const ExchangePtr& exchange) {
    const auto parameters = parse_query(exchange->request().query, {});
    if (!parameters) return exchange->send(problem(parameters.error()));
    const ViewPtr view = api.view();
    Response response;
    response.etag = api.list.etag(view->revision());
    if (none_match_hits(exchange->request().if_none_match, response.etag)) {
        response.status = 304;
        return exchange->send(std::move(response));
    }
    response.body = R"({"apps":[)";
    for (const auto& row : view->apps()) {
        if (response.body.back() != '[') response.body += ',';
        registry::append_app(response.body, *row);
    }
    response.body += R"(],"revision":)";
    registry::append_number(response.body, view->revision());
    response.body += '}';
    exchange->send(std::move(response));
}

void get_app(Api& api, const ExchangePtr& exchange) {
    const auto name = name_in(exchange->request().path, kApps, "");
    if (!name) return exchange->send(problem(name.error()));
    const auto parameters = parse_query(exchange->request().query, {"census"});
    if (!parameters) return exchange->send(problem(parameters.error()));
    if (!parameters->empty()) {
        const auto wanted = parse_flag("census", parameters->front().second);
        if (!wanted) return exchange->send(problem(wanted.error()));
        if (!*wanted) return send_app(api, exchange, *name, nullptr);
    }
    if (api.view()->app(*name) == nullptr) return exchange->send(unknown_app(*name));
    const bool queued =
        api.census->ask([&api, exchange, name = *name](
                            const CoreStatus& core) { send_app(api, exchange, name, &core); },
                        registry::topic_of(*name));
    if (!queued) exchange->send(busy());
}

void put_app(Api& api, const ExchangePtr& exchange) {
    const Request& request = exchange->request();
    const auto name = name_in(request.path, kApps, "");
    if (!name) return exchange->send(problem(name.error()));
    auto parsed = registry::parse_app(*name, request.body);
    if (!parsed) return exchange->send(problem(parsed.error()));
    decide_by(api, exchange, name, [wanted = *std::move(parsed)](const AppRow& row) {
        App app = wanted;
        app.parent = row.epoch;
        if (app.rollout.previous.empty()) app.rollout.previous = row.app.rollout.weights;
        return registry::validated(std::move(app));
    });
}

// DELETE /v1/apps/{app}/versions/{version}: of one that nobody needs. With ?force=1&deadline=10m of
// one that has sessions: it goes into quarantine, and they are cut when the time is up.
void delete_app_version(Api& api, const ExchangePtr& exchange) {
    const Request& request = exchange->request();
    constexpr std::string_view kVersions = "/versions/";
    const std::size_t at = request.path.find(kVersions, kApps.size());
    if (at == std::string_view::npos) {
        return exchange->send(problem(405, "an app cannot be deleted",
                                      "DELETE /v1/apps/{app}/versions/{version} forgets a version; "
                                      "an app goes with its instances and decisions"));
    }
    const auto name = name_in(request.path.substr(0, at), kApps, "");
    const auto version = percent_decoded(request.path.substr(at + kVersions.size()));
    if (!name || !version)
        return exchange->send(
            problem(400, "the path names no version", "/v1/apps/{app}/versions/{version}"));
    const auto parameters = parse_query(request.query, {"force", "deadline"});
    if (!parameters) return exchange->send(problem(parameters.error()));
    bool force = false;
    std::optional<std::chrono::milliseconds> deadline;
    for (const auto& [key, value] : *parameters) {
        if (key == "force") {
            const auto flag = parse_flag(key, value);
            if (!flag) return exchange->send(problem(flag.error()));
            force = *flag;
        } else {
            const auto parsed = registry::parse_duration(value);
            if (parsed) deadline = *parsed;
            if (!parsed) {
                return exchange->send(problem(
                    400, "deadline: " + registry::in_quotes(value) + " is no duration such as 10m",
                    "say how long its sessions may go on"));
            }
        }
    }
    if (force != deadline.has_value()) {
        return exchange->send(problem(400, "force and deadline go together",
                                      "?force=1&deadline=10m cuts what is left after 10 minutes"));
    }
    auto decision = std::make_shared<Decision>(Decision{api, exchange, *name, {}, {}, false});
    if (force) {
        const std::uint64_t until =
            api.cluster_ms() / 1000 + static_cast<std::uint64_t>(deadline->count() + 999) / 1000;
        RolloutCommand out;
        out.kind = RolloutCommand::Kind::drain;
        out.version = *version;
        out.deadline = until;
        out.hard = true;
        decision->make = [out](const AppRow& row) { return registry::decide(row, out); };
    } else {
        decision->make = [version = *version](const AppRow& row) {
            return registry::without_version(row, version);
        };
        decision->forgets = *version;
    }
    submit(decision);
}

void post_decision(Api& api, const ExchangePtr& exchange) {
    const Request& request = exchange->request();
    std::string_view path = request.path;
    if (path.ends_with('/')) path.remove_suffix(1);
    const std::string_view verb = path.substr(path.rfind('/') + 1);
    const auto kind = registry::command_of(verb);
    CHECK(kind.has_value());  // the router knows them, too
    const auto name = name_in(path, kApps, '/' + std::string{verb});
    auto parsed = registry::parse_command(*kind, request.body, api.cluster_ms() / 1000);
    if (!parsed) return exchange->send(problem(parsed.error()));
    decide_by(api, exchange, name, [what = *std::move(parsed)](const AppRow& row) {
        return registry::decide(row, what);
    });
}

}  // namespace node
