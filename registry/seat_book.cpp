#include "registry/seat_book.h"

#include <algorithm>
#include <array>

namespace registry {
namespace {

constexpr std::array<std::string_view, 7> kVerdicts{"accepted", "full",  "draining", "moved",
                                                    "spent",    "stale", "not_ready"};

}  // namespace

std::string_view name(SeatBook::Verdict verdict) {
    return kVerdicts[static_cast<std::size_t>(verdict)];
}

SeatBook::Seats& SeatBook::seats_of(const Instance& instance) {
    const auto at = seats_.try_emplace(instance.address).first;
    Seats& seats = at->second;
    if (seats.incarnation != instance.incarnation) {
        seats = Seats{};
        seats.incarnation = instance.incarnation;
        seats.accepted = seats.counted = seats.before_report = base_;
    }
    return seats;
}

SeatBook::Redeemed SeatBook::redeem(const Token& token, const Instance& instance, bool draining,
                                    std::uint64_t now_ms) {
    expire(now_ms / 1000);
    const bool over = instance.closed_epoch != 0 || instance.phase == Phase::stopped;
    if (token.incarnation != instance.incarnation || over) return {Verdict::moved, 0};
    Seats& seats = seats_of(instance);
    if (token.kind == Token::Kind::resume) {
        // Its seat is among the server's sessions until the window of the session closes.
        return {Verdict::accepted, seats.accepted};
    }
    const std::pair spent{token.expires_s, token.nonce};
    if (spent_.contains(spent)) return {Verdict::spent, 0};
    if (token.issued_ms < born_ms_) return {Verdict::stale, 0};
    if (draining || instance.phase == Phase::stopping) return {Verdict::draining, 0};
    Lease* lease = seats.lease_of(token.lessee, now_ms);
    if (instance.capacity > 0) {
        if (!seats.reported) return {Verdict::not_ready, 0};
        const std::uint64_t kept = lease ? 0 : seats.leased(now_ms);
        if (seats.taken() + kept >= instance.capacity) return {Verdict::full, 0};
    }
    if (lease) --lease->seats;
    spent_.insert(spent);
    return {Verdict::accepted, ++seats.accepted};
}

std::uint64_t SeatBook::Seats::leased(std::uint64_t now_ms) const {
    std::uint64_t sum = 0;
    for (const auto& entry : leases) {
        if (entry.second.until_ms > now_ms) sum += entry.second.seats;
    }
    return sum;
}

// One with a seat left; nullptr: there is none.
SeatBook::Lease* SeatBook::Seats::lease_of(std::uint64_t lessee, std::uint64_t now_ms) {
    const auto at = leases.find(gossip::NodeId{lessee});
    const bool valid = at != leases.end() && at->second.until_ms > now_ms && at->second.seats > 0;
    return valid ? &at->second : nullptr;
}

LeaseAnswer SeatBook::lease(const LeaseQuestion& question, gossip::NodeId lessee,
                            const Instance& instance, std::uint64_t hold_ms, std::uint64_t now_ms) {
    Seats& seats = seats_of(instance);
    std::erase_if(seats.leases, [&](const auto& entry) {
        return entry.second.until_ms <= now_ms && entry.first != lessee;
    });
    Lease& lease = seats.leases[lessee];
    if (lease.until_ms <= now_ms) lease.seats = 0;
    if (question.round != 0 && question.round == lease.round) return lease.answer;
    lease.seats -= std::min(lease.seats, question.returned);
    const std::uint64_t gone = seats.taken() + seats.leased(now_ms);
    const std::uint64_t free = instance.capacity > gone ? instance.capacity - gone : 0;
    lease.round = question.round;
    lease.answer.offered = seats.reported;
    lease.answer.seats = 0;
    if (seats.reported) {
        lease.answer.seats = static_cast<std::uint32_t>(
            std::min<std::uint64_t>({question.wanted, SeatPurse::kMaxBatch, free}));
    }
    lease.answer.left = static_cast<std::uint32_t>(free - lease.answer.seats);
    lease.seats += lease.answer.seats;
    if (lease.answer.seats > 0 || lease.until_ms <= now_ms) lease.until_ms = now_ms + hold_ms;
    return lease.answer;
}

std::uint64_t SeatBook::leased(const Instance& instance, std::uint64_t now_ms) const {
    const auto at = seats_.find(instance.address);
    const bool known = at != seats_.end() && at->second.incarnation == instance.incarnation;
    return known ? at->second.leased(now_ms) : 0;
}

void SeatBook::report(const Instance& instance, std::uint32_t sessions,
                      std::optional<std::uint64_t> seq) {
    Seats& seats = seats_of(instance);
    const std::uint64_t counted = seq ? std::min(*seq, seats.accepted) : seats.before_report;
    // One that still counts in the book of an earlier process may be about to seat whom that one
    // has accepted: it is believed when it has heard of this book and nothing of that one is open.
    seats.reported = seats.reported || !seq || *seq >= base_;
    seats.sessions = sessions;
    seats.counted = std::max(seats.counted, counted);
    seats.before_report = seats.accepted;
}

std::uint64_t SeatBook::taken(const Instance& instance) const {
    const auto at = seats_.find(instance.address);
    if (at == seats_.end() || at->second.incarnation != instance.incarnation) {
        return instance.sessions;
    }
    const Seats& seats = at->second;
    return seats.reported ? seats.taken() : seats.taken() - seats.sessions + instance.sessions;
}

std::uint64_t SeatBook::accepted(const Instance& instance) const {
    const auto at = seats_.find(instance.address);
    const bool known = at != seats_.end() && at->second.incarnation == instance.incarnation;
    return known ? at->second.accepted : base_;
}

void SeatBook::expire(std::uint64_t now_s) {
    while (spent_.size() > kKeptSpent && spent_.begin()->first < now_s) {
        spent_.erase(spent_.begin());
    }
}

}  // namespace registry
