#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "gossip/check.h"

namespace gossip {

// Finds slots of a table by 32-bit hashes: open addressing with linear probing, 8 B per entry, at
// most 3/4 full. The hash is kept as a tag, so growing needs nothing from the table, and a caller
// looks at a slot only when all 32 bits agree. Several slots may have the same hash. The layout
// is never visible: lookups name a slot, and nothing iterates.
class FlatIndex {
  public:
    static constexpr std::uint32_t kNone = UINT32_MAX;  // not a slot

    // The slot with this hash for which `is(slot)` holds, or kNone. O(1).
    template <class Is>
    [[nodiscard]] std::uint32_t find(std::uint32_t hash, Is is) const {
        if (entries_.empty()) return kNone;
        for (std::size_t i = home(hash); entries_[i].used(); i = after(i)) {
            if (entries_[i].tag == hash && is(entries_[i].slot())) return entries_[i].slot();
        }
        return kNone;
    }

    // Adds a pair that is not there yet. Amortised O(1).
    void insert(std::uint32_t hash, std::uint32_t slot) {
        CHECK(slot != kNone);
        if ((size_ + 1) * 4 > entries_.size() * 3) grow();
        place({hash, slot + 1});
        ++size_;
    }
    // Both require that the pair (hash, slot) is there. O(1).
    void erase(std::uint32_t hash, std::uint32_t slot) {
        std::size_t hole = position(hash, slot);
        // Pull back whatever probed past the hole, so that no tombstones build up.
        for (std::size_t i = after(hole); entries_[i].used(); i = after(i)) {
            if (distance(home(entries_[i].tag), i) >= distance(hole, i)) {
                entries_[hole] = entries_[i];
                hole = i;
            }
        }
        entries_[hole] = {};
        --size_;
    }
    void replace(std::uint32_t hash, std::uint32_t slot, std::uint32_t by) {
        CHECK(by != kNone);
        entries_[position(hash, slot)].slot_plus_1 = by + 1;
    }

    void clear() { *this = FlatIndex{}; }
    // Room for `count` pairs without growing.
    void reserve(std::size_t count) {
        while (count * 4 > entries_.size() * 3) grow();
    }
    [[nodiscard]] std::size_t size() const { return size_; }

  private:
    struct Entry {
        std::uint32_t tag = 0;
        std::uint32_t slot_plus_1 = 0;  // 0: free

        [[nodiscard]] bool used() const { return slot_plus_1 != 0; }
        [[nodiscard]] std::uint32_t slot() const { return slot_plus_1 - 1; }
    };

    // The capacity is a power of two. Multiplying by 2^32 / golden ratio spreads hashes that
    // differ in few bits (Knuth, TAOCP 3, 6.4).
    [[nodiscard]] std::size_t home(std::uint32_t hash) const {
        return (hash * 0x9e3779b9U) >> shift_;
    }
    [[nodiscard]] std::size_t after(std::size_t i) const { return (i + 1) & (entries_.size() - 1); }
    [[nodiscard]] std::size_t distance(std::size_t from, std::size_t to) const {
        return (to - from) & (entries_.size() - 1);
    }
    [[nodiscard]] std::size_t position(std::uint32_t hash, std::uint32_t slot) const {
        CHECK(!entries_.empty());
        std::size_t i = home(hash);
        while (entries_[i].slot_plus_1 != slot + 1 || entries_[i].tag != hash) {
            CHECK(entries_[i].used());
            i = after(i);
        }
        return i;
    }
    void place(Entry entry) {
        std::size_t i = home(entry.tag);
        while (entries_[i].used()) i = after(i);
        entries_[i] = entry;
    }
    void grow() {
        std::vector<Entry> old = std::exchange(
            entries_, std::vector<Entry>(std::max<std::size_t>(8, entries_.size() * 2)));
        if (!old.empty()) --shift_;
        for (const Entry& entry : old) {
            if (entry.used()) place(entry);
        }
    }

    std::vector<Entry> entries_;
    std::size_t size_ = 0;
    unsigned shift_ = 29;  // 32 - log2 of the capacity; of 8, the first one, to begin with
};

}  // namespace gossip
