#pragma once

#include <cstdint>
#include <vector>

#include "sim/scenarios/scenario.h"

namespace sim {

// What a story may do to a cluster besides writes, crashes, restarts, pauses, partitions, cuts,
// bad weather and leaving.
struct StoryOptions {
    bool lose_disks = false;   // some restarts begin with an empty disk
    bool lose_power = false;   // some crashes are of the machine: nobody refuses its datagrams
    bool change_hops = false;  // links become slower and faster, from 0.1 to 20 ms
    std::int64_t step_ms = 0;  // wall clocks step by up to this, either way
};

// A cluster to which random things happen, one after the other, decided by the world's dice.
// Writes that are accepted are looked for on the disk.
class Story {
  public:
    Story(World& world, StoryOptions options);

    // One thing happens, and a little time passes: 75 ms on average.
    void step();
    // Ends all faults and starts everyone, some of whom are on their way out. The weather is again
    // that of the beginning, and clocks are right.
    void make_peace();

    // How often what was done.
    struct Done {
        std::uint64_t writes = 0, crashes = 0, restarts = 0, pauses = 0, partitions = 0, cuts = 0;
        std::uint64_t clock_steps = 0, lost_disks = 0;
    };
    [[nodiscard]] const Done& done() const { return done_; }

  private:
    std::uint32_t dice(std::uint64_t sides);
    SimNode& any_node() { return world_.node(dice(world_.size())); }
    SimNode& node();
    void write();
    void check(const SimNode& n, const gossip::LocalWrite& w, const gossip::PutResult& result);
    void crash();
    void restart();
    void pause();
    void divide();
    void weather();
    void leave();
    void step_clock();

    World& world_;
    StoryOptions options_;
    Faults base_;
    std::vector<bool> leaving_;
    std::vector<std::int64_t> wrong_ms_;  // by how much each wall clock has stepped
    Done done_;
};

}  // namespace sim
