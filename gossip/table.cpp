#include "gossip/table.h"

#include <algorithm>
#include <utility>

#include "gossip/check.h"

namespace gossip {
namespace {

constexpr std::uint32_t kNone = FlatIndex::kNone;

std::uint32_t digest_hash(std::uint64_t digest) {
    return static_cast<std::uint32_t>(digest);
}

auto has_key(const std::vector<Record>& slots, RecordKind kind, std::string_view key) {
    return [&slots, kind, key](std::uint32_t slot) {
        return slots[slot].key() == key && slots[slot].kind() == kind;
    };
}

auto has_digest(const std::vector<Record>& slots, std::uint64_t digest) {
    return [&slots, digest](std::uint32_t slot) { return slots[slot].digest() == digest; };
}

std::uint64_t ms_of(Wall::time_point wall) {
    return static_cast<std::uint64_t>(std::max<std::int64_t>(0, wall.time_since_epoch().count()));
}

}  // namespace

void Table::Rows::put(std::uint32_t slot, std::uint32_t key_hash, const Record& record) {
    by_key.insert(key_hash, slot);
    by_digest.insert(digest_hash(record.digest()), slot);
    slots[slot] = record;
}

std::uint32_t Table::Rows::vacant() {
    if (free.empty()) {
        slots.emplace_back();
        return static_cast<std::uint32_t>(slots.size() - 1);
    }
    const std::uint32_t slot = free.back();
    free.pop_back();
    return slot;
}

Table::Table(TableLimits limits) : limits_(limits), sketch_(limits.sketch_cells) {}

Table::Table(TableLimits limits, std::shared_ptr<const Table> base)
    : limits_(limits),
      base_(std::move(base)),
      sketch_(base_->sketch_),
      size_(base_->size_),
      horizon_ms_(base_->horizon_ms_),
      oldest_ms_(base_->oldest_ms_) {
    CHECK(!base_->base_);
    CHECK(limits_.sketch_cells == base_->limits_.sketch_cells && limits_.key == base_->limits_.key);
}

std::uint32_t Table::key_hash(RecordKind kind, std::string_view key) const {
    const HashKey seed{limits_.key.k0 ^ static_cast<std::uint64_t>(kind), limits_.key.k1};
    return static_cast<std::uint32_t>(siphash(seed, as_bytes(key)));
}

Merge Table::judge(const Rank& next, const Record* current, Wall::time_point now) const {
    if (next.stamp.ms() <= horizon_ms_) return Merge::below_horizon;
    if (next.stamp.ms() > ms_of(now) + limits_.max_ahead_ms) return Merge::from_future;
    if (next.epoch > next.stamp.value) return Merge::from_future;
    if (current) return rank(*current) >= next ? Merge::known : Merge::fresh;
    return size_ >= limits_.max_rows ? Merge::full : Merge::fresh;
}

Merge Table::consider(const RecordFields& fields, std::uint64_t digest,
                      Wall::time_point now) const {
    return judge(rank(fields, digest), find(fields.kind, fields.key), now);
}

Merge Table::merge(const Record& record, Wall::time_point now, Record* replaced) {
    const std::uint32_t hash = key_hash(record.kind(), record.key());
    const std::uint32_t own =
        own_.by_key.find(hash, has_key(own_.slots, record.kind(), record.key()));
    const Record* current = nullptr;
    if (own != kNone) {
        current = &own_.slots[own];
    } else if (base_) {
        current = base_->find(record.kind(), record.key());
    }
    const Merge verdict = judge(rank(record), current, now);
    if (verdict != Merge::fresh) return verdict;

    Record previous = current ? *current : Record{};
    if (own != kNone) {
        own_.by_digest.erase(digest_hash(previous.digest()), own);
        own_.by_digest.insert(digest_hash(record.digest()), own);
        own_.slots[own] = record;
    } else {
        own_.put(own_.vacant(), hash, record);
    }
    if (previous) {
        sketch_.toggle(previous.digest());
    } else {
        ++size_;
    }
    sketch_.toggle(record.digest());
    oldest_ms_ = std::min(oldest_ms_, record.stamp().ms());
    if (replaced) *replaced = std::move(previous);
    return Merge::fresh;
}

const Record* Table::find(RecordKind kind, std::string_view key) const {
    const std::uint32_t hash = key_hash(kind, key);
    const std::uint32_t own = own_.by_key.find(hash, has_key(own_.slots, kind, key));
    if (own != kNone) return &own_.slots[own];
    if (!base_) return nullptr;
    const Rows& rows = base_->own_;
    const std::uint32_t shared = rows.by_key.find(hash, has_key(rows.slots, kind, key));
    return shared == kNone ? nullptr : &rows.slots[shared];
}

const Record* Table::find_digest(std::uint64_t digest) const {
    const std::uint32_t hash = digest_hash(digest);
    const std::uint32_t own = own_.by_digest.find(hash, has_digest(own_.slots, digest));
    if (own != kNone) return &own_.slots[own];
    if (!base_) return nullptr;
    const Record* shared = base_->find_digest(digest);
    return shared && !shadowed(*shared) ? shared : nullptr;
}

bool Table::shadowed(const Record& base_row) const {
    return own_.by_key.find(key_hash(base_row.kind(), base_row.key()),
                            has_key(own_.slots, base_row.kind(), base_row.key())) != kNone;
}

std::uint32_t Table::slots() const {
    return static_cast<std::uint32_t>(own_.slots.size()) + (base_ ? base_->slots() : 0);
}

// The slots of the base come first. A row of ours that shadows one of them is found there.
const Record* Table::at(std::uint32_t slot) const {
    const std::uint32_t shared = base_ ? base_->slots() : 0;
    if (slot < shared) {
        const Record* row = base_->at(slot);
        return row ? find(row->kind(), row->key()) : nullptr;
    }
    const Record& row = own_.slots[slot - shared];
    if (!row || (base_ && base_->find(row.kind(), row.key()))) return nullptr;
    return &row;
}

void Table::raise_horizon(std::uint64_t ms, std::vector<Record>& removed) {
    if (ms <= horizon_ms_) return;
    horizon_ms_ = ms;
    if (ms < oldest_ms_) return;
    if (base_ && ms >= base_->oldest_ms_) own_everything();
    std::uint64_t oldest = base_ ? base_->oldest_ms_ : UINT64_MAX;
    for (std::uint32_t slot = 0; slot < own_.slots.size(); ++slot) {
        const Record& row = own_.slots[slot];
        if (!row) continue;
        if (row.stamp().ms() > ms) {
            oldest = std::min(oldest, row.stamp().ms());
            continue;
        }
        removed.push_back(row);
        erase(slot);
    }
    oldest_ms_ = oldest;
}

void Table::forget(RecordKind kind, std::string_view key) {
    if (base_) own_everything();  // else its version of the row would come back
    const std::uint32_t slot =
        own_.by_key.find(key_hash(kind, key), has_key(own_.slots, kind, key));
    if (slot != kNone) erase(slot);
}

void Table::erase(std::uint32_t own_slot) {
    const Record record = std::exchange(own_.slots[own_slot], Record{});
    own_.by_key.erase(key_hash(record.kind(), record.key()), own_slot);
    own_.by_digest.erase(digest_hash(record.digest()), own_slot);
    own_.free.push_back(own_slot);
    sketch_.toggle(record.digest());
    --size_;
}

// Every row keeps its slot.
void Table::own_everything() {
    Rows all;
    all.slots.resize(slots());
    for (std::uint32_t slot = 0; slot < all.slots.size(); ++slot) {
        if (const Record* row = at(slot)) {
            all.put(slot, key_hash(row->kind(), row->key()), *row);
        } else {
            all.free.push_back(slot);
        }
    }
    own_ = std::move(all);
    base_.reset();
}

void Table::clear() {
    base_.reset();
    own_ = Rows{};
    sketch_ = Sketch{limits_.sketch_cells};
    size_ = 0;
    oldest_ms_ = UINT64_MAX;
}

}  // namespace gossip
