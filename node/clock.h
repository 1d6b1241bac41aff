#pragma once

#include <chrono>

#include "gossip/time.h"

namespace node {

// The only place where the clocks of the machine become the core's.
[[nodiscard]] inline gossip::Now read_clocks() {
    using std::chrono::duration_cast;
    using std::chrono::milliseconds;
    return {gossip::Mono::time_point{
                duration_cast<milliseconds>(std::chrono::steady_clock::now().time_since_epoch())},
            gossip::Wall::time_point{
                duration_cast<milliseconds>(std::chrono::system_clock::now().time_since_epoch())}};
}

// When `moment` is on the machine's clock: for timers.
[[nodiscard]] inline std::chrono::steady_clock::time_point steady(gossip::Mono::time_point moment) {
    return std::chrono::steady_clock::time_point{moment.time_since_epoch()};
}

}  // namespace node
