#include "sim/disk.h"

#include <algorithm>

namespace sim {

void Disk::persist(const gossip::Output& out) {
    if (out.wiped) {
        rows_.clear();
        pending_.clear();
    }
    if (!out.durable.empty()) flush();
    for (const gossip::Record& record : out.durable) rows_[row_key(record)] = record;
}

void Disk::write_behind(const gossip::Output& out, gossip::Wall::time_point horizon) {
    for (const gossip::Record& record : out.behind) {
        if (!out.overwritten(record)) pending_.push_back({record, false});
    }
    for (const gossip::Record& record : out.removed) pending_.push_back({record, true});
    next_horizon_ = horizon;
}

void Disk::flush() {
    for (const Change& change : pending_) {
        if (!change.removal) rows_[row_key(change.record)] = change.record;
    }
    for (const Change& change : pending_) {
        const auto row = change.removal ? rows_.find(row_key(change.record)) : rows_.end();
        if (row != rows_.end() && row->second.stamp() <= change.record.stamp()) rows_.erase(row);
    }
    pending_.clear();
    horizon_ = std::max(horizon_, next_horizon_);
}

}  // namespace sim
