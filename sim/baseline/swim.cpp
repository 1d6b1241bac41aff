#include "sim/baseline/swim.h"

#include <utility>

#include "gossip/check.h"
#include "sim/baseline/cluster.h"

namespace sim::baseline {
namespace {

constexpr std::size_t kChecksum = 5;  // hasCrcHeader, which Peer::send adds

std::uint64_t code(SwimType type) {
    return static_cast<std::uint64_t>(type);
}

bool is_row(const std::string& message) {
    return message.front() == static_cast<char>(SwimType::row);
}

}  // namespace

std::string swim_message(SwimType type, std::initializer_list<std::uint32_t> nodes,
                         std::initializer_list<std::uint32_t> fields) {
    std::string message;
    Writer writer{message};
    writer.number(code(type), 1);
    for (const std::uint32_t node : nodes) writer.node(node);
    for (const std::uint32_t field : fields) writer.number(field, 4);
    if (type == SwimType::alive) writer.filler(kMemberInfo);
    return message;
}

Swim::Swim(Cluster& cluster, std::uint32_t index, std::uint64_t seed)
    : Peer(cluster, index, seed), members_(cluster.size()), versions_(cluster.rows() + 1, 1) {
    versions_.back() = 0;
    for (std::uint32_t i = 0; i < cluster.size(); ++i) order_.push_back(i);
    rng_.shuffle(order_);
}

void Swim::start() {
    every(kProbeInterval, [this] { tick(); });
    every(kGossipInterval, [this] { gossip(); });
    every(push_pull_interval(cluster().size()), [this] { push_pull(); });
}

void Swim::write(std::uint32_t row, std::uint32_t version) {
    std::string message;
    Writer writer{message};
    writer.number(code(SwimType::row), 1);
    write_row(writer, row, version, cluster().row_bytes());
    Reader reader{gossip::as_bytes(message)};
    reader.number(1);
    row_received(reader);
}

bool Swim::thinks_dead(std::uint32_t about) const {
    return members_[about].state == State::dead;
}

// ---- messages

void Swim::received(std::uint32_t from, Reader message) {
    handle(from, message);
}

void Swim::handle(std::uint32_t from, Reader& message) {
    const auto type = static_cast<SwimType>(message.number(1));
    switch (type) {
        case SwimType::compound:
            for (std::uint64_t parts = message.number(1); parts > 0; --parts) {
                Reader part{message.take(message.number(2))};
                handle(from, part);
            }
            return;
        case SwimType::ping:
            ping_received(from, message);
            return;
        case SwimType::indirect_ping:
            relay_received(from, message);
            return;
        case SwimType::ack:
            acknowledged(static_cast<std::uint32_t>(message.number(4)));
            return;
        case SwimType::nack:
            if (message.number(4) == probe_.sequence && probe_.sequence != 0) ++probe_.nacks;
            return;
        case SwimType::alive: {
            const std::uint32_t about = message.node();
            alive(about, static_cast<std::uint32_t>(message.number(4)));
            return;
        }
        case SwimType::suspect:
        case SwimType::dead: {
            const std::uint32_t about = message.node();
            const std::uint32_t accuser = message.node();
            const auto incarnation = static_cast<std::uint32_t>(message.number(4));
            if (type == SwimType::dead) {
                dead(about, incarnation, accuser);
            } else {
                suspect(about, incarnation, accuser);
            }
            return;
        }
        case SwimType::row:
            row_received(message);
            return;
        case SwimType::state:
        case SwimType::state_reply:
            break;
    }
    CHECK(false);
}

void Swim::send_packet(std::uint32_t to, const std::vector<std::string>& parts, bool only_news) {
    std::string packet;
    if (parts.size() == 1) {
        packet = parts.front();
    } else {
        Writer writer{packet};
        writer.number(code(SwimType::compound), 1).number(parts.size(), 1);
        for (const std::string& part : parts) {
            writer.number(part.size(), 2);
            packet += part;
        }
    }
    for (const std::string& part : parts) {
        if (!is_row(part)) continue;
        Reader reader{gossip::as_bytes(part)};
        reader.number(1);
        const bool alone = only_news && parts.size() == 1;
        cluster().copied(read_row(reader, cluster().row_bytes()).number,
                         part.size() + (alone ? kChecksum : kCompoundOverhead));
    }
    send(to, packet);
}

// The members' news first, then what is left of the packet for the delegate's.
void Swim::take_news(std::size_t budget, std::vector<std::string>& parts) {
    const unsigned limit = retransmit_limit(cluster().size());
    member_news_.take(budget, kCompoundOverhead, limit, parts);
    row_news_.take(budget, kCompoundOverhead, limit, parts);
}

void Swim::send_with_news(std::uint32_t to, const std::string& message) {
    std::vector<std::string> parts{message};
    take_news(kUdpBuffer - kChecksum - kCompoundHeader - kCompoundOverhead - message.size(), parts);
    send_packet(to, parts, false);
}

void Swim::gossip() {
    const auto wanted = [&](std::uint32_t member) {
        if (members_[member].state != State::dead) return true;
        return cluster().now() - died_[member] <= kGossipToTheDead;
    };
    if (quiet()) return;
    for (const std::uint32_t member : some_members(kGossipNodes, wanted)) {
        std::vector<std::string> parts;
        take_news(kUdpBuffer - kChecksum - kCompoundHeader, parts);
        if (parts.empty()) return;
        send_packet(member, parts, true);
    }
}

// ---- streams

std::uint64_t Swim::open_stream(std::uint32_t to, std::string frame) {
    gossip::StreamAction action;
    action.kind = gossip::StreamAction::Kind::open;
    action.id = {++last_stream_};
    action.to = endpoint_of(to);
    cluster().stream(index(), action);
    action.kind = gossip::StreamAction::Kind::send;
    action.frame = std::move(frame);
    cluster().stream(index(), action);
    opened_.insert(last_stream_);
    return last_stream_;
}

void Swim::close_stream(std::uint64_t id) {
    if (opened_.erase(id) == 0) return;
    gossip::StreamAction action;
    action.kind = gossip::StreamAction::Kind::close;
    action.id = {id};
    cluster().stream(index(), action);
}

void Swim::push_pull() {
    const auto wanted = [&](std::uint32_t member) {
        return members_[member].state == State::alive;
    };
    for (const std::uint32_t member : some_members(1, wanted)) {
        const std::uint64_t id = open_stream(member, whole_state(code(SwimType::state)));
        after(kStreamTimeout, [this, id] { close_stream(id); });
    }
}

std::string Swim::whole_state(std::uint64_t type) const {
    std::string state;
    Writer writer{state};
    writer.number(type, 1);
    for (std::uint32_t i = 0; i < members_.size(); ++i) {
        const Member& member = members_[i];
        writer.number(static_cast<std::uint64_t>(member.state), 1).node(i);
        writer.number(member.incarnation, 4).filler(kMemberInfo);
    }
    for (std::uint32_t row = 0; row < versions_.size(); ++row) {
        if (versions_[row] != 0) write_row(writer, row, versions_[row], cluster().row_bytes());
    }
    return state;
}

void Swim::merge_state(Reader& state) {
    for (std::size_t i = 0; i < members_.size(); ++i) {
        const auto told = static_cast<State>(state.number(1));
        const std::uint32_t about = state.node();
        const auto incarnation = static_cast<std::uint32_t>(state.number(4));
        state.take(kMemberInfo);
        if (told == State::alive) {
            alive(about, incarnation);
        } else {
            // mergeState: hearsay of a death is a suspicion, which its subject may refute.
            suspect(about, incarnation, index());
        }
    }
    while (!state.empty()) row_received(state);
}

void Swim::frame_received(gossip::StreamId id, Reader frame) {
    gossip::StreamAction reply;
    reply.id = id;
    const auto type = static_cast<SwimType>(frame.number(1));
    if (type == SwimType::ping) {
        frame.take(16);  // target and asker
        const auto sequence = static_cast<std::uint32_t>(frame.number(4));
        reply.frame = swim_message(SwimType::ack, {}, {sequence});
        cluster().stream(index(), reply);
    } else if (type == SwimType::ack) {
        if (id.value == probe_.stream) probe_.contacted = true;
        close_stream(id.value);
    } else if (type == SwimType::state) {
        reply.frame = whole_state(code(SwimType::state_reply));
        cluster().stream(index(), reply);
        merge_state(frame);
    } else {
        CHECK(type == SwimType::state_reply);
        merge_state(frame);
        close_stream(id.value);
    }
}

}  // namespace sim::baseline
