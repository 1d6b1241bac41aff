#include "gossip/wire.h"

#include <algorithm>

namespace gossip {
namespace {

constexpr std::uint8_t kPingCensus = 1;
constexpr std::uint8_t kPingWide = 2;
constexpr std::uint8_t kPingTopic = 4;
constexpr std::size_t kEndpointBytes = 18;
constexpr std::uint64_t kSure = 1ULL << 63;

void write(Writer& w, const Cell& cell) {
    w.u32(cell.low);
    w.u32(cell.high);
    w.u32(cell.check);
}

Cell read_cell(Reader& r) {
    Cell cell;
    cell.low = r.u32();
    cell.high = r.u32();
    cell.check = r.u32();
    return cell;
}

void write(Writer& w, const Digest& digest) {
    w.u64(digest.clock_ms | (digest.sure ? kSure : 0));
    w.u32(digest.rows);
    write(w, digest.fingerprint);
}

Digest read_digest(Reader& r) {
    Digest digest;
    const std::uint64_t clock = r.u64();
    digest.clock_ms = clock & ~kSure;
    digest.sure = (clock & kSure) != 0;
    digest.rows = r.u32();
    digest.fingerprint = read_cell(r);
    return digest;
}

}  // namespace

std::optional<std::uint8_t> spoken(ProtocolRange a, ProtocolRange b) {
    const std::uint8_t version = std::min(a.max, b.max);
    if (version < std::max(a.min, b.min)) return std::nullopt;
    return version;
}

std::uint32_t cluster_tag(HashKey key) {
    return static_cast<std::uint32_t>(siphash(key, as_bytes("cluster tag")));
}

HeaderFault decode_header(Bytes datagram, std::uint32_t cluster, Header& header, Bytes& body) {
    if (datagram.size() < kHeaderBytes || datagram.size() > kMaxDatagram) {
        return HeaderFault::malformed;
    }
    Reader r{datagram};
    if (r.u16() != kMagic) return HeaderFault::malformed;
    header.version = r.u8();
    header.type = static_cast<MessageType>(r.u8());
    header.cluster = r.u32();
    header.from = {r.u64()};
    header.seq = r.u32();
    const std::uint16_t length = r.u16();
    header.flags = r.u16();
    if (header.version < kProtocol.min || header.version > kProtocol.max) {
        return HeaderFault::foreign_version;
    }
    if (header.cluster != cluster) return HeaderFault::foreign_cluster;
    if (header.flags != 0 || length != r.left()) return HeaderFault::malformed;
    body = r.rest();
    return HeaderFault::none;
}

void begin_datagram(std::string& out, const Header& header) {
    Writer w{out};
    w.u16(kMagic);
    w.u8(header.version);
    w.u8(static_cast<std::uint8_t>(header.type));
    w.u32(header.cluster);
    w.u64(header.from.value);
    w.u32(header.seq);
    w.u16(0);  // the length: finish_datagram()
    w.u16(header.flags);
}

void finish_datagram(std::string& out, std::size_t start, std::size_t room) {
    CHECK(out.size() - start + room <= kMaxDatagram);
    const std::size_t body = out.size() - start - kHeaderBytes;
    out[start + 20] = static_cast<char>(body & 0xff);
    out[start + 21] = static_cast<char>(body >> 8);
}

void encode(const Ping& ping, std::size_t pad, std::string& out) {
    Writer w{out};
    write(w, ping.digest);
    w.u8(static_cast<std::uint8_t>((ping.census ? kPingCensus : 0) | (ping.wide ? kPingWide : 0) |
                                   (ping.topic ? kPingTopic : 0)));
    if (ping.topic != 0) w.u64(ping.topic);
    out.append(pad, '\0');
}

std::optional<Ping> decode_ping(Bytes body) {
    Reader r{body};
    Ping ping;
    ping.digest = read_digest(r);
    const std::uint8_t flags = r.u8();
    ping.census = (flags & kPingCensus) != 0;
    ping.wide = (flags & kPingWide) != 0;
    if ((flags & kPingTopic) != 0) ping.topic = r.u64();
    if (!r.ok()) return std::nullopt;
    return ping;
}

void encode(const Ack& ack, std::string& out) {
    Writer w{out};
    w.u32(ack.ping_seq);
    write(w, ack.digest);
    w.u8(static_cast<std::uint8_t>(ack.status));
    switch (ack.status) {
        case AckStatus::same:
            if (ack.answer) {
                w.u64(ack.answer->epoch);
                w.u64(ack.answer->word);
            }
            break;
        case AckStatus::snapshot:
            break;
        case AckStatus::diff:
            CHECK(ack.cells.size() <= kMaxDiffCells);
            w.u8(static_cast<std::uint8_t>(ack.cells.size()));
            for (const Cell& cell : ack.cells) write(w, cell);
            break;
        case AckStatus::busy:
            w.raw(ack.redirect.ip);
            w.u16(ack.redirect.port);
            break;
    }
}

std::optional<Ack> decode_ack(Bytes body) {
    Reader r{body};
    Ack ack;
    ack.ping_seq = r.u32();
    ack.digest = read_digest(r);
    const std::uint8_t status = r.u8();
    if (!r.ok() || status > static_cast<std::uint8_t>(AckStatus::busy)) return std::nullopt;
    ack.status = static_cast<AckStatus>(status);
    if (ack.status == AckStatus::same && r.left() >= 16) {
        const std::uint64_t epoch = r.u64();
        ack.answer = PollAnswer{epoch, r.u64()};
    }
    if (ack.status == AckStatus::diff) {
        const std::size_t count = r.u8();
        if (count == 0 || count > kMaxDiffCells || r.left() < count * kCellBytes) {
            return std::nullopt;
        }
        ack.cells.reserve(count);
        for (std::size_t i = 0; i < count; ++i) ack.cells.push_back(read_cell(r));
    }
    if (ack.status == AckStatus::busy) {
        if (r.left() < kEndpointBytes) return std::nullopt;
        std::ranges::copy(r.raw(16), ack.redirect.ip.begin());
        ack.redirect.port = r.u16();
    }
    return ack;
}

void append_record(std::string& out, const Record& record) {
    Writer w{out};
    w.varint(record.bytes().size());
    w.raw(record.bytes());
}

void encode(std::span<const TouchEntry> touches, std::string& out) {
    CHECK(touches.size() <= kMaxTouches);
    Writer w{out};
    for (const TouchEntry& touch : touches) {
        w.u64(touch.digest);
        w.u64(touch.last_update);
        w.u32(touch.age_ms);
    }
}

std::optional<std::vector<TouchEntry>> decode_touches(Bytes entries) {
    if (entries.size() % kTouchBytes != 0 || entries.size() > kMaxTouches * kTouchBytes) {
        return std::nullopt;
    }
    Reader r{entries};
    std::vector<TouchEntry> touches(entries.size() / kTouchBytes);
    for (TouchEntry& touch : touches) {
        touch.digest = r.u64();
        touch.last_update = r.u64();
        touch.age_ms = r.u32();
    }
    return touches;
}

void encode_digests(std::span<const std::uint64_t> digests, std::string& out) {
    Writer w{out};
    for (const std::uint64_t digest : digests) w.u64(digest);
}

std::vector<std::uint64_t> decode_digests(Bytes body) {
    Reader r{body};
    std::vector<std::uint64_t> digests(body.size() / sizeof(std::uint64_t));
    for (std::uint64_t& digest : digests) digest = r.u64();
    return digests;
}

void encode(const Renew& renew, std::string& out) {
    Writer w{out};
    w.u64(renew.digest);
    w.u64(renew.last_update);
}

std::optional<Renew> decode_renew(Bytes body) {
    Reader r{body};
    Renew renew;
    renew.digest = r.u64();
    renew.last_update = r.u64();
    if (!r.ok()) return std::nullopt;
    return renew;
}

void encode(const Judge& judge, std::string& out) {
    Writer w{out};
    w.u32(judge.nonce);
    w.u64(judge.subject.value);
    w.u64(judge.incarnation_ms);
    w.u8(static_cast<std::uint8_t>(judge.evidence));
}

std::optional<Judge> decode_judge(Bytes body) {
    Reader r{body};
    Judge judge;
    judge.nonce = r.u32();
    judge.subject = {r.u64()};
    judge.incarnation_ms = r.u64();
    const std::uint8_t evidence = r.u8();
    if (!r.ok() || evidence > static_cast<std::uint8_t>(Evidence::refusal)) return std::nullopt;
    judge.evidence = static_cast<Evidence>(evidence);
    return judge;
}

void encode(const Ballot& ballot, std::string& out) {
    Writer w{out};
    w.u32(ballot.nonce);
    w.u64(ballot.subject.value);
    w.u8(static_cast<std::uint8_t>(ballot.vote));
}

std::optional<Ballot> decode_ballot(Bytes body) {
    Reader r{body};
    Ballot ballot;
    ballot.nonce = r.u32();
    ballot.subject = {r.u64()};
    const std::uint8_t vote = r.u8();
    if (!r.ok() || vote > static_cast<std::uint8_t>(Vote::refused)) return std::nullopt;
    ballot.vote = static_cast<Vote>(vote);
    return ballot;
}

void encode(const Reply& reply, std::string& out) {
    Writer w{out};
    w.u32(reply.question);
    w.raw(reply.answer);
}
std::optional<Reply> decode_reply(Bytes body) {
    Reader r{body};
    Reply reply;
    reply.question = r.u32();
    reply.answer = r.rest();
    if (!r.ok() || reply.answer.size() > kMaxQuestion) return std::nullopt;
    return reply;
}

void encode(const Hello& hello, std::string& out) {
    Writer w{out};
    w.u16(kMagic);
    w.u8(hello.version);
    w.u32(hello.cluster);
    w.u64(hello.from.value);
    w.u8(static_cast<std::uint8_t>(hello.request));
}

std::optional<Hello> decode_hello(Bytes body) {
    Reader r{body};
    const std::uint16_t magic = r.u16();
    Hello hello;
    hello.version = r.u8();
    hello.cluster = r.u32();
    hello.from = {r.u64()};
    const std::uint8_t request = r.u8();
    if (!r.ok() || magic != kMagic || request < 1 || request > 2) return std::nullopt;
    hello.request = static_cast<StreamRequest>(request);
    return hello;
}

void encode_cells(std::span<const Cell> cells, std::string& out) {
    Writer w{out};
    for (const Cell& cell : cells) write(w, cell);
}

std::vector<Cell> decode_cells(Bytes body) {
    Reader r{body};
    std::vector<Cell> cells(body.size() / kCellBytes);
    for (Cell& cell : cells) cell = read_cell(r);
    return cells;
}

}  // namespace gossip
