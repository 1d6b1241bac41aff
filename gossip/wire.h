#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "gossip/bytes.h"
#include "gossip/endpoint.h"
#include "gossip/member.h"
#include "gossip/record.h"
#include "gossip/sketch.h"

namespace gossip {

// The bytes of the protocol. Encoders append to a string; decoders are total on arbitrary bytes,
// allocate nothing beyond the bounded vectors they return, and ignore trailing bytes of bodies, so
// that a later release can append fields.
//
// A datagram is a header of 24 B, a body, and room for an authentication tag of 16 B.
constexpr std::size_t kMaxDatagram = 1232;  // IPv6 minimum MTU (1280) less IPv6 and UDP headers
constexpr std::size_t kHeaderBytes = 24;
constexpr std::size_t kTagRoom = 16;  // AES-256-GCM or Poly1305
constexpr std::size_t kMaxBody = kMaxDatagram - kHeaderBytes - kTagRoom;

constexpr std::uint16_t kMagic = 0x5348;  // "HS"
constexpr ProtocolRange kProtocol{1, 1};
// The version that two nodes speak: the highest that both know; none if there is no such.
[[nodiscard]] std::optional<std::uint8_t> spoken(ProtocolRange a, ProtocolRange b);

enum class MessageType : std::uint8_t {
    ping = 1,
    ack = 2,
    put = 3,
    want = 4,
    renew = 5,
    judge = 6,
    vote = 7,
    ask = 8,
    question = 9,
    reply = 10,
};

struct Header {
    std::uint8_t version = kProtocol.max;
    MessageType type{};
    std::uint32_t cluster = 0;  // cluster_tag()
    NodeId from;
    std::uint32_t seq = 0;
    std::uint16_t flags = 0;  // kFlagSealed: the body is encrypted and a tag follows
};
constexpr std::uint16_t kFlagSealed = 1;

// Distinguishes clusters on one network: datagrams of another tag are dropped.
[[nodiscard]] std::uint32_t cluster_tag(HashKey key);

enum class HeaderFault : std::uint8_t { none, malformed, foreign_version, foreign_cluster };
// The body is what follows, exactly as long as the header says. Refuses flags that it cannot
// honour.
[[nodiscard]] HeaderFault decode_header(Bytes datagram, std::uint32_t cluster, Header& header,
                                        Bytes& body);
// Appends the header; finish_datagram() fills in the length of the body once it is known.
void begin_datagram(std::string& out, const Header& header);
// `room` is left behind it for a tag; 0 for what only has to be as long as can be.
void finish_datagram(std::string& out, std::size_t start, std::size_t room = kTagRoom);

// ---- bodies

// What one table looks like to a peer: its size and cell 0 of its sketch.
struct Digest {
    std::uint64_t clock_ms = 0;  // corrected wall clock of the sender; 63 bits on the wire
    std::uint32_t rows = 0;
    Cell fingerprint;
    bool sure = false;  // of its clock: most of its peers agree. The top bit of the clock
};

// What a node makes of something that its shell has named: of an app, the epoch that it knows and a
// hash of the plan that it follows.
struct PollAnswer {
    std::uint64_t epoch = 0;
    std::uint64_t word = 0;
    bool operator==(const PollAnswer&) const = default;
};

struct Ping {
    Digest digest;
    bool census = false;      // only the digest is wanted, never a difference
    bool wide = false;        // the last difference did not decode: send as many cells as fit
    std::uint64_t topic = 0;  // that the ack should answer a poll of; 0: none
};
// `pad` bytes of zeros follow: an unknown node's reply is at most three times its request.
void encode(const Ping& ping, std::size_t pad, std::string& out);
[[nodiscard]] std::optional<Ping> decode_ping(Bytes body);
constexpr std::size_t kJoinPad = 376;  // a padded ping of about 400 B entitles to a full reply

enum class AckStatus : std::uint8_t {
    same = 0,      // equal tables, or a difference was not wanted
    diff = 1,      // cells follow
    snapshot = 2,  // you miss so much that you should stream a snapshot from me
    busy = 3,      // the same, but ask `redirect`
};
struct Ack {
    std::uint32_t ping_seq = 0;
    Digest digest;
    AckStatus status = AckStatus::same;
    std::vector<Cell> cells;                          // diff only, at most kMaxDiffCells
    Endpoint redirect;                                // busy only
    std::optional<PollAnswer> answer = std::nullopt;  // same only, if the ping had a topic
};
constexpr std::size_t kMinDiffCells = 16;
constexpr std::size_t kMaxDiffCells = 96;
void encode(const Ack& ack, std::string& out);
[[nodiscard]] std::optional<Ack> decode_ack(Bytes body);

// A touch is passed on; a fresh one answers an ASK.
enum class PutMode : std::uint8_t { flood = 0, repair = 1, touch = 2, fresh = 3 };
// A PUT body is its mode, then for flood and repair records, each with its length before it, or
// for touch and fresh entries of 20 B.
struct TouchEntry {
    std::uint64_t digest = 0;  // of the record
    std::uint64_t last_update = 0;
    std::uint32_t age_ms = 0;  // since its owner saw it
};
constexpr std::size_t kTouchBytes = 20;
constexpr std::size_t kMaxTouches = 58;
inline std::size_t put_size(const Record& record) {
    const std::size_t size = record.bytes().size();
    return varint_size(size) + size;
}
void append_record(std::string& out, const Record& record);
// Calls visit(Bytes) for each record; false if the bytes end early (what came before was visited).
template <class Visit>
[[nodiscard]] bool for_each_record(Bytes records, Visit visit) {
    Reader r{records};
    while (r.left() > 0) {
        const Bytes record = r.raw(r.varint());
        if (!r.ok()) return false;
        visit(record);
    }
    return true;
}
void encode(std::span<const TouchEntry> touches, std::string& out);
[[nodiscard]] std::optional<std::vector<TouchEntry>> decode_touches(Bytes entries);

// In a WANT: send me these records. In an ASK: you own these, when were they last renewed?
constexpr std::size_t kMaxWant = 140;
// Digests fill the body, 8 B each.
void encode_digests(std::span<const std::uint64_t> digests, std::string& out);
[[nodiscard]] std::vector<std::uint64_t> decode_digests(Bytes body);  // a cut last one is ignored

struct Renew {
    std::uint64_t digest = 0;  // of the record whose lease is renewed
    std::uint64_t last_update = 0;
};
void encode(const Renew& renew, std::string& out);
[[nodiscard]] std::optional<Renew> decode_renew(Bytes body);

// To a juror: can you reach this member?
struct Judge {
    std::uint32_t nonce = 0;
    NodeId subject;
    std::uint64_t incarnation_ms = 0;
    Evidence evidence = Evidence::silence;
};
void encode(const Judge& judge, std::string& out);
[[nodiscard]] std::optional<Judge> decode_judge(Bytes body);

// A juror's answer.
struct Ballot {
    std::uint32_t nonce = 0;  // of the question
    NodeId subject;
    Vote vote = Vote::silent;
};
void encode(const Ballot& ballot, std::string& out);
[[nodiscard]] std::optional<Ballot> decode_ballot(Bytes body);

// What one node's shell asks another's, and the answer to it: bytes that mean nothing here.
constexpr std::size_t kMaxQuestion = 256;
struct Reply {
    std::uint32_t question = 0;  // the sequence number of its datagram
    Bytes answer;                // at most kMaxQuestion
};
void encode(const Reply& reply, std::string& out);
[[nodiscard]] std::optional<Reply> decode_reply(Bytes body);

// ---- streams: a frame is its type and a body of at most kMaxFrame - 1 bytes

enum class FrameType : std::uint8_t {
    none = 0,         // never sent: an empty frame
    hello = 1,        // opener: who I am, and what I ask for
    cells = 2,        // server: the next cells of its sketch; an empty frame: there are no more
    stop = 3,         // opener: decoded, no more cells
    want = 4,         // digests of records to send
    records = 5,      // as in PUT
    digests = 6,      // opener: some digests of all that it has
    digests_end = 7,  // opener: that was all; send what I miss and ask for what you miss
    end = 8,          // nothing more will come from this side
    busy = 9,         // server: too many streams
    more = 10,        // opener: not decoded yet, send the next cells
};
enum class StreamRequest : std::uint8_t { sync = 1, snapshot = 2 };
struct Hello {
    std::uint8_t version = kProtocol.max;
    std::uint32_t cluster = 0;
    NodeId from;
    StreamRequest request = StreamRequest::sync;
};
void encode(const Hello& hello, std::string& out);
[[nodiscard]] std::optional<Hello> decode_hello(Bytes body);
void encode_cells(std::span<const Cell> cells, std::string& out);
[[nodiscard]] std::vector<Cell> decode_cells(Bytes body);  // a cut last one is ignored

}  // namespace gossip
