#include "node/cli/demo_cluster.h"

#include <csignal>
#include <cstdint>
#include <fstream>
#include <nlohmann/json.hpp>

namespace node::cli {
namespace {

using gossip::Errc;
using gossip::Error;
using gossip::Result;
using namespace std::chrono_literals;

constexpr const char* kHost = "127.0.0.1";
constexpr auto kRequestLimit = 500ms;  // a node that is slower is shown as not answering
constexpr auto kServerEnd = 2s;
constexpr auto kPlayersEnd = 2s;
constexpr auto kNodeEnd = 3s;

constexpr const char* kServer = "arena";
constexpr const char* kPlayers = "arena-bots";

std::filesystem::path sibling(const char* program) {
    return own_binary().parent_path() / program;
}

std::optional<Error> missing_programs() {
    for (const char* program : {kServer, kPlayers}) {
        if (std::filesystem::exists(sibling(program))) continue;
        std::string problem = "there is no " + sibling(program).string();
        problem += ", which the demo is about: build arena and arena-bots (ninja -C build/release";
        problem += " arena arena-bots), or copy both beside this program";
        return Error{Errc::not_found, problem};
    }
    return {};
}

std::string last_line(const std::filesystem::path& path) {
    std::ifstream file(path);
    std::string last;
    for (std::string line; std::getline(file, line);) {
        if (!line.empty()) last = line;
    }
    return last;
}

template <class Processes>
void end_all(Processes& processes, std::chrono::milliseconds limit) {
    for (auto& each : processes) each.process.signal(SIGTERM);
    const auto deadline = std::chrono::steady_clock::now() + limit;
    for (auto& each : processes) {
        each.process.wait(std::chrono::duration_cast<std::chrono::milliseconds>(
            deadline - std::chrono::steady_clock::now()));
        each.process.kill();
    }
}

}  // namespace

DemoCluster::DemoCluster(unsigned nodes)
    : directory_("hearsay-demo"), bot_log_(directory_.path() / "players.events") {
    for (unsigned i = 1; i <= nodes; ++i) {
        const std::string http = next_address();
        const std::string gossip = next_address();
        nodes_.push_back({.name = "node-" + std::to_string(i),
                          .http = http,
                          .gossip = gossip,
                          .process = {},
                          .client = HttpClient("http://" + http, kRequestLimit),
                          .look = {}});
    }
}

Result<std::unique_ptr<DemoCluster>> DemoCluster::start(unsigned nodes) {
    if (const auto problem = missing_programs()) return *problem;
    std::unique_ptr<DemoCluster> cluster(new DemoCluster(nodes));
    if (cluster->directory_.path().empty()) {
        return Error{Errc::unavailable, "cannot make a directory for temporary files"};
    }
    for (std::size_t i = 0; i < nodes; ++i) {
        if (auto problem = cluster->start_node(i)) return *problem;
    }
    return cluster;
}

DemoCluster::~DemoCluster() {
    players_.signal(SIGTERM);
    players_.wait(kPlayersEnd);
    players_.kill();
    end_all(servers_, kServerEnd);
    end_all(nodes_, kNodeEnd);
}

std::string DemoCluster::next_address() {
    const std::uint16_t port = ports_.take(kHost, next_port_);
    next_port_ = static_cast<std::uint16_t>(port + 1);
    return std::string(kHost) + ":" + std::to_string(port);
}

std::filesystem::path DemoCluster::log_of(const std::string& name) const {
    return directory_.path() / (name + ".log");
}

// Of its own, because the port of a killed node may be taken by the next demo on this machine:
// nodes look for lost members where these last were, and would find, and join, the other story's.
std::string DemoCluster::cluster_name() const {
    return directory_.path().filename().string();
}

std::optional<Error> DemoCluster::start_node(std::size_t index) {
    DemoNode& node = nodes_[index];
    ChildOptions options;
    options.argv = {
        own_binary(), "agent",       "--http",  node.http, "--gossip",
        node.gossip,  "--name",      node.name, "--data",  directory_.path() / node.name,
        "--cluster",  cluster_name()};
    if (index > 0) options.argv.insert(options.argv.end(), {"--seed", nodes_[0].gossip});
    options.out = log_of(node.name);
    options.err = log_of(node.name);
    auto child = Child::spawn(options);
    if (!child) return child.error();
    node.process = std::move(child).value();
    node.expected = true;
    return {};
}

std::optional<Error> DemoCluster::start_server(const std::string& version, std::size_t node) {
    DemoServer server{.version = version, .address = next_address(), .node = node, .process = {}};
    ChildOptions options;
    options.argv = {sibling(kServer),
                    "--listen",
                    server.address,
                    "--app",
                    kApp,
                    "--version",
                    version,
                    "--node",
                    "http://" + nodes_[node].http,
                    "--capacity",
                    std::to_string(kSeats)};
    options.out = log_of(version);
    options.err = options.out;
    auto child = Child::spawn(options);
    if (!child) return child.error();
    server.process = std::move(child).value();
    servers_.push_back(std::move(server));
    return {};
}

std::optional<Error> DemoCluster::start_players(const DemoPlay& play) {
    const auto ms = [](std::chrono::milliseconds time) {
        return std::to_string(time.count()) + "ms";
    };
    const double rate = play.players * 1000.0 / static_cast<double>(play.arrival.count());
    ChildOptions options;
    options.argv = {sibling(kPlayers),
                    "--app",
                    kApp,
                    "--sessions",
                    std::to_string(play.players),
                    "--rate",
                    std::to_string(rate),
                    "--min",
                    ms(play.shortest),
                    "--max",
                    ms(play.longest),
                    "--every",
                    "500ms",
                    "--log",
                    directory_.path() / "players.events",
                    "--until-stopped"};
    for (const auto& node : nodes_) {
        options.argv.insert(options.argv.end(), {"--node", "http://" + node.http});
    }
    options.out = log_of("players");
    options.err = options.out;
    auto child = Child::spawn(options);
    if (!child) return child.error();
    players_ = std::move(child).value();
    return {};
}

std::optional<std::string> DemoCluster::promote(const std::string& version) {
    const nlohmann::json body = {{"version", version}, {"author", "the demo"}};
    const auto answer =
        nodes_[0].client.send({.method = "POST",
                               .target = "/v1/apps/" + std::string{kApp} + "/promote",
                               .body = body.dump()});
    if (answer.ok()) return {};
    return "the promotion of " + version + " was refused: " + answer.body;
}

void DemoCluster::kill_node(std::size_t index) {
    nodes_[index].expected = false;
    nodes_[index].process.kill();
    nodes_[index].look = {};
}

void DemoCluster::refresh() {
    for (auto& node : nodes_) {
        if (node.expected) node.look = look_at(node.client);
    }
    versions_ = versions_at(nodes_[0].client, kApp);
    bot_log_.read();
}

std::optional<std::string> DemoCluster::accident() {
    const auto words = [this](const std::string& name, Child& process) {
        return name + " ended with exit code " + std::to_string(process.poll().value_or(-1)) +
               ": " + last_line(log_of(name));
    };
    for (auto& node : nodes_) {
        if (node.expected && !node.process.running()) return words(node.name, node.process);
    }
    for (auto& server : servers_) {
        if (!server.process.running() && server.process.poll() != 0) {
            return words(server.version, server.process);
        }
    }
    if (players_.pid() != 0 && !players_.running()) return words("players", players_);
    return {};
}

}  // namespace node::cli
