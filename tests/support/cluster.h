#pragma once

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "node/cli/http_client.h"
#include "tests/support/process.h"

// Real agents on loopback, for end-to-end tests.
namespace test {

using nlohmann::json;
using node::cli::HttpAnswer;
using node::cli::HttpClient;

// One agent: its addresses and files stay while its process comes and goes.
class Agent {
  public:
    Agent(const std::filesystem::path& parent, const std::string& name)
        : name_(name),
          data_(parent / name),
          log_(parent / (name + ".log")),
          http_(next_address()),
          gossip_(next_address()) {}

    // Seeds are addresses. Does not wait until it answers.
    void start(const std::vector<std::string>& seeds = {},
               const std::vector<std::string>& more_flags = {}) {
        std::vector<std::string> arguments{"agent",        "--http",     http_,  "--gossip",
                                           gossip_,        "--name",     name_,  "--data",
                                           data_.string(), "--interval", "200ms"};
        for (const auto& seed : seeds) arguments.insert(arguments.end(), {"--seed", seed});
        arguments.insert(arguments.end(), more_flags.begin(), more_flags.end());
        process_ = spawn(arguments, log_, log_);
        client_ = std::make_unique<HttpClient>(url(), 5s);
    }

    bool answers() { return running() && client_->get("/v1/health").answered(); }
    [[nodiscard]] bool running() { return process_.running(); }
    Child& process() { return process_; }
    HttpClient& client() { return *client_; }

    [[nodiscard]] const std::string& name() const { return name_; }
    [[nodiscard]] const std::string& gossip() const { return gossip_; }
    [[nodiscard]] std::string url() const { return "http://" + http_; }
    [[nodiscard]] const std::string& http() const { return http_; }
    [[nodiscard]] const std::filesystem::path& data() const { return data_; }
    [[nodiscard]] std::string log() const { return content_of(log_); }

    // The JSON of a GET; null if there is no good answer.
    json get(const std::string& target) {
        const auto answer = client_->get(target);
        return answer.ok() ? json::parse(answer.body, nullptr, false) : json();
    }
    // The row of an instance, null if it is not listed.
    json instance(const std::string& address) { return get("/v1/instances/" + address); }
    std::string instance_state(const std::string& address) {
        const json row = instance(address);
        return row.is_object() ? row.value("state", "") : "";
    }
    // What this node says about another; "" if it does not know it.
    std::string node_state(const std::string& name) {
        const json body = get("/v1/nodes");
        if (!body.is_object()) return "";
        for (const auto& node : body.at("nodes")) {
            if (node.at("name") == name) return node.at("state");
        }
        return "";
    }
    // The legacy registration.
    HttpAnswer post(const json& body) {
        return client_->send(
            {.method = "POST", .target = "/registry/register_instance", .body = body.dump()});
    }
    HttpAnswer put(const std::string& address, const json& body,
                   const std::map<std::string, std::string>& headers = {}) {
        return client_->send({.method = "PUT",
                              .target = "/v1/instances/" + address,
                              .body = body.dump(),
                              .headers = headers});
    }

  private:
    std::string name_;
    std::filesystem::path data_;
    std::filesystem::path log_;
    std::string http_;
    std::string gossip_;
    Child process_;
    std::unique_ptr<HttpClient> client_;
};

inline std::int64_t unix_now() {
    return std::chrono::duration_cast<std::chrono::seconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
}

// Agents that join through the first one.
class Cluster {
  public:
    explicit Cluster(unsigned nodes) {
        for (unsigned i = 0; i < nodes; ++i) {
            agents_.push_back(std::make_unique<Agent>(directory_.path(),
                                                      std::string(1, static_cast<char>('a' + i))));
        }
    }

    // Starts them all, and waits until they agree.
    bool start() {
        for (std::size_t i = 0; i < agents_.size(); ++i) restart(i);
        return agree();
    }
    void restart(std::size_t index) {
        agents_[index]->start(index == 0 ? std::vector<std::string>{}
                                         : std::vector{agents_[0]->gossip()});
    }

    Agent& operator[](std::size_t index) { return *agents_[index]; }
    [[nodiscard]] std::size_t size() const { return agents_.size(); }
    [[nodiscard]] const std::filesystem::path& directory() const { return directory_.path(); }

    // Every running node counts all running nodes as alive and holding the same table.
    bool agree(std::chrono::milliseconds limit = 20s) {
        return eventually([this] { return agree_now(); }, limit);
    }
    // The logs of all agents, for the message of a failed expectation.
    [[nodiscard]] std::string logs() const {
        std::string all;
        for (const auto& agent : agents_) all += "---- " + agent->name() + "\n" + agent->log();
        return all;
    }

  private:
    bool agree_now() {
        const auto running = std::count_if(agents_.begin(), agents_.end(),
                                           [](const auto& agent) { return agent->running(); });
        return std::all_of(agents_.begin(), agents_.end(), [running](const auto& agent) {
            if (!agent->running()) return true;
            const json status = agent->get("/v1/status");
            if (!status.is_object()) return false;
            const json& agreement = status.at("agreement");
            return agreement.at("nodes") == running && agreement.at("agreeing") == running;
        });
    }

    ScratchDir directory_{"hearsay-test"};
    std::vector<std::unique_ptr<Agent>> agents_;
};

}  // namespace test
