#include "sim/baseline/broadcast_queue.h"

#include <utility>

namespace sim::baseline {

bool BroadcastQueue::Rank::operator<(const Rank& other) const {
    if (transmits != other.transmits) return transmits < other.transmits;
    if (size != other.size) return size > other.size;
    return age > other.age;
}

void BroadcastQueue::push(std::uint64_t subject, std::string message) {
    const Rank rank{0, message.size(), ++age_};
    const auto [known, added] = subjects_.try_emplace(subject, rank);
    if (!added) {
        queue_.erase(known->second);
        known->second = rank;
    }
    queue_.emplace(rank, Entry{subject, std::move(message)});
}

void BroadcastQueue::take(std::size_t& budget, std::size_t overhead, unsigned limit,
                          std::vector<std::string>& out) {
    std::vector<std::pair<Rank, Entry>> again;
    for (auto at = queue_.begin(); at != queue_.end();) {
        const std::size_t need = at->first.size + overhead;
        if (need > budget) {
            ++at;
            continue;
        }
        budget -= need;
        out.push_back(at->second.message);
        Rank rank = at->first;
        if (++rank.transmits < limit) {
            again.emplace_back(rank, std::move(at->second));
        } else {
            subjects_.erase(at->second.subject);
        }
        at = queue_.erase(at);
    }
    for (auto& [rank, entry] : again) {
        subjects_[entry.subject] = rank;
        queue_.emplace(rank, std::move(entry));
    }
}

}  // namespace sim::baseline
