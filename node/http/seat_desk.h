#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "node/core_handle.h"
#include "node/published.h"
#include "registry/hosting.h"
#include "registry/seat_lease.h"
#include "registry/selection.h"
#include "registry/view.h"

namespace node {

// Seats, from both sides: what this node lends of the instances that it hosts, and what it has
// leased for the clients that ask here. Apps that are packed need it; see registry/seat_lease.h.
class SeatDesk final : public QuestionListener {
  public:
    using ClusterMs = std::function<std::uint64_t()>;
    using Later = std::function<void(std::chrono::milliseconds, std::function<void()>)>;
    SeatDesk(CoreHandle& core, const Published<registry::View>& view, ClusterMs now_ms,
             Later later);
    ~SeatDesk() override;
    SeatDesk(const SeatDesk&) = delete;
    SeatDesk& operator=(const SeatDesk&) = delete;

    // For the core thread alone.
    [[nodiscard]] registry::Hosting& hosting() { return hosting_; }

    // ---- any thread
    // As SeatMap::choose, without what is known to be full.
    [[nodiscard]] registry::Choice choose(const registry::SeatMap& seats, registry::Seeker seeker);
    // A leased seat there; false: none is at hand.
    bool take(const registry::Row& row);
    // Asks the node of `row` for seats; `then(true)` when there is an answer, `then(false)` when
    // there is none in time, or too many wait already. Runs on the core's or an HTTP thread. All
    // who wait for one instance share one question.
    using Then = std::function<void(bool answered)>;
    void lease(const registry::Row& row, const Then& then);

    static constexpr std::size_t kMaxWaiting = 10'000;
    // Of one question, before it is repeated. On loopback an answer takes under 1 ms, in a data
    // centre under 2, across the world 300: there the view has to do.
    static constexpr std::chrono::milliseconds kPatience{60};
    static constexpr int kTries = 3;

    // ---- QuestionListener
    void asked(const gossip::Asked& question, gossip::Core& core, gossip::Now now,
               gossip::Output& out) override;
    void answered(const gossip::Output::Answered& answer) override;

  private:
    struct Pending {
        registry::LeaseQuestion question;
        gossip::NodeId owner;
        int tries = 0;
        std::vector<Then> waiting;
    };
    void send(const registry::LeaseQuestion& question, gossip::NodeId owner);
    // Requires the lock. Ends a question: who waits for it.
    std::vector<Then> settle(const std::string& address, const registry::LeaseAnswer& answer);
    void look_after(const std::string& address, std::uint64_t round);
    void give_back_later();

    CoreHandle& core_;
    const Published<registry::View>& view_;
    ClusterMs now_ms_;
    Later later_;
    registry::Hosting hosting_;

    std::mutex mutex_;  // for everything below
    registry::SeatPurse purse_;
    std::map<std::string, Pending> pending_;        // by address
    std::map<std::uint64_t, std::string> rounds_;   // of pending questions: addresses
    std::map<std::string, gossip::NodeId> owners_;  // of what is leased
    std::size_t waiting_ = 0;
    bool giving_back_ = false;
};

}  // namespace node
