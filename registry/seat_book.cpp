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
    if (instance.capacity > 0) {
        if (!seats.reported) return {Verdict::not_ready, 0};
        if (seats.sessions + (seats.accepted - seats.counted) >= instance.capacity) {
            return {Verdict::full, 0};
        }
    }
    spent_.insert(spent);
    return {Verdict::accepted, ++seats.accepted};
}

void SeatBook::report(const Instance& instance, std::uint32_t sessions,
                      std::optional<std::uint64_t> seq) {
    Seats& seats = seats_of(instance);
    const std::uint64_t counted = seq ? std::min(*seq, seats.accepted) : seats.before_report;
    seats.reported = true;
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
    const std::uint64_t sessions = seats.reported ? seats.sessions : instance.sessions;
    return sessions + (seats.accepted - seats.counted);
}

std::uint64_t SeatBook::accepted(const Instance& instance) const {
    const auto at = seats_.find(instance.address);
    const bool known = at != seats_.end() && at->second.incarnation == instance.incarnation;
    return known ? at->second.accepted : 0;
}

void SeatBook::expire(std::uint64_t now_s) {
    spent_.erase(spent_.begin(), spent_.lower_bound({now_s, 0}));
}

}  // namespace registry
