#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "gossip/config.h"
#include "gossip/output.h"
#include "gossip/wire.h"

namespace gossip {

class Table;
class Membership;

// Who this node is. `id` is drawn once and kept on disk.
struct Identity {
    NodeId id;
    std::string name;
    Endpoint gossip;   // where peers reach us
    std::string http;  // host:port of our API, for people and redirects
};

// A write that an application or an operator asks this node for. Each write of an app begins an
// epoch: the stamp of that write, kept when the row is only stamped anew.
struct LocalWrite {
    RecordKind kind = RecordKind::instance;
    std::string key;
    std::string value;
    std::uint64_t last_update = 0;  // Unix seconds
    std::uint32_t ttl_s = 0;
    bool tombstone = false;
    // The rule of protocol.md for `last_update` applies: stale is refused, far future too. Without
    // it the write is this node's own act (delete, operator) and always wins over what it knows.
    bool timed_by_application = true;
    // Only this version may be replaced: compare-and-set. Stamp{0}: there must be none, or a
    // tombstone. Of an app it is the epoch.
    bool conditional = false;
    Stamp if_stamp;
    // The same content, too, is a new version of this node's own, whoever owned the row: the
    // application is at this node now.
    bool take_over = false;
    // A change of content only (sessions, metadata): floods at most once a second per key.
    bool coalesce = false;
};

enum class PutStatus : std::uint8_t {
    created,     // there was no live row
    updated,     // a new version
    renewed,     // same content: the lease is extended, nothing is gossiped
    forwarded,   // same content, but another live node owns the row: it was told
    stale,       // last_update is older than the row's
    future,      // last_update is more than 60 s ahead
    conflict,    // the row is not at if_stamp
    not_found,   // a tombstone for what is not there
    too_large,   // the record would exceed kMaxRecordBytes
    table_full,  // a new key, and max_rows are held
};

struct PutResult {
    PutStatus status = PutStatus::created;
    Record current;  // the row as it is now; empty if there is none
};

// Counters since the start, for metrics, tests and the simulator.
struct Counters {
    std::uint64_t datagrams_in = 0, datagrams_out = 0;
    std::uint64_t bytes_in = 0, bytes_out = 0;  // UDP payload
    std::uint64_t stream_bytes_in = 0, stream_bytes_out = 0;
    std::uint64_t flood_records_in = 0, flood_records_new = 0;  // copies, and first copies
    std::uint64_t repair_bytes_out = 0, repair_control_bytes_out = 0;
    std::uint64_t exchanges = 0, diffs = 0, peel_failures = 0, syncs = 0, snapshots_served = 0;
    // The failure detector: rounds opened, own verdicts, votes given, claims refuted.
    std::uint64_t trials = 0, convictions = 0, votes = 0, refutations = 0;
    // Dropped, and why.
    std::uint64_t malformed = 0, foreign_cluster = 0, foreign_version = 0, unknown_type = 0;
    std::uint64_t below_horizon = 0, from_future = 0, table_full = 0;
    std::uint64_t egress_limited = 0, ingress_limited = 0, clock_refused = 0;
};

// How many live nodes, as far as their last answers tell, hold exactly our table.
struct Agreement {
    std::uint32_t nodes = 0;  // alive, including this one
    std::uint32_t agreeing = 0;
    std::uint32_t unheard = 0;  // of the others: no answer to the last census yet
};

// The same of the last poll about one topic: who answered what this node would.
struct Polled : Agreement {
    std::uint64_t oldest_epoch = 0;  // of all that are alive; 0 while somebody has not answered
};

// What a node that is to be simulated thousands of times shares with its likes.
struct SharedBase {
    std::shared_ptr<const Table> table;
    std::shared_ptr<const Membership> members;
};

// The whole protocol as a state machine: one input, at one moment, adds to one Output.
// No IO, no clock, no threads; equal seeds and inputs give equal outputs. Not thread-safe.
// Several inputs may share an Output, which is how local writes are committed in groups.
class Core {
  public:
    Core(Config config, Identity self, std::uint64_t seed, Now now, const SharedBase& base = {});
    ~Core();
    Core(const Core&) = delete;
    Core& operator=(const Core&) = delete;

    // ---- start and end
    // A row from this node's disk, before start(). Rows that do not parse or lie below the
    // horizon are refused.
    bool restore(Bytes canonical, Now now);
    // Announces this node: its incarnation beats any it had. Pings seeds from now on.
    void start(Now now, Output& out);
    // Where seeds are, resolved anew by the shell from time to time; may include this node.
    void set_seeds(std::vector<Endpoint> seeds, Now now);
    // Tells the cluster that this node leaves. Call tick() until left(), then stop.
    void leave(Now now, Output& out);
    [[nodiscard]] bool left(Now now) const;

    // ---- local writes
    PutResult put(const LocalWrite& write, Now now, Output& out);
    // This node has seen that the instance is gone (it does not answer its checks, its connection
    // ended): its row lapses now instead of with its lease. False when this node does not own a
    // live row of that address. The next registration, also of the same content, revives it.
    bool expire(const std::string& address, Now now, Output& out);

    // ---- the network
    void receive(const Endpoint& from, Bytes datagram, Now now, Output& out);
    // The host there said that nobody listens at this address (ICMP port unreachable, or a refused
    // connection): evidence that its node is no more.
    void refused(const Endpoint& by, Now now, Output& out);
    void stream_accepted(StreamId id, const Endpoint& from, Now now, Output& out);
    void stream_received(StreamId id, Bytes frame, Now now, Output& out);
    void stream_drained(StreamId id, Now now, Output& out);  // opened, or all sent: ready for more
    void stream_closed(StreamId id, Now now, Output& out);   // by the peer, or failed

    // ---- time
    // Everything that is due. Call at next_wakeup() or later, and after any other input.
    void tick(Now now, Output& out);
    [[nodiscard]] Mono::time_point next_wakeup() const;
    // One exchange at once, outside the schedule; says with whom (0: nobody to talk to).
    NodeId exchange_now(Now now, Output& out);
    // Asks every live member for its fingerprint; agreement() counts the answers.
    void census(Now now, Output& out);

    // What this node answers when it is asked about a topic (any word but 0); an empty answer ends
    // it. The caller bounds their number.
    void set_answer(std::uint64_t topic, const PollAnswer& answer);
    // Asks every live member about it; polled() counts the answers. Of so many topics at a
    // time.
    void poll(std::uint64_t topic, Now now, Output& out);
    [[nodiscard]] Polled polled(std::uint64_t topic) const;
    // Asks those once more who have not answered since the last poll about it, or, for topic 0,
    // since the last census: datagrams are lost.
    void ask_again(std::uint64_t topic, Now now, Output& out);
    static constexpr std::size_t kMaxPolls = 64;

    // One question to the shell of a live member, for what must not wait for gossip. That one finds
    // it in Output::asked and gives a reply(), which is in Output::answered here: datagrams, so
    // either may be lost, and a question that is repeated may be heard twice. Returns its number;
    // 0: the member is not known to be alive, the question is empty or longer than kMaxQuestion, or
    // this node sends too much already.
    std::uint32_t ask(NodeId whom, Bytes question, Now now, Output& out);
    // At most kMaxQuestion bytes.
    void reply(const Asked& asked, Bytes answer, Now now, Output& out);

    // Asks the owners of these instances when they were last renewed: what they say is `touched`.
    void ask_owners(const std::vector<std::string>& addresses, Now now, Output& out);
    // Rows whose owner has not answered yet; 0 after half a second at the latest.
    [[nodiscard]] std::size_t unanswered(Now now) const;

    // ---- what is known
    [[nodiscard]] const Identity& self() const;
    [[nodiscard]] const Config& config() const;
    [[nodiscard]] const Table& table() const;
    [[nodiscard]] const Membership& members() const;
    [[nodiscard]] const Counters& counters() const;
    [[nodiscard]] Agreement agreement() const;
    // The latest last_update heard for a row, exact at its owner.
    [[nodiscard]] std::uint64_t last_update(const Record& record) const;
    // More than half of the members died within a minute, or this node accused too many: it, or a
    // part of the cluster, is probably cut off.
    [[nodiscard]] bool partition_suspected(Now now) const;
    [[nodiscard]] bool joined() const;  // at least one other member answered, or there are no seeds
    [[nodiscard]] milliseconds clock_offset() const;  // added to the wall clock of our stamps
    [[nodiscard]] Wall::time_point horizon() const;
    void set_horizon(Wall::time_point persisted);  // before restore(): it never goes back

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace gossip
