#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "gossip/endpoint.h"
#include "gossip/member.h"
#include "gossip/record.h"
#include "gossip/time.h"

namespace gossip {

// A datagram in Output::arena.
struct Datagram {
    Endpoint to;
    std::uint32_t offset = 0;
    std::uint32_t size = 0;
};

// What the shell has to do to a stream: a reliable, ordered connection that carries frames of at
// most kMaxFrame bytes (length-prefixed by the shell). The core numbers the streams that it opens
// from 1; the shell those that it accepts from kAcceptedStreams.
struct StreamAction {
    enum class Kind : std::uint8_t { open, send, close };
    Kind kind = Kind::send;
    StreamId id;
    Endpoint to;        // open only
    std::string frame;  // send only
};
constexpr std::size_t kMaxFrame = std::size_t{64} * 1024;
constexpr std::uint64_t kAcceptedStreams = std::uint64_t{1} << 63;

// A renewal that needs no new version of the record: `last_update` was seen again.
struct Touch {
    Record record;
    std::uint64_t last_update = 0;
};

// What people want to read in a log. `node` names the member, `value` is the event's figure.
struct Event {
    enum class Kind : std::uint8_t {
        member_joined,
        member_alive,  // refuted a suspicion, or returned
        member_suspect,
        member_dead,
        member_left,
        clock_corrected,    // value: offset in ms
        stamp_from_future,  // value: ms ahead
        left_future,        // our clock was far ahead, and so were we; value: ms
        joined_cluster,     // value: rows received
        reset_behind,       // our horizon was ahead of the cluster's: the table was wiped
        partition_suspected,
    };
    Kind kind;
    NodeId node;
    std::int64_t value = 0;
};
[[nodiscard]] std::string_view name(Event::Kind kind);

// A question of a member's shell, or of this node's own.
struct Asked {
    NodeId from;
    Endpoint at;  // where the answer goes
    std::uint32_t number = 0;
    std::string question;
};

// What one turn of the core wants done. perform() is its only reader in production; the order of
// the members is the order of the effects.
struct Output {
    std::vector<Record> durable;  // written here: on disk before anyone hears of them
    std::vector<Record> behind;   // heard from peers: may reach the disk 100 ms later
    std::vector<Record> removed;  // below the horizon: to be deleted from disk
    // Records of nodes, stamped by a clock that was too far ahead, which have given way to lower
    // ones in this turn: before all others.
    std::vector<Record> forgotten;
    std::vector<Datagram> datagrams;
    std::string arena;  // the bytes of `datagrams`
    std::vector<StreamAction> streams;
    std::vector<Touch> touched;  // renewed leases: for the view only
    // Versions of apps that a greater one has replaced or kept out: somebody's decision, which must
    // not disappear silently.
    std::vector<Record> outranked;
    // What readers should believe of members, whatever the records say. After these: a later
    // record of the member counts again.
    struct Belief {
        NodeId node;
        MemberState state;
    };
    std::vector<Belief> beliefs;
    std::vector<Event> events;
    std::vector<Asked> asked;  // questions for this node's shell
    // Answers to questions of Core::ask, by the number that it gave.
    struct Answered {
        std::uint32_t question = 0;
        std::string answer;
    };
    std::vector<Answered> answered;
    bool members_changed = false;
    bool wiped = false;  // everything before this turn is void: drop the disk's rows and the view

    [[nodiscard]] Bytes bytes(const Datagram& d) const {
        return as_bytes(std::string_view{arena}.substr(d.offset, d.size));
    }
    [[nodiscard]] bool view_changed() const {
        return !durable.empty() || !behind.empty() || !removed.empty() || !touched.empty() ||
               !outranked.empty() || members_changed || wiped;
    }
    // Whether this turn has both heard this version of a row and written a greater one, as a
    // refutation does: what comes to the disk later must not replace that. O(durable).
    [[nodiscard]] bool overwritten(const Record& heard) const;
    void clear();  // keeps the capacity, for the next turn
};

// The hands of the core. node/ implements it with SQLite and sockets, sim/ with fakes.
class Effects {
  public:
    virtual ~Effects() = default;
    // Returns when out.durable (after a wipe, if out.wiped) survives kill -9; throws otherwise.
    virtual void persist(const Output& out) = 0;
    // Takes note of out.behind and out.removed, to be written soon.
    virtual void write_behind(const Output& out) = 0;
    virtual void send(const Endpoint& to, Bytes datagram) = 0;  // may drop, never blocks
    virtual void stream(const StreamAction& action) = 0;        // never blocks
    virtual void publish(const Output& out) = 0;                // readers see the new rows
};

// Persist before send: a node that forgets what it told others would, after a restart, write
// stamps that lose to its own past. Publish last: the caller of a write is answered after it.
inline void perform(const Output& out, Effects& effects) {
    if (!out.durable.empty() || out.wiped) effects.persist(out);
    if (!out.behind.empty() || !out.removed.empty()) effects.write_behind(out);
    for (const Datagram& d : out.datagrams) effects.send(d.to, out.bytes(d));
    for (const StreamAction& action : out.streams) effects.stream(action);
    if (out.view_changed()) effects.publish(out);
}

}  // namespace gossip
