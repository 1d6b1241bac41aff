#include "sim/streams.h"

#include <algorithm>

#include "gossip/check.h"
#include "gossip/wire.h"

namespace sim {

using gossip::StreamAction;

void Streams::perform(std::uint32_t node, const StreamAction& action) {
    if (action.kind == StreamAction::Kind::open) {
        open(node, action);
        return;
    }
    const auto found = handles_.find({node, action.id.value});
    if (found == handles_.end()) return;  // it has just ended: the core is about to hear so
    const Handle handle = found->second;
    if (action.kind == StreamAction::Kind::send) {
        send(handle, action.frame);
    } else {
        close(handle);
    }
}

void Streams::open(std::uint32_t node, const StreamAction& action) {
    CHECK(!handles_.contains({node, action.id.value}));
    const auto connection = std::make_shared<Connection>();
    End& mine = connection->ends[0];
    mine.node = node;
    mine.id = action.id;
    mine.open = true;
    const Time there = links_.delay();
    const Time back = links_.delay();
    mine.sent = mine.delivered = events_.now() + there + back;
    handles_.emplace(std::pair{node, action.id.value}, Handle{connection, 0});

    const std::uint32_t target = node_at(action.to);
    events_.after(there, [this, connection, target, back] {
        if (!connection->ends[0].open) return;
        const std::uint32_t opener = connection->ends[0].node;
        if (target >= hosts_.size() || !links_.connected(opener, target)) {
            end_later(connection, kSilence);
        } else if (!hosts_[target]->running()) {
            end_later(connection, back);  // refused
        } else {
            accept(connection, target);
        }
    });
}

void Streams::accept(const Shared& connection, std::uint32_t target) {
    End& mine = connection->ends[0];
    End& theirs = connection->ends[1];
    theirs.node = target;
    theirs.id = {gossip::kAcceptedStreams + ++accepted_[target]};
    theirs.open = true;
    connection->accepted = events_.now();
    theirs.sent = theirs.delivered = events_.now();
    handles_.emplace(std::pair{target, theirs.id.value}, Handle{connection, 1});
    events_.at(mine.sent, [this, connection] {
        const End& opener = connection->ends[0];
        if (opener.open && opener.queued == 0) hosts_[opener.node]->stream_drained(opener.id);
    });
    gossip::Endpoint from = endpoint_of(mine.node);
    from.port = static_cast<std::uint16_t>(32'768 + (mine.id.value % 28'000));  // ephemeral
    hosts_[target]->stream_accepted(theirs.id, from);
}

void Streams::send(const Handle& from, const std::string& frame) {
    const bool records =
        !frame.empty() && frame.front() == static_cast<char>(gossip::FrameType::records);
    (records ? record_bytes_ : control_bytes_) += frame.size();
    End& end = from.connection->ends[from.side];
    ++end.queued;
    const auto on_the_line = static_cast<std::int64_t>(frame.size()) / kBytesPerMicrosecond + 1;
    end.sent = std::max(end.sent, events_.now()) + Time{on_the_line};
    Time arrival = end.sent + links_.delay();
    if (links_.happens(links_.faults.loss_ppm)) arrival += kRetransmission;
    end.delivered = std::max(end.delivered, arrival);
    events_.at(end.sent, [this, from] {
        End& sender = from.connection->ends[from.side];
        if (--sender.queued == 0 && sender.open) hosts_[sender.node]->stream_drained(sender.id);
    });
    events_.at(end.delivered,
               [this, from, frame] { receive(from.connection, 1 - from.side, frame); });
}

void Streams::receive(const Shared& connection, unsigned side, const std::string& frame) {
    const End& receiver = connection->ends[side];
    if (!receiver.open) return;
    if (cut(*connection)) {
        end_later(connection, kSilence);
    } else {
        hosts_[receiver.node]->stream_received(receiver.id, frame);
    }
}

void Streams::close(const Handle& from) {
    End& mine = from.connection->ends[from.side];
    mine.open = false;
    handles_.erase({mine.node, mine.id.value});
    const Time last = std::max(mine.delivered, events_.now() + links_.delay());
    events_.at(last, [this, from] {
        if (cut(*from.connection)) {
            end_later(from.connection, kSilence);
        } else {
            end(from.connection, 1 - from.side);
        }
    });
}

void Streams::end(const Shared& connection, unsigned side) {
    End& ended = connection->ends[side];
    if (!ended.open) return;
    ended.open = false;
    handles_.erase({ended.node, ended.id.value});
    hosts_[ended.node]->stream_closed(ended.id);
}

void Streams::end_later(const Shared& connection, Time delay) {
    events_.after(delay, [this, connection] {
        end(connection, 0);
        end(connection, 1);
    });
}

void Streams::crashed(std::uint32_t node) {
    for (auto at = handles_.lower_bound({node, 0});
         at != handles_.end() && at->first.first == node;) {
        const Handle handle = at->second;
        handle.connection->ends[handle.side].open = false;
        at = handles_.erase(at);
        end_later(handle.connection, cut(*handle.connection) ? kSilence : links_.delay());
    }
}

void Streams::links_changed() {
    for (const auto& [key, handle] : handles_) {
        const Shared connection = handle.connection;
        if (handle.side != 0 || !cut(*connection)) continue;
        events_.after(kSilence, [this, connection] {
            if (!cut(*connection)) return;
            end(connection, 0);
            end(connection, 1);
        });
    }
}

bool Streams::cut(const Connection& connection) const {
    const auto& [a, b] = connection.ends;
    if (a.node == kNobody || b.node == kNobody) return false;
    return !links_.connected(a.node, b.node) || !links_.connected(b.node, a.node);
}

std::uint32_t Streams::opened_by(std::uint32_t node) const {
    std::uint32_t count = 0;
    for (auto at = handles_.lower_bound({node, 0}); at != handles_.end(); ++at) {
        if (at->first.first != node) break;
        if (at->second.side == 0) ++count;
    }
    return count;
}

std::uint32_t Streams::accepted_by(std::uint32_t node) const {
    std::uint32_t count = 0;
    for (auto at = handles_.lower_bound({node, 0}); at != handles_.end(); ++at) {
        if (at->first.first != node) break;
        const bool settled = at->second.connection->accepted + kRefusal < events_.now();
        if (at->second.side == 1 && settled) ++count;
    }
    return count;
}

}  // namespace sim
