#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gossip/endpoint.h"
#include "gossip/result.h"
#include "registry/health_check.h"

namespace node {

// Where checks may go. Whoever can register could otherwise make every node ask any address of its
// network: a request that no firewall expects from there.
struct CheckPolicy {
    bool any = false;                // the operator allows every address
    std::vector<std::string> hosts;  // allowed besides an instance's own, as text

    // nullopt if the instance at `address` may be checked like this. Hosts are compared as text,
    // without regard to case: the registry does not resolve names, and ports are free.
    [[nodiscard]] std::optional<gossip::Error> refusal(std::string_view address,
                                                       const registry::Check& check) const;
    // May a connection go to this address, whatever name led to it? Never to link-local ones (the
    // metadata services of clouds), multicast, broadcast and the unspecified one.
    [[nodiscard]] bool may_connect(const gossip::Endpoint& to) const;
};

}  // namespace node
