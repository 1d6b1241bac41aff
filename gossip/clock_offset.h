#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>

#include "gossip/ids.h"
#include "gossip/time.h"

namespace gossip {

// Keeps a node whose clock is off from stamping into its peers' future or past.
//
// Collects how far peers' (corrected) clocks are from ours, the latest word of each. When the
// median of the last kPeers of them and our own is beyond kTolerance, moves our correction there
// and starts over: everybody goes to the middle of the cluster, where most are already, so a lone
// wrong clock arrives at once and moves nobody. Two, who have no middle but between them, go half
// of the way each, so that they meet instead of changing places, unless one has only just come. A
// peer counts once however often it is asked: else a wrong clock moves its neighbour on the ring,
// who asks it every other period, then that one's neighbour, and in the end everybody.
class ClockOffset {
  public:
    static constexpr Wall::duration kTolerance{500};
    // Further than this only if most peers say about the same as each other, or as they said
    // before: damaged ones do neither.
    static constexpr Wall::duration kFar{10'000};
    static constexpr std::size_t kPeers = 31;
    // Samples, and peers if there are as many, before any is believed.
    static constexpr std::size_t kEnough = 3;
    // So many peers, or all, have a say: who has not been heard yet is taken to agree with us. Else
    // the first three of five could outvote a majority.
    static constexpr std::size_t kQuorum = 6;
    // Years enough, and no overflow: a damaged answer may say anything.
    static constexpr Wall::duration kMost{std::int64_t{1} << 50};

    [[nodiscard]] Wall::duration offset() const { return offset_; }
    [[nodiscard]] Wall::time_point corrected(Now now) const { return now.wall + offset_; }
    // Have enough of the `peers` that there are been heard since the last correction?
    [[nodiscard]] bool trusted(std::size_t peers) const {
        return seen_ >= kEnough && count_ >= std::min(kEnough, peers);
    }

    // Most have been heard to have about our time: it is the cluster's.
    [[nodiscard]] bool confirmed(std::size_t peers) const {
        if (!trusted(peers)) return false;
        const auto like_us = [](const Sample& sample) {
            return std::chrono::abs(sample.ahead) <= 2 * kTolerance;
        };
        const auto voters = jury();
        const std::size_t us = count_ < 2 ? 0 : 1;
        const auto agreeing = us + static_cast<std::size_t>(std::ranges::count_if(voters, like_us));
        return 2 * agreeing > us + std::max(voters.size(), std::min(peers, kQuorum));
    }

    // `ahead`: the clock of `peer` minus ours, both corrected; `peers`: how many there are;
    // `newcomer`: to others, who are a cluster already. Returns the new correction if it moved.
    // O(kPeers).
    std::optional<Wall::duration> sample(NodeId peer, Wall::duration ahead, std::size_t peers,
                                         bool newcomer = false) {
        note(peer, std::clamp(ahead, -kMost, kMost));
        if (!trusted(peers)) return std::nullopt;
        const Wall::duration to = middle(peers);
        if (near(to) || (std::chrono::abs(to) > kFar && !believable())) return std::nullopt;
        offset_ += count_ < 2 && !newcomer ? to / 2 : to;
        forget();
        return offset_;
    }

    // Our own clock was put right, or wrong: what peers said of it is void.
    void forget() { seen_ = count_ = oldest_ = 0; }

  private:
    struct Sample {
        NodeId peer;
        Wall::duration ahead{};
        bool repeated = false;  // said before
    };

    void note(NodeId peer, Wall::duration ahead) {
        latest_[seen_ % kEnough] = {peer, ahead};
        ++seen_;
        const auto held = std::span{samples_}.first(count_);
        const auto known = std::ranges::find(held, peer, &Sample::peer);
        if (known != held.end()) {
            *known = {peer, ahead, std::chrono::abs(ahead - known->ahead) <= 2 * kTolerance};
        } else if (count_ < kPeers) {
            samples_[count_++] = {peer, ahead};
        } else {
            samples_[oldest_] = {peer, ahead};
            oldest_ = (oldest_ + 1) % kPeers;
        }
    }

    static bool near(Wall::duration ahead) { return std::chrono::abs(ahead) <= kTolerance; }

    // Of one peer the latest samples, so that a damaged one is still outvoted.
    [[nodiscard]] std::span<const Sample> jury() const {
        return count_ < 2 ? std::span<const Sample>{latest_}
                          : std::span<const Sample>{samples_}.first(count_);
    }

    static Wall::duration median(std::span<Wall::duration> values) {
        std::ranges::sort(values);
        const std::size_t half = values.size() / 2;
        return values.size() % 2 != 0 ? values[half] : (values[half - 1] + values[half]) / 2;
    }

    // Of the jury; and, if it has more than one member, of ourselves and who was not heard yet.
    // Zero while it depends on these, because so far there is no more than a draw.
    [[nodiscard]] Wall::duration middle(std::size_t peers) const {
        std::array<Wall::duration, kPeers + 1> values{};
        const auto voters = jury();
        std::ranges::transform(voters, values.begin(), &Sample::ahead);
        if (count_ < 2) return median(std::span{values}.first(voters.size()));
        const std::size_t size = 1 + std::max(count_, std::min(peers, kQuorum));
        const auto all = std::span{values}.first(size);
        const Wall::duration middle = median(all);
        const bool draw = size % 2 == 0 && all[size / 2] - all[size / 2 - 1] > 2 * kTolerance;
        return draw && count_ + 1 < size ? Wall::duration{0} : middle;
    }

    [[nodiscard]] bool believable() const {
        const auto voters = jury();
        std::array<Wall::duration, kPeers> values{};
        std::ranges::transform(voters, values.begin(), &Sample::ahead);
        const Wall::duration most = median(std::span{values}.first(voters.size()));
        const auto agrees = [most](const Sample& sample) {
            return std::chrono::abs(sample.ahead - most) <= kFar;
        };
        const auto more_than_half = [&voters](auto count) {
            return 2 * static_cast<std::size_t>(count) > voters.size();
        };
        return more_than_half(std::ranges::count_if(voters, agrees)) ||
               more_than_half(std::ranges::count_if(voters, &Sample::repeated));
    }

    std::array<Sample, kPeers> samples_{};  // of each peer the latest
    std::array<Sample, kEnough> latest_{};
    std::size_t count_ = 0;
    std::size_t oldest_ = 0;  // of kPeers: the next to be replaced
    std::size_t seen_ = 0;
    Wall::duration offset_{};
};

}  // namespace gossip
