#include "sim/rollout/crowd.h"

#include <algorithm>

namespace sim {

using registry::SeatBook;
using registry::Session;
using registry::Token;

namespace {

constexpr Time kRetry{1'500'000};  // at most, before a client asks again
constexpr Time kRetryReturn{600'000};
constexpr std::size_t kOldTickets = 64;

}  // namespace

Crowd::Crowd(Company company, std::vector<std::unique_ptr<GameServer>>& servers,
             CrowdOptions options)
    : company_(company),
      servers_(servers),
      options_(options),
      sides_(company.world.size()),
      wrong_keys_(registry::TokenKeys::from_name("somebody else's")) {
    for (std::uint32_t i = 0; i < options.clients; ++i) {
        Client client;
        client.name = "client-" + std::to_string(i);
        client.side = static_cast<std::uint8_t>(i % 2);
        clients_.push_back(std::move(client));
    }
}

Time Crowd::up_to(Time most) {
    return Time{static_cast<std::int64_t>(below(static_cast<std::uint64_t>(most.count()) + 1))};
}

void Crowd::after(Time delay, void (Crowd::*what)(std::size_t), std::size_t client) {
    company_.world.events().after(delay, [this, what, client] { (this->*what)(client); });
}

void Crowd::open(Time within) {
    open_ = true;
    for (std::size_t i = 0; i < clients_.size(); ++i) after(up_to(within), &Crowd::come, i);
}

bool Crowd::reaches(const Client& client, std::uint32_t node) const {
    const bool divided = options_.take_sides && std::ranges::find(sides_, 1) != sides_.end();
    return !divided || sides_[node] == client.side;
}

std::uint32_t Crowd::any_node(const Client& client) {
    auto node = static_cast<std::uint32_t>(below(company_.world.size()));
    for (std::uint32_t tries = 0; tries < company_.world.size(); ++tries) {
        if (reaches(client, node)) break;
        node = (node + 1) % company_.world.size();
    }
    return node;
}

std::optional<std::size_t> Crowd::server_at(const std::string& address) const {
    const auto at = std::ranges::find_if(
        servers_, [&](const auto& server) { return server->setup().address == address; });
    if (at == servers_.end()) return std::nullopt;
    return static_cast<std::size_t>(at - servers_.begin());
}

std::uint32_t Crowd::seated() const {
    return static_cast<std::uint32_t>(
        std::ranges::count_if(clients_, [](const Client& c) { return c.session != 0; }));
}

// ---- a new session

void Crowd::come(std::size_t i) {
    if (!open_ || clients_[i].session != 0) return;
    company_.calls.ask<NodeApi::Place>(
        any_node(clients_[i]),
        [this, i](NodeApi& api) {
            NodeApi::Place place = api.place(clients_[i].name);
            company_.witness.offered(api, place);
            return place;
        },
        [this, i](const std::optional<NodeApi::Place>& place) {
            if (!place || place->tickets.empty()) return after(up_to(kRetry), &Crowd::come, i);
            const auto tickets = std::make_shared<const Tickets>(place->tickets);
            company_.world.events().after(way(), [this, i, tickets] { go(i, tickets, 0); });
        });
}

void Crowd::go(std::size_t i, const std::shared_ptr<const Tickets>& tickets, std::size_t which) {
    if (which == tickets->size()) return after(up_to(kRetry), &Crowd::come, i);
    const NodeApi::Ticket& ticket = (*tickets)[which];
    if (below(100) < options_.cheats_percent) cheat(ticket);
    const auto server = server_at(ticket.token.address);
    if (!server || !reaches(clients_[i], servers_[*server]->setup().node)) {
        return go(i, tickets, which + 1);
    }
    servers_[*server]->redeem(ticket.text, [this, i, tickets, which, server = *server](
                                               const std::optional<NodeApi::Seat>& seat) {
        if (seat && seat->accepted()) return begin(i, server, *seat);
        if (seat && seat->valid && seat->status == registry::Hosting::Status::done) {
            ++refused_[static_cast<std::size_t>(seat->verdict)];
        }
        company_.world.events().after(way(),
                                      [this, i, tickets, which] { go(i, tickets, which + 1); });
    });
}

void Crowd::begin(std::size_t i, std::size_t server, const NodeApi::Seat& seat) {
    Client& client = clients_[i];
    client.session = seat.token.nonce;
    client.server = server;
    client.incarnation = servers_[server]->incarnation();
    client.token = seat.resume;
    client.away = false;
    const Time length = options_.shortest + up_to(options_.longest - options_.shortest);
    company_.world.events().after(
        length, [this, i, server, incarnation = client.incarnation, session = client.session] {
            end(i, server, incarnation, session);
        });
    if (below(100) >= options_.loses_percent) return;
    company_.world.events().after(up_to(length), [this, i, session = client.session, length] {
        if (clients_[i].session == session) lose(i, length / 3);
    });
}

void Crowd::end(std::size_t i, std::size_t server, std::uint64_t incarnation,
                std::uint64_t session) {
    GameServer& its = *servers_[server];
    const bool same = its.alive() && its.incarnation() == incarnation;
    company_.witness.over(session, same && its.holds(session));
    if (same) its.end(session);
    Client& client = clients_[i];
    if (client.session != session) return;
    if (client.away && same) ++missed_;
    client.session = 0;
    after(up_to(options_.pause), &Crowd::come, i);
}

// ---- a lost connection

void Crowd::lose_all(Time outage) {
    for (std::size_t i = 0; i < clients_.size(); ++i) {
        if (clients_[i].session != 0 && !clients_[i].away) lose(i, outage);
    }
}

void Crowd::lose(std::size_t i, Time outage) {
    Client& client = clients_[i];
    if (client.away) return;
    client.away = true;
    GameServer& its = *servers_[client.server];
    if (its.alive() && its.incarnation() == client.incarnation) its.lose(client.session);
    if (below(100) < options_.stays_away_percent) return;
    after(up_to(outage), &Crowd::come_back, i);
}

void Crowd::come_back(std::size_t i) {
    const std::uint64_t session = clients_[i].session;
    if (session == 0) return;
    company_.calls.ask<Session>(
        any_node(clients_[i]),
        [token = clients_[i].token](NodeApi& api) { return api.find(token); },
        [this, i, session](const std::optional<Session>& said) {
            if (clients_[i].session != session) return;
            if (said == Session::gone) return company_.witness.told_gone(session);
            if (said != Session::go) return after(up_to(kRetryReturn), &Crowd::come_back, i);
            after(way(), &Crowd::go_back, i);
        });
}

void Crowd::go_back(std::size_t i) {
    const std::uint64_t session = clients_[i].session;
    if (session == 0) return;
    GameServer& its = *servers_[clients_[i].server];
    if (!reaches(clients_[i], its.setup().node)) {
        return after(up_to(kRetryReturn), &Crowd::come_back, i);
    }
    its.redeem(clients_[i].token, [this, i, session](const std::optional<NodeApi::Seat>& seat) {
        Client& client = clients_[i];
        if (client.session != session) return;
        if (seat && seat->accepted()) {
            client.token = seat->resume;
            client.away = false;
            return;
        }
        const bool moved = seat && seat->valid && seat->status == registry::Hosting::Status::done &&
                           seat->verdict == SeatBook::Verdict::moved;
        if (moved) return company_.witness.told_gone(session);
        after(up_to(kRetryReturn), &Crowd::come_back, i);
    });
}

// ---- who tries to get in without a seat of his own

// A server takes whoever its node lets in, so it is the witness who sees an intruder.
void Crowd::cheat(const NodeApi::Ticket& ticket) {
    ++cheated_;
    if (old_tickets_.size() < kOldTickets) {
        old_tickets_.push_back(ticket);
    } else {
        old_tickets_[below(kOldTickets)] = ticket;
    }
    const NodeApi::Ticket& old = old_tickets_[below(old_tickets_.size())];
    std::string text = old.text;
    std::string address = old.token.address;
    Token forged = ticket.token;
    forged.nonce = company_.dice.next();
    switch (below(5)) {
        case 0:
            text = wrong_keys_.sign(forged);
            address = forged.address;
            break;
        case 1:  // a few letters changed
            text[below(text.size())] = 'A';
            if (text == old.text) text += 'A';
            break;
        case 2:  // for somebody else
            address = servers_[below(servers_.size())]->setup().address;
            if (address == old.token.address) return;
            break;
        case 3:  // a way back to a session that never was
            forged.kind = Token::Kind::resume;
            forged.session = "mine";
            text = wrong_keys_.sign(forged);
            address = forged.address;
            break;
        default:  // an old one: spent, expired, of an earlier life, or just not used yet
            if (company_.dice.below(2) == 0) text = ticket.text;
            if (text == ticket.text) address = ticket.token.address;
            break;
    }
    const auto server = server_at(address);
    if (!server) return;
    GameServer& its = *servers_[*server];
    its.redeem(text, [this, &its, server](const std::optional<NodeApi::Seat>& seat) {
        if (!seat || !seat->accepted()) return;
        // It got a seat with a ticket that nobody had used: it leaves at once.
        company_.world.events().after(
            way(), [this, &its, session = seat->token.nonce, incarnation = its.incarnation()] {
                const bool same = its.alive() && its.incarnation() == incarnation;
                company_.witness.over(session, same && its.holds(session));
                if (same) its.end(session);
            });
    });
}

void Crowd::report(Report& report) const {
    report.add("missed_returns", missed_);
    report.add("cheats", cheated_);
    for (std::size_t i = 1; i < refused_.size(); ++i) {
        report.add("refused_" + std::string{name(static_cast<SeatBook::Verdict>(i))}, refused_[i]);
    }
}

}  // namespace sim
