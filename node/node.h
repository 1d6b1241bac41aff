#pragma once

#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>
#include <asio/steady_timer.hpp>
#include <memory>
#include <optional>
#include <string>

#include "gossip/core.h"
#include "node/activity.h"
#include "node/checks/checker.h"
#include "node/config.h"
#include "node/core_loop.h"
#include "node/exit_codes.h"
#include "node/http/server.h"
#include "node/published.h"
#include "node/seeds.h"
#include "node/sqlite_store.h"

namespace node {

// Why a node does not start, or why it ended: one line for people, one number for scripts.
struct Failure {
    ExitCode code = kFailed;
    std::string message;
};

// One node of the cluster: owns everything. The thread that calls start() and run() is the core
// thread; the API has threads of its own.
class Node {
  public:
    explicit Node(AgentConfig config);
    ~Node();

    // Takes every resource that the node needs, in the order of the comments in node.cpp; on
    // return it answers. On failure nothing is left behind.
    [[nodiscard]] std::optional<Failure> start();
    // Until SIGTERM, SIGINT or stop() has made it leave the cluster, within 2 s. A second signal
    // ends the process at once. Nothing on a proper end.
    [[nodiscard]] std::optional<Failure> run();
    // Begins to leave, from any thread.
    void stop();

    [[nodiscard]] const gossip::Identity& self() const { return core_->self(); }

  private:
    [[nodiscard]] std::optional<Failure> open_store();
    [[nodiscard]] std::optional<Failure> open_sockets();
    [[nodiscard]] std::optional<Failure> build_core();
    [[nodiscard]] gossip::Result<registry::TokenKeys> token_keys() const;
    [[nodiscard]] std::optional<Failure> serve_http();
    [[nodiscard]] std::optional<Failure> settle_advertised(bool v6);
    [[nodiscard]] std::optional<Failure> check_cluster();
    [[nodiscard]] std::optional<Failure> restore_rows(gossip::Now now);
    void watch_signals();
    void begin_to_leave();
    void shut_down();

    AgentConfig config_;
    asio::io_context io_{1};
    asio::signal_set signals_{io_};
    asio::steady_timer leave_limit_{io_};
    Published<registry::View> view_;
    std::unique_ptr<SqliteStore> store_;
    std::unique_ptr<GossipPorts> ports_;
    std::unique_ptr<Seeds> seeds_;
    std::unique_ptr<gossip::Core> core_;
    Checker checks_{config_.checks};
    ActivityLog activity_;
    std::unique_ptr<CoreLoop> loop_;
    std::unique_ptr<HttpServer> http_;
    gossip::Endpoint advertised_;
    std::string advertised_text_;  // as configured: a name may stand for another address tomorrow
    std::optional<std::string> minted_why_;  // this node has a new id; told once it runs
    bool leaving_ = false;
};

}  // namespace node
