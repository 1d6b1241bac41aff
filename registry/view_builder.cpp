#include "registry/view_builder.h"

#include <algorithm>
#include <array>
#include <tuple>
#include <utility>

#include "gossip/bytes.h"

namespace registry {
namespace {

using gossip::MemberState;
using gossip::Record;
using gossip::RecordKind;

State state_of_phase(Phase phase) {
    switch (phase) {
        case Phase::starting:
            return State::starting;
        case Phase::running:
            return State::up;
        case Phase::stopping:
            return State::draining;
        case Phase::stopped:
            return State::stopped;
    }
    CHECK(false);
    return State::stopped;
}

bool gone(MemberState state) {
    return state == MemberState::dead || state == MemberState::left;
}

// Whether instances of a node in one of the two states differ in theirs.
bool same_for_instances(MemberState a, MemberState b) {
    return a == b || (gone(a) && gone(b));
}

std::size_t list_share(const Row& row) {
    return row.address().size() + 3 + row.fragment().size();
}

NodeRow node_row(const gossip::NodeRecord& node) {
    return {node.id,        node.info.name,      node.state,        to_text(node.info.gossip),
            node.info.http, node.incarnation_ms, node.info.protocol};
}

// Rows in the order of (group, address), from rows in the order of address: one pass, where a sort
// would compare strings 17 times per row.
template <class GroupOf>
std::vector<const Row*> grouped(const std::vector<std::shared_ptr<const Row>>& rows,
                                GroupOf group_of) {
    std::map<decltype(group_of(*rows[0])), std::vector<const Row*>> groups;
    for (const auto& row : rows) groups[group_of(*row)].push_back(row.get());
    std::vector<const Row*> out;
    out.reserve(rows.size());
    for (const auto& group : groups) {
        out.insert(out.end(), group.second.begin(), group.second.end());
    }
    return out;
}

}  // namespace

bool ViewBuilder::ByAddress::operator()(const Row& a, const Row& b) const {
    return a.address() < b.address();
}

bool ViewBuilder::ByApp::operator()(const Row& a, const Row& b) const {
    return std::tuple{a.app(), a.version(), a.address()} <
           std::tuple{b.app(), b.version(), b.address()};
}

bool ViewBuilder::ByState::operator()(const Row& a, const Row& b) const {
    return std::tuple{a.state(), a.address()} < std::tuple{b.state(), b.address()};
}

ViewBuilder::ViewBuilder(std::uint64_t revision, std::uint32_t detection_s)
    : detection_s_(detection_s) {
    auto empty = std::make_shared<View>();
    empty->revision_ = revision;
    view_ = std::move(empty);
}

void ViewBuilder::apply(const Record& record) {
    if (record.kind() == RecordKind::instance) apply_instance(record, 0);
    if (record.kind() == RecordKind::node) apply_node(record);
    apps_.apply(record);
}

void ViewBuilder::apply(const gossip::Output& out) {
    if (out.wiped) clear();
    for (const Record& record : out.forgotten) forget_node(record);
    for (const Record& record : out.durable) apply(record);
    for (const Record& record : out.behind) apply(record);
    for (const Record& record : out.removed) remove(record);
    for (const gossip::Output::Belief& belief : out.beliefs) believe(belief.node, belief.state);
    for (const gossip::Touch& touched : out.touched) touch(touched.record, touched.last_update);
}

void ViewBuilder::touch(const Record& record, std::uint64_t last_update) {
    if (record.kind() == RecordKind::instance) apply_instance(record, last_update);
}

void ViewBuilder::remove(const Record& record) {
    if (record.kind() == RecordKind::instance) {
        pending_.push_back({std::string(record.key()), gossip::rank(record), nullptr});
    }
    if (record.kind() == RecordKind::node) forget_node(record);
    apps_.remove(record);
}

void ViewBuilder::clear() {
    rows_changed_ = rows_changed_ || size_ > 0;
    nodes_changed_ = nodes_changed_ || !nodes_.empty();
    by_address_.assign({});
    by_app_.assign({});
    by_state_.assign({});
    size_ = 0;
    fragment_bytes_ = 0;
    by_state_count_ = {};
    nodes_.clear();
    apps_.clear();
    pending_.clear();
    deadline_.reset();
}

void ViewBuilder::apply_instance(const Record& record, std::uint64_t seen_at) {
    Pending next{std::string(record.key()), gossip::rank(record), nullptr};
    if (!record.tombstone()) {
        Result<Instance> instance = decode(record.fields());
        if (instance) {
            Instance x = std::move(instance).value();
            x.last_update = std::max(x.last_update, seen_at);
            next.row = std::make_shared<Row>(x, next.rank, state_of_phase(x.phase),
                                             record.expired(), detection_s_);
        } else {
            ++undecodable_;
        }
    }
    pending_.push_back(std::move(next));
}

void ViewBuilder::apply_node(const Record& record) {
    if (record.tombstone()) {
        forget_node(record);
        return;
    }
    const Result<gossip::NodeRecord> node = decode_node(record.fields());
    if (!node) {
        ++undecodable_;
        return;
    }
    const auto [at, fresh] = nodes_.try_emplace(node->id);
    Node& known = at->second;
    const gossip::Rank rank = gossip::rank(record);
    if (!fresh && rank <= known.rank) return;

    if (fresh) owners_changed_ = true;
    known.rank = rank;
    const MemberState before = known.row.state;
    known.row = node_row(*node);
    known.row.state = before;
    set_state(known, node->state);
}

void ViewBuilder::set_state(Node& node, MemberState state) {
    if (!same_for_instances(node.row.state, state)) {
        owners_changed_ = true;
        node.gone_since.reset();
    }
    node.row.state = state;
    nodes_changed_ = true;
}

void ViewBuilder::believe(gossip::NodeId id, MemberState state) {
    const auto at = nodes_.find(id);
    if (at != nodes_.end() && at->second.row.state != state) set_state(at->second, state);
}

void ViewBuilder::forget_node(const Record& record) {
    // By its key: a tombstone has nothing else. A key of another length finds nobody.
    const auto at = nodes_.find({gossip::Reader{gossip::as_bytes(record.key())}.u64()});
    if (at == nodes_.end() || at->second.rank > gossip::rank(record)) return;
    nodes_.erase(at);
    nodes_changed_ = true;
    owners_changed_ = true;
}

const Row* ViewBuilder::find_row(std::string_view address) const {
    const Cursor<Owner> at{by_address_.chunks(),
                           [address](const Row& row) { return row.address() < address; }};
    return at.valid() && at->address() == address ? &*at : nullptr;
}

// Lowers deadline_ to the moment at which the answer changes by itself.
State ViewBuilder::derive(const Row& row, Moment now) {
    if (row.expired()) return State::expired;
    const auto owner = nodes_.find(row.owner());
    if (owner == nodes_.end()) return State::unreachable;
    const Node& node = owner->second;
    if (node.row.state == MemberState::suspect) return State::suspect;
    if (node.row.state == MemberState::alive) return state_of_phase(row.phase());
    if (row.ttl_s() == 0) return State::unreachable;  // no lease that could lapse
    const Moment lapses = *node.gone_since + std::chrono::seconds{row.ttl_s()};
    if (now >= lapses) return State::expired;
    if (!deadline_ || lapses < *deadline_) deadline_ = lapses;
    return State::unreachable;
}

void ViewBuilder::note_departures(Moment now) {
    for (auto& entry : nodes_) {
        Node& node = entry.second;
        if (gone(node.row.state) && !node.gone_since) node.gone_since = now;
    }
}

// What the turn's records change, in order of address.
std::vector<ViewBuilder::Step> ViewBuilder::settle_pending(Moment now) {
    // The last of each address is the one that counts. Of one version it is the latest renewal,
    // and that it fell below the horizon is last of all.
    std::sort(pending_.begin(), pending_.end(), [](const Pending& a, const Pending& b) {
        if (const int order = a.address.compare(b.address); order != 0) return order < 0;
        const auto age = [](const Pending& p) {
            return std::tuple{p.rank, p.row ? p.row->last_update() : UINT64_MAX};
        };
        return age(a) < age(b);
    });
    std::vector<Step> steps;
    steps.reserve(pending_.size());
    for (std::size_t i = 0; i < pending_.size(); ++i) {
        if (i + 1 < pending_.size() && pending_[i].address == pending_[i + 1].address) continue;
        Pending& next = pending_[i];
        const Row* before = find_row(next.address);
        if (!before && !next.row) continue;
        if (before && before->rank() > next.rank) continue;
        if (before && next.row && before->rank() == next.rank &&
            before->last_update() >= next.row->last_update()) {
            continue;  // nothing new; rederive() sees to its state
        }
        if (next.row) {
            const State state = derive(*next.row, now);
            if (state != next.row->state()) next.row->set_state(state);
        }
        steps.push_back({before, std::move(next.row)});
    }
    pending_.clear();
    return steps;
}

// What nodes that came or went, or time, change.
std::vector<ViewBuilder::Step> ViewBuilder::rederive(Moment now) {
    deadline_.reset();
    std::vector<Step> steps;
    for (Cursor<Owner> at{by_address_.chunks()}; at.valid(); at.next()) {
        const State state = derive(*at, now);
        if (state == at->state()) continue;
        auto row = std::make_shared<Row>(*at);
        row->set_state(state);
        steps.push_back({&*at, std::move(row)});
    }
    return steps;
}

void ViewBuilder::commit(std::vector<Step> steps) {
    if (steps.empty()) return;
    rows_changed_ = true;
    for (const Step& step : steps) count(step.before, step.after.get());
    // A step costs about ten times what a row costs in a rebuild.
    if (steps.size() * 10 > size_) {
        rebuild(steps);
    } else {
        for (Step& step : steps) commit_one(step);
    }
}

void ViewBuilder::count(const Row* before, const Row* after) {
    apps_.count(before, after);
    if (before) {
        --size_;
        fragment_bytes_ -= list_share(*before);
        --by_state_count_[static_cast<std::size_t>(before->state())];
    }
    if (after) {
        ++size_;
        fragment_bytes_ += list_share(*after);
        ++by_state_count_[static_cast<std::size_t>(after->state())];
    }
}

void ViewBuilder::commit_one(Step& step) {
    const Row* before = step.before;
    const Row* after = step.after.get();
    if (before && after && before->app() == after->app() && before->version() == after->version()) {
        by_app_.replace(after);
    } else {
        if (before) by_app_.erase(*before);
        if (after) by_app_.insert(after);
    }
    if (before && after && before->state() == after->state()) {
        by_state_.replace(after);
    } else {
        if (before) by_state_.erase(*before);
        if (after) by_state_.insert(after);
    }
    // Last: this order keeps the old row alive for the others.
    if (before && after) {
        by_address_.replace(std::move(step.after));
    } else if (after) {
        by_address_.insert(std::move(step.after));
    } else {
        by_address_.erase(*before);
    }
}

void ViewBuilder::rebuild(std::vector<Step>& steps) {
    std::vector<Owner> rows;
    rows.reserve(size_);
    Cursor<Owner> old{by_address_.chunks()};
    for (Step& step : steps) {
        const Row& place = step.before ? *step.before : *step.after;
        for (; old.valid() && old->address() < place.address(); old.next()) {
            rows.push_back(old.pointer());
        }
        if (step.before) old.next();
        if (step.after) rows.push_back(std::move(step.after));
    }
    for (; old.valid(); old.next()) rows.push_back(old.pointer());

    by_app_.assign(grouped(rows, [](const Row& row) {
        return std::pair{row.app(), row.version()};
    }));
    by_state_.assign(grouped(rows, [](const Row& row) { return row.state(); }));
    by_address_.assign(std::move(rows));
}

std::shared_ptr<const View> ViewBuilder::publish(gossip::Now now) {
    if (nodes_changed_) note_departures(now.mono);
    commit(settle_pending(now.mono));
    if (owners_changed_ || (deadline_ && now.mono >= *deadline_)) commit(rederive(now.mono));
    owners_changed_ = false;
    const bool apps_changed = apps_.settle();
    if (!rows_changed_ && !nodes_changed_ && !apps_changed) return view_;

    auto next = std::make_shared<View>();
    next->revision_ = view_->revision_ + 1;
    next->size_ = size_;
    next->fragment_bytes_ = fragment_bytes_;
    next->by_state_count_ = by_state_count_;
    next->by_address_ = by_address_.snapshot();
    next->by_app_ = by_app_.snapshot();
    next->by_state_ = by_state_.snapshot();
    next->apps_ = apps_.rows();
    next->nodes_ = view_->nodes_;
    if (nodes_changed_) {
        auto nodes = std::make_shared<std::vector<NodeRow>>();
        nodes->reserve(nodes_.size());
        for (const auto& entry : nodes_) nodes->push_back(entry.second.row);
        next->nodes_ = std::move(nodes);
    }
    rows_changed_ = false;
    nodes_changed_ = false;
    view_ = std::move(next);
    return view_;
}

}  // namespace registry
