#pragma once

#include <asio/io_context.hpp>
#include <asio/ip/udp.hpp>
#include <asio/steady_timer.hpp>
#include <functional>
#include <string>
#include <vector>

#include "gossip/endpoint.h"
#include "gossip/result.h"
#include "node/address.h"

namespace node {

// The addresses of a host, in the resolver's order; blocks. Without `v6` those that an IPv4 socket
// cannot reach are left out. not_found when there is none, unavailable when nobody could say.
[[nodiscard]] gossip::Result<std::vector<gossip::Endpoint>> resolve(const HostPort& host, bool v6);

// Keeps the addresses of the seeds up to date: behind a name stand other machines tomorrow.
// Addresses in numbers are never looked up, and cost no timer. Core thread.
class Seeds {
  public:
    static constexpr std::chrono::seconds kWhileAlone{10};
    static constexpr std::chrono::seconds kJoined{60};

    using Changed = std::function<void(std::vector<gossip::Endpoint>)>;

    Seeds(asio::io_context& io, std::vector<HostPort> names, bool v6);

    // Once, at start; blocks, and asks again for a moment when the resolver has trouble. A name
    // that is unknown is only a warning if another seed is known: a cluster that was scaled down
    // must not keep its other nodes from restarting.
    [[nodiscard]] gossip::Result<std::vector<gossip::Endpoint>> resolve_first();

    // Resolves again after kWhileAlone or kJoined, for ever. An unknown name keeps what it was.
    void start(Changed changed, std::function<bool()> joined);
    void stop();
    // A look-up is under way. Asio cannot interrupt it: destroying the io_context waits for it.
    [[nodiscard]] bool looking_up() const { return looking_up_; }

  private:
    void schedule();
    void resolve_next(std::size_t index);
    [[nodiscard]] std::vector<gossip::Endpoint> all() const;
    [[nodiscard]] bool any_name() const;

    asio::ip::udp::resolver resolver_;
    asio::steady_timer timer_;
    std::vector<HostPort> names_;
    std::vector<std::vector<gossip::Endpoint>> known_;  // by index of names_
    bool v6_;
    bool stopped_ = false;
    bool looking_up_ = false;
    Changed changed_;
    std::function<bool()> joined_;
};

}  // namespace node
