#include <algorithm>

#include "gossip/core_impl.h"

// Streams: a snapshot for a node that misses most of the table, or the reconciliation of a
// difference that does not fit a datagram. The opener decodes and asks; the server answers.

namespace gossip {
namespace {

constexpr std::size_t kFrameBudget = std::size_t{48} * 1024;  // of records or digests in one frame
// A server sends cells when asked: first as many as a datagram could not carry, then a third of
// what it has sent, so that at most a third of them is more than the difference needed, and a
// difference of 20,000 takes about 20 round trips.
constexpr std::size_t kFirstCells = 128;
constexpr std::size_t kCellGrowth = 3;
constexpr milliseconds kStandstill{2000};  // of a stream whose peer is stuck
constexpr std::size_t kMaxCells = kFrameBudget / kCellBytes;
constexpr std::size_t kDigestsPerFrame = kFrameBudget / sizeof(std::uint64_t);

std::string frame_of(FrameType type) {
    return std::string(1, static_cast<char>(type));
}

void queue_digests(StreamSession& s, FrameType type, std::span<const std::uint64_t> digests) {
    for (std::size_t at = 0; at < digests.size(); at += kDigestsPerFrame) {
        std::string frame = frame_of(type);
        encode_digests(digests.subspan(at, std::min(kDigestsPerFrame, digests.size() - at)), frame);
        s.control.push_back(std::move(frame));
    }
}

}  // namespace

unsigned Core::Impl::streams(bool opener) const {
    return static_cast<unsigned>(
        std::ranges::count_if(sessions, [&](const auto& s) { return s.second.opener == opener; }));
}

bool Core::Impl::fetching_snapshot() const {
    return std::ranges::any_of(sessions, [](const auto& s) {
        return s.second.opener && s.second.request == StreamRequest::snapshot;
    });
}

// One difference at a time: two peers that know the same would both send it. A stream that stands
// still does not count.
bool Core::Impl::syncing(const Endpoint& besides, Mono::time_point now) const {
    return std::ranges::any_of(sessions, [&](const auto& entry) {
        const StreamSession& s = entry.second;
        const bool agreed_to = s.opener || (s.peer != NodeId{} && !s.ended);
        return s.request == StreamRequest::sync && agreed_to && s.to != besides &&
               s.active + kStandstill > now;
    });
}

bool Core::Impl::refuses_sync(NodeId peer, Mono::time_point now) const {
    const Member* member = members.find(peer);
    const Endpoint to = member ? member->gossip : Endpoint{};
    if (fetching_snapshot() || syncing(to, now)) return true;
    // Two nodes that find each other different at the same moment would both stream the difference:
    // the one with the lower id does.
    return member && self.id < peer && std::ranges::any_of(sessions, [&](const auto& s) {
               return s.second.opener && s.second.to == to;
           });
}

void Core::Impl::open_stream(const Endpoint& to, StreamRequest request, const Turn& t) {
    if (streams(true) >= config.streams_out) return;
    for (const auto& [id, s] : sessions) {
        if (!s.opener) continue;
        if (s.to == to || s.request == StreamRequest::snapshot) return;  // one cure at a time
    }
    if (request == StreamRequest::sync && syncing({}, t.now.mono)) return;
    StreamSession s;
    s.id = {++streams_opened};
    s.opener = true;
    s.to = to;
    s.request = request;
    s.active = t.now.mono;
    std::string hello = frame_of(FrameType::hello);
    encode(Hello{kProtocol.max, sender.cluster(), self.id, request}, hello);
    s.control.push_back(std::move(hello));
    if (request == StreamRequest::sync) {
        const auto ours = table.sketch().cells();
        s.cells.assign(ours.begin(), ours.end());
        ++counters.syncs;
    }
    t.out.streams.push_back({StreamAction::Kind::open, s.id, to, {}});
    sessions.emplace(s.id, std::move(s));
}

void Core::Impl::stream_accepted(StreamId id, const Endpoint& from, const Turn& t) {
    StreamSession s;
    s.id = id;
    s.to = from;
    s.active = t.now.mono;
    s.ready = true;
    sessions.insert_or_assign(id, std::move(s));
}

void Core::Impl::stream_closed(StreamId id, const Turn& t) {
    const auto at = sessions.find(id);
    if (at == sessions.end()) return;
    const StreamSession s = std::move(at->second);
    sessions.erase(at);
    // A snapshot that broke off is asked for again soon: what arrived is kept.
    if (s.opener) hurry(t.now);
    const bool broke_off = s.opener ? !s.peer_ended : !s.ended;
    const Member* peer = s.opener ? members.at(s.to) : members.find(s.peer);
    if (broke_off && peer) look_after(*peer, t);
}

void Core::Impl::stream_drained(StreamId id, const Turn& t) {
    const auto at = sessions.find(id);
    if (at == sessions.end()) return;
    at->second.ready = true;
    at->second.active = t.now.mono;
    pump(at->second, t);
    finish_if_done(id, t);
}

void Core::Impl::pump_all(const Turn& t) {
    if (t.now.mono < next_pump) return;
    next_pump = Mono::time_point::max();
    for (auto& [id, s] : sessions) pump(s, t);
}

// Sends the next frame, if the last one is gone and the rate allows it.
void Core::Impl::pump(StreamSession& s, const Turn& t) {
    if (!s.ready) return;
    if (stream_bucket.available(t.now.mono) <= 0) {
        next_pump = t.now.mono + stream_bucket.until_positive();
        return;
    }
    std::string frame;
    if (!next_frame(s, frame)) return;
    s.ready = false;
    stream_bucket.take(frame.size());
    counters.stream_bytes_out += frame.size() + 4;
    t.out.streams.push_back({StreamAction::Kind::send, s.id, {}, std::move(frame)});
}

bool Core::Impl::next_frame(StreamSession& s, std::string& frame) {
    if (!s.control.empty()) {
        frame = std::move(s.control.front());
        s.control.pop_front();
        return true;
    }
    if (s.sending_cells && s.cells_asked) {
        s.cells_asked = false;
        frame = frame_of(FrameType::cells);
        const std::size_t wish = std::clamp(s.next_cell / kCellGrowth, kFirstCells, kMaxCells);
        const std::size_t count = std::min(wish, s.cells.size() - s.next_cell);
        encode_cells(std::span{s.cells}.subspan(s.next_cell, count), frame);
        s.next_cell += count;
        s.sending_cells = count > 0;  // the empty frame says: no more
        return true;
    }
    if (s.sending_digests) {
        fill_digests(s, frame);
        return true;
    }
    if (s.sending_rows || s.next_outgoing < s.outgoing.size()) {
        fill_records(s, frame);
        if (frame.size() > 1) return true;
    }
    if (s.may_end && !s.ended) {
        s.ended = true;
        frame = frame_of(FrameType::end);
        return true;
    }
    return false;
}

void Core::Impl::fill_records(StreamSession& s, std::string& frame) {
    frame = frame_of(FrameType::records);
    while (s.sending_rows && frame.size() < kFrameBudget) {
        if (s.next_slot >= s.end_slot) {
            s.sending_rows = false;
            s.may_end = true;
            break;
        }
        if (const Record* record = table.at(s.next_slot++)) append_record(frame, *record);
    }
    while (s.next_outgoing < s.outgoing.size() && frame.size() < kFrameBudget) {
        const Record* record = table.find_digest(s.outgoing[s.next_outgoing++]);
        if (record) append_record(frame, *record);  // else superseded meanwhile
    }
    if (s.next_outgoing == s.outgoing.size()) {
        s.outgoing.clear();
        s.next_outgoing = 0;
    }
    counters.repair_bytes_out += frame.size();
}

void Core::Impl::fill_digests(StreamSession& s, std::string& frame) {
    frame = frame_of(FrameType::digests);
    Writer w{frame};
    while (s.next_slot < s.end_slot && frame.size() < kFrameBudget) {
        if (const Record* record = table.at(s.next_slot++)) w.u64(record->digest());
    }
    if (frame.size() > 1) return;
    s.sending_digests = false;
    frame = frame_of(FrameType::digests_end);
}

void Core::Impl::stream_received(StreamId id, Bytes bytes, const Turn& t) {
    const auto at = sessions.find(id);
    if (at == sessions.end()) return;
    StreamSession& s = at->second;
    s.active = t.now.mono;
    counters.stream_bytes_in += bytes.size() + 4;
    Reader r{bytes};
    const auto type = static_cast<FrameType>(r.u8());
    const Bytes body = r.rest();
    switch (type) {
        case FrameType::records:
            if (!for_each_record(body, [&](Bytes record) {
                    ++s.received;
                    accept(record, Path::stream, s.peer, t);
                })) {
                ++counters.malformed;
            }
            break;
        case FrameType::want: {
            const std::vector<std::uint64_t> wanted = decode_digests(body);
            if (s.outgoing.size() + wanted.size() <= config.max_rows) {
                s.outgoing.insert(s.outgoing.end(), wanted.begin(), wanted.end());
            }
            break;
        }
        case FrameType::cells:
            if (s.opener && s.request == StreamRequest::sync && !s.may_end) opener_cells(s, body);
            break;
        case FrameType::end:
            s.peer_ended = true;
            s.may_end = true;
            break;
        case FrameType::hello:
        case FrameType::stop:
        case FrameType::digests:
        case FrameType::digests_end:
        case FrameType::busy:
        case FrameType::more:
            server_frame(s, type, body, t);
            break;
        default:
            ++counters.unknown_type;
            break;
    }
    pump(s, t);
    finish_if_done(id, t);
}

// The opener compares: cells until the difference decodes, or until there are no more.
void Core::Impl::opener_cells(StreamSession& s, Bytes body) {
    std::vector<Cell> difference = decode_cells(body);
    const bool exhausted = difference.empty() || s.next_cell + difference.size() > s.cells.size();
    if (!exhausted) {
        for (Cell& cell : difference) cell ^= s.cells[s.next_cell++];
        s.peeler.add(difference);
        if (!s.peeler.complete()) {
            s.control.push_back(frame_of(FrameType::more));
            return;
        }
    }
    s.control.push_back(frame_of(FrameType::stop));
    if (exhausted) {
        s.next_slot = 0;
        s.end_slot = table.slots();
        s.sending_digests = true;
    } else {
        std::vector<std::uint64_t> want;
        for (const std::uint64_t digest : s.peeler.digests()) {
            (table.find_digest(digest) ? s.outgoing : want).push_back(digest);
        }
        queue_digests(s, FrameType::want, want);
        s.may_end = true;
    }
    s.cells.clear();
    s.cells.shrink_to_fit();
    s.next_cell = 0;
    s.peeler = {};
}

void Core::Impl::server_frame(StreamSession& s, FrameType type, Bytes body, const Turn& t) {
    if (s.opener) {
        if (type == FrameType::busy) s.peer_ended = s.may_end = s.ended = true;
        return;
    }
    if (type == FrameType::hello && s.peer == NodeId{}) {
        const std::optional<Hello> hello = decode_hello(body);
        const bool known = hello && hello->cluster == sender.cluster() &&
                           hello->version >= kProtocol.min && hello->version <= kProtocol.max;
        if (!known) {
            ++counters.malformed;
            s.peer_ended = s.ended = true;
            return;
        }
        begin_service(s, *hello, t);
    }
    if (s.peer == NodeId{}) return;  // nothing is served to who did not say hello
    if (type == FrameType::stop) s.sending_cells = false;
    if (type == FrameType::more) s.cells_asked = true;
    if (type == FrameType::digests) {
        const std::vector<std::uint64_t> more = decode_digests(body);
        if (s.theirs.size() + more.size() > config.max_rows) return;
        s.theirs.insert(s.theirs.end(), more.begin(), more.end());
    }
    if (type == FrameType::digests_end) match_digests(s);
}

void Core::Impl::begin_service(StreamSession& s, const Hello& hello, const Turn& t) {
    const bool sync = hello.request == StreamRequest::sync;
    const bool refuse = sync && refuses_sync(hello.from, t.now.mono);
    s.peer = hello.from;
    s.request = hello.request;
    if (refuse || streams(false) > config.streams_in) {
        s.control.push_back(frame_of(FrameType::busy));
        s.ended = s.peer_ended = true;
        return;
    }
    if (hello.request == StreamRequest::snapshot) {
        s.sending_rows = true;
        s.end_slot = table.slots();
        ++counters.snapshots_served;
        return;
    }
    const auto ours = table.sketch().cells();
    s.cells.assign(ours.begin(), ours.end());
    s.sending_cells = true;
    s.cells_asked = true;
}

void Core::Impl::match_digests(StreamSession& s) {
    std::ranges::sort(s.theirs);
    std::vector<std::uint64_t> want;
    for (const std::uint64_t digest : s.theirs) {
        if (!table.find_digest(digest)) want.push_back(digest);
    }
    for (std::uint32_t slot = 0; slot < table.slots(); ++slot) {
        const Record* record = table.at(slot);
        if (record && !std::ranges::binary_search(s.theirs, record->digest())) {
            s.outgoing.push_back(record->digest());
        }
    }
    s.theirs.clear();
    s.theirs.shrink_to_fit();
    queue_digests(s, FrameType::want, want);
    s.may_end = true;
}

// The opener closes, once both sides have said END and its own last frame is gone. A server closes
// only on a peer that it refused.
void Core::Impl::finish_if_done(StreamId id, const Turn& t) {
    const auto at = sessions.find(id);
    if (at == sessions.end()) return;
    const StreamSession& s = at->second;
    const bool snapshot = s.opener && s.request == StreamRequest::snapshot;
    if (!s.peer_ended || !(s.ended || snapshot) || (!s.ready && !snapshot)) return;
    if (!s.control.empty()) return;
    if (!s.opener && s.peer != NodeId{} && s.request == StreamRequest::sync) return;
    t.out.streams.push_back({StreamAction::Kind::close, id, {}, {}});
    if (s.opener) hurry(t.now);
    sessions.erase(at);
}

}  // namespace gossip
