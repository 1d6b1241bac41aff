#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "gossip/random.h"
#include "sim/rollout/node_api.h"
#include "sim/world.h"

namespace sim {

// Requests to the nodes' APIs. Either way takes a while, at times a long one; a node that does not
// run refuses, a machine without power says nothing, a process that is stopped answers when it
// continues, and whoever has given up by then does not hear it.
class Calls {
  public:
    Calls(World& world, std::vector<std::unique_ptr<NodeApi>>& apis, gossip::Rng& dice)
        : world_(world), apis_(apis), dice_(dice) {}

    // How many of a million legs are slow: up to kSlow instead of kFast.
    std::uint32_t slow_ppm = 0;

    // then(nullopt): no answer, which says nothing about what was done.
    template <class Answer>
    void ask(std::uint32_t node, std::function<Answer(NodeApi&)> act,
             std::function<void(const std::optional<Answer>&)> then) {
        auto open = std::make_shared<bool>(true);
        const auto answer = [open, then = std::move(then)](const std::optional<Answer>& a) {
            if (std::exchange(*open, false)) then(a);
        };
        world_.events().after(kPatience, [answer] { answer(std::nullopt); });
        world_.events().after(leg(), [this, node, answer, act = std::move(act)] {
            SimNode& n = world_.node(node);
            if (!n.running()) {
                if (n.powered()) world_.events().after(leg(), [answer] { answer(std::nullopt); });
                return;
            }
            n.when_running([this, node, answer, act] {
                const std::uint64_t process = world_.node(node).process();
                const std::optional<Answer> a = act(*apis_[node]);
                if (world_.node(node).process() != process) return;
                world_.events().after(leg(), [answer, a] { answer(a); });
            });
        });
    }

    [[nodiscard]] Time leg() {
        const Time most = dice_.below(1'000'000) < slow_ppm ? kSlow : kFast;
        return Time{
            200 + static_cast<std::int64_t>(dice_.below(static_cast<std::uint64_t>(most.count())))};
    }

    static constexpr Time kFast{2'000};
    static constexpr Time kSlow{2'400'000};
    static constexpr Time kPatience{5'000'000};

  private:
    World& world_;
    std::vector<std::unique_ptr<NodeApi>>& apis_;
    gossip::Rng& dice_;
};

}  // namespace sim
