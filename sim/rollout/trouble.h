#pragma once

#include <cstdint>
#include <vector>

#include "sim/rollout/stage.h"

namespace sim {

// What may happen to nodes, servers and plans besides clients that come and go.
struct TroubleOptions {
    bool crashes = false;      // of node processes, also in the middle of a turn; they come back
    bool lose_disks = false;   // some come back with an empty disk
    bool pauses = false;       // SIGSTOP, for up to ten seconds
    bool partitions = false;   // between nodes; clients and servers have other ways
    bool weather = false;      // loss, delays
    bool kills = false;        // of servers; some start again at the same address
    bool commands = false;     // of operators, at times two at once
    std::int64_t step_ms = 0;  // wall clocks step by up to this, either way
    std::uint32_t most_versions = 4;
};

// Random trouble, one thing after the other, decided by the stage's dice.
class Trouble {
  public:
    Trouble(World& world, Stage& stage, TroubleOptions options);

    // One thing happens, and a little time passes: a quarter of a second on average.
    void step();
    // Everybody runs, reaches everybody, and has the right time.
    void make_peace();
    void report(Report& report) const;

  private:
    std::uint64_t below(std::uint64_t bound) { return stage_.dice().below(bound); }
    std::uint32_t any_node() { return static_cast<std::uint32_t>(below(world_.size())); }
    void crash();
    void restart();
    void pause();
    void resume();
    void divide();
    void heal();
    void weather();
    void step_clock();
    void kill();
    void revive();
    void decide();
    void deploy();
    [[nodiscard]] std::string some_version();

    World& world_;
    Stage& stage_;
    TroubleOptions options_;
    Faults base_;
    std::vector<std::int64_t> wrong_ms_;
    std::uint32_t versions_ = 1;
    std::uint64_t crashes_ = 0, lost_disks_ = 0, pauses_ = 0, partitions_ = 0, steps_ = 0;
};

}  // namespace sim
