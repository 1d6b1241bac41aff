#pragma once

#include <unistd.h>

#include <cstdint>
#include <string>

namespace test {

// A loopback address that belongs to this test process alone, so that tests that run at the same
// time cannot take each other's ports. 127.0.0.0/8 is all loopback on Linux.
inline std::string loopback() {
    const auto pid = static_cast<std::uint32_t>(::getpid());
    return "127." + std::to_string(64 + (pid >> 16U) % 64) + "." +
           std::to_string((pid >> 8U) & 255U) + "." + std::to_string(pid & 255U);
}

}  // namespace test
