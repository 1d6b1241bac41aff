#include "sim/disk.h"

#include <algorithm>

namespace sim {
namespace {

// Whether the turn has let go of a greater version of this row.
bool made_room(const gossip::Output& out, const gossip::Record& record) {
    return std::ranges::any_of(out.forgotten, [&record](const gossip::Record& old) {
        return row_key(old) == row_key(record);
    });
}

}  // namespace

// Replaces only what is older: a row that was written behind may be overtaken by a durable one.
void Disk::keep(const gossip::Record& record, bool lower) {
    gossip::Record& row = rows_[row_key(record)];
    if (lower || !row || gossip::rank(row) < gossip::rank(record)) row = record;
}

void Disk::persist(const gossip::Output& out) {
    if (out.wiped) {
        rows_.clear();
        pending_.clear();
    }
    for (const gossip::Record& record : out.durable) keep(record, made_room(out, record));
}

void Disk::write_behind(const gossip::Output& out, gossip::Wall::time_point horizon) {
    for (const gossip::Record& record : out.behind) {
        if (out.overwritten(record)) continue;
        pending_.push_back({record, false, made_room(out, record)});
    }
    for (const gossip::Record& record : out.removed) pending_.push_back({record, true});
    next_horizon_ = horizon;
}

void Disk::flush() {
    for (const Change& change : pending_) {
        if (!change.removal) {
            keep(change.record, change.lower);
            continue;
        }
        const auto row = rows_.find(row_key(change.record));
        if (row != rows_.end() && gossip::rank(row->second) <= gossip::rank(change.record)) {
            rows_.erase(row);
        }
    }
    pending_.clear();
    horizon_ = std::max(horizon_, next_horizon_);
}

}  // namespace sim
