#include "gossip/record.h"

#include <gtest/gtest.h>

#include "gossip/bytes.h"
#include "tests/gossip/sample_records.h"

namespace gossip {
namespace {

std::string hex(Bytes bytes) {
    std::string text;
    for (const std::uint8_t byte : bytes) {
        text += "0123456789abcdef"[byte >> 4];
        text += "0123456789abcdef"[byte & 15];
    }
    return text;
}

void expect_equal(const RecordFields& a, const RecordFields& b) {
    EXPECT_EQ(a.kind, b.kind);
    EXPECT_EQ(a.tombstone, b.tombstone);
    EXPECT_EQ(a.expired, b.expired);
    EXPECT_EQ(a.stamp, b.stamp);
    EXPECT_EQ(a.owner, b.owner);
    EXPECT_EQ(a.last_update, b.last_update);
    EXPECT_EQ(a.ttl_s, b.ttl_s);
    EXPECT_EQ(a.key, b.key);
    EXPECT_EQ(a.value, b.value);
    EXPECT_EQ(a.trailing, b.trailing);
}

TEST(Record, EveryFieldComesBackAndUnknownTrailingBytesStayAsTheyCame) {
    Rng rng{1};
    for (int round = 0; round < 5000; ++round) {
        const std::string key = "k" + random_text(rng, 60);
        const std::string value = random_text(rng, 400);
        const std::string trailing = random_text(rng, 60);
        RecordFields fields;
        fields.kind = static_cast<RecordKind>(rng.below(256));
        fields.tombstone = rng.below(2) == 1;
        fields.expired = rng.below(2) == 1;
        fields.stamp = {rng.next()};
        fields.owner = {rng.next()};
        fields.last_update = rng.next() >> rng.below(64);
        fields.ttl_s = static_cast<std::uint32_t>(rng.next() >> (32 + rng.below(32)));
        fields.key = key;
        fields.value = value;
        fields.trailing = trailing;

        const Record record = Record::make(fields, kTestKey);
        EXPECT_EQ(record.bytes().size(), Record::encoded_size(fields));
        expect_equal(record.fields(), fields);
        EXPECT_EQ(record.kind(), fields.kind);
        EXPECT_EQ(record.tombstone(), fields.tombstone);
        EXPECT_EQ(record.expired(), fields.expired);
        EXPECT_EQ(record.stamp(), fields.stamp);
        EXPECT_EQ(record.owner(), fields.owner);
        EXPECT_EQ(record.key(), fields.key);
        EXPECT_EQ(record.digest(), Record::digest_of(record.bytes(), kTestKey));

        // What a peer makes of the bytes is the same record.
        const auto parsed = Record::parse(record.bytes());
        ASSERT_TRUE(parsed);
        const Record adopted = Record::adopt(record.bytes(), *parsed, record.digest());
        EXPECT_EQ(adopted, record);
        EXPECT_EQ(hex(adopted.bytes()), hex(record.bytes()));
    }
}

TEST(Record, ParsingIsTotalOnArbitraryBytes) {
    Rng rng{2};
    int valid = 0;
    for (int round = 0; round < 50'000; ++round) {
        std::string bytes = random_text(rng, 80);
        if (bytes.size() > 24) {  // lengths that fit, or nothing would parse
            bytes[18] = static_cast<char>(rng.below(130));
            bytes[19] = static_cast<char>(rng.below(130));
            bytes[20] = static_cast<char>(rng.below(20));
        }
        const auto fields = Record::parse(as_bytes(bytes));
        if (!fields) {
            EXPECT_FALSE(fields.error().message.empty());
            continue;
        }
        ++valid;
        // The views lie within the bytes, so this reads nothing else.
        EXPECT_FALSE(fields->key.empty());
        const Record record = Record::adopt(as_bytes(bytes), *fields, 1);
        EXPECT_EQ(record.key(), fields->key);
        EXPECT_EQ(as_text(record.bytes()), bytes);
    }
    EXPECT_GT(valid, 1000);
}

TEST(Record, EveryCutOfAValidRecordIsRefusedOrLosesOnlyItsTrailingBytes) {
    RecordFields fields;
    fields.key = "10.0.0.1";
    fields.value = "value";
    fields.trailing = "more";
    const Record record = Record::make(fields, kTestKey);
    const std::size_t whole = record.bytes().size();
    for (std::size_t size = 0; size < whole; ++size) {
        const auto cut = Record::parse(record.bytes().first(size));
        EXPECT_EQ(cut.has_value(), size >= whole - fields.trailing.size()) << size;
    }
}

TEST(Record, IsRefusedWithoutAKeyOrAboveTheLimit) {
    std::string bytes(20, '\0');
    bytes += std::string("\0\0", 2);
    const auto no_key = Record::parse(as_bytes(bytes));
    ASSERT_FALSE(no_key);
    EXPECT_EQ(no_key.error().code, Errc::malformed);

    const std::string value(kMaxRecordBytes, 'v');
    RecordFields fields;
    fields.key = "k";
    const std::size_t head = Record::encoded_size(fields) + 1;  // the value's length takes 2 B
    fields.value = std::string_view{value}.substr(head);
    const Record largest = Record::make(fields, kTestKey);
    EXPECT_EQ(largest.bytes().size(), kMaxRecordBytes);
    const std::string above = std::string{as_text(largest.bytes())} + "x";
    const auto too_large = Record::parse(as_bytes(above));
    ASSERT_FALSE(too_large);
    EXPECT_EQ(too_large.error().code, Errc::too_large);
    EXPECT_NE(too_large.error().message.find("1101"), std::string::npos);
}

TEST(Record, CopiesShareOneBody) {
    Record first = sample_record("a", Stamp::at_ms(1));
    const Record copy = first;
    EXPECT_EQ(copy.bytes().data(), first.bytes().data());
    const Record moved = std::move(first);
    first = moved;
    first = sample_record("b", Stamp::at_ms(1));
    EXPECT_EQ(copy.key(), "a");
    EXPECT_EQ(moved, copy);
    EXPECT_NE(first, copy);
    EXPECT_FALSE(Record{});
    EXPECT_EQ(Record{}, Record{});
    EXPECT_NE(Record{}, copy);
}

TEST(Record, OfEqualStampsTheGreaterDigestWins) {
    const Record a = sample_record("k", Stamp::at_ms(5), "a");
    const Record b = sample_record("k", Stamp::at_ms(5), "b");
    const Record newer = sample_record("k", Stamp::at_ms(5, 1), "c");
    EXPECT_NE(rank(a), rank(b));
    EXPECT_EQ(rank(a) < rank(b), a.digest() < b.digest());
    EXPECT_LT(std::max(rank(a), rank(b)), rank(newer));
}

// Nodes of every platform and release have to agree on these.
TEST(Record, HasTheseBytesAndThisDigest) {
    RecordFields fields;
    fields.expired = true;
    fields.stamp = Stamp::at_ms(1'700'000'000'000, 3);
    fields.owner = {0x1122334455667788};
    fields.last_update = 1'700'000'000;
    fields.ttl_s = 30;
    fields.key = "10.0.0.1:80";
    fields.value = "v1";
    fields.trailing = "++";
    const Record record = Record::make(fields, kTestKey);
    EXPECT_EQ(hex(record.bytes()),
              "02020300"
              "0068e5cf8b01"
              "8877665544332211"
              "80e2cfaa06"
              "1e"
              "0b"
              "31302e302e302e313a3830"
              "02"
              "7631"
              "2b2b");
    EXPECT_EQ(record.digest(), 141340744911663504U);
}

}  // namespace
}  // namespace gossip
