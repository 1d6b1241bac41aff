#include "gossip/probes.h"

#include <algorithm>

namespace gossip {

bool Probes::asks(NodeId target) const {
    return std::ranges::any_of(probes_, [&](const Probe& p) { return p.target == target; });
}

std::optional<Probe> Probes::answered(std::uint32_t seq, const Endpoint& from) {
    const auto at =
        std::ranges::find_if(probes_, [&](const Probe& p) { return p.seq == seq && p.to == from; });
    if (at == probes_.end()) return std::nullopt;
    const Probe probe = *at;
    probes_.erase(at);
    return probe;
}

void Probes::forget(NodeId target) {
    std::erase_if(probes_, [&](const Probe& p) { return p.target == target; });
}

void Probes::expire(Mono::time_point now, std::vector<Probe>& again, std::vector<Probe>& silent) {
    std::erase_if(probes_, [&](Probe& p) {
        if (p.sent + retry_ > now) return false;
        (p.tries < tries_ ? again : silent).push_back(p);
        return true;
    });
}

Mono::time_point Probes::next() const {
    Mono::time_point next = Mono::time_point::max();
    for (const Probe& p : probes_) next = std::min(next, p.sent + retry_);
    return next;
}

void Probes::restart(Mono::time_point now) {
    for (Probe& p : probes_) p.sent = now;
}

}  // namespace gossip
