#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace node::cli {

// Can TCP and UDP both be bound to this port of the IPv4 address `host` right now? Another process
// may take it before the caller does.
[[nodiscard]] bool port_is_free(const std::string& host, std::uint16_t port);
// A port that was free a moment ago: the first one from `wish` upwards. 0 if there is none.
[[nodiscard]] std::uint16_t free_port(const std::string& host, std::uint16_t wish);

// Ports that no other PortClaims of this machine is given while this object lives, also while
// nothing listens at them: a node that is killed and restarted finds its own again. A claim is a
// bound UNIX socket with an abstract name, which the kernel frees with the process and which
// belongs to the network namespace, as the ports do.
class PortClaims {
  public:
    PortClaims() = default;
    PortClaims(const PortClaims&) = delete;
    PortClaims& operator=(const PortClaims&) = delete;
    ~PortClaims();

    // The first port from `wish` upwards that is free and that nobody claims. 0 if there is none.
    [[nodiscard]] std::uint16_t take(const std::string& host, std::uint16_t wish);

  private:
    std::vector<int> sockets_;
};

}  // namespace node::cli
