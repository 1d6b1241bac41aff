#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "gossip/ids.h"
#include "gossip/time.h"

namespace gossip {

// Keeps a node whose clock is off from stamping into its peers' future or past.
//
// Collects how far peers' (corrected) clocks are from ours, the latest word of each; when the
// median over the last kPeers of them is beyond kTolerance, moves our correction by half of it and
// starts over. Half, so that two nodes which correct towards each other meet instead of changing
// places; a lone wrong clock still arrives within a few rounds, because every sample is taken
// against the corrected clock. A peer counts once however often it is asked: else a wrong clock
// moves its neighbour on the ring, who asks it every other period, then that one's neighbour, and
// in the end everybody.
class ClockOffset {
  public:
    static constexpr Wall::duration kTolerance{500};
    // Further than this only if most peers say about the same: damaged ones do not.
    static constexpr Wall::duration kFar{10'000};
    static constexpr std::size_t kPeers = 31;
    // Samples, and peers if there are as many, before any is believed.
    static constexpr std::size_t kEnough = 3;

    [[nodiscard]] Wall::duration offset() const { return offset_; }
    [[nodiscard]] Wall::time_point corrected(Now now) const { return now.wall + offset_; }
    // Have enough of the `peers` that there are been heard since the last correction?
    [[nodiscard]] bool trusted(std::size_t peers) const {
        return seen_ >= kEnough && count_ >= std::min(kEnough, peers);
    }

    // `ahead`: the clock of `peer` minus ours, both corrected; `peers`: how many there are. Returns
    // the new correction if it moved. O(kPeers).
    std::optional<Wall::duration> sample(NodeId peer, Wall::duration ahead, std::size_t peers) {
        note(peer, ahead);
        if (!trusted(peers)) return std::nullopt;
        const Wall::duration middle = median();
        if (middle <= kTolerance && middle >= -kTolerance) return std::nullopt;
        if ((middle > kFar || middle < -kFar) && !agreed(middle)) return std::nullopt;
        offset_ += middle / 2;
        forget();
        return offset_;
    }

    // Our own clock was put right, or wrong: what peers said of it is void.
    void forget() { seen_ = count_ = oldest_ = 0; }

  private:
    struct Sample {
        NodeId peer;
        Wall::duration ahead{};
    };
    using Samples = std::array<Sample, kPeers>;

    void note(NodeId peer, Wall::duration ahead) {
        latest_[seen_ % kEnough] = {peer, ahead};
        ++seen_;
        const auto held = std::span{samples_}.first(count_);
        const auto known = std::ranges::find(held, peer, &Sample::peer);
        if (known != held.end()) {
            known->ahead = ahead;
        } else if (count_ < kPeers) {
            samples_[count_++] = {peer, ahead};
        } else {
            samples_[oldest_] = {peer, ahead};
            oldest_ = (oldest_ + 1) % kPeers;
        }
    }

    // One or two peers: the latest samples instead, so that a damaged one is still outvoted.
    [[nodiscard]] std::span<const Sample> jury() const {
        return count_ < kEnough ? std::span<const Sample>{latest_}
                                : std::span<const Sample>{samples_}.first(count_);
    }

    [[nodiscard]] Wall::duration median() const {
        const auto voters = jury();
        Samples sorted;
        const auto end = std::ranges::copy(voters, sorted.begin()).out;
        std::ranges::sort(sorted.begin(), end, {}, &Sample::ahead);
        return sorted[voters.size() / 2].ahead;
    }

    [[nodiscard]] bool agreed(Wall::duration middle) const {
        const auto near = [middle](const Sample& sample) {
            return sample.ahead - middle <= kFar && middle - sample.ahead <= kFar;
        };
        const auto voters = jury();
        const auto agreeing = static_cast<std::size_t>(std::ranges::count_if(voters, near));
        return 2 * agreeing > voters.size();
    }

    Samples samples_{};  // of each peer the latest
    std::array<Sample, kEnough> latest_{};
    std::size_t count_ = 0;
    std::size_t oldest_ = 0;  // of kPeers: the next to be replaced
    std::size_t seen_ = 0;
    Wall::duration offset_{};
};

}  // namespace gossip
