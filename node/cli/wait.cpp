#include "node/cli/wait.h"

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>
#include <thread>

#include "node/cli/ask.h"
#include "node/cli/json_text.h"
#include "node/exit_codes.h"

namespace node::cli {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kLook{200};  // between questions

// How far it is, for people, and whether that is far enough.
struct Progress {
    std::string text;
    bool reached = false;
};
using Look = std::function<Progress(const json&)>;

// Asks until `look` is content, the time is up, or the node refuses. A node that does not answer is
// asked again: it may be restarting, which is what people wait for.
int wait_until(const Session& session, const std::string& target, milliseconds limit,
               const Look& look) {
    const auto end = steady_clock::now() + limit;
    std::string said;
    HttpClient client(session.url);
    while (true) {
        const HttpAnswer answer = client.send({.target = target});
        if (answer.answered() && !answer.ok()) return refused(session, answer);
        Progress progress{"no node answers at " + session.url, false};
        if (answer.answered()) progress = look(parse_json(answer.body));
        if (progress.text != said) complain(said = progress.text);
        if (progress.reached) {
            if (session.json) print(answer.body + "\n");
            return kOk;
        }
        if (steady_clock::now() + kLook >= end) {
            complain("not within " + std::to_string(limit.count() / 1000) + " s");
            return kTimeout;
        }
        std::this_thread::sleep_for(kLook);
    }
}

Progress agreement(const json& body, unsigned nodes, const char* what) {
    const json agreement = body.is_object() ? body.value("agreement", json()) : json();
    const auto live = number_of(agreement, "nodes");
    const auto agreeing = number_of(agreement, "agreeing");
    return {std::to_string(agreeing) + " of " + std::to_string(live) + " nodes " + what,
            live > 0 && agreeing == live && (nodes == 0 || live >= nodes)};
}

Progress emptiness(const json& app, const std::string& version) {
    for (const json& v : rows_of(app, "versions")) {
        if (text_of(v, "version") != version) continue;
        const auto sessions = number_of(v, "sessions");
        return {std::to_string(sessions) + " sessions on " + version + ", " +
                    std::to_string(number_of(v, "live")) + " live instances",
                sessions == 0};
    }
    return {"nothing is left of " + version, true};
}

}  // namespace

int wait_for(const Session& session, const WaitOptions& options) {
    if (!options.empty.empty()) {
        const std::size_t at = options.empty.rfind('@');
        if (at == std::string::npos || at == 0) {
            complain("--empty: \"" + options.empty + "\" is no APP@VERSION such as chat@v1");
            return kUsage;
        }
        const std::string version = options.empty.substr(at + 1);
        return wait_until(
            session, "/v1/apps/" + url_encoded(options.empty.substr(0, at)) + "?census=0",
            options.limit, [&version](const json& body) { return emptiness(body, version); });
    }
    if (!options.converged && options.nodes == 0) {
        complain(
            "there is nothing to wait for: give --converged, --nodes N or --empty APP@VERSION");
        return kUsage;
    }
    const bool app = !options.app.empty();
    return wait_until(session, app ? "/v1/apps/" + url_encoded(options.app) : "/v1/status",
                      options.limit, [&options, app](const json& body) {
                          return agreement(body, options.nodes,
                                           app ? "follow the same plan" : "hold the same table");
                      });
}

namespace {

// The instances that are registered at the node itself. Not kOk: said already.
int addresses_here(const Session& session, std::vector<std::string>& addresses) {
    json status;
    json rows;
    const Session quiet{session.url, false};
    int code = ask(quiet, {.target = "/v1/status?census=0"}, status);
    if (code == kOk) code = ask(quiet, {.target = "/v1/instances"}, rows);
    for (const json& row : rows_of(rows, "instances")) {
        const std::string state = text_of(row, "state");
        if (text_of(row, "owner") != text_of(status, "id")) continue;
        if (state == "expired" || state == "stopped") continue;
        addresses.push_back(text_of(row, "address"));
    }
    return code;
}

// What is left of them: those that are deregistered or have stopped are done.
Progress emptiness(const json& body, const std::vector<std::string>& addresses) {
    std::int64_t sessions = 0;
    std::int64_t instances = 0;
    for (const json& row : rows_of(body, "instances")) {
        const std::string address = text_of(row, "address");
        if (std::find(addresses.begin(), addresses.end(), address) == addresses.end()) continue;
        const std::string state = text_of(row, "state");
        if (state == "expired" || state == "stopped" || number_of(row, "sessions") == 0) continue;
        sessions += number_of(row, "sessions");
        ++instances;
    }
    return {std::to_string(sessions) + " sessions on " + std::to_string(instances) + " of " +
                std::to_string(addresses.size()) +
                (addresses.size() == 1 ? " instance" : " instances"),
            sessions == 0};
}

}  // namespace

int drain(const Session& session, const std::string& address, bool wait, milliseconds limit) {
    std::vector<std::string> addresses;
    if (!address.empty()) {
        addresses.push_back(address);
    } else if (const int code = addresses_here(session, addresses); code != kOk) {
        return code;
    }
    const Session quiet{session.url, session.json && !wait};
    for (const std::string& each : addresses) {
        json body;
        const std::string target = "/v1/instances/" + url_encoded(each) + "/drain";
        const int code = ask(quiet, {.method = "POST", .target = target, .body = "{}"}, body);
        if (code != kOk) return code;
        complain(each + " takes no new clients: " + text_of(body, "instruction"));
    }
    if (addresses.empty()) complain("no instance is registered at " + session.url);
    if (!wait || addresses.empty()) return kOk;
    return wait_until(session, "/v1/instances", limit,
                      [&addresses](const json& body) { return emptiness(body, addresses); });
}

}  // namespace node::cli
