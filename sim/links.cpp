#include "sim/links.h"

#include <algorithm>
#include <array>
#include <bit>

namespace sim {
namespace {

// 2^(i / 12) in units of 2^-16.
constexpr std::array<std::uint64_t, 13> kTones{65'536,  69'433,  73'562, 77'936,  82'570,
                                               87'480,  92'682,  98'193, 104'032, 110'218,
                                               116'772, 123'715, 131'072};

// 2^(parts / 256 / 12) in units of 2^-16, for |parts| up to 16 octaves.
std::uint64_t power(std::int64_t parts) {
    constexpr std::int64_t kOctave = std::int64_t{12} * 256;
    const std::int64_t shifted = parts + kOctave * 16;  // positive, so that / and % go down
    const auto octave = static_cast<unsigned>(shifted / kOctave);
    const auto tone = static_cast<std::size_t>(shifted % kOctave / 256);
    const auto between = static_cast<std::uint64_t>(shifted % 256);
    const std::uint64_t value = kTones[tone] + ((kTones[tone + 1] - kTones[tone]) * between) / 256;
    return octave >= 16 ? value << (octave - 16) : value >> (16 - octave);
}

}  // namespace

void Links::heal() {
    std::ranges::fill(islands_, std::uint8_t{0});
    cuts_.clear();
}

// The number of heads in 256 tosses is normal but for its steps (mean 128, sigma 8); a uniform
// fraction fills the steps. One toss more is one twelfth of an octave more. Integers only: every
// platform and library draws the same delays.
Time Links::delay() {
    std::int64_t heads = 0;
    for (int i = 0; i < 4; ++i) heads += std::popcount(rng_.next());
    const auto fraction = static_cast<std::int64_t>(rng_.next() >> 56);
    const std::uint64_t factor = power(((heads - 128) * 256) + fraction - 128);
    const auto hop = static_cast<std::uint64_t>(faults.hop.count());
    return Time{static_cast<std::int64_t>(std::max<std::uint64_t>(1, (hop * factor) >> 16))};
}

}  // namespace sim
