#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gossip/result.h"
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

struct DemoApp {
    std::string address;  // host:port
    Child process;
};

// The processes of the demo and their files: nodes, and one application at each.
class DemoCluster {
  public:
    // Picks ports and starts the processes. Does not wait for them.
    static gossip::Result<std::unique_ptr<DemoCluster>> start(unsigned nodes);
    DemoCluster(const DemoCluster&) = delete;
    DemoCluster& operator=(const DemoCluster&) = delete;
    ~DemoCluster();  // ends everything in order: applications first, then nodes

    [[nodiscard]] std::vector<DemoNode>& nodes() { return nodes_; }
    [[nodiscard]] const std::vector<DemoApp>& apps() const { return apps_; }

    void kill_node(std::size_t index);
    // With the same addresses and data.
    std::optional<gossip::Error> start_node(std::size_t index);

    // Asks every node that is expected to run.
    void refresh();
    // A process that ended by itself, and its last words; nothing if all is well.
    [[nodiscard]] std::optional<std::string> accident();

  private:
    explicit DemoCluster(unsigned nodes);
    std::optional<gossip::Error> start_app(std::size_t index);
    std::string next_address();
    [[nodiscard]] std::filesystem::path log_of(const std::string& name) const;
    [[nodiscard]] std::string cluster_name() const;

    ScratchDir directory_;
    PortClaims ports_;
    std::uint16_t next_port_ = 7700;  // what `hearsay list` asks by default
    std::vector<DemoNode> nodes_;
    std::vector<DemoApp> apps_;
};

}  // namespace node::cli
