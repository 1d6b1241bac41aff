#include "sim/baseline/swim_config.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace sim::baseline {

unsigned retransmit_limit(std::uint32_t nodes) {
    unsigned digits = 0;  // ceil(log10(n + 1)), in integers
    for (std::uint32_t rest = nodes; rest > 0; rest /= 10) ++digits;
    return kRetransmitMult * digits;
}

// Milliseconds, as memberlist rounds: no platform's logarithm moves an event.
Time suspicion_minimum(std::uint32_t nodes) {
    const double scale = std::max(1.0, std::log10(std::max(1.0, static_cast<double>(nodes))));
    return kProbeInterval * kSuspicionMult / 1000 * std::lround(scale * 1000);
}

Time suspicion_time(std::uint32_t nodes, unsigned confirmations, unsigned wanted) {
    const Time least = suspicion_minimum(nodes);
    if (wanted == 0) return least;
    const Time most = least * kSuspicionMaxMult;
    const double share = std::log(confirmations + 1.0) / std::log(wanted + 1.0);
    const auto saved = static_cast<double>((most - least).count()) * share;
    const Time left{(most.count() - std::llround(saved)) / 1000 * 1000};
    return std::max(least, left);
}

unsigned confirmations_wanted(std::uint32_t nodes) {
    constexpr unsigned kWanted = kSuspicionMult - 2;
    return nodes >= kWanted + 2 ? kWanted : 0;
}

Time push_pull_interval(std::uint32_t nodes) {
    constexpr std::uint32_t kUnscaled = 32;
    if (nodes <= kUnscaled) return kPushPullInterval;
    const auto doublings = std::bit_width((nodes - 1) / kUnscaled);  // ceil(log2(n / 32))
    return kPushPullInterval * (doublings + 1);
}

}  // namespace sim::baseline
