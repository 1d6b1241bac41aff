#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gossip/random.h"
#include "registry/hosting.h"
#include "registry/resume.h"
#include "registry/rollout.h"
#include "registry/selection.h"
#include "registry/token.h"
#include "registry/view_builder.h"
#include "registry/watermark.h"
#include "sim/world.h"

namespace sim {

// The one application of these worlds.
inline const std::string kGame = "game";

// What the API of one node does for clients, servers and operators: node/http without HTTP, over
// the same functions of registry/. It lives in memory, so each process of the node has its own.
class NodeApi {
  public:
    // Both outlive it. `dice` draws what a node draws by chance.
    NodeApi(World& world, std::uint32_t node, const registry::TokenKeys& keys, gossip::Rng& dice);

    // A process began: from what its table holds.
    void started();
    void published(const gossip::Output& out);

    [[nodiscard]] std::uint32_t node() const { return node_; }
    [[nodiscard]] std::uint64_t process() const;
    [[nodiscard]] const gossip::Core& core() const;
    // Everything below requires that the process runs.
    [[nodiscard]] const std::shared_ptr<const registry::View>& view();
    [[nodiscard]] const registry::AppRow* app() { return view()->app(kGame); }
    [[nodiscard]] std::uint64_t cluster_ms() const;

    // ---- clients
    struct Ticket {
        registry::Token token;
        std::string text;
    };
    struct Place {
        registry::Choice::Outcome outcome = registry::Choice::Outcome::unknown_app;
        std::vector<Ticket> tickets;  // the best first
        std::uint64_t epoch = 0;
        bool older = false;  // of a version that drains, because the others are full
    };
    Place place(std::string_view client);
    // Where the session of a resume token is. An unknown one is asked for at a peer.
    registry::Session find(const std::string& token);

    // ---- servers
    // PUT of an instance, and DELETE. False: refused.
    bool enroll(const registry::Instance& instance);
    void remove(const std::string& address);
    struct Obeyed {
        registry::Hosting::Status status = registry::Hosting::Status::unknown;
        registry::Admission admission = registry::Admission::standby;
        std::uint64_t seq = 0;
    };
    Obeyed heartbeat(const std::string& address, const registry::Heartbeat& beat);
    registry::Hosting::Status fence(const std::string& address, const registry::Heartbeat& beat);
    struct Seat {
        bool valid = false;  // the token is ours, not expired, and for this address
        registry::Hosting::Status status = registry::Hosting::Status::unknown;
        registry::SeatBook::Verdict verdict = registry::SeatBook::Verdict::moved;
        std::uint64_t seq = 0;
        registry::Token token;         // as it came
        std::uint32_t node = kNobody;  // who decided, in which process, and when
        std::uint64_t process = 0;
        Time at{0};
        std::string resume;  // for the client
        [[nodiscard]] bool accepted() const {
            return valid && status == registry::Hosting::Status::done &&
                   verdict == registry::SeatBook::Verdict::accepted;
        }
    };
    Seat redeem(const std::string& address, const std::string& token);

    // ---- operators
    struct Decided {
        gossip::PutStatus status = gossip::PutStatus::conflict;
        std::uint64_t epoch = 0;
        std::uint64_t parent = 0;
    };
    // nullopt: the command makes no sense here, or changes nothing.
    std::optional<Decided> decide(const registry::RolloutCommand& command);
    std::optional<Decided> set_policy(const registry::Policy& policy);
    void poll();
    // Unix ms by this node's clock; nullopt: somebody has not said yet that he follows.
    std::optional<std::uint64_t> watermark();

  private:
    [[nodiscard]] SimNode& sim_node() { return world_.node(node_); }
    std::optional<Decided> write(const registry::AppRow& row, const registry::App& app);
    void publish();

    World& world_;
    std::uint32_t node_;
    const registry::TokenKeys& keys_;
    gossip::Rng& dice_;
    // Of one process.
    std::unique_ptr<registry::ViewBuilder> builder_;
    std::unique_ptr<registry::Hosting> hosting_;
    std::unique_ptr<registry::SeatMap> seats_;
    registry::Watermarks watermarks_;
    std::shared_ptr<const registry::View> view_;
    bool dirty_ = false;
};

}  // namespace sim
