#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "gossip/flat_index.h"
#include "gossip/record.h"
#include "gossip/sketch.h"
#include "gossip/time.h"

namespace gossip {

struct TableLimits {
    std::uint32_t sketch_cells = 32'768;
    std::uint32_t max_rows = 2'000'000;
    std::uint64_t max_ahead_ms = 60'000;
    HashKey key;  // the cluster's: keeps applications from choosing keys that collide in our index
};

enum class Merge : std::uint8_t {
    fresh,          // the table changed
    known,          // we have this version, or a newer one
    below_horizon,  // too old to be remembered, live or tombstone
    from_future,    // stamped more than max_ahead ahead
    full,           // a new key, and the table holds max_rows
};

// The replicated table: per key the greatest record in the order of Rank. Merging is commutative,
// associative and idempotent, so order, repetition and loss of messages cannot matter in the end.
// Keeps its sketch up to date. Lookups are O(1); iteration is in order of slots, which depends on
// the history of this table and never on hashes.
class Table {
  public:
    explicit Table(TableLimits limits);
    // A table that starts with the rows of `base` and shares their memory. `base` must not have a
    // base itself.
    Table(TableLimits limits, std::shared_ptr<const Table> base);

    // Would merging these canonical bytes change anything? For the hot path: no allocation, and
    // `known` for most of a flood's copies.
    [[nodiscard]] Merge consider(const RecordFields& fields, std::uint64_t digest,
                                 Wall::time_point now) const;
    // As consider(), and stores `record` if fresh. What it replaced is put into *replaced.
    Merge merge(const Record& record, Wall::time_point now, Record* replaced = nullptr);

    [[nodiscard]] const Record* find(RecordKind kind, std::string_view key) const;
    [[nodiscard]] const Record* find_digest(std::uint64_t digest) const;
    [[nodiscard]] std::uint32_t size() const { return size_; }
    [[nodiscard]] const Sketch& sketch() const { return sketch_; }
    [[nodiscard]] const Cell& fingerprint() const { return sketch_.fingerprint(); }

    // Slots 0 .. slots() - 1; an empty one gives nullptr. A slot keeps its record until that is
    // replaced by a newer version (same slot) or removed.
    [[nodiscard]] std::uint32_t slots() const;
    [[nodiscard]] const Record* at(std::uint32_t slot) const;

    // Records stamped at or before the horizon are forgotten and refused. It never goes back.
    [[nodiscard]] std::uint64_t horizon_ms() const { return horizon_ms_; }
    // Raises the horizon and moves what falls below it into `removed`. O(1) unless something does,
    // O(n) then (about 20 ms for 10^6 rows): raise it in coarse steps.
    void raise_horizon(std::uint64_t ms, std::vector<Record>& removed);
    // Removes the row of that key, as if nothing of it had ever been merged. O(1), but for the
    // first time with a base: O(n).
    void forget(RecordKind kind, std::string_view key);
    void clear();  // keeps the horizon

  private:
    struct Rows {
        std::vector<Record> slots;
        std::vector<std::uint32_t> free;
        FlatIndex by_key;
        FlatIndex by_digest;

        void put(std::uint32_t slot, std::uint32_t key_hash, const Record& record);
        [[nodiscard]] std::uint32_t vacant();
    };
    [[nodiscard]] std::uint32_t key_hash(RecordKind kind, std::string_view key) const;
    [[nodiscard]] Merge judge(const Rank& next, const Record* current, Wall::time_point now) const;
    [[nodiscard]] bool shadowed(const Record& base_row) const;
    void erase(std::uint32_t own_slot);
    void own_everything();

    TableLimits limits_;
    std::shared_ptr<const Table> base_;  // its rows are ours, but for those whose key is in own_
    Rows own_;
    Sketch sketch_;
    std::uint32_t size_ = 0;
    std::uint64_t horizon_ms_ = 0;
    std::uint64_t oldest_ms_ = UINT64_MAX;  // no record is older; may be lower than the oldest
};

}  // namespace gossip
