#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "gossip/time.h"
#include "registry/instance.h"
#include "registry/seat_lease.h"
#include "registry/token.h"

namespace registry {

// The arbiter of the seats of the instances that one node watches: the one place where a ticket
// becomes a session. A ticket names one instance, so only this book can redeem it, and once needs
// no consensus. What it knows lies in memory: after a restart it refuses tickets of before, and
// waits for each server's word on its sessions, before it gives a seat away.
class SeatBook {
  public:
    // `born_ms`: Unix ms at which this book was opened; tickets issued before are stale. Numbers of
    // acceptances begin above those of every earlier book, so that none is taken for another.
    explicit SeatBook(std::uint64_t born_ms) : born_ms_(born_ms), base_(born_ms << 20U) {}

    enum class Verdict : std::uint8_t {
        accepted,   // a new session, or the return of one
        full,       // no seat is free
        draining,   // no new clients here; resume tokens are welcome
        moved,      // that life of the instance is over, or it has fenced itself
        spent,      // the ticket was redeemed before
        stale,      // issued before this node started: ask for another one
        not_ready,  // the server has not said yet how many sessions it has: try again soon
    };

    struct Redeemed {
        Verdict verdict = Verdict::moved;
        // Counts what was accepted for this life of the instance. The server sends back the
        // last one it has counted, so that nothing is counted twice.
        std::uint64_t seq = 0;
    };
    // Requires a token that was verified, for the address of `instance`. `draining`: it takes no
    // new clients.
    Redeemed redeem(const Token& token, const Instance& instance, bool draining,
                    std::uint64_t now_ms);

    // Sets seats aside for a node: see LeaseQuestion. They are held for `hold_ms`, each until a
    // ticket of that node is redeemed for it. Grants what is free, at most what is wanted; none
    // before the server has said how many sessions it has.
    LeaseAnswer lease(const LeaseQuestion& question, gossip::NodeId lessee,
                      const Instance& instance, std::uint64_t hold_ms, std::uint64_t now_ms);
    // Seats that are set aside.
    [[nodiscard]] std::uint64_t leased(const Instance& instance, std::uint64_t now_ms) const;

    // The server's word: so many sessions, those that may still be resumed among them, of which it
    // has counted everything accepted up to `seq`. Seats are given away once that is a
    // number of this book: see accepted(). A server that says none has counted, we take it, what
    // was accepted before its last word but this one.
    void report(const Instance& instance, std::uint32_t sessions, std::optional<std::uint64_t> seq);
    // Sessions, and seats that were given away since the server's last word.
    [[nodiscard]] std::uint64_t taken(const Instance& instance) const;
    // The number of the last acceptance for this life of the instance, which the server repeats.
    [[nodiscard]] std::uint64_t accepted(const Instance& instance) const;
    // Forgets the seats of every instance that `wanted` is not true of: deleted, or another's now.
    template <class Wanted>
    void keep(Wanted wanted) {
        std::erase_if(seats_, [&](const auto& entry) { return !wanted(entry.first); });
    }
    [[nodiscard]] std::size_t size() const { return seats_.size(); }  // instances
    // Drops tickets that are expired anyway, beyond the last kKeptSpent: a clock that steps ahead
    // and back makes others valid again. O(dropped log n).
    void expire(std::uint64_t now_s);
    static constexpr std::size_t kKeptSpent = 16'384;  // about 1 MB

  private:
    struct Lease {
        std::uint64_t round = 0;  // of the last question, and what the answer was
        LeaseAnswer answer = {};
        std::uint32_t seats = 0;
        std::uint64_t until_ms = 0;
    };
    struct Seats {
        std::uint64_t incarnation = 0;
        bool reported = false;
        std::uint32_t sessions = 0;
        std::uint64_t accepted = 0;       // so far
        std::uint64_t counted = 0;        // of these, by the server
        std::uint64_t before_report = 0;  // of these, when it had its last word
        std::map<gossip::NodeId, Lease> leases = {};

        // What the server has said, and what it has not counted yet.
        [[nodiscard]] std::uint64_t taken() const { return sessions + (accepted - counted); }
        [[nodiscard]] std::uint64_t leased(std::uint64_t now_ms) const;
        [[nodiscard]] Lease* lease_of(std::uint64_t lessee, std::uint64_t now_ms);
    };
    Seats& seats_of(const Instance& instance);

    std::uint64_t born_ms_;
    std::uint64_t base_;
    std::map<std::string, Seats, std::less<>> seats_;
    std::set<std::pair<std::uint64_t, std::uint64_t>> spent_;  // expiry, nonce
};

[[nodiscard]] std::string_view name(SeatBook::Verdict verdict);

}  // namespace registry
