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
            question = purse_.question(row.address(), row.incarnation());
            rounds_[question.round] = question.address;
            pending.question = question;
            pending.owner = row.owner();
            pending.tries = 1;
        }
    }
    if (question.address.empty()) return then(false);
    send(question, row.owner());
    look_after(question.address, question.round);
}

// Answers name their round, so that it does not matter which of several questions they are to.
void SeatDesk::send(const LeaseQuestion& question, gossip::NodeId owner) {
    (void)core_.submit(
        [bytes = registry::encode(question), owner](gossip::Core& core, gossip::Now now,
                                                    gossip::Output& out) {
            (void)core.ask(owner, gossip::as_bytes(bytes), now, out);  // silence will tell
        },
        [] {});
}

std::vector<SeatDesk::Then> SeatDesk::settle(const std::string& address,
                                             const registry::LeaseAnswer& answer) {
    const auto pending = pending_.extract(address);
    purse_.answered(pending.mapped().question, answer, now_ms_());
    rounds_.erase(pending.mapped().question.round);
    waiting_ -= pending.mapped().waiting.size();
    if (answer.seats > 0) {
        owners_[address] = pending.mapped().owner;
        give_back_later();
    }
    return pending.mapped().waiting;
}

void SeatDesk::answered(const gossip::Output::Answered& answer) {
    const auto lease = registry::decode_lease_answer(gossip::as_bytes(answer.answer));
    if (!lease) return;
    std::vector<Then> waiting;
    {
        const std::lock_guard lock(mutex_);
        const auto round = rounds_.find(lease->round);
        if (round == rounds_.end()) return;  // a copy, or of seats that were given back
        waiting = settle(std::string{round->second}, *lease);
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
                waiting = settle(address, {});
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
