#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>

#include "gossip/time.h"

namespace gossip {

// Keeps a node whose clock is off from stamping into its peers' future or past.
//
// Collects how far peers' (corrected) clocks are from ours; when the median of the last samples is
// beyond kTolerance, moves our correction by half of it and starts over. Half, so that two nodes
// which correct towards each other meet instead of changing places; a lone wrong clock still
// arrives within a few rounds, because every sample is taken against the corrected clock.
class ClockOffset {
  public:
    static constexpr Wall::duration kTolerance{500};
    // Further than this only if most samples say about the same: damaged ones do not.
    static constexpr Wall::duration kFar{10'000};
    static constexpr std::size_t kSamples = 31;
    static constexpr std::size_t kEnough = 3;  // a single peer with a bad clock moves nobody much

    [[nodiscard]] Wall::duration offset() const { return offset_; }
    [[nodiscard]] Wall::time_point corrected(Now now) const { return now.wall + offset_; }
    [[nodiscard]] bool trusted() const { return seen_ >= kEnough; }

    // `ahead`: the peer's clock minus ours, both corrected. Returns the new correction if it moved.
    std::optional<Wall::duration> sample(Wall::duration ahead) {
        samples_[seen_ % kSamples] = ahead;
        ++seen_;
        if (seen_ < kEnough) return std::nullopt;
        const Wall::duration middle = median();
        if (middle <= kTolerance && middle >= -kTolerance) return std::nullopt;
        if ((middle > kFar || middle < -kFar) && !agreed(middle)) return std::nullopt;
        offset_ += middle / 2;
        seen_ = 0;
        return offset_;
    }

  private:
    [[nodiscard]] Wall::duration median() const {
        auto sorted = samples_;
        const auto count = static_cast<std::ptrdiff_t>(std::min(seen_, kSamples));
        std::sort(sorted.begin(), sorted.begin() + count);
        return sorted[static_cast<std::size_t>(count / 2)];
    }

    [[nodiscard]] bool agreed(Wall::duration middle) const {
        const auto count = static_cast<std::ptrdiff_t>(std::min(seen_, kSamples));
        const auto near = [middle](Wall::duration sample) {
            return sample - middle <= kFar && middle - sample <= kFar;
        };
        return 2 * std::count_if(samples_.begin(), samples_.begin() + count, near) > count;
    }

    std::array<Wall::duration, kSamples> samples_{};
    std::size_t seen_ = 0;
    Wall::duration offset_{};
};

}  // namespace gossip
