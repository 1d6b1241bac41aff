#include "gossip/bytes.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "gossip/random.h"
#include "tests/gossip/sample_records.h"

namespace gossip {
namespace {

RC_GTEST_PROP(Bytes, EveryValueComesBackAsItWasWritten,
              (std::uint8_t a, std::uint16_t b, std::uint32_t c, std::uint64_t d,
               const std::string& text)) {
    const std::uint64_t varint = d >> *rc::gen::inRange(0, 64);
    std::string out;
    Writer w{out};
    w.u8(a);
    w.u16(b);
    w.varint(varint);
    w.u32(c);
    w.text(text);
    w.u64(d);
    w.raw(as_bytes("end"));
    RC_ASSERT(out.size() == 18 + varint_size(varint) + varint_size(text.size()) + text.size());
    Reader r{as_bytes(out)};
    RC_ASSERT(r.u8() == a);
    RC_ASSERT(r.u16() == b);
    RC_ASSERT(r.varint() == varint);
    RC_ASSERT(r.u32() == c);
    RC_ASSERT(r.text() == text);
    RC_ASSERT(r.u64() == d);
    RC_ASSERT(as_text(r.rest()) == "end");
    RC_ASSERT(r.ok());
}

TEST(Writer, WritesLittleEndianAndLeb128) {
    std::string out;
    Writer w{out};
    w.u16(0x0102);
    w.u32(0x03040506);
    w.varint(300);
    EXPECT_EQ(out, std::string("\x02\x01\x06\x05\x04\x03\xac\x02", 8));
}

TEST(Reader, TakesTheLargestVarintAndNoLarger) {
    const std::string largest = std::string(9, '\xff') + '\x01';
    Reader r{as_bytes(largest)};
    EXPECT_EQ(r.varint(), UINT64_MAX);
    EXPECT_TRUE(r.ok());

    for (const std::string& too_large :
         {std::string(9, '\xff') + '\x02', std::string(10, '\xff') + '\x01'}) {
        Reader bad{as_bytes(too_large)};
        EXPECT_EQ(bad.varint(), 0U);
        EXPECT_FALSE(bad.ok());
    }
}

TEST(Reader, OnceFailedGivesNothingForGood) {
    Reader r{as_bytes("abc")};
    EXPECT_EQ(r.u32(), 0U);
    EXPECT_FALSE(r.ok());
    EXPECT_EQ(r.left(), 0U);
    EXPECT_EQ(r.u8(), 0U);
    EXPECT_EQ(r.text(), "");
    EXPECT_FALSE(r.ok());
}

TEST(Reader, ALengthBeyondTheEndIsRefusedBeforeAnythingIsTaken) {
    std::string out;
    Writer{out}.varint(UINT64_MAX);
    Reader r{as_bytes(out)};
    EXPECT_EQ(r.text(), "");
    EXPECT_FALSE(r.ok());
}

TEST(Reader, IsTotalOnArbitraryBytes) {
    Rng rng{1};
    for (int round = 0; round < 20'000; ++round) {
        const std::string bytes = random_text(rng, 40);
        Reader r{as_bytes(bytes)};
        std::size_t left = r.left();
        for (int i = 0; i < 20; ++i) {
            switch (rng.below(6)) {
                case 0:
                    r.u8();
                    break;
                case 1:
                    r.u16();
                    break;
                case 2:
                    r.u64();
                    break;
                case 3:
                    r.varint();
                    break;
                case 4:
                    r.text();
                    break;
                default:
                    r.raw(rng.below(10));
                    break;
            }
            ASSERT_LE(r.left(), left);
            left = r.left();
        }
    }
}

}  // namespace
}  // namespace gossip
