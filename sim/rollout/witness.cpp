#include "sim/rollout/witness.h"

#include <algorithm>
#include <array>

#include "gossip/membership.h"
#include "gossip/table.h"

namespace sim {

using gossip::Record;
using gossip::RecordKind;
using registry::Choice;
using registry::State;
using registry::Token;

namespace {

// By which two right clocks and the rounding to seconds may differ, twice.
constexpr Time kClocks{2'000'000};

// Two versions that are first registered within this time may take either order.
constexpr Time kOrder{3'000'000};

const Record* app_record(const gossip::Table& table) {
    return table.find(RecordKind::app, kGame);
}

std::uint64_t epoch_of(const gossip::Table& table) {
    const Record* record = app_record(table);
    return record && !record->tombstone() ? gossip::rank(*record).epoch : 0;
}

// The greatest epoch of the game among these records; 0: none.
std::uint64_t newest(const std::vector<Record>& records) {
    std::uint64_t epoch = 0;
    for (const Record& record : records) {
        if (record.kind() == RecordKind::app) epoch = std::max(epoch, gossip::rank(record).epoch);
    }
    return epoch;
}

// What a node makes of it all, to understand a failure by.
std::string seen_by(NodeApi& api) {
    const registry::AppRow* app = api.app();
    std::string text = "; epoch " + std::to_string(app ? app->epoch : 0);
    if (app == nullptr) return text;
    for (const auto& version : app->plan.versions) {
        text += ", " + version.version + ' ' + std::string{name(version.role)} + " (" +
                std::string{explain(version.reason)} + ')';
    }
    api.view()->for_each_of(kGame, [&text](const registry::Row& row) {
        text += "; " + std::string{row.address()} + ' ' + std::string{row.version()} + ' ' +
                std::string{name(row.state())} + ' ' + std::to_string(row.sessions()) + '/' +
                std::to_string(row.capacity());
    });
    return text;
}

}  // namespace

Witness::Witness(World& world)
    : world_(world), asked_at_(world.size()), started_at_(world.size()), epochs_(world.size()) {}

void Witness::fail(unsigned invariant, std::uint32_t node, const std::string& key,
                   const std::string& what) {
    world_.checkers().fail({invariant, node, world_.now(), key, what});
}

// ---- nodes

void Witness::started(const SimNode& node) {
    started_at_[node.index()] = world_.now();
    epochs_[node.index()] = epoch_of(node.core().table());
}

// A decision that another one from elsewhere replaces is named (23).
void Witness::published(const SimNode& node, const gossip::Output& out) {
    std::uint64_t& known = epochs_[node.index()];
    if (out.wiped) known = 0;
    for (const Record& record : out.outranked) {
        if (reported_.insert(gossip::rank(record).epoch).second) ++seen_.outranked;
    }
    const std::uint64_t here = newest(out.durable);
    const std::uint64_t heard = newest(out.behind);
    if (known != 0 && heard > known && here == 0) {
        const bool named = std::ranges::any_of(out.outranked, [known](const Record& record) {
            return gossip::rank(record).epoch == known;
        });
        if (!named) {
            fail(23, node.index(), kGame,
                 "epoch " + std::to_string(known) + " was replaced by " + std::to_string(heard) +
                     " from elsewhere, and not a word about it");
        }
    }
    known = std::max({known, here, heard});
}

// Who is counted follows the epoch, and gives no ticket of an earlier one after it (20).
void Witness::watermark(NodeApi& by, std::uint64_t at_ms) {
    const SimNode& computer = world_.node(by.node());
    const std::uint64_t now_ms = by.cluster_ms();
    Mark mark;
    mark.epoch = by.app()->epoch;
    mark.from = world_.now() + std::chrono::milliseconds{at_ms > now_ms ? at_ms - now_ms : 0};
    for (std::uint32_t i = 0; i < world_.size(); ++i) {
        const SimNode& node = world_.node(i);
        const auto* member = computer.core().members().find(node.identity().id);
        if (!node.running() || member == nullptr || !member->reachable()) continue;
        // A process that began since the question knows what its disk holds.
        if (started_at_[i] >= asked_at_[by.node()]) continue;
        mark.counted.emplace(i, node.process());
        if (epochs_[i] < mark.epoch) {
            fail(20, i, kGame,
                 "node " + std::to_string(by.node()) + " counts it in the watermark of epoch " +
                     std::to_string(mark.epoch) + ", but it follows " + std::to_string(epochs_[i]));
        }
    }
    const bool known = std::ranges::any_of(marks_, [&mark](const Mark& m) {
        return m.epoch == mark.epoch && m.from <= mark.from &&
               std::ranges::includes(m.counted, mark.counted);
    });
    if (known) return;
    ++seen_.watermarks;
    marks_.push_back(std::move(mark));
}

void Witness::decided(const NodeApi::Decided& decision) {
    if (decision.epoch != 0) decisions_.push_back(decision);
}

// Who agrees with the node that granted a fence knows of it.
void Witness::look() {
    if (!world_.agreed()) return;
    for (auto& [address, life] : lives_) {
        if (!life.fenced) continue;
        const SimNode& by = world_.node(life.fenced_by.first);
        if (!by.running() || (!disks_are_kept && by.process() != life.fenced_by.second)) continue;
        for (std::uint32_t i = 0; i < world_.size(); ++i) {
            if (world_.node(i).running()) life.know.emplace(i, world_.node(i).process());
        }
    }
}

// ---- servers

void Witness::lives(const std::string& address, std::uint64_t incarnation,
                    const std::string& version, std::uint32_t capacity) {
    lives_[address] = {incarnation, version, capacity, true, false, {}, {}, {}};
}

void Witness::killed(const std::string& address) {
    ++seen_.kills;
    ended(address);
}

void Witness::fenced(const std::string& address, Process by) {
    ++seen_.fences;
    Life& life = lives_[address];
    life.fenced = true;
    life.fenced_by = by;
    if (life.sessions.empty()) return;
    fail(21, kNobody, address,
         "it was fenced with " + std::to_string(life.sessions.size()) + " sessions");
}

void Witness::ended(const std::string& address) {
    Life& life = lives_[address];
    life.alive = false;
    for (const std::uint64_t session : life.sessions) sessions_.erase(session);
    life.sessions.clear();
}

// ---- clients

// Somebody takes new clients as long as a version that may is ready (22).
void Witness::check_nobody(NodeApi& by, Choice::Outcome outcome) {
    ++seen_.none_free;
    if (outcome == Choice::Outcome::full) return;
    const registry::AppRow* app = by.app();
    by.view()->for_each_of(kGame, [&](const registry::Row& row) {
        if (row.state() != State::up || row.fenced()) return;
        if (app && app->app.rollout.quarantined(row.version())) return;
        fail(22, by.node(), std::string{row.address()},
             "it is ready, and nobody takes new clients: " + std::string{name(outcome)});
    });
}

// A version without a share is offered only if none that has one is ready (20, 22).
void Witness::check_version(NodeApi& by, const Token& token, bool older) {
    const registry::Rollout& rollout = by.app()->app.rollout;
    if (rollout.quarantined(token.version)) {
        fail(20, by.node(), token.address, "it is offered, and its version is in quarantine");
    }
    if (older || rollout.weights.empty() || rollout.parts_of(token.version) > 0) return;
    std::map<std::string, std::uint32_t> ready;
    by.view()->for_each_of(kGame, [&](const registry::Row& row) {
        if (row.state() == State::up) ++ready[std::string{row.version()}];
    });
    for (const auto& [version, count] : ready) {
        if (rollout.parts_of(version) == 0 || rollout.quarantined(version)) continue;
        if (count < rollout.min_ready) continue;
        fail(20, by.node(), token.address,
             "version " + token.version + " is offered, though " + version + " is ready");
    }
}

void Witness::offered(NodeApi& by, const NodeApi::Place& place) {
    if (place.tickets.empty()) return check_nobody(by, place.outcome);
    ++seen_.offers;
    const Process process{by.node(), by.process()};
    for (const NodeApi::Ticket& ticket : place.tickets) {
        const Token& token = ticket.token;
        issued_[token.nonce] = {process, place.epoch, world_.now(), token, {}};
        const auto life = lives_.find(token.address);
        if (life == lives_.end()) {
            fail(21, by.node(), token.address, "it is offered, and nobody has ever been there");
        } else if (life->second.fenced && life->second.incarnation == token.incarnation &&
                   life->second.know.contains(process)) {
            fail(21, by.node(), token.address, "it is offered, though the node knows its fence");
        }
    }
    check_version(by, place.tickets.front().token, place.older);
}

// A ticket is one that a node has given, for this life of this server, and not spent (19).
void Witness::check_ticket(const NodeApi::Seat& seat, const Life& life) {
    const Token& token = seat.token;
    const auto found = issued_.find(token.nonce);
    if (found == issued_.end() || found->second.token != token) {
        return fail(19, seat.node, token.address, "nobody has issued this ticket");
    }
    Issued& issued = found->second;
    if (token.incarnation != life.incarnation) {
        fail(19, seat.node, token.address, "the ticket was for another life of the server");
    }
    const auto ttl = std::chrono::seconds{token.expires_s - token.issued_ms / 1000};
    if (clocks_are_right && seat.at > issued.at + ttl + kClocks) {
        fail(19, seat.node, token.address, "the ticket had expired");
    }
    // Documented: a node that restarts faster than two clocks differ may redeem one again.
    const Process process{seat.node, seat.process};
    if (!issued.redeemed_at.empty()) ++seen_.again;
    const bool same = std::ranges::find(issued.redeemed_at, process) != issued.redeemed_at.end();
    if (!issued.redeemed_at.empty() && (clocks_are_right || same)) {
        fail(19, seat.node, token.address, "the ticket was redeemed twice");
    }
    issued.redeemed_at.push_back(process);
    check_marks(issued, seat);
}

// After a watermark nobody joins with an earlier ticket of a node that was counted (20). One who
// comes from elsewhere is let in by a node that does not know better either; those are counted.
void Witness::check_marks(const Issued& issued, const NodeApi::Seat& seat) {
    bool late = false;
    for (const Mark& mark : marks_) {
        if (mark.epoch <= issued.epoch || seat.at < mark.from) continue;
        late = true;
        if (!clocks_are_right || !mark.counted.contains(issued.by)) continue;
        fail(20, issued.by.first, issued.token.address,
             "a ticket of epoch " + std::to_string(issued.epoch) +
                 " let somebody in after the watermark of " + std::to_string(mark.epoch));
    }
    if (late) ++seen_.late_joins;
}

void Witness::joined(const std::string& address, std::uint64_t incarnation,
                     const NodeApi::Seat& seat) {
    ++seen_.joins;
    world_.note(seat.token.nonce);
    Life& life = lives_[address];
    check_ticket(seat, life);
    if (life.fenced) fail(21, seat.node, address, "it was fenced, and got a session");
    sessions_[seat.token.nonce] = {address, incarnation};
    life.sessions.insert(seat.token.nonce);
    if (life.capacity > 0 && life.sessions.size() > life.capacity) {
        fail(18, seat.node, address,
             std::to_string(life.sessions.size()) + " sessions on " +
                 std::to_string(life.capacity) + " seats");
    }
}

void Witness::resumed(const std::string& address, std::uint64_t incarnation, const Token& token) {
    ++seen_.returns;
    world_.note(token.nonce);
    const auto session = sessions_.find(token.nonce);
    if (session != sessions_.end() && session->second.address == address &&
        session->second.incarnation == incarnation) {
        return;
    }
    fail(17, kNobody, address, "a client came back to a server that never had its session");
}

void Witness::over(std::uint64_t session, bool held) {
    const auto at = sessions_.find(session);
    if (at == sessions_.end()) return;  // its server was killed
    if (!held) fail(16, kNobody, at->second.address, "a session ended before its time");
    lives_[at->second.address].sessions.erase(session);
    sessions_.erase(at);
}

void Witness::told_gone(std::uint64_t session) {
    const auto at = sessions_.find(session);
    if (at == sessions_.end()) return;
    fail(17, kNobody, at->second.address,
         "a client is told that its session is gone, and its server lives");
}

bool Witness::excused(std::uint64_t session) const {
    return !sessions_.contains(session);
}

// ---- at the end

void Witness::check_plans(std::vector<std::unique_ptr<NodeApi>>& apis) {
    const registry::AppRow* first = apis.front()->app();
    for (const auto& api : apis) {
        const registry::AppRow* row = api->app();
        if (row && first && row->epoch == first->epoch && row->plan.hash == first->plan.hash) {
            continue;
        }
        if (!row && !first) continue;
        fail(23, api->node(), kGame, "its plan is not that of node 0");
    }
    const std::uint64_t won = first ? first->epoch : 0;
    std::uint64_t last = 0;
    for (const auto& decision : decisions_) last = std::max(last, decision.epoch);
    if (disks_are_kept && won < last) {
        fail(23, kNobody, kGame, "the last decision was lost");
    }
    if (nodes_stay_up) check_losers(won);
}

// What does not lead to the decision that won has lost. The last of each such line was replaced by
// one from elsewhere, somewhere, and that was said.
void Witness::check_losers(std::uint64_t won) {
    std::set<std::uint64_t> kept{won};
    std::set<std::uint64_t> parents;
    for (auto at = decisions_.rbegin(); at != decisions_.rend(); ++at) {
        if (kept.contains(at->epoch)) kept.insert(at->parent);
        parents.insert(at->parent);
    }
    for (const auto& decision : decisions_) {
        if (kept.contains(decision.epoch) || parents.contains(decision.epoch)) continue;
        if (reported_.contains(decision.epoch)) continue;
        fail(23, kNobody, kGame,
             "decision " + std::to_string(decision.epoch) + " lost, and nobody was told");
    }
}

void Witness::still_there(const std::string& address, NodeApi& by) {
    fail(24, by.node(), address, "it is empty and not needed, and has not ended" + seen_by(by));
}

// A restart or a scale-up of an old version does not make it the newest (25).
void Witness::check_order(NodeApi& by) {
    const registry::AppRow* app = by.app();
    if (app == nullptr) return;
    std::vector<std::string> order;
    order.reserve(app->plan.versions.size());
    for (const auto& version : app->plan.versions) order.push_back(version.version);
    for (std::size_t i = 1; i < order.size(); ++i) {
        const auto newer = first_seen_.find(order[i - 1]);
        const bool both = newer != first_seen_.end() && first_seen_.contains(order[i]);
        if (!both || newer->second + kOrder >= first_asked_.at(order[i])) continue;
        fail(25, by.node(), kGame,
             "version " + order[i - 1] + " counts as newer than " + order[i] +
                 ", which was registered later");
    }
}

void Witness::nobody_seated(NodeApi& by) {
    fail(22, by.node(), kGame, "nobody finds a seat in times of peace" + seen_by(by));
}

void Witness::report(Report& report) const {
    report.add("sessions", seen_.joins);
    report.add("returns", seen_.returns);
    report.add("offers", seen_.offers);
    report.add("offers_of_nothing", seen_.none_free);
    report.add("fences", seen_.fences);
    report.add("servers_killed", seen_.kills);
    report.add("decisions", std::uint64_t{decisions_.size()});
    report.add("decisions_reported", seen_.outranked);
    report.add("watermarks", seen_.watermarks);
    report.add("late_joins_elsewhere", seen_.late_joins);
    report.add("tickets_spent_again", seen_.again);
}

}  // namespace sim
