#include "node/cli/toy.h"

#include <httplib.h>

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <thread>

#include "node/address.h"
#include "node/cli/commands.h"
#include "node/cli/http_client.h"
#include "node/cli/signals.h"
#include "node/exit_codes.h"
#include "registry/health_check.h"

namespace node::cli {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

constexpr milliseconds kRetry = 1s;         // of a node that does not answer
constexpr milliseconds kRequestLimit = 3s;  // of one request to it
constexpr milliseconds kNever = 24h * 365;  // its node keeps the row of one that is checked

// The GET /health/ that nodes and other tools poll a server by.
class HealthServer {
  public:
    // False if the address cannot be had.
    bool start(const HostPort& listen) {
        const auto answer = [](const httplib::Request&, httplib::Response& response) {
            response.set_content(R"({"available_capacity":100,"ready_to_close":false})",
                                 "application/json");
        };
        // One request at a time is plenty, and a poller may not hold the only thread.
        server_.new_task_queue = [] { return new httplib::ThreadPool(1); };
        server_.set_keep_alive_max_count(1);
        // The library's own option would refuse the port of a toy that ended a minute ago.
        server_.set_socket_options([](int socket) {
            const int yes = 1;
            ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
        });
        server_.Get("/health", answer);
        server_.Get("/health/", answer);
        if (listen.port != 0) {
            port_ = server_.bind_to_port(listen.host, listen.port) ? listen.port : 0;
        } else {
            port_ = std::max(0, server_.bind_to_any_port(listen.host));
        }
        if (port_ == 0) return false;
        thread_ = std::thread([this] { server_.listen_after_bind(); });
        return true;
    }
    HealthServer() = default;
    HealthServer(const HealthServer&) = delete;
    HealthServer& operator=(const HealthServer&) = delete;
    ~HealthServer() {
        if (!thread_.joinable()) return;
        // stop() before the loop runs would be forgotten.
        while (!server_.is_running()) std::this_thread::yield();
        server_.stop();
        thread_.join();
    }
    [[nodiscard]] int port() const { return port_; }

  private:
    httplib::Server server_;
    std::thread thread_;
    int port_ = 0;
};

class Toy {
  public:
    Toy(const ToyOptions& options, int port)
        : options_(options),
          port_(port),
          address_(options.address),
          client_(options.node, kRequestLimit) {}

    // One registration. Says something only when the outcome differs from the one before.
    bool beat() {
        if (address_.empty() && !find_address()) {
            say("waiting", "for a node at " + options_.node);
            return false;
        }
        const auto now = std::chrono::duration_cast<std::chrono::seconds>(
            std::chrono::system_clock::now().time_since_epoch());
        nlohmann::json body = {
            {"address", address_}, {"app_name", options_.app}, {"last_update", now.count()}};
        if (!options_.version.empty()) body["version"] = options_.version;
        if (options_.check) {
            const HostPort health{std::string{registry::host_of(address_)},
                                  static_cast<std::uint16_t>(port_)};
            body["check"] = {{"http", "http://" + to_string(health) + "/health/"}};
        }
        const auto answer = client_.send(
            {.method = "POST", .target = "/registry/register_instance", .body = body.dump()});
        if (answer.ok()) {
            say("registered", "at " + options_.node);
        } else if (answer.answered()) {
            say("refused", answer.body);
        } else {
            say("alone", "no node answers at " + options_.node);
        }
        return answer.ok();
    }

    void leave() {
        if (address_.empty()) return;
        const auto answer =
            client_.send({.method = "DELETE", .target = "/v1/instances/" + url_encoded(address_)});
        say(answer.ok() ? "deregistered" : "gone without deregistering", "");
    }

  private:
    bool find_address() {
        const auto answer = client_.get("/registry/get_ip");
        if (!answer.ok()) return false;
        // The seed system answers bare text, JSON clients may see quotes.
        std::string ip = answer.body;
        std::erase_if(ip, [](char c) { return c == '"' || c == '\n' || c == ' '; });
        if (ip.empty()) return false;
        const bool bare_v6 = ip.find(':') != std::string::npos && ip.front() != '[';
        if (port_ == 0) {
            address_ = ip;
        } else {
            address_ = (bare_v6 ? "[" + ip + "]" : ip) + ":" + std::to_string(port_);
        }
        return true;
    }

    void say(const std::string& event, const std::string& detail) {
        if (event == last_event_) return;
        last_event_ = event;
        std::fprintf(stderr, "toy %s %s %s %s\n", options_.app.c_str(),
                     address_.empty() ? "-" : address_.c_str(), event.c_str(), detail.c_str());
    }

    const ToyOptions& options_;
    int port_;
    std::string address_;
    HttpClient client_;
    std::string last_event_;
};

}  // namespace

int run_toy(const ToyOptions& options) {
    StopSignals signals;  // before the first thread
    HealthServer health;
    int port = 0;
    if (!options.listen.empty()) {
        const auto listen = parse_host_port(options.listen, true);
        if (!listen) {
            complain("--listen: " + listen.error().message);
            return kUsage;
        }
        if (!health.start(*listen)) {
            complain("--listen: cannot listen at " + options.listen + ": is the port in use?");
            return kFailed;
        }
        port = health.port();
    }
    Toy toy(options, port);
    milliseconds pause{0};
    while (!signals.wait(pause)) {
        const milliseconds next = options.check ? kNever : options.every;
        pause = toy.beat() ? next : std::min(options.every, kRetry);
    }
    toy.leave();
    return kOk;
}

}  // namespace node::cli
