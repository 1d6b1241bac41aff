#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gossip/result.h"
#include "node/cli/bot_log.h"
#include "node/cli/child.h"
#include "node/cli/http_client.h"
#include "node/cli/look.h"
#include "node/cli/ports.h"
#include "node/cli/scratch.h"

namespace node::cli {

struct DemoNode {
    std::string name;
    std::string http;    // host:port
    std::string gossip;  // host:port
    Child process;
    HttpClient client;
    Look look;              // as of the last refresh()
    bool expected = false;  // to run; false while killed
};

struct DemoServer {
    std::string version;
    std::string address;   // host:port
    std::size_t node = 0;  // index of the one that it registers at
    Child process;
};

// Of all sessions that are played.
struct DemoPlay {
    unsigned players = 40;                    // at once
    std::chrono::milliseconds arrival{4000};  // of the first ones, one after the other
    std::chrono::milliseconds shortest{4000};
    std::chrono::milliseconds longest{16'000};
};

// The processes of the demo and their files: nodes, servers of the sample game, and its players.
class DemoCluster {
  public:
    static constexpr const char* kApp = "arena";
    static constexpr unsigned kSeats = 60;  // of a server

    // Picks ports and starts the nodes. Does not wait for them. not_found: the programs of the
    // game are not beside this one.
    static gossip::Result<std::unique_ptr<DemoCluster>> start(unsigned nodes);
    DemoCluster(const DemoCluster&) = delete;
    DemoCluster& operator=(const DemoCluster&) = delete;
    ~DemoCluster();  // ends everything in order: players first, then servers, then nodes

    [[nodiscard]] std::vector<DemoNode>& nodes() { return nodes_; }
    [[nodiscard]] std::vector<DemoServer>& servers() { return servers_; }
    [[nodiscard]] const BotCounts& counts() const { return bot_log_.counts(); }
    // As the first node sees them, as of the last refresh().
    [[nodiscard]] const std::vector<SeenVersion>& versions() const { return versions_; }

    std::optional<gossip::Error> start_server(const std::string& version, std::size_t node);
    std::optional<gossip::Error> start_players(const DemoPlay& play);
    // What an operator does with `hearsay rollout promote`, at the first node. Its answer if that
    // is a refusal.
    std::optional<std::string> promote(const std::string& version);

    void kill_node(std::size_t index);
    // With the same addresses and data.
    std::optional<gossip::Error> start_node(std::size_t index);

    // Asks every node that is expected to run, and reads on in the players' log.
    void refresh();
    // A process that ended by itself, and its last words; nothing if all is well. A server that
    // ends with 0 was told to close.
    [[nodiscard]] std::optional<std::string> accident();

  private:
    explicit DemoCluster(unsigned nodes);
    std::string next_address();
    [[nodiscard]] std::filesystem::path log_of(const std::string& name) const;
    [[nodiscard]] std::string cluster_name() const;

    ScratchDir directory_;
    PortClaims ports_;
    std::uint16_t next_port_ = 7700;  // what `hearsay list` asks by default
    std::vector<DemoNode> nodes_;
    std::vector<DemoServer> servers_;
    std::vector<SeenVersion> versions_;
    Child players_;
    BotLog bot_log_;
};

}  // namespace node::cli
