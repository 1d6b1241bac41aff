#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "gossip/core.h"
#include "registry/instance.h"
#include "registry/seat_book.h"
#include "registry/view.h"

namespace registry {

// What a server says of itself between registrations.
struct Heartbeat {
    std::optional<std::uint32_t> sessions;
    std::uint32_t resuming = 0;  // lost connections whose session may still be resumed
    std::optional<std::uint64_t> seq;
    std::optional<bool> ready_to_close;
    std::optional<std::uint64_t> acked_epoch;  // as a string of digits: JSON numbers are doubles
    std::optional<std::uint64_t> incarnation;  // refused if the row has another
};

// What a node does for the servers that register with it: whom they may let in, and when they may
// end. Decided on the thread of the core, where nothing else happens to the row meanwhile. Pure:
// what it writes goes to the core, the rest lies in memory and is told anew after a restart.
class Hosting {
  public:
    // `born_ms`: Unix ms by the cluster's clock; see SeatBook.
    explicit Hosting(std::uint64_t born_ms) : book_(born_ms) {}

    enum class Status : std::uint8_t {
        done,
        unknown,         // no such instance
        elsewhere,       // it is registered at `owner`, which is alive: only that one knows
        another_life,    // the server speaks of another incarnation than the row's
        no_incarnation,  // a fence is for one life of a server, and this one has no name
        occupied,        // no fence: `taken` seats
        not_written,     // see `put`
    };
    struct Reply {
        Status status = Status::done;
        Instance instance = {};  // as it was found
        gossip::NodeId owner = {};
        std::uint64_t taken = 0;
        std::uint64_t seq = 0;  // of a heartbeat: what was accepted so far
        gossip::PutStatus put = gossip::PutStatus::created;
        SeatBook::Redeemed redeemed = {};  // of a ticket
    };

    Reply heartbeat(gossip::Core& core, const std::string& address, const Heartbeat& beat,
                    gossip::Now now, gossip::Output& out);
    // Granted only with no session and no open resume window. After it the instance is never
    // offered again in this life. Atomic: tickets are redeemed on the same thread.
    Reply fence(gossip::Core& core, const View& view, const std::string& address,
                const Heartbeat& beat, gossip::Now now, gossip::Output& out);
    // No new clients from now on, in this life.
    Reply drain(gossip::Core& core, const std::string& address, gossip::Now now,
                gossip::Output& out);
    // Requires a token that was verified. `now_ms` by the cluster's clock.
    Reply redeem(const gossip::Core& core, const View& view, const Token& token,
                 std::uint64_t now_ms);

    // Another node's question for seats. Nothing is offered of an instance that is not hosted here
    // in that life, or takes no new clients.
    LeaseAnswer lease(const gossip::Core& core, const View& view, gossip::NodeId lessee,
                      const LeaseQuestion& question, std::uint64_t now_ms);

    [[nodiscard]] const SeatBook& book() const { return book_; }
    // Forgets the seats of instances that are gone or another node's. O(instances with seats).
    void tidy(const gossip::Core& core);

  private:
    struct Found {
        Reply reply;
        std::uint64_t last_update = 0;
    };
    Found find(const gossip::Core& core, const std::string& address,
               std::optional<std::uint64_t> incarnation);
    // Whether the View says that it takes no new clients.
    [[nodiscard]] static bool draining(const View& view, const Instance& instance,
                                       std::uint64_t now_ms);
    Reply written(gossip::Core& core, Found found, gossip::Now now, gossip::Output& out);

    SeatBook book_;
    std::uint32_t untidy_ = 0;  // calls since the last tidy()
};

}  // namespace registry
