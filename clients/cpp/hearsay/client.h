#pragma once

#include <httplib.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

// Hearsay for C++ servers and clients: this file, cpp-httplib and nlohmann_json.
//
// A stateful server that keeps its clients through a rollout:
//
//     hearsay::Server server({.address = "10.0.0.7:9000", .app = "arena", .version = "v2",
//                             .capacity = 40});
//     server.start();
//     ...
//     auto seated = server.seat(ticket);        // what the client brought
//     if (!seated) ... seated.verdict           // "full", "draining", "moved": send it on
//     ... seated.token                          // for the client: with it, it comes back
//     server.end(seated.session);               // it has left for good
//     ...
//     if (server.closed()) ...                  // told to close, empty, and fenced: exit now
//
// A client, or whatever sends clients to servers:
//
//     auto place = hearsay::place("http://10.0.0.1:7700", "arena", {.client = "ann"});
//     place.address, place.ticket               // if (!place): place.outcome says why
namespace hearsay {

// No node answered, or none that could be understood.
class Unreachable : public std::runtime_error {
    using std::runtime_error::runtime_error;
};
// The node refused what was asked for: a registration that breaks a rule, for example.
class Refused : public std::runtime_error {
    using std::runtime_error::runtime_error;
};

namespace detail {

using json = nlohmann::json;

struct Answer {
    int status = 0;
    json body;
};

inline std::string escaped(const std::string& text) {
    static constexpr char kHex[] = "0123456789ABCDEF";
    std::string out;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                           (c >= 'A' && c <= 'Z') || c == '-' || c == '.' || c == '_' || c == '~';
        if (plain) {
            out += c;
        } else {
            out += {'%', kHex[byte >> 4U], kHex[byte & 15U]};
        }
    }
    return out;
}

inline Answer call(const std::string& node, const std::string& method, const std::string& target,
                   const json& body = {}) {
    httplib::Client client(node);
    client.set_connection_timeout(5);
    client.set_read_timeout(5);
    httplib::Request request;
    request.method = method;
    request.path = target;
    if (!body.is_null()) {
        request.body = body.dump();
        request.set_header("Content-Type", "application/json");
    }
    const httplib::Result result = client.send(request);
    if (!result) {
        throw Unreachable("no answer from " + node + ": " + httplib::to_string(result.error()));
    }
    json parsed = json::parse(result->body, nullptr, false);
    if (!parsed.is_object()) throw Unreachable(node + " does not answer as a Hearsay node");
    return {result->status, std::move(parsed)};
}

inline std::string text(const json& body, const char* member) {
    const auto found = body.find(member);
    return found != body.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

}  // namespace detail

// ---- clients

struct PlaceOptions {
    std::string client = {};    // a stable name: during a split it keeps its version
    std::string token = {};     // of a session: back to it, if it still exists
    std::string protocol = {};  // "3" or "3-5"
};

struct Place {
    std::string outcome;  // go, or why not: full, no_version, no_protocol, unknown_app, retry
    std::string reason;   // for people
    std::string session;  // of the token: go, gone or unknown; "" without one
    std::string address;
    std::string version;
    std::string ticket;         // for the server; "" if the client goes back to its session
    nlohmann::json candidates;  // the first of them, and others to try when it is full
    explicit operator bool() const { return outcome == "go"; }
    // The same question may soon have another answer.
    [[nodiscard]] bool again() const {
        return outcome == "full" || outcome == "retry" || outcome == "no_version";
    }
};

// Throws Unreachable, and Refused for a question that makes no sense.
inline Place place(const std::string& node, const std::string& app,
                   const PlaceOptions& options = {}) {
    std::string target = "/v1/apps/" + detail::escaped(app) + "/endpoint";
    char separator = '?';
    const auto add = [&](const char* name, const std::string& value) {
        if (value.empty()) return;
        target += separator + std::string{name} + '=' + detail::escaped(value);
        separator = '&';
    };
    add("client", options.client);
    add("token", options.token);
    add("protocol", options.protocol);
    const detail::Answer answer = detail::call(node, "GET", target);
    if (answer.status == 400) throw Refused(detail::text(answer.body, "error"));
    Place place;
    place.outcome = detail::text(answer.body, "outcome");
    place.reason = detail::text(answer.body, "reason");
    place.session = detail::text(answer.body, "session");
    place.address = detail::text(answer.body, "address");
    place.version = detail::text(answer.body, "version");
    place.candidates = answer.body.value("candidates", nlohmann::json::array());
    if (!place.candidates.empty()) {
        place.version = detail::text(place.candidates[0], "version");
        place.ticket = detail::text(place.candidates[0], "ticket");
    }
    return place;
}

// ---- servers

struct ServerOptions {
    std::string address;  // where clients reach it; its identity
    std::string app;
    std::string version = {};
    std::uint32_t capacity = 0;  // seats; 0: unlimited
    std::uint32_t ttl_s = 30;    // lease
    std::string node = "http://127.0.0.1:7700";
    std::uint64_t incarnation = 0;  // 0: the time of the start
    nlohmann::json metadata = nlohmann::json::object();
    // Called on the heartbeat's thread when the instruction changes.
    std::function<void(const std::string&)> on_instruction = {};
};

// One instance: registered from start() to stop(). Heartbeats from a thread of its own, three times
// per lease and whenever its sessions have changed. All methods are thread-safe.
class Server {
  public:
    explicit Server(ServerOptions options) : options_(std::move(options)) {
        if (options_.incarnation == 0) {
            const auto now = std::chrono::system_clock::now().time_since_epoch();
            options_.incarnation = static_cast<std::uint64_t>(
                std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
        }
    }
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;
    ~Server() { stop(); }

    // Registers. Throws Unreachable or Refused.
    void start() {
        enroll();
        beat();
        thread_ = std::thread([this] { run(); });
    }
    // Deregisters; what has not been told to close takes clients until now.
    void stop() {
        {
            const std::lock_guard lock{mutex_};
            if (stopping_) return;
            stopping_ = true;
        }
        wake_.notify_all();
        if (!thread_.joinable()) return;
        thread_.join();
        try {
            (void)detail::call(options_.node, "DELETE", path());
        } catch (const Unreachable&) {  // the lease ends by itself
        }
    }

    struct Seated {
        std::string verdict;  // accepted, full, draining, moved, spent, stale, not_ready, invalid
        std::string session;
        std::string token;  // for the client
        bool returning = false;
        explicit operator bool() const { return verdict == "accepted"; }
    };
    // A new client, with its ticket. `session`: what it is to be called; else a name is drawn.
    Seated seat(const std::string& ticket, const std::string& session = "") {
        return redeem({{"ticket", ticket}, {"session", session}});
    }
    // One that comes back, with its token.
    Seated resume(const std::string& token) { return redeem({{"token", token}}); }
    // Its connection broke, and it may come back: its seat is kept until end().
    void lose(const std::string& session) {
        change([&] {
            if (here_.erase(session) > 0) lost_.insert(session);
        });
    }
    // Its session is over, or may no longer be resumed.
    void end(const std::string& session) {
        change([&] {
            here_.erase(session);
            lost_.erase(session);
        });
    }

    [[nodiscard]] std::size_t sessions() const {
        const std::lock_guard lock{mutex_};
        return here_.size() + lost_.size();
    }
    [[nodiscard]] std::string instruction() const {  // open, standby, draining or close
        const std::lock_guard lock{mutex_};
        return instruction_;
    }
    // Fenced: nobody is here, and nobody will be sent.
    [[nodiscard]] bool closed() const { return closed_.load(); }
    [[nodiscard]] const ServerOptions& options() const { return options_; }

  private:
    using json = nlohmann::json;
    static constexpr unsigned kBeatsPerLease = 3;                 // two may be lost
    static constexpr std::chrono::milliseconds kLeastPause{100};  // however often sessions change

    [[nodiscard]] std::string path(const char* what = "") const {
        return "/v1/instances/" + detail::escaped(options_.address) + what;
    }
    template <class Change>
    void change(Change change) {
        {
            const std::lock_guard lock{mutex_};
            change();
            changed_ = true;
        }
        wake_.notify_all();
    }
    [[nodiscard]] json state() const {
        const std::lock_guard lock{mutex_};
        return {{"sessions", here_.size()},
                {"resuming", lost_.size()},
                {"seq", std::to_string(seq_)},
                {"incarnation", options_.incarnation}};
    }
    void enroll() {
        const detail::Answer answer = detail::call(options_.node, "PUT", path(),
                                                   {{"app_name", options_.app},
                                                    {"version", options_.version},
                                                    {"capacity", options_.capacity},
                                                    {"ttl", options_.ttl_s},
                                                    {"incarnation", options_.incarnation},
                                                    {"sessions", sessions()},
                                                    {"metadata", options_.metadata}});
        if (answer.status != 200) throw Refused(detail::text(answer.body, "error"));
    }
    void beat() {
        const detail::Answer answer =
            detail::call(options_.node, "POST", path("/heartbeat"), state());
        if (answer.status == 404) return enroll();  // the node has lost us, or is another one
        if (answer.status != 200) throw Refused(detail::text(answer.body, "error"));
        obey(detail::text(answer.body, "instruction"));
    }
    void obey(std::string said) {
        if (said == "close" && !closed_) {
            // Granted only if nobody has come meanwhile.
            closed_ = detail::call(options_.node, "POST", path("/fence"), state()).status == 200;
            if (!closed_) said = "draining";
        }
        bool other = false;
        {
            const std::lock_guard lock{mutex_};
            other = said != instruction_;
            instruction_ = said;
        }
        if (other && options_.on_instruction) options_.on_instruction(said);
    }
    Seated redeem(const json& body) {
        const detail::Answer answer = detail::call(options_.node, "POST", path("/redeem"), body);
        Seated seated;
        seated.verdict = detail::text(answer.body, "verdict");
        if (answer.status != 200) {
            if (seated.verdict.empty()) seated.verdict = "invalid";
            return seated;
        }
        seated.session = detail::text(answer.body, "session");
        seated.token = detail::text(answer.body, "token");
        seated.returning = answer.body.value("returning", false);
        change([&] {
            if (!seated.returning) {
                seq_ = std::max<std::uint64_t>(seq_, std::stoull(detail::text(answer.body, "seq")));
            }
            here_.insert(seated.session);
            lost_.erase(seated.session);
        });
        return seated;
    }
    void run() {
        const std::chrono::milliseconds period{options_.ttl_s * 1000 / kBeatsPerLease};
        std::unique_lock lock{mutex_};
        while (!stopping_) {
            wake_.wait_for(lock, period, [this] { return stopping_ || changed_; });
            changed_ = false;
            if (stopping_) return;
            lock.unlock();
            try {
                beat();
            } catch (const std::runtime_error&) {
                // The node is away or restarts: it is told again, and the lease decides.
            }
            lock.lock();
            wake_.wait_for(lock, kLeastPause, [this] { return stopping_; });
        }
    }

    ServerOptions options_;
    std::thread thread_;
    std::atomic<bool> closed_{false};
    mutable std::mutex mutex_;  // of what follows
    std::condition_variable wake_;
    std::set<std::string> here_;
    std::set<std::string> lost_;
    std::uint64_t seq_ = 0;
    std::string instruction_ = "standby";
    bool changed_ = false;
    bool stopping_ = false;
};

}  // namespace hearsay
