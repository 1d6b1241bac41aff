#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "sim/rollout/calls.h"
#include "sim/rollout/witness.h"

namespace sim {

// What everybody in a rollout works with.
struct Company {
    World& world;
    Calls& calls;
    Witness& witness;
    gossip::Rng& dice;
};

struct ServerSetup {
    std::string address;
    std::string version;
    std::uint32_t node = 0;  // with which it registers, always
    std::uint32_t capacity = 0;
    std::uint32_t ttl_s = 15;
    Time warm_up{0};  // so long it is starting
};

// A game server as clients/cpp makes one: it registers, says how many sessions it has, redeems
// tickets at its node, obeys, and ends when its fence is granted. Nothing else ends it but kill().
class GameServer {
  public:
    GameServer(Company company, ServerSetup setup);

    // A process at the address, the next life of the server. Requires that none is alive.
    void start();
    void kill();

    [[nodiscard]] const ServerSetup& setup() const { return setup_; }
    [[nodiscard]] bool alive() const { return alive_; }
    [[nodiscard]] std::uint64_t incarnation() const { return incarnation_; }
    [[nodiscard]] bool holds(std::uint64_t session) const { return seats_.contains(session); }
    [[nodiscard]] std::uint32_t sessions() const {
        return static_cast<std::uint32_t>(seats_.size());
    }

    // For clients. nullopt: no answer, or the server is no more.
    using Seated = std::function<void(const std::optional<NodeApi::Seat>&)>;
    void redeem(const std::string& token, const Seated& then);
    // The connection of a session broke; or it is over.
    void lose(std::uint64_t session);
    void end(std::uint64_t session);

  private:
    void enroll();
    void beat();
    void obey(const NodeApi::Obeyed& said);
    void ask_for_fence();
    void leave();
    void done_beating();
    void wake_in(Time delay);
    void changed();
    bool admit(const NodeApi::Seat& seat);
    void learn(std::uint64_t seq, std::uint64_t known, bool calm);
    [[nodiscard]] std::uint64_t counted() const;
    [[nodiscard]] registry::Heartbeat state() const;
    // Runs `action` unless this life is over by then.
    template <class Action>
    auto in_this_life(Action action) {
        return [this, life = life_, action](const auto&... said) {
            if (life == life_) action(said...);
        };
    }

    Company company_;
    ServerSetup setup_;
    std::uint64_t life_ = 0;  // counts starts and ends
    bool alive_ = false;
    bool closed_ = false;
    bool running_ = false;   // the warm-up is over
    bool told_ = false;      // its node knows that, too
    bool enrolled_ = false;  // its node has known this life: nobody comes in before
    std::uint64_t incarnation_ = 0;
    std::map<std::uint64_t, bool> seats_;  // session, whether its client is here
    std::uint64_t seq_ = 0;                // the last acceptance that is known
    struct Redeeming {
        std::uint64_t before = 0;  // seq_ when it began
        bool stale = false;        // the node has begun anew since
    };
    std::map<std::uint64_t, Redeeming> open_;
    std::uint64_t redeems_ = 0;
    bool beating_ = false;
    bool changed_ = false;
    std::uint64_t wake_ = 0;
    Time wake_at_{0};
};

}  // namespace sim
