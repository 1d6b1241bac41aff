#include "node/cli/commands.h"

#include <algorithm>
#include <cstdio>
#include <future>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "node/cli/ask.h"
#include "node/cli/http_client.h"
#include "node/cli/json_text.h"
#include "node/cli/signals.h"
#include "node/cli/text_table.h"
#include "node/duration.h"
#include "node/exit_codes.h"
#include "registry/instance.h"

namespace node::cli {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;

constexpr int kBeatsPerTtl = 3;         // two may be lost
constexpr milliseconds kRetry{1000};    // while no node answers
constexpr milliseconds kGlance{50};     // between looks at an open connection
constexpr milliseconds kLines{30'000};  // a node sends a line every 10 s

// "12s ago" of Unix seconds. Applications may send counters: what is no plausible time stays.
std::string age_text(const json& row) {
    const auto found = row.find("last_update");
    if (found == row.end() || !found->is_number_integer()) return text_of(row, "last_update");
    const auto now = std::chrono::duration_cast<std::chrono::seconds>(
                         std::chrono::system_clock::now().time_since_epoch())
                         .count();
    const auto age = now - found->get<std::int64_t>();
    if (age < 0 || age > 10LL * 365 * 24 * 3600) return found->dump();
    if (age < 120) return std::to_string(age) + "s ago";
    if (age < 7200) return std::to_string(age / 60) + "m ago";
    return std::to_string(age / 3600) + "h ago";
}

TextCell state_cell(const json& row) {
    const auto state = text_of(row, "state");
    return {state, paint_of_state(state)};
}

// " (11 up, 1 expired)" of a status.
std::string states_text(const json& status) {
    const auto states = status.find("states");
    if (states == status.end() || !states->is_object()) return "";
    std::string text;
    for (const auto& [state, count] : states->items()) {
        if (count == 0) continue;
        text += (text.empty() ? " (" : ", ") + count.dump() + " " + state;
    }
    return text.empty() ? "" : text + ")";
}

// Prints rows in the order of their first columns.
void print_sorted(TextTable table, std::vector<std::vector<TextCell>> rows) {
    std::sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) {
        return std::lexicographical_compare(
            a.begin(), a.end(), b.begin(), b.end(),
            [](const TextCell& x, const TextCell& y) { return x.text < y.text; });
    });
    for (auto& row : rows) table.add(std::move(row));
    print(table.to_string(wants_colour(stdout)));
}

json check_of(const Registration& registration) {
    constexpr std::string_view kTcp = "tcp://";
    const bool tcp = registration.check.starts_with(kTcp);
    json check;
    if (tcp) check["tcp"] = registration.check.substr(kTcp.size());
    if (!tcp) check["http"] = registration.check;
    if (!registration.check_interval.empty()) check["interval"] = registration.check_interval;
    if (!registration.check_timeout.empty()) check["timeout"] = registration.check_timeout;
    return check;
}

// The PUT that registers; none, with a complaint, if the metadata is no object.
std::optional<HttpRequest> request_for(const Registration& registration) {
    json body = {{"app_name", registration.app}};
    if (!registration.version.empty()) body["version"] = registration.version;
    if (!registration.zone.empty()) body["zone"] = registration.zone;
    if (registration.capacity) body["capacity"] = *registration.capacity;
    if (registration.ttl_s) body["ttl"] = *registration.ttl_s;
    if (!registration.check.empty()) body["check"] = check_of(registration);
    if (!registration.metadata.empty()) {
        body["metadata"] = json::parse(registration.metadata, nullptr, false);
        if (!body["metadata"].is_object()) {
            complain("--metadata: '" + registration.metadata +
                     R"(' is no JSON object: write it like '{"map":"desert"}')");
            return {};
        }
    }
    return HttpRequest{.method = "PUT",
                       .target = "/v1/instances/" + url_encoded(registration.address),
                       .body = body.dump(-1, ' ', false, json::error_handler_t::replace)};
}

// The open connection of an instance, in a thread of its own.
class OpenConnection {
  public:
    OpenConnection(const Session& session, const std::string& address)
        : client_(session.url, kLines), held_(std::async(std::launch::async, [this, address] {
              return client_.follow("/v1/instances/" + url_encoded(address) + "/attach",
                                    [this](const std::string& line) { last_line_ = line; });
          })) {}
    ~OpenConnection() { client_.stop(); }
    OpenConnection(const OpenConnection&) = delete;
    OpenConnection& operator=(const OpenConnection&) = delete;

    [[nodiscard]] bool ended() const {
        return held_.wait_for(milliseconds{0}) == std::future_status::ready;
    }
    // Waits for the end. At most once.
    HttpAnswer answer() { return held_.get(); }
    // After the end: why, if the node has ended it properly.
    [[nodiscard]] json last_line() const { return json::parse(last_line_, nullptr, false); }

  private:
    HttpClient client_;
    std::string last_line_;
    std::future<HttpAnswer> held_;  // last: its end is waited for first
};

std::string named(const Registration& registration) {
    return registration.address + " as " + registration.app +
           (registration.version.empty() ? "" : " " + registration.version);
}

}  // namespace

void complain(const std::string& message) {
    std::fprintf(stderr, "hearsay: %s\n", message.c_str());
}

int list_instances(const Session& session, const ListFilter& filter) {
    std::string target = "/v1/instances";
    char separator = '?';
    for (const auto& [key, value] :
         {std::pair{"app", filter.app}, {"version", filter.version}, {"state", filter.state}}) {
        if (value.empty()) continue;
        target += separator + std::string(key) + "=" + url_encoded(value);
        separator = '&';
    }
    json body;
    if (const int code = ask(session, {.target = target}, body); code != kOk) return code;
    if (session.json) return kOk;
    std::vector<std::vector<TextCell>> rows;
    for (const auto& row : rows_of(body, "instances")) {
        rows.push_back({{text_of(row, "app_name")},
                        {text_of(row, "version")},
                        {text_of(row, "address")},
                        state_cell(row),
                        {age_text(row)}});
    }
    if (rows.empty()) {
        complain("no instance matches: add one with `hearsay register ADDRESS --app NAME`");
    }
    print_sorted(TextTable({"APP", "VERSION", "ADDRESS", "STATE", "UPDATED"}), std::move(rows));
    return kOk;
}

int register_instance(const Session& session, const Registration& registration) {
    const auto request = request_for(registration);
    if (!request) return kUsage;
    json answer;
    const int code = ask(session, *request, answer);
    if (code == kOk && !session.json) complain("registered " + named(registration));
    return code;
}

int keep_registered(const Session& session, const Registration& registration) {
    const auto request = request_for(registration);
    if (!request) return kUsage;
    StopSignals signals;
    HttpClient client(session.url);
    const milliseconds period =
        std::chrono::seconds{registration.ttl_s.value_or(registry::kDefaultTtl)} / kBeatsPerTtl;
    int last = -1;  // the status that was told; 0: no answer
    milliseconds pause{0};
    while (!signals.wait(pause)) {
        const HttpAnswer answer = client.send(*request);
        pause = answer.ok() ? period : std::min(period, kRetry);
        const int status = answer.answered() ? answer.status : 0;
        if (std::exchange(last, status) == status) continue;
        if (answer.ok()) {
            complain("registered " + named(registration) + ", renewed every " +
                     duration_text(period) + "; Ctrl-C deregisters it");
        } else if (!answer.answered()) {
            unanswered(session, answer);
        } else if (const int code = refused(session, answer); code == kUsage) {
            return code;
        }
    }
    return deregister_instance(session, registration.address);
}

// What follows from the end of an open connection: the exit code, or none to attach again.
std::optional<int> after(const Session& session, const std::string& address,
                         OpenConnection& connection) {
    const HttpAnswer answer = connection.answer();
    if (!answer.ok()) {
        if (!answer.answered() || answer.status == 404) return {};
        return refused(session, answer);
    }
    const json line = connection.last_line();
    if (!line.is_object()) return {};
    if (line.contains("deleted")) {
        complain(address + " was deregistered by somebody else");
        return kOk;
    }
    if (line.contains("replaced") || line.contains("moved")) {
        complain(address + " was attached or registered by somebody else: it is theirs");
        return kRefused;
    }
    return {};
}

int attach_registered(const Session& session, const Registration& registration) {
    const auto request = request_for(registration);
    if (!request) return kUsage;
    StopSignals signals;
    HttpClient client(session.url);
    int last = -1;  // the status that was told; 0: no answer
    milliseconds pause{0};
    while (!signals.wait(std::exchange(pause, kRetry))) {
        const HttpAnswer answer = client.send(*request);
        const int status = answer.answered() ? answer.status : 0;
        const bool told = std::exchange(last, status) == status;
        if (answer.ok()) {
            if (!told) {
                complain("registered " + named(registration) +
                         " until this process ends; Ctrl-C deregisters it");
            }
            OpenConnection connection(session, registration.address);
            while (!connection.ended() && !signals.wait(kGlance)) {
            }
            // While it is open: so it is never listed as expired.
            if (signals.wait(milliseconds{0})) {
                return deregister_instance(session, registration.address);
            }
            if (const auto code = after(session, registration.address, connection)) return *code;
            // Was it open? Then the node may be back already.
            if (!connection.last_line().is_discarded()) pause = milliseconds{0};
        } else if (!told && !answer.answered()) {
            unanswered(session, answer);
        } else if (!told) {
            if (const int code = refused(session, answer); code == kUsage) return code;
        }
    }
    return deregister_instance(session, registration.address);
}

int deregister_instance(const Session& session, const std::string& address) {
    json answer;
    const int code = ask(
        session, {.method = "DELETE", .target = "/v1/instances/" + url_encoded(address)}, answer);
    if (code == kOk && !session.json) complain("deregistered " + address);
    return code;
}

int list_nodes(const Session& session) {
    json body;
    if (const int code = ask(session, {.target = "/v1/nodes"}, body); code != kOk) return code;
    if (session.json) return kOk;
    std::vector<std::vector<TextCell>> rows;
    for (const auto& row : rows_of(body, "nodes")) {
        rows.push_back({{text_of(row, "name")},
                        state_cell(row),
                        {text_of(row, "http")},
                        {text_of(row, "gossip")},
                        {text_of(row, "id")}});
    }
    print_sorted(TextTable({"NODE", "STATE", "HTTP", "GOSSIP", "ID"}), std::move(rows));
    return kOk;
}

int show_status(const Session& session, bool quiet) {
    json body;
    if (quiet) {
        // The cheaper question: a node that answers it works, whatever it thinks of its peers.
        return ask({session.url, false}, {.target = "/v1/health"}, body);
    }
    if (const int code = ask(session, {.target = "/v1/status"}, body); code != kOk) return code;
    if (session.json) return kOk;
    const auto found = body.is_object() ? body.find("agreement") : body.end();
    if (!body.is_object() || found == body.end() || !found->is_object()) {
        complain(session.url + " says nothing about agreement: is it a Hearsay node?");
        return kFailed;
    }
    const auto nodes = text_of(*found, "nodes");
    const auto agreeing = text_of(*found, "agreeing");
    print("node       " + text_of(body, "name") + " (" + text_of(body, "id") + "), cluster " +
          text_of(body, "cluster") + ", version " + text_of(body, "version") + "\n" +
          "agreement  " +
          painted(agreeing + " of " + nodes + " nodes hold the same table",
                  nodes == agreeing ? Paint::good : Paint::doubtful, wants_colour(stdout)) +
          "\n" + "instances  " + text_of(body, "instances") + states_text(body) + "\n");
    return kOk;
}

}  // namespace node::cli
