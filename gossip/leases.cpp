#include "gossip/leases.h"

#include <algorithm>
#include <functional>

namespace gossip {

Leases::Lease& Leases::renew(const std::string& key, std::uint64_t last_update, Mono::duration ttl,
                             Mono::time_point now) {
    const auto [at, started] = leases_.try_emplace(key);
    Lease& lease = at->second;
    const bool has_timer = !started && lease.timed;
    lease.last_update = std::max(lease.last_update, last_update);
    lease.timed = ttl.count() > 0;
    lease.deadline = lease.timed ? now + ttl : Mono::time_point::max();
    if (lease.timed && (!has_timer || lease.deadline < lease.timer)) {
        lease.timer = lease.deadline;
        timers_.emplace_back(lease.timer, key);
        std::ranges::push_heap(timers_, std::greater{});
    }
    return lease;
}

void Leases::clear() {
    leases_.clear();
    timers_.clear();
}

Leases::Lease* Leases::find(const std::string& key) {
    const auto at = leases_.find(key);
    return at == leases_.end() ? nullptr : &at->second;
}

const Leases::Lease* Leases::find(const std::string& key) const {
    const auto at = leases_.find(key);
    return at == leases_.end() ? nullptr : &at->second;
}

std::vector<std::string> Leases::lapse(Mono::time_point now) {
    std::vector<std::string> lapsed;
    while (!timers_.empty() && timers_.front().first <= now) {
        std::ranges::pop_heap(timers_, std::greater{});
        Timer timer = std::move(timers_.back());
        timers_.pop_back();
        const auto at = leases_.find(timer.second);
        // Dropped, without a ttl by now, or replaced by a newer entry.
        if (at == leases_.end() || !at->second.timed || at->second.timer != timer.first) continue;
        if (at->second.deadline > now) {
            at->second.timer = timer.first = at->second.deadline;
            timers_.push_back(std::move(timer));
            std::ranges::push_heap(timers_, std::greater{});
            continue;
        }
        lapsed.push_back(timer.second);
        leases_.erase(at);
    }
    return lapsed;
}

Mono::time_point Leases::next() const {
    return timers_.empty() ? Mono::time_point::max() : timers_.front().first;
}

void Leases::extend(Mono::duration lag) {
    for (auto& [key, lease] : leases_) {
        if (lease.timed) lease.deadline += lag;
    }
}

}  // namespace gossip
