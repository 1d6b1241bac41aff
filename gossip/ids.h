#pragma once

#include <compare>
#include <cstdint>

namespace gossip {

// A value that cannot be passed where another of the same representation is meant.
template <class Tag, class Rep>
struct Tagged {
    Rep value{};
    auto operator<=>(const Tagged&) const = default;
};

using NodeId = Tagged<struct NodeIdTag, std::uint64_t>;      // drawn once, kept on disk; 0: none
using StreamId = Tagged<struct StreamIdTag, std::uint64_t>;  // given by the shell, never reused

}  // namespace gossip
