#pragma once

#include <algorithm>
#include <compare>
#include <cstdint>

#include "gossip/time.h"

namespace gossip {

// When a record was written: milliseconds of wall time (48 bits) and a counter (16 bits), a hybrid
// logical clock per key. Records order by (stamp, digest), so ties resolve alike on every node.
// A node record uses the same word as (incarnation in ms, rank): see member.h.
struct Stamp {
    std::uint64_t value = 0;

    static constexpr unsigned kCounterBits = 16;

    static constexpr Stamp at(Wall::time_point wall, std::uint16_t counter = 0) {
        return at_ms(
            static_cast<std::uint64_t>(std::max<std::int64_t>(0, wall.time_since_epoch().count())),
            counter);
    }
    static constexpr Stamp at_ms(std::uint64_t ms, std::uint16_t counter = 0) {
        return {(ms << kCounterBits) | counter};
    }
    // The stamp of a write at `wall` that has to beat `previous`.
    static constexpr Stamp after(Stamp previous, Wall::time_point wall) {
        return {std::max(at(wall).value, previous.value + 1)};
    }

    [[nodiscard]] constexpr std::uint64_t ms() const { return value >> kCounterBits; }
    [[nodiscard]] constexpr std::uint16_t counter() const {
        return static_cast<std::uint16_t>(value);
    }
    auto operator<=>(const Stamp&) const = default;
};

}  // namespace gossip
