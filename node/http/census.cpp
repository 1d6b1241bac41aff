#include "node/http/census.h"

#include <utility>

#include "gossip/table.h"

namespace node {
namespace {

CoreStatus status_of(const gossip::Core& core, gossip::Now now, std::uint64_t topic = 0) {
    const gossip::Polled polled =
        topic == 0 ? gossip::Polled{core.agreement(), 0} : core.polled(topic);
    return {polled,         core.table().fingerprint(),    core.table().size(),
            core.joined(),  core.partition_suspected(now), core.clock_offset(),
            core.counters()};
}

}  // namespace

bool Census::ask(Waiter waiter, std::uint64_t topic) {
    auto started = std::make_shared<std::shared_ptr<Round>>();
    return core_.submit(
        [self = shared_from_this(), waiter = std::move(waiter), started, topic](
            gossip::Core& core, gossip::Now now, gossip::Output& out) {
            std::erase_if(self->running_, [](const auto& entry) { return entry.second.expired(); });
            auto round = self->running_[topic].lock();
            if (!round || round->over) {
                round = std::make_shared<Round>();
                round->since = round->asked = now.mono;
                round->topic = topic;
                self->running_[topic] = round;
                *started = round;
                if (topic == 0) {
                    core.census(now, out);
                } else {
                    core.poll(topic, now, out);
                }
            }
            round->waiters.push_back(waiter);
        },
        [self = shared_from_this(), started] {
            if (*started) self->look(*started);
        });
}

bool Census::glance(Waiter waiter) {
    auto seen = std::make_shared<CoreStatus>();
    return core_.submit([seen](gossip::Core& core, gossip::Now now,
                               gossip::Output&) { *seen = status_of(core, now); },
                        [seen, waiter = std::move(waiter)] { waiter(*seen); });
}

void Census::look(const std::shared_ptr<Round>& round) {
    struct Seen {
        CoreStatus status;
        bool late = false;
    };
    auto self = shared_from_this();
    auto seen = std::make_shared<Seen>();
    const bool queued = core_.submit(
        [round, seen](gossip::Core& core, gossip::Now now, gossip::Output& out) {
            *seen = {status_of(core, now, round->topic), now.mono - round->since >= kPatience};
            const bool silent = seen->status.agreement.unheard > 0 && !seen->late;
            if (!silent || now.mono - round->asked < kRepeat) return;
            round->asked = now.mono;
            core.ask_again(round->topic, now, out);
        },
        [self, round, seen] { self->settle(round, seen->status, seen->late); });
    if (!queued) later_(kPause, [self, round] { self->look(round); });
}

void Census::settle(const std::shared_ptr<Round>& round, const CoreStatus& status, bool late) {
    if (status.agreement.unheard > 0 && !late) {
        later_(kPause, [self = shared_from_this(), round] { self->look(round); });
        return;
    }
    round->over = true;
    for (const Waiter& waiter : round->waiters) waiter(status);
}

}  // namespace node
