#include "node/http/seat_desk.h"

#include <utility>

namespace node {

using registry::LeaseQuestion;
using registry::Row;

SeatDesk::SeatDesk(CoreHandle& core, const Published<registry::View>& view, ClusterMs now_ms,
                   Later later)
    : core_(core),
      view_(view),
      now_ms_(std::move(now_ms)),
      later_(std::move(later)),
      hosting_(now_ms_()),
      purse_(now_ms_()) {
    core_.listen(this);
}

SeatDesk::~SeatDesk() {
    core_.listen(nullptr);
}

// ---- the lender, on the core thread

void SeatDesk::asked(const gossip::Asked& question, gossip::Core& core, gossip::Now now,
                     gossip::Output& out) {
    const auto lease = registry::decode_lease_question(gossip::as_bytes(question.question));
    if (!lease) return;
    const auto answer = hosting_.lease(core, *view_.load(), question.from, *lease, now_ms_());
    const std::string bytes = registry::encode(answer);
    core.reply(question, gossip::as_bytes(bytes), now, out);
}

// ---- the borrower

registry::Choice SeatDesk::choose(const registry::SeatMap& seats, registry::Seeker seeker) {
    const std::lock_guard lock(mutex_);
    seeker.purse = &purse_;
    seeker.now_ms = now_ms_();
    return seats.choose(seeker);
}

bool SeatDesk::take(const Row& row) {
    const std::lock_guard lock(mutex_);
    return purse_.take(row.address(), row.incarnation(), now_ms_());
}

void SeatDesk::lease(const Row& row, const Then& then) {
    LeaseQuestion question;
    {
        const std::lock_guard lock(mutex_);
        if (waiting_ >= kMaxWaiting) {
            question.address.clear();
        } else {
            ++waiting_;
            Pending& pending = pending_[std::string{row.address()}];
            pending.waiting.push_back(then);
            if (pending.waiting.size() > 1) return;
            question = purse_.question(row.address(), row.incarnation(), 1);
            pending.question = question;
            pending.owner = row.owner();
            pending.tries = 1;
        }
    }
    if (question.address.empty()) return then(false);
    send(question, row.owner());
    look_after(question.address, question.round);
}

// Numbers are known before the answer can be: both happen on the core thread, one after the other.
void SeatDesk::send(const LeaseQuestion& question, gossip::NodeId owner) {
    (void)core_.submit(
        [this, bytes = registry::encode(question), address = question.address, owner](
            gossip::Core& core, gossip::Now now, gossip::Output& out) {
            const std::uint32_t number = core.ask(owner, gossip::as_bytes(bytes), now, out);
            if (number == 0) return;  // silence will tell
            const std::lock_guard lock(mutex_);
            numbers_[number] = address;
        },
        [] {});
}

void SeatDesk::answered(const gossip::Output::Answered& answer) {
    std::vector<Then> waiting;
    {
        const std::lock_guard lock(mutex_);
        const auto number = numbers_.find(answer.question);
        if (number == numbers_.end()) return;
        const auto pending = pending_.find(number->second);
        numbers_.erase(number);
        const auto lease = registry::decode_lease_answer(gossip::as_bytes(answer.answer));
        if (!lease || pending == pending_.end()) return;
        purse_.answered(pending->second.question, *lease, now_ms_());
        if (lease->seats > 0) owners_[pending->first] = pending->second.owner;
        waiting = std::move(pending->second.waiting);
        waiting_ -= waiting.size();
        pending_.erase(pending);
        if (lease->seats > 0) give_back_later();
    }
    for (const Then& then : waiting) then(true);
}

// A lost datagram is repeated; a node that does not answer lends nothing.
void SeatDesk::look_after(const std::string& address, std::uint64_t round) {
    later_(kPatience, [this, address, round] {
        std::vector<Then> waiting;
        LeaseQuestion again;
        gossip::NodeId owner;
        {
            const std::lock_guard lock(mutex_);
            const auto pending = pending_.find(address);
            if (pending == pending_.end() || pending->second.question.round != round) return;
            if (++pending->second.tries <= kTries) {
                again = pending->second.question;
                owner = pending->second.owner;
            } else {
                purse_.answered(pending->second.question, {}, now_ms_());
                waiting = std::move(pending->second.waiting);
                waiting_ -= waiting.size();
                pending_.erase(pending);
                std::erase_if(numbers_, [&](const auto& n) { return n.second == address; });
            }
        }
        if (!again.address.empty()) {
            send(again, owner);
            return look_after(address, round);
        }
        for (const Then& then : waiting) then(false);
    });
}

// Requires the lock. Looks again as long as anything is leased.
void SeatDesk::give_back_later() {
    if (std::exchange(giving_back_, true)) return;
    later_(std::chrono::milliseconds{registry::SeatPurse::kUseMs}, [this] {
        std::vector<std::pair<LeaseQuestion, gossip::NodeId>> back;
        {
            const std::lock_guard lock(mutex_);
            giving_back_ = false;
            for (LeaseQuestion& question : purse_.unused(now_ms_())) {
                const auto owner = owners_.find(question.address);
                if (owner == owners_.end()) continue;
                back.emplace_back(std::move(question), owner->second);
            }
            if (purse_.instances() > 0) {
                give_back_later();
            } else {
                owners_.clear();
            }
        }
        for (const auto& [question, owner] : back) send(question, owner);
    });
}

}  // namespace node
