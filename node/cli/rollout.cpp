#include "node/cli/rollout.h"

#include <charconv>
#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>

#include "node/cli/ask.h"
#include "node/cli/json_text.h"
#include "node/cli/text_table.h"
#include "node/exit_codes.h"

namespace node::cli {
namespace {

using nlohmann::json;

Paint paint_of_role(const std::string& role) {
    if (role == "accepting") return Paint::good;
    if (role == "draining" || role == "warming") return Paint::doubtful;
    return Paint::faint;
}

// "25 %" of 250; "-" of nothing.
std::string share_text(const json& version) {
    const auto permille = number_of(version, "share_permille");
    if (permille == 0) return "-";
    const auto tenths = permille % 10;
    return std::to_string(permille / 10) + (tenths ? "." + std::to_string(tenths) : "") + " %";
}

std::string versions_table(const json& versions) {
    TextTable table({"VERSION", "ROLE", "SHARE", "LIVE", "ACKED", "SESSIONS", "CAPACITY", "WHY"});
    for (const json& v : versions) {
        const std::string role = text_of(v, "role");
        table.add({{text_of(v, "version")},
                   {role, paint_of_role(role)},
                   {share_text(v)},
                   {text_of(v, "live")},
                   {text_of(v, "acked")},
                   {text_of(v, "sessions")},
                   {text_of(v, "capacity")},
                   {text_of(v, "why"), Paint::faint}});
    }
    return table.to_string(wants_colour(stdout));
}

// "chat: epoch 123, decided by ann; paused"
std::string headline(const json& app) {
    std::string text = text_of(app, "name") + ": ";
    const std::string epoch = text_of(app, "epoch");
    const std::string author = text_of(app, "author");
    if (epoch == "0") {
        text += "nobody has decided anything, the newest version accepts";
    } else {
        text += "epoch " + epoch + (author.empty() ? "" : ", decided by " + author);
    }
    const auto rollout = app.find("rollout");
    if (rollout == app.end()) return text + "\n";
    if (text_of(*rollout, "paused") == "true") text += "; paused";
    std::string out;
    for (const json& version : rows_of(*rollout, "quarantine")) {
        out += (out.empty() ? "" : ", ") + version.get<std::string>();
    }
    if (!out.empty()) text += "; in quarantine: " + out;
    const std::string deadline = text_of(*rollout, "drain_deadline");
    if (!deadline.empty() && deadline != "0") {
        text += "; draining sessions end by " + deadline +
                (text_of(*rollout, "hard") == "true" ? ", or are cut" : "");
    }
    return text + "\n";
}

// From when on nobody can have a ticket of an earlier decision.
std::string watermark(const json& app) {
    const auto at = number_of(app, "watermark");
    if (at == 0) return "watermark not yet: not every live node has said that it follows\n";
    const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    const auto left = at - now.time_since_epoch().count();
    return "watermark " + std::to_string(at) +
           (left > 0 ? ", in " + std::to_string(left) + " s" : ", passed") +
           ": then no ticket of an earlier decision is valid\n";
}

// "5 of 5 nodes follow this plan (its hash)", of an answer that says so.
std::string agreement(const json& app) {
    const auto found = app.find("agreement");
    if (found == app.end() || !found->is_object()) return "";
    const std::string unheard = text_of(*found, "unheard");
    return text_of(*found, "agreeing") + " of " + text_of(*found, "nodes") +
           " nodes follow this plan (" + text_of(app, "plan") + ")" +
           (unheard.empty() || unheard == "0" ? "" : ", " + unheard + " did not answer") + "\n" +
           watermark(app);
}

void print_app(const json& app) {
    print(headline(app) + versions_table(rows_of(app, "versions")) + agreement(app));
}

// {"v1": 80, "v2": 20} of "v1=80", "v2=20".
std::optional<json> weights_of(const std::vector<std::string>& texts) {
    json weights = json::object();
    for (const std::string& text : texts) {
        const std::size_t equals = text.rfind('=');
        unsigned parts = 0;
        const char* end = text.data() + text.size();
        const bool number = equals != std::string::npos &&
                            std::from_chars(text.data() + equals + 1, end, parts).ptr == end &&
                            equals + 1 < text.size();
        if (!number) {
            complain("\"" + text + "\" is no VERSION=PARTS such as v2=20");
            return std::nullopt;
        }
        weights[text.substr(0, equals)] = parts;
    }
    return weights;
}

std::optional<json> body_of(const RolloutOptions& o) {
    json body = json::object();
    if (!o.version.empty()) body["version"] = o.version;
    if (!o.author.empty()) body["author"] = o.author;
    if (o.force) body["force"] = true;
    if (!o.within.empty()) body["within"] = o.within;
    if (!o.notify_in.empty()) body["notify_in"] = o.notify_in;
    if (o.hard) body["hard"] = true;
    if (o.verb != "split") return body;
    const auto weights = weights_of(o.weights);
    if (!weights) return std::nullopt;
    body["weights"] = *weights;
    return body;
}

}  // namespace

int list_apps(const Session& session) {
    json body;
    if (const int code = ask(session, {.target = "/v1/apps"}, body); code != kOk || session.json) {
        return code;
    }
    TextTable table({"APP", "ACCEPTING", "DRAINING", "LIVE", "SESSIONS", "EPOCH"});
    for (const json& app : rows_of(body, "apps")) {
        std::string accepting;
        std::string draining;
        std::int64_t live = 0;
        std::int64_t sessions = 0;
        for (const json& v : rows_of(app, "versions")) {
            const std::string role = text_of(v, "role");
            std::string* list = role == "accepting"  ? &accepting
                                : role == "draining" ? &draining
                                                     : nullptr;
            if (list) *list += (list->empty() ? "" : ", ") + text_of(v, "version");
            live += number_of(v, "live");
            sessions += number_of(v, "sessions");
        }
        table.add(
            {{text_of(app, "name")},
             {accepting.empty() ? "none" : accepting, accepting.empty() ? Paint::bad : Paint::good},
             {draining.empty() ? "-" : draining, Paint::doubtful},
             {std::to_string(live)},
             {std::to_string(sessions)},
             {text_of(app, "epoch"), Paint::faint}});
    }
    print(table.to_string(wants_colour(stdout)));
    return kOk;
}

int show_rollout(const Session& session, const std::string& app) {
    json body;
    const int code = ask(session, {.target = "/v1/apps/" + url_encoded(app)}, body);
    if (code == kOk && !session.json) print_app(body);
    return code;
}

int change_rollout(const Session& session, const RolloutOptions& options) {
    const auto content = body_of(options);
    if (!content) return kUsage;
    HttpRequest request{.method = "POST",
                        .target = "/v1/apps/" + url_encoded(options.app) + "/" + options.verb +
                                  (options.dry_run ? "?dry_run=1" : ""),
                        .body = content->dump()};
    if (!options.if_epoch.empty()) request.headers["If-Match"] = options.if_epoch;
    json body;
    const int code = ask(session, request, body);
    if (code != kOk || session.json) return code;
    if (options.dry_run) {
        print("now\n" + versions_table(rows_of(body, "before")) + "\nthen\n" +
              versions_table(rows_of(body, "after")));
    } else {
        print_app(body);
    }
    return kOk;
}

int explain_instance(const Session& session, const std::string& address) {
    json body;
    const int code =
        ask(session, {.target = "/v1/instances/" + url_encoded(address) + "/instruction"}, body);
    if (code != kOk || session.json) return code;
    const std::string instruction = text_of(body, "instruction");
    print(address + ": " + instruction + "\n  state  " + text_of(body, "state") + "\n  role   " +
          text_of(body, "role") + ": " + text_of(body, "why") + "\n  epoch  " +
          text_of(body, "epoch") + "\n");
    if (text_of(body, "until") != "null" && !text_of(body, "until").empty()) {
        print("  until  " + text_of(body, "until") + "\n");
    }
    return kOk;
}

}  // namespace node::cli
