#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gossip/output.h"
#include "gossip/record.h"
#include "gossip/time.h"
#include "registry/view.h"

namespace registry {

// Turns what gossip knows into Views. One thread (the core's); only the Views are shared.
//
// A turn: apply, touch and remove whatever the core's Output names, in any order, then publish.
// Of several versions of one key the greatest in gossip's order counts, so the order of the lists
// of an Output does not matter.
//
// The effective state of an instance, first match:
//   its record is expired                  expired
//   its owner's node record is unknown     unreachable
//   ... says suspect                       suspect
//   ... says dead or left                  unreachable; expired once ttl has passed since then
//   its phase                              starting, up, draining (stopping) or stopped
//
// Costs in release on a busy machine: apply 1-2 us (metadata is the dearest part); publish of one
// row 6 us among 10,000 and 40 us among 100,000; everything for 100,000 new rows 0.13 s if they
// come in order of address, else 0.2 s; the death of a node 0.3 us per row of everybody.
class ViewBuilder {
  public:
    // The first View that differs from the empty one has revision + 1. A caller that wants
    // revisions to rise over restarts passes one from a clock.
    // `detection_s`: within so many seconds the cluster knows that an owner, which watches the
    // leases of its instances, is gone.
    explicit ViewBuilder(std::uint64_t revision = 0, std::uint32_t detection_s = kDetection);
    static constexpr std::uint32_t kDetection = 6;  // with gossip's defaults

    // A live record or a tombstone, of whatever kind; those of a later release are ignored. A
    // record that cannot be decoded is counted and not listed; an older row of that instance is
    // dropped.
    void apply(const gossip::Record& record);
    // All that one turn of the core has changed, in the order that counts.
    void apply(const gossip::Output& out);
    // A renewal: the row of `record` was seen alive at `last_update`. Nothing if the row is newer.
    void touch(const gossip::Record& record, std::uint64_t last_update);
    // What gossip believes of a node, whatever its record says; until a newer record of it.
    void believe(gossip::NodeId id, gossip::MemberState state);
    // The record fell below the horizon.
    void remove(const gossip::Record& record);
    // Forgets every row and node.
    void clear();

    // The View of everything so far; the one before, if nothing differs. Time is mono only.
    [[nodiscard]] std::shared_ptr<const View> publish(gossip::Now now);
    // When publish() would change a state without any input; nullopt: never.
    [[nodiscard]] std::optional<gossip::Mono::time_point> next_deadline() const {
        return deadline_;
    }

    // Records that could not be decoded, since the start.
    [[nodiscard]] std::uint64_t undecodable() const { return undecodable_ + apps_.undecodable(); }

  private:
    using Owner = std::shared_ptr<const Row>;
    using Moment = gossip::Mono::time_point;

    struct ByAddress {
        bool operator()(const Row& a, const Row& b) const;
    };
    struct ByApp {
        bool operator()(const Row& a, const Row& b) const;
    };
    struct ByState {
        bool operator()(const Row& a, const Row& b) const;
    };

    struct Node {
        NodeRow row;
        gossip::Rank rank;
        std::optional<Moment> gone_since;  // dead or left, as first published
    };
    // The next version of a row, or that there is none. `row` is not in any View yet.
    struct Pending {
        std::string address;
        gossip::Rank rank;
        std::shared_ptr<Row> row;
    };
    // A step from one set of rows to the next; at least one of the two is there.
    struct Step {
        const Row* before;
        Owner after;
    };

    void apply_instance(const gossip::Record& record, std::uint64_t seen_at);
    void apply_node(const gossip::Record& record);
    void set_state(Node& node, gossip::MemberState state);
    void forget_node(const gossip::Record& record);

    void note_departures(Moment now);
    [[nodiscard]] State derive(const Row& row, Moment now);
    [[nodiscard]] const Row* find_row(std::string_view address) const;
    [[nodiscard]] std::vector<Step> settle_pending(Moment now);
    [[nodiscard]] std::vector<Step> rederive(Moment now);
    void commit(std::vector<Step> steps);
    void commit_one(Step& step);
    void rebuild(std::vector<Step>& steps);
    void count(const Row* before, const Row* after);

    std::uint32_t detection_s_;
    SortedChunks<Owner, ByAddress> by_address_;
    SortedChunks<const Row*, ByApp> by_app_;
    SortedChunks<const Row*, ByState> by_state_;
    std::size_t size_ = 0;
    std::size_t fragment_bytes_ = 0;
    std::array<std::size_t, kStates> by_state_count_{};

    AppBook apps_;
    std::map<gossip::NodeId, Node> nodes_;
    std::vector<Pending> pending_;
    std::optional<Moment> deadline_;
    bool rows_changed_ = false;
    bool nodes_changed_ = false;
    bool owners_changed_ = false;  // some node came, went or became suspect
    std::uint64_t undecodable_ = 0;
    std::shared_ptr<const View> view_;
};

}  // namespace registry
