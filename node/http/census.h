#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "gossip/core.h"
#include "gossip/sketch.h"
#include "node/core_handle.h"

namespace node {

// What the core knows at one moment, copied for another thread.
struct CoreStatus {
    gossip::Polled agreement;  // on the table, or on the topic if there is one
    gossip::Cell fingerprint;
    std::uint32_t rows = 0;
    bool joined = false;
    bool partition_suspected = false;
    gossip::milliseconds clock_offset{};
    gossip::Counters counters;
};

// Asks every live node for its fingerprint, and tells all who wait once all have answered, or after
// kPatience. One census runs at a time and everyone who comes meanwhile shares it, so that a busy
// dashboard costs the cluster no more than a patient one.
//
// Thread-safe: what it remembers is only touched on the core thread, by work that it queues there.
class Census : public std::enable_shared_from_this<Census> {
  public:
    // On loopback answers take under 1 ms.
    static constexpr gossip::milliseconds kPatience{300};
    // Who is silent is asked again. With 30 % loss nine nodes all answer one question in 300, and
    // one in three that are asked three times.
    static constexpr gossip::milliseconds kRepeat{100};
    static constexpr std::chrono::milliseconds kPause{5};  // between looks

    using Waiter = std::function<void(const CoreStatus&)>;
    using Later = std::function<void(std::chrono::milliseconds, std::function<void()>)>;

    Census(CoreHandle& core, Later later) : core_(core), later_(std::move(later)) {}

    // `waiter` runs on the core thread. False when the core takes no work. With a topic the nodes
    // are asked about that instead.
    bool ask(Waiter waiter, std::uint64_t topic = 0);
    // Asks nobody: what the core knows now, and of the others what they said last.
    bool glance(Waiter waiter);

  private:
    // Owned by the work that is under way and by nothing else: a server that stops drops that work,
    // and with it those who wait.
    struct Round {
        std::uint64_t topic = 0;
        gossip::Mono::time_point since;
        gossip::Mono::time_point asked;
        std::vector<Waiter> waiters;
        bool over = false;
    };

    void look(const std::shared_ptr<Round>& round);
    void settle(const std::shared_ptr<Round>& round, const CoreStatus& status, bool late);

    CoreHandle& core_;
    Later later_;
    std::map<std::uint64_t, std::weak_ptr<Round>> running_;  // by topic
};

}  // namespace node
