#include <algorithm>

#include "gossip/core_impl.h"

// Flood: a changed record goes at once, once per node, to two ring neighbours and random members.
// The ring alone reaches everybody when nothing is lost; the random ones make it fast.

namespace gossip {
namespace {

constexpr milliseconds kSlowFlush{20};
// Above so many datagrams in the outbox the fan-out is reduced: it is a pure cost/latency knob.
constexpr std::size_t kBusyDatagrams = 64;
constexpr std::size_t kOverloadDatagrams = 256;

}  // namespace

void Core::Impl::receive_put(const Header& header, Bytes body, const Endpoint& from,
                             const Turn& t) {
    Reader r{body};
    const std::uint8_t mode = r.u8();
    if (!r.ok() || mode > static_cast<std::uint8_t>(PutMode::fresh)) {
        ++counters.malformed;
        return;
    }
    const bool touch = static_cast<PutMode>(mode) == PutMode::touch;
    if (touch || static_cast<PutMode>(mode) == PutMode::fresh) {
        receive_touches(r.rest(), touch, t);
        return;
    }
    const bool flood = static_cast<PutMode>(mode) == PutMode::flood;
    if (flood && !allow_datagram(from, t.now.mono)) {
        ++counters.ingress_limited;
        return;
    }
    std::size_t records = 0;
    const auto take = [&](Bytes record) {
        ++records;
        const Path path = flood ? Path::flood : Path::repair;
        const bool fresh = accept(record, path, header.from, t) == Merge::fresh;
        if (!flood) return;
        ++counters.flood_records_in;
        if (fresh) ++counters.flood_records_new;
    };
    if (!for_each_record(r.rest(), take)) ++counters.malformed;
    if (flood) return;
    for (Push& waiting : pushes) {
        if (waiting.to == from) waiting.awaited -= std::min(waiting.awaited, records);
    }
    push(from, t);
}

void Core::Impl::flush(const Turn& t) {
    outbox.release(t.now.mono);
    if (outbox.empty() || t.now.mono < last_flush + flush_interval) return;
    if (peers() == 0) {  // nobody to tell: who joins later finds it in our sketch
        outbox.clear();
        return;
    }
    last_flush = t.now.mono;
    const std::size_t load = outbox.bytes() / kMaxBody;
    const unsigned fanout = load > kOverloadDatagrams ? 2
                            : load > kBusyDatagrams   ? std::min(3U, config.fanout)
                                                      : config.fanout;
    std::vector<const Member*> targets = flood_targets(fanout);
    const std::int64_t tokens = sender.bucket().available(t.now.mono);
    if (tokens <= 0) {
        ++counters.egress_limited;
        flush_interval = kSlowFlush;
        return;
    }
    const std::size_t regular = targets.size();
    const std::vector<Rumour> rumours = outbox.take(static_cast<std::size_t>(tokens) / regular);
    const bool origin = std::ranges::any_of(rumours, [](const Rumour& r) { return r.origin; });
    if (origin && config.origin_fanout > regular) {
        members.sample(rng, config.origin_fanout - regular, self.id, targets);
    }
    send_rumours(rumours, targets, regular, t);
    flush_interval = outbox.empty()
                         ? config.flush_interval
                         : std::min(kSlowFlush, std::max(milliseconds{1}, flush_interval * 2));
}

// Two ring neighbours and random others. Requires a peer.
std::vector<const Member*> Core::Impl::flood_targets(unsigned fanout) {
    std::vector<const Member*> targets{members.successor(self.id)};
    const Member* behind = members.predecessor(self.id);
    if (behind != targets.front()) targets.push_back(behind);
    if (targets.size() < fanout) {
        members.sample(rng, fanout - targets.size(), self.id, targets);
    }
    return targets;
}

void Core::Impl::send_rumours(const std::vector<Rumour>& rumours,
                              const std::vector<const Member*>& targets, std::size_t regular,
                              const Turn& t) {
    // Most targets get the same records, so their datagrams are encoded once.
    std::size_t shared_first = 0;
    std::size_t shared_count = 0;
    std::vector<Record> records;
    for (std::size_t i = 0; i < targets.size(); ++i) {
        const Member& target = *targets[i];
        if (!spoken(kProtocol, target.protocol)) continue;
        records.clear();
        for (const Rumour& r : rumours) {
            if (r.source != target.id && (i < regular || r.origin)) records.push_back(r.record);
        }
        const bool all = records.size() == rumours.size();
        if (all && shared_count > 0) {
            for (std::size_t d = shared_first; d < shared_first + shared_count; ++d) {
                sender.repeat(d, target.gossip, t.out);
            }
            continue;
        }
        const std::size_t first = t.out.datagrams.size();
        send_records(records, PutMode::flood, target.gossip, t);
        if (all) {
            shared_first = first;
            shared_count = t.out.datagrams.size() - first;
        }
    }
}

void Core::Impl::send_records(const std::vector<Record>& records, PutMode mode, const Endpoint& to,
                              const Turn& t) {
    const auto account = [&](std::size_t size) {
        if (mode == PutMode::repair) counters.repair_bytes_out += size;
    };
    std::string* body = nullptr;
    for (const Record& record : records) {
        if (body && sender.room(t.out) < put_size(record)) {
            account(sender.finish(to, t.out));
            body = nullptr;
        }
        if (!body) {
            body = &sender.begin(MessageType::put, t.out);
            body->push_back(static_cast<char>(mode));
        }
        append_record(*body, record);
    }
    if (body) account(sender.finish(to, t.out));
}

}  // namespace gossip
