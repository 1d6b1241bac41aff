#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sim/rollout/game_server.h"

namespace sim {

struct CrowdOptions {
    std::uint32_t clients = 100;
    Time shortest{2'000'000};  // sessions
    Time longest{20'000'000};
    Time pause{4'000'000};                  // between two sessions of a client, at most
    std::uint32_t loses_percent = 30;       // of sessions, that lose their connection once
    std::uint32_t stays_away_percent = 10;  // of those
    std::uint32_t cheats_percent = 0;       // of clients: each also brings tickets that are none
    // Clients stand on the side of a partition: they reach only the nodes and servers there. The
    // default: they are on the internet and reach everybody.
    bool take_sides = false;
};

// Clients: each asks any node for a server, goes there with its ticket, stays, and comes again.
// Some lose their connection and return through any node with what they know: their resume token.
class Crowd {
  public:
    // `servers` may grow; all outlive the crowd.
    Crowd(Company company, std::vector<std::unique_ptr<GameServer>>& servers, CrowdOptions options);

    // All of them come within `within`. Nobody comes any more, who looks for a seat gives up.
    void open(Time within);
    void close() { open_ = false; }
    // Everybody loses his network at once, and may come back after `outage` at most.
    void lose_all(Time outage);
    void take_side(std::uint32_t node, std::uint8_t side) { sides_[node] = side; }

    [[nodiscard]] std::uint64_t missed() const { return missed_; }
    [[nodiscard]] std::uint64_t refused(registry::SeatBook::Verdict verdict) const {
        return refused_[static_cast<std::size_t>(verdict)];
    }
    [[nodiscard]] std::uint64_t cheated() const { return cheated_; }
    [[nodiscard]] std::uint32_t seated() const;
    void report(Report& report) const;

  private:
    using Tickets = std::vector<NodeApi::Ticket>;
    struct Client {
        std::string name;
        std::uint8_t side = 0;
        std::uint64_t session = 0;  // 0: none
        std::size_t server = 0;
        std::uint64_t incarnation = 0;
        std::string token;  // to come back with
        bool away = false;  // its connection is lost
    };

    [[nodiscard]] std::uint64_t below(std::uint64_t bound) { return company_.dice.below(bound); }
    [[nodiscard]] Time up_to(Time most);
    // How long it takes a client to reach a server, one way.
    [[nodiscard]] Time way() { return Time{2'000 + static_cast<std::int64_t>(below(40'000))}; }
    [[nodiscard]] std::uint32_t any_node(const Client& client);
    [[nodiscard]] std::optional<std::size_t> server_at(const std::string& address) const;
    [[nodiscard]] bool reaches(const Client& client, std::uint32_t node) const;
    void after(Time delay, void (Crowd::*what)(std::size_t), std::size_t client);
    void come(std::size_t client);
    void go(std::size_t client, const std::shared_ptr<const Tickets>& tickets, std::size_t which);
    void begin(std::size_t client, std::size_t server, const NodeApi::Seat& seat);
    void end(std::size_t client, std::size_t server, std::uint64_t incarnation,
             std::uint64_t session);
    void lose(std::size_t client, Time outage);
    void come_back(std::size_t client);
    void go_back(std::size_t client);
    void cheat(const NodeApi::Ticket& ticket);

    Company company_;
    std::vector<std::unique_ptr<GameServer>>& servers_;
    CrowdOptions options_;
    std::vector<Client> clients_;
    std::vector<std::uint8_t> sides_;           // of nodes
    std::vector<NodeApi::Ticket> old_tickets_;  // of cheats
    registry::TokenKeys wrong_keys_;
    std::array<std::uint64_t, 7> refused_{};  // index: Verdict
    std::uint64_t missed_ = 0;
    std::uint64_t cheated_ = 0;
    bool open_ = false;
};

}  // namespace sim
