#include "node/cli/demo_cluster.h"

#include <csignal>
#include <cstdint>
#include <fstream>

namespace node::cli {
namespace {

using gossip::Errc;
using gossip::Error;
using gossip::Result;
using namespace std::chrono_literals;

constexpr const char* kHost = "127.0.0.1";
constexpr auto kRequestLimit = 500ms;  // a node that is slower is shown as not answering
constexpr auto kAppEnd = 1500ms;
constexpr auto kNodeEnd = 3s;

// What the applications are, in turn.
struct Kind {
    const char* app;
    const char* version;
};
constexpr Kind kKinds[] = {{"chat", "v1"}, {"game", "v7"}, {"chat", "v2"}};

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

DemoCluster::DemoCluster(unsigned nodes) : directory_("hearsay-demo") {
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
    for (unsigned i = 0; i < nodes; ++i) apps_.push_back({next_address(), {}});
}

Result<std::unique_ptr<DemoCluster>> DemoCluster::start(unsigned nodes) {
    std::unique_ptr<DemoCluster> cluster(new DemoCluster(nodes));
    if (cluster->directory_.path().empty()) {
        return Error{Errc::unavailable, "cannot make a directory for temporary files"};
    }
    for (std::size_t i = 0; i < nodes; ++i) {
        if (auto problem = cluster->start_node(i)) return *problem;
    }
    for (std::size_t i = 0; i < nodes; ++i) {
        if (auto problem = cluster->start_app(i)) return *problem;
    }
    return cluster;
}

DemoCluster::~DemoCluster() {
    end_all(apps_, kAppEnd);
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

std::optional<Error> DemoCluster::start_app(std::size_t index) {
    DemoApp& app = apps_[index];
    const Kind& kind = kKinds[index % std::size(kKinds)];
    ChildOptions options;
    options.argv = {
        own_binary(), "toy",      "--app",     kind.app,   "--version",
        kind.version, "--listen", app.address, "--node",   "http://" + nodes_[index].http,
        "--every",    "1s",       "--address", app.address};
    options.out = log_of("app-" + std::to_string(index + 1));
    options.err = options.out;
    auto child = Child::spawn(options);
    if (!child) return child.error();
    app.process = std::move(child).value();
    return {};
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
}

std::optional<std::string> DemoCluster::accident() {
    for (auto& node : nodes_) {
        if (!node.expected || node.process.running()) continue;
        return node.name + " ended with exit code " +
               std::to_string(node.process.poll().value_or(-1)) + ": " +
               last_line(log_of(node.name));
    }
    for (std::size_t i = 0; i < apps_.size(); ++i) {
        if (apps_[i].process.running()) continue;
        const std::string name = "app-" + std::to_string(i + 1);
        return name + " ended: " + last_line(log_of(name));
    }
    return {};
}

}  // namespace node::cli
