#pragma once

#include <atomic>
#include <cstdint>

namespace node {

// Of the health checks of this node; GET /v1/status shows them. Any thread.
struct CheckCounters {
    std::atomic<std::uint64_t> known{0};    // instances that are checked
    std::atomic<std::uint64_t> running{0};  // tries under way
    // Since the start.
    std::atomic<std::uint64_t> runs{0};
    std::atomic<std::uint64_t> missed{0};
    std::atomic<std::uint64_t> refused{0};  // not carried out: it would go where it may not
    std::atomic<std::uint64_t> dropped{0};  // without a result, through no fault of the application
    std::atomic<std::uint64_t> odd{0};      // well, but with members of the wrong type
};

}  // namespace node
