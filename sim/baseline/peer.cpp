#include "sim/baseline/peer.h"

#include <utility>

#include "gossip/check.h"
#include "sim/baseline/cluster.h"
#include "sim/sim_node.h"

namespace sim::baseline {
namespace {

// Every datagram: what it is and a checksum, as memberlist's hasCrcMsg.
constexpr std::size_t kHeader = 5;

}  // namespace

void Peer::crash() {
    CHECK(running_);
    running_ = false;
    paused_ = false;
    inputs_.clear();
    timers_.clear();
    cluster_.crashed(index_);
}

void Peer::lose_power() {
    crash();
    powered_ = false;
}

void Peer::resume() {
    if (!std::exchange(paused_, false)) return;
    waiting_bytes_ = 0;
    for (Events::Action& input : std::exchange(inputs_, {})) input();
    for (Events::Action& timer : std::exchange(timers_, {})) timer();
}

void Peer::when_running(Events::Action input, std::vector<Events::Action>& waiting) {
    if (!running_) return;
    if (paused_) {
        waiting.push_back(std::move(input));
    } else {
        input();
    }
}

void Peer::datagram(const gossip::Endpoint& from, std::string bytes) {
    if (paused_) {
        if (waiting_bytes_ + bytes.size() > SimNode::kSocketBuffer) return;
        waiting_bytes_ += bytes.size();
    }
    when_running(
        [this, sender = node_at(from), bytes = std::move(bytes)] {
            received(sender, Reader{gossip::as_bytes(bytes).subspan(kHeader)});
        },
        inputs_);
}

void Peer::stream_received(gossip::StreamId id, std::string frame) {
    when_running(
        [this, id, frame = std::move(frame)] {
            frame_received(id, Reader{gossip::as_bytes(frame)});
        },
        inputs_);
}

void Peer::stream_closed(gossip::StreamId id) {
    when_running([this, id] { ended(id); }, inputs_);
}

void Peer::send(std::uint32_t to, const std::string& message) {
    std::string datagram;
    datagram.reserve(kHeader + message.size());
    Writer{datagram}.filler(kHeader);
    datagram += message;
    cluster_.send(index_, to, datagram);
}

void Peer::after(Time delay, Events::Action action) {
    cluster_.events().after(delay,
                            [this, action = std::move(action)] { when_running(action, timers_); });
}

void Peer::every(Time period, const Events::Action& action) {
    after(within(period), [this, period, action] { repeat(period, action); });
}

void Peer::repeat(Time period, const Events::Action& action) {
    after(period, [this, period, action] { repeat(period, action); });
    action();
}

}  // namespace sim::baseline
