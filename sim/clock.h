#pragma once

#include <cstdint>

#include "gossip/time.h"
#include "sim/events.h"

namespace sim {

// The clocks of one machine, in terms of virtual time: they start anywhere, run fast or slow, and
// the wall clock may be wrong and be put right.
class Clock {
  public:
    static constexpr std::int64_t kWallStart = 1'800'000'000'000;  // ms: January 2027

    std::int64_t mono_start = 0;   // ms
    std::int64_t wall_offset = 0;  // ms; may change at any time
    std::int64_t drift_ppm = 0;    // how much faster than virtual time both run; set at the start

    [[nodiscard]] gossip::Now now(Time t) const {
        const std::int64_t ms = local(t) / 1000;
        return {gossip::Mono::time_point{std::chrono::milliseconds{mono_start + ms}},
                gossip::Wall::time_point{std::chrono::milliseconds{kWallStart + wall_offset + ms}}};
    }
    // The first virtual moment at which now().mono is `mono` or later, to a few microseconds.
    [[nodiscard]] Time when(gossip::Mono::time_point mono) const {
        const std::int64_t ms = mono.time_since_epoch().count() - mono_start;
        const std::int64_t local_us = ms > kForever / 1000 ? kForever : ms * 1000;
        Time t{local_us};
        for (int i = 0; i < 3; ++i)
            t += Time{local_us - local(t)};  // each shrinks the error by drift
        while (local(t) < local_us) ++t;
        return t;
    }

  private:
    static constexpr std::int64_t kForever = std::int64_t{1} << 50;
    [[nodiscard]] std::int64_t local(Time t) const {
        return t.count() + (t.count() / 1'000'000 * drift_ppm) +
               (t.count() % 1'000'000 * drift_ppm / 1'000'000);
    }
};

}  // namespace sim
