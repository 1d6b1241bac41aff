#include <algorithm>

#include "sim/baseline/cluster.h"
#include "sim/baseline/swim.h"

// The failure detector: memberlist's probe(), probeNode() and the handlers of what they send.

namespace sim::baseline {

// A probe that takes longer than the interval swallows the ticks in between but one.
void Swim::tick() {
    if (probe_.sequence != 0) {
        tick_missed_ = true;
        return;
    }
    const std::uint32_t target = next_target();
    if (target != kNobody) probe(target);
}

// Round robin over a shuffled list, SWIM's bound on the time until everyone is probed.
std::uint32_t Swim::next_target() {
    for (std::size_t checked = 0; checked < order_.size(); ++checked) {
        if (next_ == order_.size()) {
            next_ = 0;
            rng_.shuffle(order_);
        }
        const std::uint32_t target = order_[next_++];
        if (target != index() && members_[target].state != State::dead) return target;
    }
    return kNobody;
}

void Swim::probe(std::uint32_t target) {
    const std::uint32_t sequence = ++sequence_;
    probe_ = Probe{};
    probe_.sequence = sequence;
    probe_.target = target;
    const std::string ping = swim_message(SwimType::ping, {target, index()}, {sequence});
    const Member& member = members_[target];
    if (member.state == State::alive) {
        send_with_news(target, ping);
    } else {
        // Lifeguard's buddy system: who is suspected hears it with the ping.
        send_packet(
            target,
            {ping, swim_message(SwimType::suspect, {target, index()}, {member.incarnation})},
            false);
    }
    after(kProbeTimeout, [this, sequence] {
        if (probe_.sequence == sequence) probe_indirectly();
    });
    // Lifeguard's local health: who hears little itself waits for longer.
    after(kProbeInterval * (awareness_ + 1), [this, sequence] {
        if (probe_.sequence == sequence) probe_failed();
    });
}

void Swim::probe_indirectly() {
    const std::uint32_t target = probe_.target;
    const auto wanted = [&](std::uint32_t member) {
        return member != target && members_[member].state == State::alive;
    };
    for (const std::uint32_t relay : some_members(kIndirectChecks, wanted)) {
        ++probe_.relays;
        send_with_news(relay,
                       swim_message(SwimType::indirect_ping, {target, index()}, {probe_.sequence}));
    }
    // Besides, a ping over a stream: who answers that is not suspected.
    probe_.stream =
        open_stream(target, swim_message(SwimType::ping, {target, index()}, {probe_.sequence}));
}

void Swim::probe_failed() {
    const Probe failed = probe_;
    if (failed.contacted) {
        probe_ended(-1);
        return;
    }
    // A relay that answers neither way says something about this node.
    const unsigned missing = failed.relays - std::min(failed.relays, failed.nacks);
    suspect(failed.target, members_[failed.target].incarnation, index());
    probe_ended(failed.relays > 0 ? static_cast<int>(missing) : 1);
}

void Swim::probe_ended(int awareness) {
    adjust_awareness(awareness);
    close_stream(probe_.stream);
    probe_ = Probe{};
    if (!tick_missed_) return;
    tick_missed_ = false;
    tick();
}

void Swim::acknowledged(std::uint32_t sequence) {
    if (probe_.sequence != 0 && sequence == probe_.sequence) {
        probe_ended(-1);
        return;
    }
    const auto relayed = relayed_.find(sequence);
    if (relayed == relayed_.end()) return;
    const auto [asker, original] = relayed->second;
    relayed_.erase(relayed);
    send_with_news(asker, swim_message(SwimType::ack, {}, {original}));
}

void Swim::ping_received(std::uint32_t from, Reader& message) {
    const std::uint32_t target = message.node();
    message.node();
    const auto sequence = static_cast<std::uint32_t>(message.number(4));
    if (target == index()) send_with_news(from, swim_message(SwimType::ack, {}, {sequence}));
}

void Swim::relay_received(std::uint32_t from, Reader& message) {
    const std::uint32_t target = message.node();
    message.node();
    const auto original = static_cast<std::uint32_t>(message.number(4));
    const std::uint32_t sequence = ++sequence_;
    relayed_[sequence] = {from, original};
    send_with_news(target, swim_message(SwimType::ping, {target, index()}, {sequence}));
    after(kProbeTimeout, [this, sequence, from, original] {
        if (relayed_.erase(sequence) == 0) return;
        send_with_news(from, swim_message(SwimType::nack, {}, {original}));
    });
}

void Swim::adjust_awareness(int delta) {
    const int score = static_cast<int>(awareness_) + delta;
    awareness_ = static_cast<unsigned>(std::clamp(score, 0, static_cast<int>(kMaxAwareness) - 1));
}

}  // namespace sim::baseline
