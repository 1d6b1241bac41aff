#pragma once

#include <array>
#include <compare>
#include <cstdint>

namespace gossip {

// Where a node's gossip socket listens: an IPv6 address (IPv4 as ::ffff:a.b.c.d) and a port.
// Text forms belong to the shell; the core only compares and copies.
struct Endpoint {
    std::array<std::uint8_t, 16> ip{};
    std::uint16_t port = 0;

    static constexpr Endpoint v4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d,
                                 std::uint16_t port) {
        Endpoint e;
        e.ip = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d};
        e.port = port;
        return e;
    }
    [[nodiscard]] constexpr bool valid() const { return port != 0; }
    auto operator<=>(const Endpoint&) const = default;
};

}  // namespace gossip
