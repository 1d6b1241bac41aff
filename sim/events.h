#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <vector>

namespace sim {

// Virtual time since the world began. Microseconds, because a hop takes half a millisecond; the
// core is told milliseconds, rounded down.
using Time = std::chrono::microseconds;

// What is going to happen, by time. Ties break by age, so a run depends on nothing but its inputs.
class Events {
  public:
    using Action = std::function<void()>;

    [[nodiscard]] Time now() const { return now_; }
    [[nodiscard]] std::uint64_t happened() const { return happened_; }

    // Not before now(): the past is over. O(log n).
    void at(Time when, Action action);
    void after(Time delay, Action action) { at(now_ + delay, std::move(action)); }

    // Lets the next action happen, if it is due at `end` or before. Otherwise moves now() to `end`
    // and returns false.
    bool step(Time end);

  private:
    struct Entry {
        Time at;
        std::uint64_t order;
        std::uint32_t slot;
        // For the standard heap, whose top is the greatest.
        bool operator<(const Entry& other) const {
            return at != other.at ? at > other.at : order > other.order;
        }
    };

    std::vector<Entry> heap_;
    std::vector<Action> actions_;  // apart from the heap, so that it moves 24 bytes
    std::vector<std::uint32_t> free_;
    Time now_{0};
    std::uint64_t order_ = 0;
    std::uint64_t happened_ = 0;
};

}  // namespace sim
