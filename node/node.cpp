#include "node/node.h"

#include <algorithm>
#include <asio/post.hpp>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <random>

#include "gossip/table.h"
#include "node/clock.h"
#include "node/identity.h"
#include "node/log.h"
#include "registry/json.h"
#include "registry/view.h"

namespace node {
namespace {

using gossip::Endpoint;
using gossip::Errc;
using gossip::Result;

// Linger of the core (0.6 s) and some slack for a loaded machine, within the promised 2 s.
constexpr std::chrono::milliseconds kLeaveLimit{1500};
constexpr std::string_view kCluster = "cluster";

std::uint64_t random_seed() {
    std::random_device device;
    return (std::uint64_t{device()} << 32) | device();
}

// A port that was free a moment ago. The node announces the address of its API before the API
// listens, so it cannot wait for the server to choose.
std::uint16_t free_port() {
    asio::io_context io;
    asio::ip::tcp::acceptor acceptor{io, {asio::ip::address_v4::loopback(), 0}};
    return acceptor.local_endpoint().port();
}

// Where a name leads for one purpose only: IPv4 first, which everybody can reach.
Result<Endpoint> resolve_one(const HostPort& host, bool v6) {
    const Result<std::vector<Endpoint>> all = resolve(host, v6);
    if (!all) return all.error();
    const auto v4 = std::find_if(all->begin(), all->end(),
                                 [](const Endpoint& e) { return to_address(e, false).ok; });
    return v4 == all->end() ? all->front() : *v4;
}

ExitCode exit_code(Errc code) {
    switch (code) {
        case Errc::unavailable:
            return kDataUnavailable;
        case Errc::malformed:
            return kDatabaseCorrupt;
        case Errc::invalid:
            return kDatabaseTooNew;
        case Errc::not_found:
        case Errc::too_large:
            return kFailed;
    }
    return kFailed;
}

}  // namespace

Node::Node(AgentConfig config) : config_(std::move(config)) {}

Node::~Node() {
    shut_down();
}

// The disk first, because its lock says that no other agent is this node; the sockets before the
// identity, which depends on the address; the API last, so that its first answer is a full one.
std::optional<Failure> Node::start() {
    try {
        if (auto failure = open_store()) return failure;
        if (auto failure = open_sockets()) return failure;
        if (auto failure = build_core()) return failure;
        loop_ = std::make_unique<CoreLoop>(
            io_, CoreLoop::Parts{*core_, *store_, view_, {&checks_.rows(), &activity_}},
            std::move(*ports_));
        if (auto failure = serve_http()) return failure;
        loop_->start();
        checks_.start(*loop_);
    } catch (const PersistFailed& problem) {
        return Failure{kPersistFailed, problem.what()};
    }
    seeds_->start(
        [this](std::vector<Endpoint> found) {
            loop_->submit(
                [found = std::move(found)](gossip::Core& core, gossip::Now now, gossip::Output&) {
                    core.set_seeds(found, now);
                },
                [] {});
        },
        [this] { return core_->joined(); });
    watch_signals();
    std::string id;
    registry::append_hex(id, self().id.value);
    if (minted_why_) log(LogLevel::info, "identity_minted", {{"id", id}, {"why", *minted_why_}});
    log(LogLevel::info, "ready",
        {{"http", self().http},
         {"gossip", registry::to_text(self().gossip)},
         {"name", self().name},
         {"id", id},
         {"rows", core_->table().size()}});
    return {};
}

std::optional<Failure> Node::open_store() {
    auto store = SqliteStore::open(config_.data);
    if (!store) return Failure{exit_code(store.error().code), store.error().message};
    store_ = std::move(store).value();
    return check_cluster();
}

std::optional<Failure> Node::open_sockets() {
    const auto listen = resolve_one(config_.gossip, true);
    if (!listen) return Failure{kAddressInUse, "cannot gossip: " + listen.error().message};
    auto ports = bind_gossip(io_, *listen);
    if (!ports) return Failure{kAddressInUse, ports.error().message};
    ports_ = std::move(ports).value();
    const bool v6 = ports_->udp.local_endpoint().address().is_v6();
    seeds_ = std::make_unique<Seeds>(io_, config_.seeds, v6);
    return settle_advertised(v6);
}

std::optional<Failure> Node::settle_advertised(bool v6) {
    const std::uint16_t port = ports_->local.port;
    if (config_.advertise) {
        HostPort advertise = *config_.advertise;
        if (advertise.port == 0) advertise.port = port;
        const auto found = resolve_one(advertise, v6);
        if (!found) return Failure{kUsage, "--advertise: " + found.error().message};
        advertised_ = *found;
        advertised_text_ = to_string(advertise);
        return {};
    }
    advertised_ = is_wildcard(ports_->local) ? first_interface(port) : ports_->local;
    advertised_text_ = registry::to_text(advertised_);
    return {};
}

std::optional<Failure> Node::build_core() {
    const auto seeds = seeds_->resolve_first();
    if (!seeds) return Failure{kSeedUnresolvable, seeds.error().message};
    const auto limits = gossip_config(config_);
    if (!limits) return Failure{kUsage, limits.error().message};

    gossip::Identity self;
    const Named named = settle_identity(*store_, machine_id(), advertised_text_);
    self.id = named.id;
    self.name = config_.name;
    self.gossip = advertised_;
    HostPort api = config_.http;
    if (api.port == 0) api.port = config_.http.port = free_port();
    const auto literal = literal_endpoint(api);
    if (literal && is_wildcard(*literal)) api.host = host_port(advertised_).host;
    self.http = to_string(api);
    if (named.minted) minted_why_ = named.why;

    const gossip::Now now = read_clocks();
    core_ = std::make_unique<gossip::Core>(*limits, std::move(self), random_seed(), now);
    core_->set_seeds(*seeds, now);
    return restore_rows(now);
}

std::optional<Failure> Node::restore_rows(gossip::Now now) {
    core_->set_horizon(store_->horizon());
    std::uint64_t refused = 0;
    const auto rows = store_->load([&](gossip::Bytes bytes) {
        if (!core_->restore(bytes, now)) ++refused;
    });
    if (!rows) return Failure{exit_code(rows.error().code), rows.error().message};
    if (refused == 0) return {};
    store_->forget_until(store_->horizon());
    log(LogLevel::info, "rows_refused", {{"rows", refused}, {"of", *rows}});
    return {};
}

// A table that is carried into another cluster would live on there as if it were its own.
std::optional<Failure> Node::check_cluster() {
    const auto was = store_->fact(kCluster);
    if (was && *was != config_.cluster) {
        return Failure{kUsage, "--cluster: the data directory '" + config_.data.string() +
                                   "' belongs to the cluster '" + *was + "', not to '" +
                                   config_.cluster + "'"};
    }
    if (!was) store_->set_fact(kCluster, config_.cluster);
    return {};
}

// Read once: to change keys, change the file and restart node by node.
Result<registry::TokenKeys> Node::token_keys() const {
    if (config_.token_keys.empty()) return registry::TokenKeys::from_name(config_.cluster);
    std::ifstream file(config_.token_keys);
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    const std::string path = "--token-keys: '" + config_.token_keys.string() + "'";
    if (!file) return gossip::Error{Errc::unavailable, path + " cannot be read"};
    auto keys = registry::TokenKeys::parse(text);
    if (!keys) return gossip::Error{Errc::invalid, path + ": " + keys.error().message};
    return keys;
}

std::optional<Failure> Node::serve_http() {
    auto keys = token_keys();
    if (!keys) return Failure{kUsage, keys.error().message};
    HttpOptions options;
    options.host = config_.http.host;
    options.port = config_.http.port;
    options.threads = config_.http_threads;
    auto server = HttpServer::start(
        options, HttpContext{*loop_, view_, core_->self(), config_.cluster, HEARSAY_VERSION,
                             config_.checks, &checks_.counters(), std::move(keys).value(),
                             &loop_->clock_offset_ms(), &activity_});
    if (!server) {
        const bool nonsense = server.error().code == Errc::invalid;
        return Failure{nonsense ? kUsage : kAddressInUse, server.error().message};
    }
    http_ = std::move(server).value();
    return {};
}

void Node::watch_signals() {
    signals_.add(SIGTERM);
    signals_.add(SIGINT);
    signals_.async_wait([this](std::error_code problem, int) {
        if (problem) return;
        begin_to_leave();
        signals_.async_wait([](std::error_code again, int) {
            if (!again) std::_Exit(kFailed);  // asked twice: somebody is in a hurry
        });
    });
}

void Node::stop() {
    asio::post(io_, [this] { begin_to_leave(); });
}

void Node::begin_to_leave() {
    if (leaving_) return;
    leaving_ = true;
    log(LogLevel::info, "leaving");
    leave_limit_.expires_after(kLeaveLimit);
    leave_limit_.async_wait([this](std::error_code problem) {
        if (!problem) io_.stop();
    });
    loop_->leave([this] { io_.stop(); });
}

std::optional<Failure> Node::run() {
    bool looking_up = false;
    try {
        io_.run();
        looking_up = seeds_->looking_up() || checks_.looking_up();
        shut_down();
    } catch (const PersistFailed& problem) {
        return Failure{kPersistFailed, problem.what()};
    }
    log(LogLevel::info, "stopped");
    // Everything is on disk and said; a name server that does not answer must not keep us.
    if (looking_up) std::_Exit(kOk);
    return {};
}

// The order of start() backwards: nobody calls what is gone already.
void Node::shut_down() {
    checks_.stop();
    if (http_) http_->stop();
    if (seeds_) seeds_->stop();
    if (loop_) loop_->stop();
    http_.reset();
    loop_.reset();
    seeds_.reset();
    store_.reset();
}

}  // namespace node
