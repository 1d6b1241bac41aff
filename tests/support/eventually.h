#pragma once

#include <chrono>
#include <thread>

namespace test {

using namespace std::chrono_literals;

// Does `holds` become true before the limit? Asks again and again instead of sleeping once: a
// test waits as long as it has to and no longer. The limits are far above what is normal, because
// the machine may be busy.
template <class Predicate>
bool eventually(Predicate holds, std::chrono::milliseconds limit = 15s) {
    const auto deadline = std::chrono::steady_clock::now() + limit;
    while (!holds()) {
        if (std::chrono::steady_clock::now() >= deadline) return false;
        std::this_thread::sleep_for(10ms);
    }
    return true;
}

}  // namespace test
