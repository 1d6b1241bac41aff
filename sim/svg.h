#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "sim/events.h"

namespace sim {

// What a run can show besides its figures.

// How one update reached the nodes.
struct SpreadPicture {
    std::uint32_t nodes = 0;
    std::vector<Time> known;  // when each node had it, since the write; ascending
};

// What the other nodes believed of some nodes over time: a lane for each.
struct BeliefPicture {
    // Holds from `at` until the next one.
    struct Sample {
        Time at{0};
        std::uint32_t suspecting = 0;  // nodes that believe it suspect
        std::uint32_t burying = 0;     // nodes that believe it dead
        bool running = true;           // what it really is
    };
    struct Lane {
        std::string name;
        std::vector<Sample> samples;  // ascending
    };
    std::string title;
    std::string axis;             // what the times are counted from
    std::uint32_t believers = 0;  // of every lane
    Time start{0};                // of the axis
    Time end{0};
    std::vector<Lane> lanes;
};

using Picture = std::variant<std::monostate, SpreadPicture, BeliefPicture>;

// The picture as an SVG document of 900 x 420 that needs nothing else; empty if there is none.
// `subtitle` is the line below the title: nodes, seed, faults.
[[nodiscard]] std::string svg(const Picture& picture, const std::string& subtitle);

}  // namespace sim
