#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>

#include "node/cli/http_client.h"

namespace test {

// A stateful server as its node sees it: registers, redeems the tickets of its clients, says how
// many it has, and does as it is told. Its clients' connections are entries in a set.
class GameServer {
  public:
    using json = nlohmann::json;

    GameServer(const std::string& node_url, std::string address, std::string version,
               std::uint32_t capacity, std::uint64_t incarnation = 1)
        : node_(node_url),
          address_(std::move(address)),
          version_(std::move(version)),
          capacity_(capacity),
          incarnation_(incarnation) {}

    bool start() {
        return send("PUT", "",
                    {{"app_name", "arena"},
                     {"version", version_},
                     {"capacity", capacity_},
                     {"incarnation", incarnation_},
                     {"sessions", sessions_.size()}})
                   .ok() &&
               beat();
    }
    // Tells its node about its sessions, and takes its instruction.
    bool beat() {
        const auto answer = send("POST", "/heartbeat", state());
        if (!answer.ok()) return false;
        const json body = json::parse(answer.body);
        instruction_ = body.at("instruction");
        // Nothing is open: all that the node has accepted is counted. One that has just started
        // gives seats away when it has heard that.
        const bool told = body.at("seq") == seq_;
        seq_ = body.at("seq");
        return told || beat();
    }
    // A client that has come with a ticket or a token: its new token, or why it may not.
    struct Seated {
        std::string verdict;
        std::string token;
    };
    Seated seat(const std::string& client, const std::string& kind, const std::string& text) {
        const auto answer = send("POST", "/redeem", {{kind, text}, {"session", client}});
        const json body = json::parse(answer.body, nullptr, false);
        if (!body.is_object()) return {"no answer", ""};
        if (!answer.ok()) return {body.value("verdict", body.value("error", "")), ""};
        if (!body.at("returning")) seq_ = body.at("seq");
        sessions_.insert(client);
        return {"accepted", body.at("token")};
    }
    void end(const std::string& client) { sessions_.erase(client); }
    [[nodiscard]] bool has(const std::string& client) const { return sessions_.contains(client); }
    // True if nobody is there and nobody will come any more.
    bool fence() {
        fenced_ = fenced_ || send("POST", "/fence", state()).ok();
        return fenced_;
    }

    [[nodiscard]] const std::string& address() const { return address_; }
    [[nodiscard]] const std::string& version() const { return version_; }
    [[nodiscard]] const std::string& instruction() const { return instruction_; }
    [[nodiscard]] std::size_t sessions() const { return sessions_.size(); }
    [[nodiscard]] bool fenced() const { return fenced_; }

  private:
    node::cli::HttpAnswer send(const std::string& method, const std::string& what,
                               const json& body) {
        return node_.send(
            {.method = method, .target = "/v1/instances/" + address_ + what, .body = body.dump()});
    }
    [[nodiscard]] json state() const {
        return {{"sessions", sessions_.size()}, {"seq", seq_}, {"incarnation", incarnation_}};
    }

    node::cli::HttpClient node_;
    std::string address_;
    std::string version_;
    std::uint32_t capacity_;
    std::uint64_t incarnation_;
    std::set<std::string> sessions_;
    std::string seq_ = "0";
    std::string instruction_;
    bool fenced_ = false;
};

}  // namespace test
