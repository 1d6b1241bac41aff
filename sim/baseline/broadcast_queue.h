#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace sim::baseline {

// memberlist's TransmitLimitedQueue: what was sent least often goes first, then the longest, then
// the newest. News about a subject replaces older news about it.
class BroadcastQueue {
  public:
    void push(std::uint64_t subject, std::string message);
    // As many messages as fit into `budget` bytes, each with `overhead` on top; what has been
    // taken `limit` times is dropped. Takes what they need from the budget.
    void take(std::size_t& budget, std::size_t overhead, unsigned limit,
              std::vector<std::string>& out);
    [[nodiscard]] bool empty() const { return queue_.empty(); }

  private:
    struct Rank {
        unsigned transmits = 0;
        std::size_t size = 0;
        std::uint64_t age = 0;
        bool operator<(const Rank& other) const;
    };
    struct Entry {
        std::uint64_t subject = 0;
        std::string message;
    };
    std::map<Rank, Entry> queue_;
    std::map<std::uint64_t, Rank> subjects_;
    std::uint64_t age_ = 0;
};

}  // namespace sim::baseline
