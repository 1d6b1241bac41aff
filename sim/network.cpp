#include "sim/network.h"

#include <utility>

namespace sim {

using gossip::Bytes;
using gossip::MessageType;

Traffic::Count Traffic::all() const {
    Count sum;
    for (const Count& count : types) sum += count;
    return sum;
}

void Traffic::operator+=(const Traffic& other) {
    for (std::size_t i = 0; i < types.size(); ++i) types[i] += other.types[i];
}

Traffic operator-(const Traffic& later, const Traffic& earlier) {
    Traffic difference;
    for (std::size_t i = 0; i < later.types.size(); ++i) {
        difference.types[i] = {later.types[i].datagrams - earlier.types[i].datagrams,
                               later.types[i].bytes - earlier.types[i].bytes};
    }
    return difference;
}

Network::Network(const gossip::Config& config, Events& events, Links& links,
                 const std::vector<Host*>& hosts)
    : cluster_(gossip::cluster_tag(config.key)),
      events_(events),
      links_(links),
      hosts_(hosts),
      traffic_(hosts.size()) {}

void Network::send(std::uint32_t from, const gossip::Endpoint& to, Bytes datagram) {
    const std::size_t type =
        datagram.size() > 3 && datagram[3] < Traffic{}.types.size() ? datagram[3] : 0;
    const Traffic::Count one{1, datagram.size()};
    traffic_[from].types[type] += one;
    total_.types[type] += one;

    const std::uint32_t target = node_at(to);
    if (target >= hosts_.size() || !links_.connected(from, target)) return;
    const Faults& faults = links_.faults;
    if (links_.happens(faults.babble_ppm)) deliver(from, target, babble(datagram));
    if (links_.happens(faults.loss_ppm)) return;
    const bool corrupt = links_.happens(faults.corrupt_ppm);
    const std::string bytes =
        corrupt ? corrupted(datagram) : std::string{gossip::as_text(datagram)};
    if (links_.happens(faults.duplicate_ppm)) deliver(from, target, bytes);
    deliver(from, target, bytes);
}

void Network::deliver(std::uint32_t from, std::uint32_t to, std::string bytes) {
    Time delay = links_.delay();
    if (links_.happens(links_.faults.reorder_ppm)) {
        delay += links_.faults.hop * static_cast<std::int64_t>(links_.rng().below(50));
    }
    events_.after(delay, [this, from, to, bytes = std::move(bytes)] {
        if (!links_.connected(from, to)) return;
        if (hosts_[to]->running()) {
            hosts_[to]->datagram(endpoint_of(from), bytes);
        } else if (hosts_[to]->powered()) {
            refuse(from, to);
        }
    });
}

// ICMP: as easily lost as what it is about.
void Network::refuse(std::uint32_t from, std::uint32_t to) {
    if (links_.happens(links_.faults.loss_ppm)) return;
    events_.after(links_.delay(), [this, from, to] {
        if (links_.connected(to, from)) hosts_[from]->refused(endpoint_of(to));
    });
}

// Replaces cells of a DIFF by plausible ones (a digest that nobody has) or by noise.
std::string Network::corrupted(Bytes datagram) {
    std::string same{gossip::as_text(datagram)};
    gossip::Header header;
    Bytes body;
    if (gossip::decode_header(datagram, cluster_, header, body) != gossip::HeaderFault::none ||
        header.type != MessageType::ack) {
        return same;
    }
    auto ack = gossip::decode_ack(body);
    if (!ack || ack->cells.empty()) return same;
    gossip::Rng& rng = links_.rng();
    for (std::uint64_t changes = 1 + rng.below(4); changes > 0; --changes) {
        gossip::Cell& cell = ack->cells[rng.below(ack->cells.size())];
        if (rng.below(2) == 0) {
            cell.toggle(rng.next());
        } else {
            cell.low ^= static_cast<std::uint32_t>(rng.next());
        }
    }
    std::string changed;
    gossip::begin_datagram(changed, header);
    gossip::encode(*ack, changed);
    gossip::finish_datagram(changed, 0);
    return changed;
}

// A PUT or a VOTE is only cut short: with no tag on datagrams, other damage could be a valid one.
std::string Network::babble(Bytes datagram) {
    std::string bytes{gossip::as_text(datagram)};
    gossip::Rng& rng = links_.rng();
    const auto is = [&](MessageType type) {
        return bytes.size() > 3 && bytes[3] == static_cast<char>(type);
    };
    if (is(MessageType::put) || is(MessageType::vote) || rng.below(4) == 0) {
        bytes.resize(rng.below(bytes.size() + 1));
        return bytes;
    }
    for (std::uint64_t changes = 1 + rng.below(8); changes > 0; --changes) {
        // The type stays, so that noise does not become a PUT.
        const std::uint64_t at = rng.below(bytes.size());
        if (at != 3) bytes[at] = static_cast<char>(rng.next());
    }
    return bytes;
}

}  // namespace sim
