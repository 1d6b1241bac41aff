#pragma once

#include <httplib.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
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
//
// One that asks often keeps its connection: hearsay::Node node("http://10.0.0.1:7700"), and then
// node.place("arena", {.client = "ann"}).
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
        out += plain ? std::string{c} : std::string{'%', kHex[byte >> 4U], kHex[byte & 15U]};
    }
    return out;
}

constexpr std::chrono::milliseconds kPatience{5000};  // for one answer

inline void limit(httplib::Client& client, std::chrono::milliseconds patience) {
    client.set_connection_timeout(patience);
    client.set_read_timeout(patience);
    client.set_write_timeout(patience);
}

inline Answer call(httplib::Client& client, const std::string& node, const std::string& method,
                   const std::string& target, const json& body = {}) {
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

inline Answer call(const std::string& node, const std::string& method, const std::string& target,
                   const json& body = {}) {
    httplib::Client client(node);
    limit(client, kPatience);
    return call(client, node, method, target, body);
}

inline std::string text(const json& body, const char* member) {
    const auto found = body.find(member);
    return found != body.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

// Throws unless the node did what was asked.
inline void expect_done(const Answer& answer) {
    if (answer.status >= 500) throw Unreachable(text(answer.body, "error"));  // busy, for example
    if (answer.status != 200) throw Refused(text(answer.body, "error"));
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

// A node to ask often: the connection is kept. For one thread at a time.
class Node {
  public:
    explicit Node(std::string url, std::chrono::milliseconds patience = detail::kPatience)
        : url_(std::move(url)), client_(url_) {
        detail::limit(client_, patience);
        client_.set_keep_alive(true);
        client_.set_tcp_nodelay(true);  // else each request on a kept connection takes 40 ms
    }

    // Throws Unreachable, and Refused for a question that makes no sense.
    Place place(const std::string& app, const PlaceOptions& options = {}) {
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
        const detail::Answer answer = detail::call(client_, url_, "GET", target);
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
    [[nodiscard]] const std::string& url() const { return url_; }

  private:
    std::string url_;
    httplib::Client client_;
};

// Asks once.
inline Place place(const std::string& node, const std::string& app,
                   const PlaceOptions& options = {}) {
    return Node(node).place(app, options);
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
        beat();  // hears how the node counts
        beat();  // counts like that: clients may come
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
        // accepted, full, draining, moved, spent, stale, not_ready, or invalid: neither a ticket
        // for this server nor the token of a session that it has
        std::string verdict;
        std::string session;
        std::string token;  // for the client
        bool returning = false;
        explicit operator bool() const { return verdict == "accepted"; }
    };
    // A new client, with its ticket. `session`: what it is to be called; else a name is drawn.
    // Throws Unreachable.
    Seated seat(const std::string& ticket, const std::string& session = "") {
        return redeem({{"ticket", ticket}, {"session", session}});
    }
    // One that comes back, with its token. Who has one of ours needs no node; it is asked when the
    // token is old, for a new one. Throws Unreachable for what only the node can tell.
    Seated resume(const std::string& token) {
        if (const auto known = welcome_back(token, kYouth)) return *known;
        try {
            return redeem({{"token", token}});
        } catch (const Unreachable&) {
            if (const auto known = welcome_back(token, std::nullopt)) return *known;
            throw;
        }
    }
    // Its connection broke, and it may come back: its seat is kept until end().
    void lose(const std::string& session) {
        change([&] {
            const auto found = sessions_.find(session);
            if (found != sessions_.end()) found->second.here = false;
        });
    }
    // Its session is over, or may no longer be resumed.
    void end(const std::string& session) {
        change([&] { sessions_.erase(session); });
    }

    [[nodiscard]] std::size_t sessions() const {
        const std::lock_guard lock{mutex_};
        return sessions_.size();
    }
    // open, standby, draining, cut (the time is up: end what is left) or close.
    [[nodiscard]] std::string instruction() const {
        const std::lock_guard lock{mutex_};
        return instruction_;
    }
    // Unix seconds at which draining is to be over; 0: whenever the last session ends.
    [[nodiscard]] std::uint64_t until() const {
        const std::lock_guard lock{mutex_};
        return until_;
    }
    // Fenced: nobody is here, and nobody will be sent.
    [[nodiscard]] bool closed() const { return closed_.load(); }
    [[nodiscard]] const ServerOptions& options() const { return options_; }

  private:
    using json = nlohmann::json;
    using Clock = std::chrono::steady_clock;
    static constexpr unsigned kBeatsPerLease = 3;                 // two may be lost
    static constexpr std::chrono::milliseconds kLeastPause{100};  // however often sessions change
    static constexpr std::chrono::milliseconds kRetry{500};       // of a node that is away
    static constexpr std::chrono::minutes kYouth{60};  // of a token; the node's live for a day

    struct Session {
        bool here = true;  // else its connection broke
        std::string token;
        Clock::time_point issued;
    };
    struct State {
        json body;
        std::uint64_t seq;
        std::uint64_t book;
    };

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
    [[nodiscard]] State state() const {
        const std::lock_guard lock{mutex_};
        std::size_t resuming = 0;
        for (const auto& [name, session] : sessions_) resuming += session.here ? 0 : 1;
        // A redemption under way is a session that we have not counted yet, and its number is
        // above what had been counted when it began.
        std::uint64_t seq = seq_;
        for (const std::uint64_t begun : redeeming_) seq = std::min(seq, begun);
        return {{{"sessions", sessions_.size() - resuming},
                 {"resuming", resuming},
                 {"seq", std::to_string(seq)},
                 {"acked_epoch", epoch_},
                 {"incarnation", options_.incarnation}},
                seq,
                book_};
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
        detail::expect_done(answer);
    }
    void beat() {
        State told = state();
        detail::Answer answer = detail::call(options_.node, "POST", path("/heartbeat"), told.body);
        // The node has lost us, is another one, or has heard again of an earlier life.
        const std::uint64_t life = answer.body.value("incarnation", UINT64_MAX);
        if (answer.status == 404 || life < options_.incarnation) {
            enroll();
            told = state();
            answer = detail::call(options_.node, "POST", path("/heartbeat"), told.body);
        }
        detail::expect_done(answer);
        {
            const std::lock_guard lock{mutex_};
            const std::uint64_t seq = std::stoull('0' + detail::text(answer.body, "seq"));
            if (seq < told.seq && told.book == book_) begin_book(seq);
            if (seq > seq_ && told.book == book_ && redeeming_.empty()) {
                seq_ = seq;  // of these we never got the answer: nobody is seated by them
                changed_ = true;
            }
            const json until = answer.body.value("until", json());
            until_ = until.is_number_unsigned() ? until.get<std::uint64_t>() : 0;
            const std::string epoch = detail::text(answer.body, "epoch");
            if (!epoch.empty() && std::exchange(epoch_, epoch) != epoch) changed_ = true;
        }
        const bool cut = answer.body.value("cut", false) && sessions() > 0;
        obey(cut ? "cut" : detail::text(answer.body, "instruction"));
    }
    // The node has restarted, and counts from the beginning. Requires the lock.
    void begin_book(std::uint64_t seq) {
        ++book_;
        seq_ = seq;
        for (std::uint64_t& begun : redeeming_) begun = 0;
    }
    void obey(std::string said) {
        if (said == "close" && !closed_) {
            // Granted only if nobody has come meanwhile.
            const json body = state().body;
            closed_ = detail::call(options_.node, "POST", path("/fence"), body).status == 200;
            if (!closed_) said = "draining";
        }
        const bool other = [&] {
            const std::lock_guard lock{mutex_};
            return std::exchange(instruction_, said) != said;
        }();
        if (other && options_.on_instruction) options_.on_instruction(said);
    }
    std::optional<Seated> welcome_back(const std::string& token,
                                       std::optional<std::chrono::minutes> youth) {
        std::optional<Seated> seated;
        change([&] {
            for (auto& [name, session] : sessions_) {
                if (session.token != token) continue;
                if (youth && Clock::now() - session.issued > *youth) return;
                session.here = true;
                seated = Seated{"accepted", name, token, true};
            }
        });
        return seated;
    }
    Seated redeem(const json& body) {
        const auto begun = [this] {
            const std::lock_guard lock{mutex_};
            return redeeming_.insert(redeeming_.end(), seq_);
        }();
        Seated seated;
        try {
            const auto answer = detail::call(options_.node, "POST", path("/redeem"), body);
            change([&] {
                seated = judged(answer, *begun);
                redeeming_.erase(begun);
            });
        } catch (...) {
            change([&] { redeeming_.erase(begun); });
            throw;
        }
        return seated;
    }
    // What the node's answer means. `begun`: what had been counted before. Requires the lock.
    Seated judged(const detail::Answer& answer, std::uint64_t begun) {
        Seated seated;
        seated.verdict = detail::text(answer.body, "verdict");
        if (answer.status != 200) {
            if (answer.status == 400 || answer.status == 403) seated.verdict = "invalid";
            // The node has lost us, or is busy. The heartbeat that follows puts it right.
            if (seated.verdict.empty()) seated.verdict = "not_ready";
            return seated;
        }
        seated.session = detail::text(answer.body, "session");
        seated.token = detail::text(answer.body, "token");
        seated.returning = answer.body.value("returning", false);
        if (seated.returning && !sessions_.contains(seated.session)) {
            return {"invalid", "", "", false};  // it is over: end() was called
        }
        if (!seated.returning) {
            const std::uint64_t seq = std::stoull('0' + detail::text(answer.body, "seq"));
            if (seq <= begun) begin_book(seq);
            seq_ = std::max(seq_, seq);
        }
        sessions_[seated.session] = {true, seated.token, Clock::now()};
        return seated;
    }
    void run() {
        const std::chrono::milliseconds period{options_.ttl_s * 1000 / kBeatsPerLease};
        std::unique_lock lock{mutex_};
        bool told = true;
        while (!stopping_) {
            wake_.wait_for(lock, told ? period : std::min(period, kRetry),
                           [&] { return stopping_ || (told && changed_); });
            changed_ = false;
            if (stopping_) return;
            lock.unlock();
            try {
                beat();
                told = true;
            } catch (const std::runtime_error&) {
                // The node is away or restarts: it is told again, and the lease decides.
                told = false;
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
    std::map<std::string, Session> sessions_;
    std::uint64_t seq_ = 0;               // the last acceptance that we have counted
    std::uint64_t book_ = 0;              // how often the node has begun to count anew
    std::list<std::uint64_t> redeeming_;  // seq_ at the beginning of each redemption under way
    std::uint64_t until_ = 0;
    std::string epoch_ = "0";  // of the decision that we follow
    std::string instruction_ = "standby";
    bool changed_ = false;
    bool stopping_ = false;
};

}  // namespace hearsay
