#include "sim/world.h"

#include <algorithm>

#include "gossip/member.h"
#include "gossip/membership.h"
#include "gossip/table.h"

namespace sim {

using gossip::NodeId;
using gossip::Output;
using gossip::Record;

namespace {

constexpr std::uint64_t kDice = 0xd1ce;
constexpr std::uint64_t kLinks = 0x11;
constexpr std::int64_t kWarmAge = 60'000;  // ms: the base of a warm start is no news any more

gossip::Identity identity_of(std::uint32_t index, gossip::Rng& rng) {
    gossip::Identity identity;
    identity.id = NodeId{rng.next() | 1};
    identity.name = "node-" + std::to_string(index);
    identity.gossip = endpoint_of(index);
    identity.http = "node-" + std::to_string(index) + ":7700";
    return identity;
}

std::uint64_t wall_ms(gossip::Now now) {
    return static_cast<std::uint64_t>(now.wall.time_since_epoch().count());
}

std::uint64_t corrected_ms(const SimNode& node) {
    gossip::Now now = node.now();
    now.wall += node.core().clock_offset();
    return wall_ms(now);
}

}  // namespace

gossip::LocalWrite instance_write(std::uint32_t number, std::uint64_t version, gossip::Now now) {
    gossip::LocalWrite write;
    write.key = "10.1." + std::to_string(number >> 8) + "." + std::to_string(number & 0xff) + ":80";
    write.value = "app=web version=" + std::to_string(version) +
                  " phase=running capacity=100 sessions=12 zone=eu-1 commit=4f1c9a2e";
    write.last_update = wall_ms(now) / 1000;
    return write;
}

World::World(const WorldOptions& options)
    : config_(options.config),
      seeds_(options.seeds),
      rng_(gossip::mix64(options.seed)),
      dice_(gossip::mix64(options.seed ^ kDice)),
      links_(options.faults, options.nodes, gossip::mix64(options.seed + kLinks)),
      hosts_(options.nodes),
      streams_(events_, links_, hosts_),
      network_(config_, events_, links_, hosts_),
      checkers_(config_, options.nodes) {
    CHECK(options.nodes > 0 && options.nodes < kMaxNodes);
    CHECK(options.seeds <= options.nodes && options.cold_nodes <= options.nodes);
    for (std::uint32_t i = 0; i < options.nodes; ++i) {
        Clock clock;
        clock.mono_start = static_cast<std::int64_t>(rng_.below(1'000'000'000));
        const auto spread = static_cast<std::uint64_t>(2 * options.drift_ppm + 1);
        clock.drift_ppm = static_cast<std::int64_t>(rng_.below(spread)) - options.drift_ppm;
        nodes_.push_back(std::make_unique<SimNode>(*this, i, identity_of(i, rng_), clock));
        hosts_[i] = nodes_.back().get();
    }
    if (!options.warm) return;
    const std::uint32_t warm = options.nodes - options.cold_nodes;
    const gossip::SharedBase base = make_base(warm, options.rows);
    for (std::uint32_t i = 0; i < warm; ++i) nodes_[i]->start(base);
}

World::~World() = default;

gossip::SharedBase World::make_base(std::uint32_t nodes, std::uint32_t rows) {
    gossip::TableLimits limits;
    limits.sketch_cells = config_.sketch_cells;
    limits.key = config_.key;
    limits.max_rows = config_.max_rows;
    limits.max_ahead_ms = static_cast<std::uint64_t>(config_.max_ahead.count());
    auto table = std::make_shared<gossip::Table>(limits);
    auto members = std::make_shared<gossip::Membership>();
    const gossip::Now moment = nodes_.front()->now();
    const gossip::Wall::time_point before = moment.wall - std::chrono::milliseconds{kWarmAge};

    std::vector<gossip::NodeRecord> records;
    for (std::uint32_t i = 0; i < nodes; ++i) {
        const gossip::Identity& identity = nodes_[i]->identity();
        gossip::NodeRecord record;
        record.id = identity.id;
        record.incarnation_ms = static_cast<std::uint64_t>(before.time_since_epoch().count());
        record.info.gossip = identity.gossip;
        record.info.name = identity.name;
        record.info.http = identity.http;
        records.push_back(std::move(record));
    }
    // In the order of the ring, in which a member costs nothing to add.
    std::ranges::sort(records, {},
                      [](const auto& record) { return gossip::mix64(record.id.value); });
    const auto add = [&](const Record& record) {
        CHECK(table->merge(record, moment.wall) == gossip::Merge::fresh);
        checkers_.written(record, true_ms());
    };
    for (const gossip::NodeRecord& record : records) {
        add(gossip::encode(record, config_.key));
        members->apply(record);
    }
    for (std::uint32_t i = 0; i < rows; ++i) {
        const gossip::LocalWrite write = instance_write(i, 0, moment);
        gossip::RecordFields fields;
        fields.stamp = gossip::Stamp::at(before);
        fields.last_update = write.last_update;
        fields.key = write.key;
        fields.value = write.value;
        add(Record::make(fields, config_.key));
    }
    return {std::move(table), std::move(members)};
}

void World::run_for(Time duration) {
    const Time end = now() + duration;
    while (ok() && events_.step(end)) {
    }
}

void World::start_all() {
    for (const auto& node : nodes_) {
        if (!node->running()) node->start();
    }
}

void World::partition(const std::vector<std::uint32_t>& island) {
    for (const std::uint32_t node : island) links_.put_on_island(node, 1);
    streams_.links_changed();
}

void World::cut(std::uint32_t from, std::uint32_t to) {
    links_.cut(from, to);
    streams_.links_changed();
}

void World::heal() {
    links_.heal();
}

bool World::agreed() const {
    const gossip::Core* first = nullptr;
    for (const auto& node : nodes_) {
        if (!node->running()) continue;
        if (first == nullptr) first = &node->core();
        if (node->core().table().fingerprint() != first->table().fingerprint()) return false;
    }
    return true;
}

bool World::whole() const {
    if (!agreed()) return false;
    const auto running = static_cast<std::size_t>(
        std::ranges::count_if(nodes_, [](const auto& node) { return node->running(); }));
    return std::ranges::all_of(nodes_, [&](const auto& node) {
        if (!node->running()) return true;
        const gossip::Membership& members = node->core().members();
        return members.count(gossip::MemberState::alive) == running &&
               members.reachable() == running;
    });
}

std::uint64_t World::sum(std::uint64_t gossip::Counters::*counter) const {
    std::uint64_t total = 0;
    for (const auto& node : nodes_) {
        if (node->running()) total += node->core().counters().*counter;
    }
    return total;
}

void World::checkpoint() {
    if (!ok()) return;
    std::vector<Checkers::Summary> summaries;
    for (const auto& node : nodes_) {
        if (!node->running()) continue;
        const gossip::Table& table = node->core().table();
        checkers_.sketch(node->index(), now(), table.sketch().cells(), digests_of(table));
        summaries.push_back(summary_of(node->index(), table));
    }
    checkers_.fingerprints(now(), summaries);
}

void World::check_settled(bool complete) {
    checkpoint();
    if (!ok()) return;
    for (const auto& node : nodes_) {
        if (!node->running()) continue;
        checkers_.settled(node->index(), now(), node->core().table(), complete);
    }
}

std::vector<gossip::Endpoint> World::seeds() const {
    std::vector<gossip::Endpoint> endpoints;
    endpoints.reserve(seeds_);
    for (std::uint32_t i = 0; i < seeds_; ++i) endpoints.push_back(endpoint_of(i));
    return endpoints;
}

void World::started(const SimNode& node) {
    trace(1, node.index());
    checkers_.started(node.index(), node.disk().rows());
    if (on_start) on_start(node);
}

void World::crashed(const SimNode& node) {
    trace(2, node.index());
    streams_.crashed(node.index());
}

void World::persisted(const SimNode& /*node*/, const Output& out) {
    for (const Record& record : out.durable) checkers_.written(record, true_ms());
}

void World::before_effects(const SimNode& node, const Output& out) {
    for (const Record& record : out.forgotten) {
        checkers_.forgotten(node.index(), now(), record, corrected_ms(node));
    }
}

void World::published(const SimNode& node, const Output& out) {
    if (on_publish) on_publish(node, out);
}

void World::after_turn(const SimNode& node, const Output& out) {
    if (out.view_changed()) {
        checkers_.merged(node.index(), now(), out, node.core().table());
        trace(3, node.index());
    }
    Held held;
    held.rows = node.core().table().size();
    held.members = static_cast<std::uint32_t>(node.core().members().all().size());
    if (!out.streams.empty()) {
        held.streams_opened = streams_.opened_by(node.index());
        held.streams_accepted = streams_.accepted_by(node.index());
    }
    checkers_.holds(node.index(), now(), held);
}

void World::send(const SimNode& node, const gossip::Endpoint& to, gossip::Bytes datagram) {
    trace((std::uint64_t{node.index()} << 32) | node_at(to), gossip::siphash({}, datagram));
    checkers_.sent(node.index(), now(), node_at(to), datagram);
    network_.send(node.index(), to, datagram);
}

void World::stream(const SimNode& node, const gossip::StreamAction& action) {
    trace((std::uint64_t{node.index()} << 32) | static_cast<std::uint64_t>(action.kind),
          gossip::siphash({}, gossip::as_bytes(action.frame)));
    checkers_.sent_frame(node.index(), now(), action.frame.size());
    streams_.perform(node.index(), action);
}

void World::trace(std::uint64_t what, std::uint64_t detail) {
    const auto time = static_cast<std::uint64_t>(now().count());
    trace_ = gossip::mix64(trace_ ^ time) + gossip::mix64(what ^ gossip::mix64(detail));
}

}  // namespace sim
