#pragma once

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "gossip/clock_offset.h"
#include "gossip/core.h"
#include "gossip/detector.h"
#include "gossip/leases.h"
#include "gossip/membership.h"
#include "gossip/outbox.h"
#include "gossip/probes.h"
#include "gossip/random.h"
#include "gossip/sender.h"
#include "gossip/stream_session.h"
#include "gossip/table.h"

namespace gossip {

// One turn: the moment, and where its effects go.
struct Turn {
    Now now;
    Output& out;
};

// The moment, or the record's if that is later: what was accepted once is not from the future,
// though our clock may have gone back since.
inline Wall::time_point not_before(const Record& record, Wall::time_point now) {
    return std::max(now,
                    Wall::time_point{milliseconds{static_cast<std::int64_t>(record.stamp().ms())}});
}

// How a record reached us, which decides whether it is passed on.
enum class Path : std::uint8_t { flood, repair, stream };

// The parts of the state machine and the rules between them. Each part keeps its own state and
// knows no other; the functions are grouped by file, one mechanism each.
struct Core::Impl {
    Impl(Config config_in, Identity self_in, std::uint64_t seed, Now now, const SharedBase& base);

    // ---- core_time.cpp
    void tick(const Turn& t);
    [[nodiscard]] Mono::time_point next_wakeup() const;
    void notice_lag(const Turn& t);
    void notice_step(const Turn& t);
    [[nodiscard]] bool sure_of_time(Now now) const;
    void learn_time(NodeId peer, const Digest& said, Mono::duration rtt, const Turn& t);
    void forget_old(const Turn& t);
    void leave_future(const Turn& t);
    bool yields(const RecordFields& to, const Turn& t);
    [[nodiscard]] std::uint64_t latest_ms(Now now) const;  // later stamps are from the future
    void forget_member(NodeId id, const Turn& t);
    void wipe(const Turn& t);
    void refresh_own_rows(const Turn& t);
    // Old enough to be stamped anew, long before it would fall below the horizon.
    [[nodiscard]] bool ages(const Record& record, Now now) const;
    [[nodiscard]] bool heir_to(const Record& record) const;
    void leave(const Turn& t);
    void linger(const Turn& t);
    [[nodiscard]] Wall::time_point wall(Now now) const { return clock.corrected(now); }
    [[nodiscard]] std::uint64_t clock_ms(Now now) const;  // the same, of Unix time
    [[nodiscard]] milliseconds age(const Record& record, Now now) const;

    // ---- core_records.cpp: the only places where the table changes, and what follows from it
    Merge accept(Bytes bytes, Path path, NodeId from, const Turn& t);
    bool merge_own(const Record& record, const Turn& t, bool coalesce = false);
    void correct(const RecordFields& claim, NodeId from, const Turn& t);
    void warn(const Record& claim, const Turn& t);
    void follow(const Record& record, const Turn& t);
    void follow_node(const Record& record, const Turn& t);
    void follow_lease(const Record& record, const Turn& t);
    PutResult put(const LocalWrite& write, const Turn& t);
    PutResult renew(const LocalWrite& write, const Record& current, const Turn& t);
    void lapse(const Turn& t);
    bool expire(const std::string& address, const Turn& t);
    [[nodiscard]] std::uint64_t last_update_of(const Record& record) const;

    // ---- core_flood.cpp
    void receive_put(const Header& header, Bytes body, const Endpoint& from, const Turn& t);
    void flush(const Turn& t);
    [[nodiscard]] std::vector<const Member*> flood_targets(unsigned fanout);
    void send_records(const std::vector<Record>& records, PutMode mode, const Endpoint& to,
                      const Turn& t);
    void send_rumours(const std::vector<Rumour>& rumours, const std::vector<const Member*>& targets,
                      std::size_t regular, const Turn& t);

    // ---- core_touch.cpp
    void touch_own(const Record& record, const Turn& t);
    [[nodiscard]] std::uint64_t touch_allowance() const;
    void receive_touches(Bytes entries, bool pass_on, const Turn& t);
    void ask_owners(const std::vector<std::string>& addresses, const Turn& t);
    void receive_ask(const Header& header, Bytes body, const Endpoint& from, const Turn& t);
    void receive_question(const Header& header, Bytes body, const Endpoint& from, const Turn& t);
    void receive_reply(const Header& header, Bytes body, const Endpoint& from, const Turn& t);
    void send_fresh(const std::vector<TouchEntry>& entries, const Endpoint& to, const Turn& t);
    void send_touches(const Turn& t);

    // ---- core_exchange.cpp: pings, acks and what they find
    void receive_ping(const Header& header, Bytes body, std::size_t size, const Endpoint& from,
                      const Turn& t);
    void learn(const Ack& ack, NodeId from);
    void receive_ack(const Header& header, Bytes body, const Endpoint& from, const Turn& t);
    void receive_want(Bytes body, const Endpoint& from, const Turn& t);
    void receive_renew(Bytes body, const Turn& t);
    void answer(const Ping& ping, const Member* member, std::size_t size, Ack& ack);
    [[nodiscard]] bool misses_most(std::uint32_t rows, std::uint32_t of) const;
    [[nodiscard]] bool needs_snapshot(std::uint32_t ours, std::uint32_t theirs) const;
    void reconcile(const Ack& ack, const Probe& probe, NodeId peer, const Turn& t);
    void send_ping(Probe probe, bool census, const Turn& t, std::uint64_t topic = 0);
    void push(const Endpoint& to, const Turn& t);
    [[nodiscard]] Digest digest(Now now) const;
    bool allow_diff(const Endpoint& from, Mono::time_point now);
    bool allow_datagram(const Endpoint& from, Mono::time_point now);

    // ---- core_members.cpp: who is there
    void announce(const Turn& t);
    void run_period(const Turn& t);
    void hurry(Now now);  // the next exchange within a quarter of a period
    const Member* next_partner();
    NodeId exchange(const Turn& t);
    void look_after(const Member& member, const Turn& t);
    void meet(const Endpoint& stranger, const Turn& t);
    void seek_time(const Endpoint& stranger, const Turn& t);
    void introduce(const Endpoint& to, const Turn& t);
    void find_members(const Turn& t);
    void expire_probes(const Turn& t);
    void heard(NodeId peer, const Digest& peer_digest);
    [[nodiscard]] const Record* node_record(NodeId id) const;
    [[nodiscard]] std::size_t peers() const;  // that can be asked

    // ---- core_jury.cpp: what is believed of them
    [[nodiscard]] Windows windows(const Member& member) const;
    [[nodiscard]] Belief belief_of(const Member& member) const;
    void believe(const NodeRecord& claim, const Turn& t);
    void observe(NodeId id, const Observation& what, const Turn& t);
    void adopt(NodeId id, const Belief& before, const Belief& after, const Turn& t);
    void note_life(NodeId id, Mono::time_point now);
    [[nodiscard]] bool recently_heard(NodeId id, Mono::time_point now) const;
    void resume_detector(const Turn& t);
    void resume_suspicions(const Turn& t);
    void expire_doubts(const Turn& t);
    void notify(NodeId id, const Turn& t);
    void declare(const Member& member, MemberState state, const Turn& t);
    void note_death(const Turn& t);
    void suspect_partition(const Turn& t);
    [[nodiscard]] bool partition_suspected(Mono::time_point now) const;
    void accuse(const Member& subject, Evidence evidence, const std::vector<NodeId>& asked,
                const Turn& t);
    void ask(const Trial& trial, const Turn& t);
    void convict(const Trial& trial, const Turn& t);
    void refused(const Endpoint& by, const Turn& t);
    void suspect_refusal(const Member& member, const Turn& t);
    void succeeded(NodeId former, const Turn& t);
    [[nodiscard]] bool suspected_by_others(const Member& member) const;
    void receive_vote(const Header& header, Bytes body, const Endpoint& from, const Turn& t);
    void expire_trials(const Turn& t);
    void receive_judge(const Header& header, Bytes body, const Endpoint& from, const Turn& t);
    void ping_subject(Inquest& inquest, const Turn& t);
    void vote(const Inquest& inquest, const Turn& t);
    void expire_inquests(const Turn& t);
    void refute(const NodeRecord& claim, const Turn& t);
    void lose_patience(const Turn& t);

    // ---- core_streams.cpp
    void open_stream(const Endpoint& to, StreamRequest request, const Turn& t);
    void stream_accepted(StreamId id, const Endpoint& from, const Turn& t);
    void stream_received(StreamId id, Bytes frame, const Turn& t);
    void stream_drained(StreamId id, const Turn& t);
    void stream_closed(StreamId id, const Turn& t);
    void pump(StreamSession& s, const Turn& t);
    void pump_all(const Turn& t);
    bool next_frame(StreamSession& s, std::string& frame);
    void fill_records(StreamSession& s, std::string& frame);
    void fill_digests(StreamSession& s, std::string& frame);
    void server_frame(StreamSession& s, FrameType type, Bytes body, const Turn& t);
    void opener_cells(StreamSession& s, Bytes body);
    void begin_service(StreamSession& s, const Hello& hello, const Turn& t);
    void match_digests(StreamSession& s);
    void finish_if_done(StreamId id, const Turn& t);
    [[nodiscard]] unsigned streams(bool opener) const;
    [[nodiscard]] bool fetching_snapshot() const;
    [[nodiscard]] bool syncing(const Endpoint& besides, Mono::time_point now) const;
    [[nodiscard]] bool refuses_sync(NodeId peer, Mono::time_point now) const;

    // ---- state
    Config config;
    Identity self;
    Rng rng;
    Counters counters;
    Table table;
    Membership members;
    ClockOffset clock;
    Sender sender;
    Outbox outbox;
    Probes probes;
    FailureDetector detector;
    Leases leases;

    // Flood.
    Mono::time_point last_flush;
    milliseconds flush_interval;

    // Renewals to be told, by the record's digest, and those that were heard of.
    struct PendingTouch {
        std::uint64_t last_update = 0;
        Mono::time_point seen;
    };
    std::map<std::uint64_t, PendingTouch> touches;
    std::map<std::uint64_t, std::uint64_t> renewed_elsewhere;  // entries of live rows only
    std::uint64_t own_touches = 0;                             // in this period
    std::set<std::uint64_t> asked_rows;  // digests of rows whose owners have not answered
    Mono::time_point asked_until{};

    // Periods.
    // A period begins with whatever wakes the node up from `period_from` on, at the latest at
    // `next_period`: a wake-up costs an idle node more than the ping that it is for.
    Mono::time_point next_period;
    Mono::time_point period_from;
    std::uint64_t period = 0;
    std::vector<NodeId> shuffled;  // partners of this round
    Mono::time_point next_housekeeping;
    Mono::time_point next_refresh;
    Mono::time_point expected_wakeup = Mono::time_point::max();
    std::chrono::milliseconds wall_over_mono{};  // as of the last turn

    // Joining.
    bool started = false;
    Mono::time_point started_at{};
    bool adopted_base = false;  // the rows, this node's own among them, are those of a base
    std::vector<Endpoint> seeds;
    milliseconds seed_retry;
    Mono::time_point next_search;
    Endpoint way_in;  // a stranger that asked while we knew nobody
    Mono::time_point next_seek{};
    bool contacted = false;  // some member or seed has answered
    Mono::time_point contacted_at;
    Mono::time_point leaving_until = Mono::time_point::max();
    Mono::time_point next_farewell = Mono::time_point::max();

    // What peers last said their tables are; only for agreement().
    struct Heard {
        Cell fingerprint;
        std::uint32_t rows = 0;
    };
    std::map<NodeId, Heard> heard_digests;
    // Whom our questions went to, by their number; the oldest are forgotten from kMaxQuestions on.
    static constexpr std::size_t kMaxQuestions = 1024;
    std::map<std::uint32_t, NodeId> questions;
    std::map<std::uint32_t, std::uint64_t> asked_topics;          // by number of the ping
    std::map<std::uint64_t, PollAnswer> answers;                  // by topic: our own
    std::map<std::uint64_t, std::map<NodeId, PollAnswer>> polls;  // by topic: what others answered

    // Records that a peer misses, to be sent once those that we wanted from it have arrived.
    struct Push {
        Endpoint to;
        std::size_t awaited = 0;
        std::vector<std::uint64_t> digests;
        Mono::time_point deadline;
    };
    std::vector<Push> pushes;  // at most kMaxProbes

    // What each peer may still send in this second. Cleared every second, bounded by kMaxPeers.
    struct Allowance {
        unsigned diffs = 0;
        std::uint64_t datagrams = 0;
    };
    static constexpr std::size_t kMaxPeers = 4096;
    std::map<Endpoint, Allowance> allowances;
    Mono::time_point allowances_since;

    // Streams.
    std::map<StreamId, StreamSession> sessions;
    std::uint64_t streams_opened = 0;
    TokenBucket stream_bucket;
    Mono::time_point next_pump = Mono::time_point::max();  // when the rate allows more
};

}  // namespace gossip
