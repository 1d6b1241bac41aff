#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sim/report.h"
#include "sim/rollout/crowd.h"

namespace sim {

// A cluster, its servers and its clients, and the operators' hands. Lives as long as the world
// does things, and takes over its hooks.
class Stage {
  public:
    Stage(World& world, std::uint64_t seed, const CrowdOptions& crowd);
    ~Stage();
    Stage(const Stage&) = delete;
    Stage& operator=(const Stage&) = delete;

    [[nodiscard]] Witness& witness() { return witness_; }
    [[nodiscard]] Crowd& crowd() { return crowd_; }
    [[nodiscard]] Calls& calls() { return calls_; }
    [[nodiscard]] gossip::Rng& dice() { return dice_; }
    [[nodiscard]] NodeApi& api(std::uint32_t node) { return *apis_[node]; }
    [[nodiscard]] std::vector<std::unique_ptr<GameServer>>& servers() { return servers_; }

    // ---- operators
    // New servers of a version, one node after the other, beginning anywhere.
    void deploy(const std::string& version, std::uint32_t count, std::uint32_t capacity);
    // The version that was deployed last; "" before the first.
    [[nodiscard]] const std::string& newest() const { return newest_; }
    // At any node that answers; false if there is none, or it refuses.
    bool command(const registry::RolloutCommand& command);
    bool command_at(std::uint32_t node, const registry::RolloutCommand& command);
    bool promote(const std::string& version) { return command(promotion(version)); }
    [[nodiscard]] static registry::RolloutCommand promotion(const std::string& version);
    void set_policy(const registry::Policy& policy);

    // ---- the end. Everybody is started, healed, and what was broken is right again.
    // The cluster agrees, a newcomer finds a seat, all sessions end, older servers have ended, and
    // all nodes have one plan.
    void finish(Report& report);
    // How many servers of the version are alive; until there are none for so long at most.
    [[nodiscard]] std::uint32_t alive(std::string_view version) const;
    [[nodiscard]] std::uint32_t sessions_on(std::string_view version) const;

  private:
    void tick();
    void newcomers(Report& report);
    void drain(Report& report);
    [[nodiscard]] bool one_plan();
    [[nodiscard]] std::string last_alive();
    [[nodiscard]] bool older(std::string_view version);

    World& world_;
    gossip::Rng dice_;
    registry::TokenKeys keys_;
    std::vector<std::unique_ptr<NodeApi>> apis_;
    Calls calls_;
    Witness witness_;
    std::vector<std::unique_ptr<GameServer>> servers_;
    Crowd crowd_;
    std::string newest_;
    std::string last_;  // what accepts in the end
    // Who was asked for the watermark.
    std::uint32_t asked_ = kNobody;
    std::uint64_t asked_process_ = 0;
};

}  // namespace sim
