#include "sim/events.h"

#include <algorithm>
#include <utility>

#include "gossip/check.h"

namespace sim {

void Events::at(Time when, Action action) {
    CHECK(when >= now_);
    std::uint32_t slot = 0;
    if (free_.empty()) {
        slot = static_cast<std::uint32_t>(actions_.size());
        actions_.push_back(std::move(action));
    } else {
        slot = free_.back();
        free_.pop_back();
        actions_[slot] = std::move(action);
    }
    heap_.push_back({when, order_++, slot});
    std::push_heap(heap_.begin(), heap_.end());
}

bool Events::step(Time end) {
    if (heap_.empty() || heap_.front().at > end) {
        now_ = std::max(now_, end);
        return false;
    }
    const Entry next = heap_.front();
    std::pop_heap(heap_.begin(), heap_.end());
    heap_.pop_back();
    now_ = next.at;
    ++happened_;
    const Action action = std::exchange(actions_[next.slot], nullptr);
    free_.push_back(next.slot);
    action();
    return true;
}

}  // namespace sim
