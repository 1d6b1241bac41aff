#include "gossip/outbox.h"

namespace gossip {

void Outbox::add(Rumour rumour) {
    const auto delayed = delayed_.find(key_of(rumour.record));
    if (delayed != delayed_.end()) delayed_.erase(delayed);
    const auto known = index_.find(key_of(rumour.record));
    if (known != index_.end()) {
        const auto old = by_age_.find(known->second);
        rumour.origin |= old->second.origin;
        bytes_ -= put_size(old->second.record);
        index_.erase(known);  // before the record that its key points into
        by_age_.erase(old);
    }
    bytes_ += put_size(rumour.record);
    const std::uint64_t arrival = arrivals_++;
    index_.emplace(key_of(rumour.record), arrival);
    by_age_.emplace(arrival, std::move(rumour));
    if (index_.size() > kMaxRumours) drop_oldest();
}

void Outbox::delay(Rumour rumour, Mono::time_point due) {
    if (index_.contains(key_of(rumour.record))) {  // goes out now anyway
        add(std::move(rumour));
        return;
    }
    const auto waiting = delayed_.find(key_of(rumour.record));
    if (waiting != delayed_.end()) {
        due = std::min(due, waiting->second.due);
        delayed_.erase(waiting);
    } else if (delayed_.size() >= kMaxRumours) {
        ++shed_;
        return;
    }
    next_due_ = std::min(next_due_, due);
    const Key key = key_of(rumour.record);
    delayed_.emplace(key, Delayed{std::move(rumour), due});
}

void Outbox::release(Mono::time_point now) {
    if (now < next_due_) return;
    next_due_ = Mono::time_point::max();
    for (auto at = delayed_.begin(); at != delayed_.end();) {
        if (at->second.due > now) {
            next_due_ = std::min(next_due_, at->second.due);
            ++at;
            continue;
        }
        Rumour due = std::move(at->second.rumour);
        at = delayed_.erase(at);
        add(std::move(due));
    }
}

std::vector<Rumour> Outbox::take(std::size_t max_bytes) {
    std::vector<Rumour> taken;
    std::size_t used = 0;
    while (!by_age_.empty()) {
        const auto newest = std::prev(by_age_.end());
        const std::size_t size = put_size(newest->second.record);
        if (!taken.empty() && used + size > max_bytes) break;
        used += size;
        bytes_ -= size;
        index_.erase(key_of(newest->second.record));
        taken.push_back(std::move(newest->second));
        by_age_.erase(newest);
    }
    return taken;
}

void Outbox::drop_oldest() {
    const auto oldest = by_age_.begin();
    bytes_ -= put_size(oldest->second.record);
    index_.erase(key_of(oldest->second.record));
    by_age_.erase(oldest);
    ++shed_;
}

void Outbox::clear() {
    index_.clear();
    by_age_.clear();
    delayed_.clear();
    next_due_ = Mono::time_point::max();
    bytes_ = 0;
}

}  // namespace gossip
