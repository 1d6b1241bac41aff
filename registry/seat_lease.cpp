#include "registry/seat_lease.h"

#include <algorithm>

namespace registry {
namespace {

// The first byte of what shells of nodes ask each other, one per kind of question.
constexpr std::uint8_t kLease = 1;

}  // namespace

std::string encode(const LeaseQuestion& question) {
    std::string out;
    gossip::Writer w{out};
    w.u8(kLease);
    w.text(question.address);
    w.varint(question.incarnation);
    w.varint(question.round);
    w.varint(question.wanted);
    w.varint(question.returned);
    return out;
}

std::string encode(const LeaseAnswer& answer) {
    std::string out;
    gossip::Writer w{out};
    w.u8(kLease);
    w.u8(answer.offered ? 1 : 0);
    w.varint(answer.seats);
    w.varint(answer.left);
    w.varint(answer.round);
    return out;
}

// Bytes that follow are of a later release.
std::optional<LeaseQuestion> decode_lease_question(gossip::Bytes bytes) {
    gossip::Reader r{bytes};
    if (r.u8() != kLease) return std::nullopt;
    LeaseQuestion q;
    q.address = r.text();
    q.incarnation = r.varint();
    q.round = r.varint();
    const std::uint64_t wanted = r.varint();
    const std::uint64_t returned = r.varint();
    if (!r.ok() || wanted > SeatPurse::kMaxBatch || returned > UINT32_MAX) return std::nullopt;
    q.wanted = static_cast<std::uint32_t>(wanted);
    q.returned = static_cast<std::uint32_t>(returned);
    return q;
}

std::optional<LeaseAnswer> decode_lease_answer(gossip::Bytes bytes) {
    gossip::Reader r{bytes};
    if (r.u8() != kLease) return std::nullopt;
    LeaseAnswer a;
    a.offered = r.u8() == 1;
    const std::uint64_t seats = r.varint();
    const std::uint64_t left = r.varint();
    a.round = r.varint();
    if (!r.ok() || seats > SeatPurse::kMaxBatch) return std::nullopt;
    a.seats = static_cast<std::uint32_t>(seats);
    a.left = static_cast<std::uint32_t>(std::min<std::uint64_t>(left, UINT32_MAX));
    return a;
}

const SeatPurse::Held* SeatPurse::find(std::string_view address, std::uint64_t incarnation) const {
    const auto at = held_.find(address);
    return at != held_.end() && at->second.incarnation == incarnation ? &at->second : nullptr;
}

bool SeatPurse::take(std::string_view address, std::uint64_t incarnation, std::uint64_t now_ms) {
    const auto at = held_.find(address);
    if (at == held_.end() || at->second.incarnation != incarnation) return false;
    Held& held = at->second;
    if (held.seats == 0 || now_ms >= held.until_ms) return false;
    if (--held.seats > 0) return true;
    held.batch = std::min(2 * held.batch, kMaxBatch);
    if (held.left == 0) held.full_until_ms = now_ms + kFullMs;
    return true;
}

bool SeatPurse::full(std::string_view address, std::uint64_t incarnation,
                     std::uint64_t now_ms) const {
    const Held* held = find(address, incarnation);
    return held != nullptr && held->seats == 0 && now_ms < held->full_until_ms;
}

LeaseQuestion SeatPurse::question(std::string_view address, std::uint64_t incarnation) {
    const Held* held = find(address, incarnation);
    LeaseQuestion q;
    q.address = address;
    q.incarnation = incarnation;
    q.round = ++round_;
    q.wanted = held ? held->batch : 1;
    return q;
}

void SeatPurse::answered(const LeaseQuestion& question, const LeaseAnswer& answer,
                         std::uint64_t now_ms) {
    auto at = held_.find(question.address);
    if (at == held_.end()) at = held_.emplace(question.address, Held{}).first;
    Held& held = at->second;
    if (held.incarnation != question.incarnation) {
        held = Held{};
        held.incarnation = question.incarnation;
    }
    held.until_ms = now_ms + kUseMs;
    held.seats += answer.offered ? answer.seats : 0;
    held.left = answer.offered ? answer.left : 0;
    held.full_until_ms = held.seats == 0 ? now_ms + kFullMs : 0;
}

std::vector<LeaseQuestion> SeatPurse::unused(std::uint64_t now_ms) {
    std::vector<LeaseQuestion> questions;
    std::erase_if(held_, [&](auto& entry) {
        const Held& held = entry.second;
        if (now_ms < held.until_ms) return false;
        if (held.seats > 0) {
            LeaseQuestion back;
            back.address = entry.first;
            back.incarnation = held.incarnation;
            back.round = ++round_;
            back.returned = held.seats;
            questions.push_back(std::move(back));
        }
        return true;
    });
    return questions;
}

}  // namespace registry
