#include "registry/selection.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <utility>

#include "gossip/hash.h"
#include "gossip/random.h"

namespace registry {
namespace {

constexpr std::array<std::string_view, 5> kOutcomes{"go", "full", "no_version", "no_protocol",
                                                    "unknown_app"};
// Not secret: every node has to draw alike.
constexpr gossip::HashKey kVersionKey{0x72656e64657a766f, 0x7573};
constexpr int kTries = 32;  // to find another candidate by chance, before it is taken as it comes

double score(std::string_view client, std::uint64_t chance, const VersionPlan& version) {
    std::string text{version.version};
    text += '\n';
    if (client.empty()) {
        text += std::to_string(chance);
    } else {
        text += client;
    }
    const std::uint64_t word = gossip::siphash(kVersionKey, gossip::as_bytes(text));
    const double unit = (static_cast<double>(word >> 11) + 0.5) * 0x1p-53;  // 0 < unit < 1
    return -static_cast<double>(version.parts) / std::log(unit);
}

std::uint32_t free_seats(const Row& row) {
    if (row.capacity() > 0) {
        return row.capacity() > row.sessions() ? row.capacity() - row.sessions() : 0;
    }
    constexpr std::uint32_t kSeats = SeatMap::kUnlimitedSeats;
    return row.sessions() < kSeats ? kSeats - row.sessions() : 1;
}

bool known_full(const Seeker& seeker, const Row& row) {
    return seeker.purse && seeker.purse->full(row.address(), row.incarnation(), seeker.now_ms);
}

bool takes_clients(const Row& row) {
    return row.state() == State::up && !row.fenced();
}

}  // namespace

std::string_view name(Choice::Outcome outcome) {
    return kOutcomes[static_cast<std::size_t>(outcome)];
}

std::vector<std::size_t> rank_versions(std::string_view client, std::uint64_t chance,
                                       std::span<const VersionPlan> versions) {
    std::vector<std::pair<double, std::size_t>> scores;
    for (std::size_t i = 0; i < versions.size(); ++i) {
        if (versions[i].role != Role::accepting) continue;
        scores.emplace_back(score(client, chance, versions[i]), i);
    }
    std::sort(scores.begin(), scores.end(), std::greater<>{});
    std::vector<std::size_t> ranked;
    ranked.reserve(scores.size());
    for (const auto& entry : scores) ranked.push_back(entry.second);
    return ranked;
}

Token ticket_for(const Row& row, const Policy& policy, std::uint64_t nonce, std::uint64_t now_ms) {
    Token ticket;
    ticket.app = row.app();
    ticket.version = row.version();
    ticket.address = row.address();
    ticket.incarnation = row.incarnation();
    ticket.issued_ms = now_ms;
    ticket.expires_s = now_ms / 1000 + policy.ticket_ttl_s;
    ticket.nonce = nonce;
    return ticket;
}

SeatMap::SeatMap(std::shared_ptr<const View> view, std::string_view app)
    : view_(std::move(view)), app_(view_->app(app)) {
    if (!app_) return;
    view_->for_each_of(app, [this](const Row& row) {
        const std::uint32_t free = takes_clients(row) ? free_seats(row) : 0;
        if (free == 0) return;
        auto at = versions_.find(row.version());
        if (at == versions_.end()) at = versions_.emplace(row.version(), Seats{}).first;
        Seats& seats = at->second;
        seats.push_back({&row, (seats.empty() ? 0 : seats.back().end) + free});
    });
    if (app_->app.policy.pick != Pick::packed) return;
    for (auto& entry : versions_) {
        std::sort(entry.second.begin(), entry.second.end(), [](const Seat& a, const Seat& b) {
            return std::pair{free_seats(*a.row), a.row->address()} <
                   std::pair{free_seats(*b.row), b.row->address()};
        });
    }
}

std::vector<const Row*> SeatMap::pick(const Seats& all, const Seeker& seeker) const {
    Seats matching;
    if (seeker.protocol) {
        for (const Seat& seat : all) {
            if (!seeker.protocol->covers(seat.row->protocol())) continue;
            const std::uint64_t before = matching.empty() ? 0 : matching.back().end;
            matching.push_back({seat.row, before + free_seats(*seat.row)});
        }
    }
    const Seats& seats = seeker.protocol ? matching : all;
    const std::size_t wanted = std::min(seats.size(), kMaxCandidates);
    std::vector<const Row*> rows;
    if (app_->app.policy.pick == Pick::packed) {
        for (const Seat& seat : seats) {
            if (rows.size() == wanted) break;
            if (!known_full(seeker, *seat.row)) rows.push_back(seat.row);
        }
        return rows;
    }
    gossip::Rng random{seeker.chance};
    const auto add = [&rows](const Row* row) {
        if (std::find(rows.begin(), rows.end(), row) == rows.end()) rows.push_back(row);
    };
    for (int tries = 0; rows.size() < wanted && tries < kTries; ++tries) {
        const std::uint64_t seat = random.below(seats.back().end);
        add(std::upper_bound(
                seats.begin(), seats.end(), seat,
                [](std::uint64_t wanted_seat, const Seat& s) { return wanted_seat < s.end; })
                ->row);
    }
    for (std::size_t i = 0; rows.size() < wanted; ++i) add(seats[i].row);
    return rows;
}

std::vector<const Row*> SeatMap::open() const {
    std::vector<const Row*> rows;
    if (!app_) return rows;
    for (const VersionPlan& version : app_->plan.versions) {
        const auto at = versions_.find(version.version);
        if (version.role != Role::accepting || at == versions_.end()) continue;
        for (const Seat& seat : at->second) rows.push_back(seat.row);
    }
    return rows;
}

Choice SeatMap::choose(const Seeker& seeker) const {
    Choice choice;
    if (!app_) return choice;
    const std::vector<VersionPlan>& versions = app_->plan.versions;
    const std::vector<std::size_t> ranked = rank_versions(seeker.client, seeker.chance, versions);
    choice.outcome = ranked.empty() ? Choice::Outcome::no_version : Choice::Outcome::full;
    const auto try_version = [&](const VersionPlan& version) {
        const auto at = versions_.find(version.version);
        if (at == versions_.end()) return false;
        const Seats& seats = at->second;
        const bool spoken = std::any_of(seats.begin(), seats.end(), [&](const Seat& seat) {
            return !seeker.protocol || seeker.protocol->covers(seat.row->protocol());
        });
        choice.outcome = spoken ? Choice::Outcome::full : Choice::Outcome::no_protocol;
        if (spoken) choice.candidates = pick(seats, seeker);
        if (choice.candidates.empty()) return false;
        choice.outcome = Choice::Outcome::go;
        return true;
    };
    for (const std::size_t i : ranked) {
        if (try_version(versions[i])) return choice;
    }
    if (ranked.empty() || app_->app.policy.on_full != OnFull::older) return choice;
    const Choice::Outcome without = choice.outcome;
    for (const VersionPlan& version : versions) {
        if (version.role != Role::draining || version.reason == Reason::quarantined) continue;
        if (!try_version(version)) continue;
        choice.older = true;
        return choice;
    }
    choice.outcome = without;
    return choice;
}

}  // namespace registry
