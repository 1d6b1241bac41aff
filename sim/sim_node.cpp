#include "sim/sim_node.h"

#include <algorithm>
#include <utility>

#include "gossip/membership.h"
#include "gossip/table.h"
#include "sim/world.h"

namespace sim {

using gossip::Output;
using gossip::StreamId;

SimNode::SimNode(World& world, std::uint32_t index, gossip::Identity identity, Clock clock)
    : world_(world), index_(index), identity_(std::move(identity)), clock_(clock) {}

gossip::Now SimNode::now() const {
    return clock_.now(world_.now());
}

template <class Input>
void SimNode::turn(Input input) {
    CHECK(running() && !paused_);
    Output& out = world_.scratch();
    out.clear();
    const gossip::Now moment = now();
    input(moment, out);
    core_->tick(moment, out);
    world_.before_effects(*this, out);
    gossip::perform(out, *this);
    if (effects_left_ && *effects_left_ == 0) {
        crash();
        return;
    }
    world_.after_turn(*this, out);
    arm();
}

void SimNode::start(const gossip::SharedBase& base) {
    CHECK(!running());
    powered_ = true;
    ++process_;
    const gossip::Now moment = now();
    core_ = std::make_unique<gossip::Core>(world_.config(), identity_, world_.rng().next(), moment,
                                           base);
    core_->set_horizon(disk_.horizon());
    for (const auto& [key, record] : disk_.rows()) core_->restore(record.bytes(), moment);
    world_.started(*this);
    core_->set_seeds(world_.seeds(), moment);
    turn([&](gossip::Now t, Output& out) { core_->start(t, out); });
}

void SimNode::crash() {
    CHECK(running());
    core_.reset();
    disk_.crash();
    ++process_;
    effects_left_.reset();
    paused_ = false;
    waiting_.clear();
    waiting_bytes_ = 0;
    wake_at_.reset();
    flush_scheduled_ = false;
    world_.crashed(*this);
}

void SimNode::lose_power() {
    crash();
    powered_ = false;
}

void SimNode::leave() {
    turn([&](gossip::Now t, Output& out) { core_->leave(t, out); });
}

void SimNode::pause() {
    CHECK(running());
    paused_ = true;
}

// What waited in the sockets is read first: a process that was stopped does not know it yet.
void SimNode::resume() {
    if (!paused_) return;
    paused_ = false;
    waiting_bytes_ = 0;
    const std::uint64_t process = process_;
    for (Events::Action& input : std::exchange(waiting_, {})) {
        if (process == process_) input();
    }
    if (process == process_) turn([](gossip::Now, Output&) {});
}

gossip::PutResult SimNode::put(const gossip::LocalWrite& write) {
    gossip::PutResult result;
    turn([&](gossip::Now t, Output& out) { result = core_->put(write, t, out); });
    return result;
}

gossip::NodeId SimNode::exchange_now() {
    gossip::NodeId peer;
    turn([&](gossip::Now t, Output& out) { peer = core_->exchange_now(t, out); });
    return peer;
}

void SimNode::act(const std::function<void(gossip::Core&, gossip::Now, gossip::Output&)>& input) {
    turn([&](gossip::Now t, Output& out) { input(*core_, t, out); });
}

void SimNode::set_answer(std::uint64_t topic, const gossip::PollAnswer& answer) {
    CHECK(running());
    core_->set_answer(topic, answer);
}

void SimNode::when_running(Events::Action input) {
    if (!running()) return;
    if (paused_) {
        waiting_.push_back(std::move(input));
    } else {
        input();
    }
}

void SimNode::datagram(const gossip::Endpoint& from, std::string bytes) {
    if (paused_) {
        if (waiting_bytes_ + bytes.size() > kSocketBuffer) return;
        waiting_bytes_ += bytes.size();
    }
    when_running([this, from, bytes = std::move(bytes)] {
        turn([&](gossip::Now t, Output& out) {
            core_->receive(from, gossip::as_bytes(bytes), t, out);
        });
    });
}

void SimNode::refused(const gossip::Endpoint& by) {
    when_running(
        [this, by] { turn([&](gossip::Now t, Output& out) { core_->refused(by, t, out); }); });
}

void SimNode::stream_accepted(StreamId id, const gossip::Endpoint& from) {
    when_running([this, id, from] {
        turn([&](gossip::Now t, Output& out) { core_->stream_accepted(id, from, t, out); });
    });
}

void SimNode::stream_received(StreamId id, std::string frame) {
    when_running([this, id, frame = std::move(frame)] {
        turn([&](gossip::Now t, Output& out) {
            core_->stream_received(id, gossip::as_bytes(frame), t, out);
        });
    });
}

void SimNode::stream_drained(StreamId id) {
    when_running([this, id] {
        turn([&](gossip::Now t, Output& out) { core_->stream_drained(id, t, out); });
    });
}

void SimNode::stream_closed(StreamId id) {
    when_running([this, id] {
        turn([&](gossip::Now t, Output& out) { core_->stream_closed(id, t, out); });
    });
}

// One wake-up is pending at most. If the core wants a later one meanwhile, the pending one finds
// nothing due and is put off, which is cheaper than to cancel it.
void SimNode::arm() {
    const gossip::Mono::time_point next = core_->next_wakeup();
    if (next == gossip::Mono::time_point::max()) return;
    // The next millisecond at the earliest: the core has just seen this one.
    const Time at = std::max(clock_.when(next), world_.now() + Time{1000});
    if (wake_at_ && *wake_at_ <= at) return;
    wake_at_ = at;
    const std::uint64_t token = ++wake_token_;
    world_.events().at(at, [this, token] { wake(token); });
}

void SimNode::wake(std::uint64_t token) {
    if (token != wake_token_ || !wake_at_) return;
    wake_at_.reset();
    if (paused_) return;
    if (core_->next_wakeup() > now().mono) {
        arm();
        return;
    }
    ++wakeups_;
    turn([](gossip::Now, Output&) {});
}

bool SimNode::effect() {
    if (!effects_left_) return true;
    if (*effects_left_ == 0) return false;
    --*effects_left_;
    return true;
}

void SimNode::persist(const Output& out) {
    if (!effect()) return;
    disk_.persist(out);
    world_.persisted(*this, out);
}

void SimNode::write_behind(const Output& out) {
    if (!effect()) return;
    disk_.write_behind(out, core_->horizon());
    if (std::exchange(flush_scheduled_, true)) return;
    world_.events().after(kWriteBehind, [this, process = process_] {
        if (process != process_) return;
        flush_scheduled_ = false;
        disk_.flush();
    });
}

void SimNode::send(const gossip::Endpoint& to, gossip::Bytes datagram) {
    if (effect()) world_.send(*this, to, datagram);
}

void SimNode::stream(const gossip::StreamAction& action) {
    if (effect()) world_.stream(*this, action);
}

void SimNode::publish(const Output& out) {
    if (effect()) world_.published(*this, out);
}

}  // namespace sim
