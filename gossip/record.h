#pragma once

#include <compare>
#include <cstdint>
#include <string_view>
#include <utility>

#include "gossip/hash.h"
#include "gossip/ids.h"
#include "gossip/result.h"
#include "gossip/stamp.h"

namespace gossip {

// What a record describes. Other values are legal on the wire: a node relays kinds that it does
// not know, because a cluster is itself upgraded node by node.
enum class RecordKind : std::uint8_t {
    node = 1,
    instance = 2,
    // What operators decided about an application. Belongs to the cluster: when the node that wrote
    // it is gone, another keeps it alive. Versions of it order by epoch first.
    app = 3,
    // Of an application: when it was first seen. Kept by whoever writes it again. Versions of it
    // order by the epoch that its writer gives it.
    version = 4,
};

// Largest canonical form of a record, so that any record fits one datagram with its headers.
constexpr std::size_t kMaxRecordBytes = 1100;

// The meaning of a record. `value` is opaque to gossip.
struct RecordFields {
    RecordKind kind = RecordKind::instance;
    bool tombstone = false;  // deleted; kept until everyone can have heard
    bool expired = false;    // its owner saw its lease lapse
    Stamp stamp;
    NodeId owner;                   // the node that watches the lease; 0: nobody
    std::uint64_t last_update = 0;  // Unix seconds as the application said them; or the epoch
    std::uint32_t ttl_s = 0;        // lease, in seconds; 0: none
    std::string_view key;
    std::string_view value;
    std::string_view trailing;  // fields of a later release, kept and forwarded as they came
};

// One immutable row of the replicated table, in its canonical bytes: what is digested, sent and
// stored. A handle to one shared allocation of 16 B + the bytes; copying it copies a pointer.
// The count is not atomic: records stay on the thread that made them.
class Record {
  public:
    Record() = default;
    Record(const Record& other) noexcept : body_(other.body_) { retain(); }
    Record(Record&& other) noexcept : body_(std::exchange(other.body_, nullptr)) {}
    Record& operator=(Record other) noexcept {
        std::swap(body_, other.body_);
        return *this;
    }
    ~Record() { release(); }

    // Encodes `fields`. Requires encoded_size(fields) <= kMaxRecordBytes.
    static Record make(const RecordFields& fields, HashKey key);
    static std::size_t encoded_size(const RecordFields& fields);

    // What `bytes` mean. Total: any input gives fields or an Error, and nothing is allocated for
    // valid input. The views point into `bytes`.
    static Result<RecordFields> parse(Bytes bytes);
    // Never 0, which stands for an empty cell of the sketch.
    static std::uint64_t digest_of(Bytes bytes, HashKey key);
    // Copies valid canonical bytes. Requires that parse(bytes) gave `fields`.
    static Record adopt(Bytes bytes, const RecordFields& fields, std::uint64_t digest);

    explicit operator bool() const { return body_ != nullptr; }
    [[nodiscard]] RecordKind kind() const { return static_cast<RecordKind>(data()[0]); }
    [[nodiscard]] bool tombstone() const { return (data()[1] & kTombstone) != 0; }
    [[nodiscard]] bool expired() const { return (data()[1] & kExpired) != 0; }
    [[nodiscard]] Stamp stamp() const { return {load64(data() + 2)}; }
    [[nodiscard]] std::uint64_t digest() const { return body_->digest; }
    [[nodiscard]] NodeId owner() const { return {load64(data() + 10)}; }
    [[nodiscard]] std::string_view key() const {
        return as_text(bytes().subspan(body_->key_at, body_->key_size));
    }
    [[nodiscard]] Bytes bytes() const { return {data(), body_->size}; }
    [[nodiscard]] RecordFields fields() const;  // decodes; O(1)

    bool operator==(const Record& other) const;  // the same bytes

    static constexpr std::uint8_t kTombstone = 1;
    static constexpr std::uint8_t kExpired = 2;

  private:
    // The canonical bytes follow; stamp and owner are read out of them, because 10^6 rows of
    // 24 B less are worth two loads.
    struct Body {
        std::uint64_t digest;
        std::uint32_t references;
        std::uint32_t size : 12;
        std::uint32_t key_at : 8;
        std::uint32_t key_size : 12;
    };
    static_assert(kMaxRecordBytes < (1U << 12));

    [[nodiscard]] const std::uint8_t* data() const {
        return reinterpret_cast<const std::uint8_t*>(body_ + 1);
    }
    explicit Record(Body* body) : body_(body) {}
    void retain() const {
        if (body_) ++body_->references;
    }
    void release();

    Body* body_ = nullptr;
};

// The order of versions of one key: the greater wins. Total, because two records with equal stamps
// and equal digests are equal. The epoch, which only apps and their versions have, comes first: a
// decision that is stamped anew to stay above the horizon must not win over a later one from behind
// a partition.
struct Rank {
    std::uint64_t epoch = 0;
    Stamp stamp;
    std::uint64_t digest = 0;
    auto operator<=>(const Rank&) const = default;
};
constexpr bool has_epoch(RecordKind kind) {
    return kind == RecordKind::app || kind == RecordKind::version;
}
inline std::uint64_t epoch_of(const RecordFields& fields) {
    return has_epoch(fields.kind) ? fields.last_update : 0;
}
inline Rank rank(const RecordFields& fields, std::uint64_t digest) {
    return {epoch_of(fields), fields.stamp, digest};
}
inline Rank rank(const Record& record) {
    if (has_epoch(record.kind())) return rank(record.fields(), record.digest());
    return {0, record.stamp(), record.digest()};
}

}  // namespace gossip
