#pragma once

#include <algorithm>
#include <cstdint>

#include "gossip/time.h"

namespace gossip {

// A token bucket in bytes: `rate` per second, at most a quarter of a second saved up, which lets a
// burst through and holds the average. May go into debt by one item.
class TokenBucket {
  public:
    explicit TokenBucket(std::uint64_t rate) : rate_(static_cast<std::int64_t>(rate)) {
        tokens_ = burst();
    }

    [[nodiscard]] std::int64_t available(Mono::time_point now) {
        if (now > last_) {
            const std::int64_t ms = std::min<std::int64_t>((now - last_).count(), 10'000);
            tokens_ = std::min(burst(), tokens_ + ms * rate_ / 1000);
            last_ = now;
        }
        return tokens_;
    }
    void take(std::size_t bytes) { tokens_ -= static_cast<std::int64_t>(bytes); }
    // Until `available() > 0`. At least 1 ms.
    [[nodiscard]] Mono::duration until_positive() const {
        return Mono::duration{tokens_ > 0 ? 1 : 1 + (-tokens_ * 1000) / rate_};
    }

  private:
    [[nodiscard]] std::int64_t burst() const { return rate_ / 4; }
    std::int64_t rate_;
    std::int64_t tokens_ = 0;
    Mono::time_point last_{};
};

}  // namespace gossip
