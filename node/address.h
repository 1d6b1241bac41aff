#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "gossip/endpoint.h"
#include "gossip/result.h"

namespace node {

// `host:port` as people write it. The host is a name, an IPv4 address or an IPv6 address (written
// in brackets, held without them).
struct HostPort {
    std::string host;
    std::uint16_t port = 0;
    bool operator==(const HostPort&) const = default;
};

[[nodiscard]] std::string to_string(const HostPort& address);  // brackets around IPv6
[[nodiscard]] HostPort host_port(const gossip::Endpoint& endpoint);

// Errors name the text and the legal form. Port 0 is legal (any free port) if `allow_zero`.
[[nodiscard]] gossip::Result<HostPort> parse_host_port(std::string_view text, bool allow_zero);
// As above, but the port may be missing: 0 then.
[[nodiscard]] gossip::Result<HostPort> parse_host(std::string_view text);

// The endpoint of an IP address in text; not_found for a name, which has to be resolved.
[[nodiscard]] gossip::Result<gossip::Endpoint> literal_endpoint(const HostPort& address);
// Is it an IPv4 address, mapped into IPv6? Its four bytes stand behind kMappedPrefix others.
inline constexpr std::size_t kMappedPrefix = 12;
[[nodiscard]] bool mapped_v4(const gossip::Endpoint& endpoint);
// 0.0.0.0 or ::, which a peer cannot send to.
[[nodiscard]] bool is_wildcard(const gossip::Endpoint& endpoint);
// The address of the first interface that is up and no loopback, IPv4 preferred; the loopback
// address on a machine without any.
[[nodiscard]] gossip::Endpoint first_interface(std::uint16_t port);

}  // namespace node
