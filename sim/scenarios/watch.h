#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "sim/svg.h"
#include "sim/world.h"

namespace sim {

// Who believes what of whom, gathered from what the nodes publish, and whether it was true. What
// really happens to the nodes it is told by the scenario.
class Watch {
  public:
    // Looks at every turn of the world, as long as both live: takes over on_publish.
    explicit Watch(World& world);
    ~Watch() { world_.on_publish = nullptr; }
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;

    // Freezes a node or lets it continue; ends its process or starts it again.
    void pause(std::uint32_t node);
    void resume(std::uint32_t node);
    void crash(std::uint32_t node);
    void lose_power(std::uint32_t node);
    void start(std::uint32_t node);
    // Says that it is no wonder if this node is believed dead from now on.
    void excuse(std::uint32_t node) { set_running(node, false); }

    [[nodiscard]] std::uint32_t size() const { return static_cast<std::uint32_t>(about_.size()); }
    // Verdicts, one per believer. False: about a node that has been running and reachable for
    // kExcuse or longer; a claim needs that long to be taken back.
    struct Verdicts {
        std::uint64_t suspicions = 0;
        std::uint64_t deaths = 0;
        std::uint64_t false_suspicions = 0;
        std::uint64_t false_deaths = 0;
    };
    [[nodiscard]] const Verdicts& verdicts() const { return verdicts_; }
    [[nodiscard]] const Verdicts& verdicts_about(std::uint32_t node) const {
        return about_[node].verdicts;
    }
    // How many nodes believe it dead at this moment.
    [[nodiscard]] std::uint32_t burying(std::uint32_t node) const { return about_[node].burying; }
    // When the first node believed it dead, of those since it was last lost; zero: none did.
    [[nodiscard]] Time first_death(std::uint32_t node) const { return about_[node].first_death; }
    // All changes of what is believed of it, and of what it is.
    [[nodiscard]] const std::vector<BeliefPicture::Sample>& history(std::uint32_t node) const {
        return about_[node].history;
    }

    static constexpr Time kExcuse{3'000'000};

  private:
    struct Subject {
        std::map<std::uint32_t, gossip::MemberState> beliefs;  // of those for whom it is not alive
        std::vector<BeliefPicture::Sample> history{{}};
        Verdicts verdicts;
        std::uint32_t suspecting = 0;
        std::uint32_t burying = 0;
        Time first_death{0};
        Time running_since = -kExcuse;
        bool running = true;
    };
    void see(const SimNode& believer, const gossip::Output& out);
    void believe(std::uint32_t believer, std::uint32_t subject, gossip::MemberState state);
    void count(Subject& subject, gossip::MemberState state);
    void note(Subject& subject);
    void forget(std::uint32_t believer);
    static bool drop(Subject& subject, std::uint32_t believer);
    void set_running(std::uint32_t node, bool running);

    World& world_;
    std::map<gossip::NodeId, std::uint32_t> index_;
    std::vector<Subject> about_;
    Verdicts verdicts_;
};

// One lane: what was believed of a node from `start` until `end`, counted from `zero`.
[[nodiscard]] BeliefPicture::Lane lane_of(const Watch& watch, std::uint32_t node, Time zero,
                                          Time start, Time end);
// The lanes of these nodes, all from the same zero. Title and axis are left to the scenario.
[[nodiscard]] BeliefPicture picture_of(const Watch& watch, const std::vector<std::uint32_t>& nodes,
                                       Time zero, Time start, Time end);

}  // namespace sim
