#pragma once

#include <cstdint>
#include <vector>

#include "gossip/jury.h"
#include "gossip/liveness.h"

namespace gossip {

// The state of the failure detector; its rules are core_jury.cpp's.
struct FailureDetector {
    FailureDetector();

    Doubts doubts;
    Jury jury;
    Inquests inquests;
    Ration accusations;
    Ration refusals;
    Ration deaths;
    Mono::time_point partition_until{};  // partition_suspected is reported until then

    // Who pinged us or answered last: that they are dead is doubted for a while.
    struct SignOfLife {
        NodeId from;
        Mono::time_point at;
    };
    std::vector<SignOfLife> heard;

    // Of this node.
    std::uint8_t patience = 1;
    Mono::time_point patience_since{};
};

}  // namespace gossip
