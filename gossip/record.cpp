#include "gossip/record.h"

#include <cstring>
#include <new>
#include <string>

#include "gossip/bytes.h"

namespace gossip {
namespace {

// kind u8, flags u8, stamp u64, owner u64; then last_update, ttl, key, value, trailing.
constexpr std::size_t kFixedBytes = 18;

}  // namespace

std::size_t Record::encoded_size(const RecordFields& f) {
    return kFixedBytes + varint_size(f.last_update) + varint_size(f.ttl_s) +
           varint_size(f.key.size()) + f.key.size() + varint_size(f.value.size()) + f.value.size() +
           f.trailing.size();
}

Record Record::make(const RecordFields& f, HashKey key) {
    std::string bytes;
    bytes.reserve(encoded_size(f));
    Writer w{bytes};
    w.u8(static_cast<std::uint8_t>(f.kind));
    w.u8(static_cast<std::uint8_t>((f.tombstone ? kTombstone : 0) | (f.expired ? kExpired : 0)));
    w.u64(f.stamp.value);
    w.u64(f.owner.value);
    w.varint(f.last_update);
    w.varint(f.ttl_s);
    w.text(f.key);
    w.text(f.value);
    w.raw(as_bytes(f.trailing));
    CHECK(bytes.size() <= kMaxRecordBytes);
    const Result<RecordFields> fields = parse(as_bytes(bytes));
    CHECK(fields.has_value());
    return adopt(as_bytes(bytes), *fields, digest_of(as_bytes(bytes), key));
}

Result<RecordFields> Record::parse(Bytes bytes) {
    if (bytes.size() > kMaxRecordBytes) {
        return Error{Errc::too_large, "a record of " + std::to_string(bytes.size()) +
                                          " B, above the limit of 1100 B"};
    }
    Reader r{bytes};
    RecordFields f;
    f.kind = static_cast<RecordKind>(r.u8());
    const std::uint8_t flags = r.u8();
    f.tombstone = (flags & kTombstone) != 0;
    f.expired = (flags & kExpired) != 0;
    f.stamp = {r.u64()};
    f.owner = {r.u64()};
    f.last_update = r.varint();
    const std::uint64_t ttl = r.varint();
    f.ttl_s = static_cast<std::uint32_t>(ttl);
    f.key = r.text();
    f.value = r.text();
    f.trailing = as_text(r.rest());
    if (!r.ok() || ttl > UINT32_MAX || f.key.empty()) {
        return Error{Errc::malformed, "a record whose bytes end early or have no key"};
    }
    return f;
}

std::uint64_t Record::digest_of(Bytes bytes, HashKey key) {
    const std::uint64_t digest = siphash(key, bytes);
    return digest == 0 ? 1 : digest;
}

Record Record::adopt(Bytes bytes, const RecordFields& f, std::uint64_t digest) {
    CHECK(bytes.size() <= kMaxRecordBytes && digest != 0);
    void* memory = ::operator new(sizeof(Body) + bytes.size());
    const auto key_at = reinterpret_cast<const std::uint8_t*>(f.key.data()) - bytes.data();
    CHECK(key_at > 0 && static_cast<std::size_t>(key_at) + f.key.size() <= bytes.size());
    Body* body = new (memory) Body{};
    body->digest = digest;
    body->references = 1;
    body->size = bytes.size() & 0xfffU;
    body->key_at = static_cast<std::uint8_t>(key_at);
    body->key_size = f.key.size() & 0xfffU;
    std::memcpy(body + 1, bytes.data(), bytes.size());
    return Record{body};
}

RecordFields Record::fields() const {
    return *parse(bytes());
}

bool Record::operator==(const Record& other) const {
    if (body_ == other.body_) return true;
    if (!body_ || !other.body_ || body_->digest != other.body_->digest) return false;
    return as_text(bytes()) == as_text(other.bytes());
}

void Record::release() {
    if (body_ && --body_->references == 0) ::operator delete(body_);
}

}  // namespace gossip
