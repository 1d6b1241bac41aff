#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "registry/plan.h"
#include "registry/seat_lease.h"
#include "registry/token.h"
#include "registry/view.h"

namespace registry {

// Which versions a client is offered, the best first: indices into `versions` of those that accept.
// Weighted rendezvous (Thaler and Ravishankar 1998; weights as in Schindelhauer and Schomaker
// 2005): every node gives a client the same version, versions get clients in proportion to their
// parts, and raising one's parts moves clients to it only, never between others. An empty client is
// a new one each time, told apart by `chance`.
[[nodiscard]] std::vector<std::size_t> rank_versions(std::string_view client, std::uint64_t chance,
                                                     std::span<const VersionPlan> versions);

struct ProtocolRange {
    std::uint32_t min = 0;
    std::uint32_t max = UINT32_MAX;
    [[nodiscard]] bool covers(std::uint32_t protocol) const {
        return protocol == 0 || (protocol >= min && protocol <= max);
    }
};

// Who looks for an instance.
struct Seeker {
    std::string client;  // a stable name of the client, or ""
    std::optional<ProtocolRange> protocol = std::nullopt;
    std::uint64_t chance = 0;  // random bits: equal ones give equal answers
    // packed: what this node knows of seats better than the view does; nullptr: nothing.
    const SeatPurse* purse = nullptr;
    std::uint64_t now_ms = 0;  // for the purse
};

constexpr std::size_t kMaxCandidates = 3;

struct Choice {
    enum class Outcome : std::uint8_t {
        go,           // to the first candidate; the others if it is full when the client comes
        full,         // versions accept, but no seat is free
        no_version,   // nothing accepts clients
        no_protocol,  // what accepts clients does not speak the client's protocol
        unknown_app,
    };
    Outcome outcome = Outcome::unknown_app;
    std::vector<const Row*> candidates;  // at most kMaxCandidates, different; of one version
    bool older = false;                  // the version drains: on_full is older
};
[[nodiscard]] std::string_view name(Choice::Outcome outcome);

// The ticket for a candidate. `nonce`: never drawn before. No lessee.
[[nodiscard]] Token ticket_for(const Row& row, const Policy& policy, std::uint64_t nonce,
                               std::uint64_t now_ms);

// The free seats of one app at one revision of the view. Made once per revision, in one pass over
// the app's rows; a choice then costs a few lookups, whatever the number of instances. Immutable.
class SeatMap {
  public:
    SeatMap(std::shared_ptr<const View> view, std::string_view app);

    [[nodiscard]] const View& view() const { return *view_; }
    // nullptr: the app is unknown.
    [[nodiscard]] const AppRow* app() const { return app_; }

    // spread: by chance, in proportion to free seats, because with stale views a server with the
    // most free seats draws everybody. packed: the fullest that has one, and that the purse does
    // not know to be full.
    [[nodiscard]] Choice choose(const Seeker& seeker) const;

    // Every row that a new client could get, of the versions that accept.
    [[nodiscard]] std::vector<const Row*> open() const;

    // A server without a capacity counts as one with so many seats, and has always one free.
    static constexpr std::uint32_t kUnlimitedSeats = 1000;

  private:
    struct Seat {
        const Row* row;
        std::uint64_t end;  // free seats up to and including this row
    };
    using Seats = std::vector<Seat>;

    [[nodiscard]] std::vector<const Row*> pick(const Seats& seats, const Seeker& seeker) const;

    std::shared_ptr<const View> view_;
    const AppRow* app_;
    std::map<std::string, Seats, std::less<>> versions_;  // with a free seat
};

}  // namespace registry
