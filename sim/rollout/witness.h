#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "sim/report.h"
#include "sim/rollout/node_api.h"
#include "sim/world.h"

namespace sim {

// What a rollout promises (16 to 24), seen by who can only watch clients and servers, and hears
// what nodes answer them. It keeps its own book of who is where; nothing here asks the registry's.
class Witness {
  public:
    explicit Witness(World& world);

    // Every wall clock is within half a second of the true time, always.
    bool clocks_are_right = true;
    // No disk is ever lost, so that every decision that was taken survives.
    bool disks_are_kept = true;
    // Each version was first seen by nodes that could tell all the others.
    bool births_are_told = true;
    // No process of a node ends: then every decision that lost is reported somewhere.
    bool nodes_stay_up = true;

    // ---- nodes
    void started(const SimNode& node);
    void published(const SimNode& node, const gossip::Output& out);
    void polled(std::uint32_t by) { asked_at_[by] = world_.now(); }
    // The node says from when on (Unix ms by its own clock) no ticket of an earlier epoch counts.
    void watermark(NodeApi& by, std::uint64_t at_ms);
    void decided(const NodeApi::Decided& decision);
    // Now and then: whether all nodes know of which fences.
    void look();

    // ---- servers
    void lives(const std::string& address, std::uint64_t incarnation, const std::string& version,
               std::uint32_t capacity);
    void killed(const std::string& address);
    // It asks a node to take its registration, and is told that it has. A version is born between
    // the first question and the first answer: a node may have crashed before it could answer.
    void registers(const std::string& version) { first_asked_.try_emplace(version, world_.now()); }
    void registered(const std::string& version) { first_seen_.try_emplace(version, world_.now()); }
    // It has been told that its node has granted the fence.
    void fenced(const std::string& address, std::pair<std::uint32_t, std::uint64_t> by);
    void ended(const std::string& address);

    // ---- clients
    void offered(NodeApi& by, const NodeApi::Place& place);
    // A server lets a client in, because its node said so.
    void joined(const std::string& address, std::uint64_t incarnation, const NodeApi::Seat& seat);
    // It lets one back in.
    void resumed(const std::string& address, std::uint64_t incarnation,
                 const registry::Token& token);
    // A session has come to its planned end, and its server knows of it or not.
    void over(std::uint64_t session, bool held);
    // A client that wants to come back is told that its session is gone.
    void told_gone(std::uint64_t session);
    // Nobody can expect of a session to go on: its server was killed.
    [[nodiscard]] bool excused(std::uint64_t session) const;

    // ---- at the end, after peace
    void check_plans(std::vector<std::unique_ptr<NodeApi>>& apis);
    // `address` serves nobody and is not needed, and has had time to end.
    void still_there(const std::string& address, NodeApi& by);
    void check_order(NodeApi& by);
    void nobody_seated(NodeApi& by);
    void report(Report& report) const;

    [[nodiscard]] std::uint64_t joins() const { return seen_.joins; }
    [[nodiscard]] std::size_t sessions() const { return sessions_.size(); }

  private:
    using Process = std::pair<std::uint32_t, std::uint64_t>;  // node, process

    struct Life {
        std::uint64_t incarnation = 0;
        std::string version;
        std::uint32_t capacity = 0;
        bool alive = false;
        bool fenced = false;
        Process fenced_by;
        std::set<std::uint64_t> sessions;
        std::set<Process> know;  // processes that know of the fence
    };
    struct Issued {
        Process by;
        std::uint64_t epoch = 0;
        Time at{0};
        registry::Token token;
        std::vector<Process> redeemed_at;
    };
    struct Session {
        std::string address;
        std::uint64_t incarnation = 0;
    };
    struct Mark {
        std::uint64_t epoch = 0;
        Time from{0};
        std::set<Process> counted;
    };
    struct Seen {
        std::uint64_t joins = 0, returns = 0, offers = 0, none_free = 0, fences = 0, kills = 0;
        std::uint64_t watermarks = 0, late_joins = 0, again = 0, outranked = 0;
    };

    void fail(unsigned invariant, std::uint32_t node, const std::string& key,
              const std::string& what);
    void check_losers(std::uint64_t won);
    void check_nobody(NodeApi& by, registry::Choice::Outcome outcome);
    void check_version(NodeApi& by, const registry::Token& token, bool older);
    void check_ticket(const NodeApi::Seat& seat, const Life& life);
    void check_marks(const Issued& issued, const NodeApi::Seat& seat);

    World& world_;
    std::map<std::string, Life> lives_;
    std::map<std::uint64_t, Session> sessions_;
    std::unordered_map<std::uint64_t, Issued> issued_;  // by nonce; never iterated
    std::vector<Mark> marks_;
    std::map<std::string, Time> first_asked_;  // of versions
    std::map<std::string, Time> first_seen_;
    std::vector<Time> asked_at_;
    std::vector<Time> started_at_;
    std::vector<std::uint64_t> epochs_;  // what each node follows
    std::vector<NodeApi::Decided> decisions_;
    std::set<std::uint64_t> reported_;  // epochs of decisions that lost
    Seen seen_;
};

}  // namespace sim
