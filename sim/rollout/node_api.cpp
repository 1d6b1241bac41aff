#include "sim/rollout/node_api.h"

#include "gossip/table.h"
#include "registry/instruction.h"
#include "registry/registration.h"

namespace sim {

using gossip::Core;
using gossip::Now;
using gossip::Output;
using registry::Hosting;
using registry::Session;
using registry::Token;

NodeApi::NodeApi(World& world, std::uint32_t node, const registry::TokenKeys& keys,
                 gossip::Rng& dice)
    : world_(world), node_(node), keys_(keys), dice_(dice) {}

std::uint64_t NodeApi::process() const {
    return world_.node(node_).process();
}

const Core& NodeApi::core() const {
    return world_.node(node_).core();
}

std::uint64_t NodeApi::cluster_ms() const {
    const auto wall = world_.node(node_).now().wall + core().clock_offset();
    return static_cast<std::uint64_t>(wall.time_since_epoch().count());
}

void NodeApi::started() {
    builder_ = std::make_unique<registry::ViewBuilder>();
    hosting_ = std::make_unique<Hosting>(cluster_ms());
    seats_.reset();
    watermarks_ = {};
    const gossip::Table& table = core().table();
    for (std::uint32_t slot = 0; slot < table.slots(); ++slot) {
        if (const gossip::Record* record = table.at(slot)) builder_->apply(*record);
    }
    publish();
}

void NodeApi::published(const Output& out) {
    builder_->apply(out);
    publish();
}

void NodeApi::publish() {
    view_ = builder_->publish(sim_node().now());
    const registry::AppRow* row = view_->app(kGame);
    sim_node().set_answer(
        registry::topic_of(kGame),
        row ? gossip::PollAnswer{row->epoch, row->plan.hash} : gossip::PollAnswer{});
}

// A node wakes for the deadline of its view; here it is looked at whenever somebody asks.
const std::shared_ptr<const registry::View>& NodeApi::view() {
    const auto deadline = builder_->next_deadline();
    if (deadline && *deadline <= sim_node().now().mono) publish();
    return view_;
}

// ---- clients

NodeApi::Place NodeApi::place(std::string_view client) {
    if (!seats_ || &seats_->view() != view().get()) {
        seats_ = std::make_unique<registry::SeatMap>(view_, kGame);
    }
    const registry::Choice choice =
        seats_->choose({std::string{client}, std::nullopt, dice_.next()});
    Place place;
    place.outcome = choice.outcome;
    place.older = choice.older;
    place.epoch = seats_->app() ? seats_->app()->epoch : 0;
    const std::uint64_t now_ms = cluster_ms();
    for (const registry::Row* row : choice.candidates) {
        const Token ticket =
            registry::ticket_for(*row, seats_->app()->app.policy, dice_.next(), now_ms);
        place.tickets.push_back({ticket, keys_.sign(ticket)});
    }
    return place;
}

Session NodeApi::find(const std::string& text) {
    const auto token = keys_.verify(text, cluster_ms() / 1000);
    if (!token) return Session::gone;
    if (token->kind != Token::Kind::resume || token->app != kGame) return Session::unknown;
    if (registry::judge(*token, view()->find(token->address)) == Session::go) return Session::go;
    const Session session =
        registry::judge(*token, core().table().find(gossip::RecordKind::instance, token->address));
    if (session == Session::unknown) sim_node().exchange_now();
    return session;
}

// ---- servers

bool NodeApi::enroll(const registry::Instance& instance) {
    registry::Instance x = instance;
    const auto seconds =
        std::chrono::floor<std::chrono::seconds>(sim_node().now().wall.time_since_epoch());
    x.last_update = static_cast<std::uint64_t>(seconds.count());
    gossip::LocalWrite write = registry::encode(x);
    bool taken = false;
    sim_node().act([&](Core& core, Now now, Output& out) {
        taken = registry::accepted(registry::put_registration(core, write, now, out).status);
    });
    return taken;
}

void NodeApi::remove(const std::string& address) {
    gossip::LocalWrite write;
    write.key = address;
    write.tombstone = true;
    write.timed_by_application = false;
    sim_node().put(write);
}

NodeApi::Obeyed NodeApi::heartbeat(const std::string& address, const registry::Heartbeat& beat) {
    Hosting::Reply reply;
    const std::uint64_t before = process();
    sim_node().act([&](Core& core, Now now, Output& out) {
        reply = hosting_->heartbeat(core, address, beat, now, out);
    });
    Obeyed obeyed{reply.status, registry::Admission::standby, reply.seq};
    if (reply.status != Hosting::Status::done || process() != before) return obeyed;
    const registry::Row* row = view()->find(address);
    if (row == nullptr) return {};
    obeyed.admission = registry::instruction(*view_, *row, cluster_ms() / 1000).admission;
    return obeyed;
}

Hosting::Status NodeApi::fence(const std::string& address, const registry::Heartbeat& beat) {
    Hosting::Reply reply;
    sim_node().act([&](Core& core, Now now, Output& out) {
        reply = hosting_->fence(core, *view(), address, beat, now, out);
    });
    return reply.status;
}

NodeApi::Seat NodeApi::redeem(const std::string& address, const std::string& text) {
    Seat seat;
    seat.node = node_;
    seat.process = process();
    seat.at = world_.now();
    const auto token = keys_.verify(text, cluster_ms() / 1000);
    if (!token || token->address != address) return seat;
    seat.valid = true;
    seat.token = *token;
    const Hosting::Reply reply = hosting_->redeem(core(), *view(), *token, cluster_ms());
    seat.status = reply.status;
    seat.verdict = reply.redeemed.verdict;
    seat.seq = reply.redeemed.seq;
    if (!seat.accepted()) return seat;
    const registry::AppRow* row = app();
    const std::uint32_t ttl_s = row ? row->app.policy.resume_ttl_s : registry::kDefaultResumeTtl;
    seat.resume = keys_.sign(registry::resume_token(*token, "", ttl_s, cluster_ms()));
    return seat;
}

// ---- operators

std::optional<NodeApi::Decided> NodeApi::decide(const registry::RolloutCommand& command) {
    const registry::AppRow* known = app();
    registry::AppRow row = known ? *known : registry::AppRow{};
    row.app.name = kGame;
    const auto next = registry::decide(row, command);
    if (!next) return std::nullopt;
    return write(row, *next);
}

std::optional<NodeApi::Decided> NodeApi::set_policy(const registry::Policy& policy) {
    const registry::AppRow* known = app();
    registry::AppRow row = known ? *known : registry::AppRow{};
    row.app.name = kGame;
    registry::App next = row.app;
    next.parent = row.epoch;
    next.policy = policy;
    return write(row, next);
}

std::optional<NodeApi::Decided> NodeApi::write(const registry::AppRow& row,
                                               const registry::App& app) {
    const bool same =
        row.epoch != 0 && app.rollout == row.app.rollout && app.policy == row.app.policy;
    if (same) return std::nullopt;
    gossip::LocalWrite write = registry::encode(app);
    write.conditional = true;
    write.if_stamp = {row.epoch};
    const gossip::PutResult put = sim_node().put(write);
    Decided decided{put.status, 0, row.epoch};
    if (registry::accepted(put.status)) decided.epoch = gossip::rank(put.current).epoch;
    return decided;
}

void NodeApi::poll() {
    sim_node().act(
        [](Core& core, Now now, Output& out) { core.poll(registry::topic_of(kGame), now, out); });
}

std::optional<std::uint64_t> NodeApi::watermark() {
    const registry::AppRow* row = app();
    if (row == nullptr) return std::nullopt;
    const auto at = watermarks_.at(*row, core().polled(registry::topic_of(kGame)),
                                   registry::live_nodes(*view()), cluster_ms());
    return at ? std::optional{*at * 1000} : std::nullopt;
}

}  // namespace sim
