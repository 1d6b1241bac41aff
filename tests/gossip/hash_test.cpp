#include "gossip/hash.h"

#include <gtest/gtest.h>

#include <bit>
#include <numeric>

#include "gossip/random.h"
#include "tests/gossip/sample_records.h"

namespace gossip {
namespace {

// The vectors of the reference implementation (SipHash-2-4, 64 bits): key 00..0f, input 00..(n-1).
TEST(SipHash, GivesTheReferenceVectors) {
    std::vector<std::uint8_t> input(64);
    std::iota(input.begin(), input.end(), std::uint8_t{0});
    const Bytes all{input};
    EXPECT_EQ(siphash(kTestKey, all.first(0)), 0x726fdb47dd0e0e31U);
    EXPECT_EQ(siphash(kTestKey, all.first(1)), 0x74f839c593dc67fdU);
    EXPECT_EQ(siphash(kTestKey, all.first(7)), 0xab0200f58b01d137U);
    EXPECT_EQ(siphash(kTestKey, all.first(8)), 0x93f5f5799a932462U);
    EXPECT_EQ(siphash(kTestKey, all.first(15)), 0xa129ca6149be45e5U);
    EXPECT_EQ(siphash(kTestKey, all.first(63)), 0x958a324ceb064572U);
}

TEST(SipHash, DependsOnBothHalvesOfTheKey) {
    const Bytes bytes = as_bytes("10.0.0.1");
    const std::uint64_t hash = siphash({1, 2}, bytes);
    EXPECT_NE(siphash({1, 3}, bytes), hash);
    EXPECT_NE(siphash({3, 2}, bytes), hash);
}

TEST(DeriveKey, KeepsClustersApart) {
    EXPECT_EQ(derive_key("hearsay"), derive_key("hearsay"));
    EXPECT_NE(derive_key("hearsay"), derive_key("hearsay2"));
    const HashKey key = derive_key("hearsay");
    EXPECT_NE(key.k0, key.k1);
}

// A cluster of mixed releases derives one key from one name.
TEST(DeriveKey, NeverChanges) {
    EXPECT_EQ(derive_key("hearsay").k0, 7841977278219883246U);
    EXPECT_EQ(derive_key("hearsay").k1, 13670259600651584598U);
}

TEST(Mix64, IsTheFinaliserOfSplitMix64) {
    // The first outputs of SplitMix64 from seed 0, as published with it.
    EXPECT_EQ(mix64(0x9e3779b97f4a7c15U), 0xe220a8397b1dcdafU);
    EXPECT_EQ(mix64(2 * 0x9e3779b97f4a7c15U), 0x6e789e6aa1b965f4U);
    Rng rng{0};
    EXPECT_EQ(rng.next(), 0xe220a8397b1dcdafU);
    EXPECT_EQ(rng.next(), 0x6e789e6aa1b965f4U);
}

TEST(Mix64, ChangesHalfOfTheOutputBitsForEachInputBit) {
    Rng rng{1};
    for (unsigned bit = 0; bit < 64; ++bit) {
        int changed = 0;
        for (int i = 0; i < 200; ++i) {
            const std::uint64_t word = rng.next();
            changed += std::popcount(mix64(word) ^ mix64(word ^ (std::uint64_t{1} << bit)));
        }
        EXPECT_NEAR(changed / 200.0, 32.0, 2.0) << "bit " << bit;
    }
}

TEST(Load64, ReadsLittleEndianWhateverTheMachine) {
    const std::uint8_t bytes[]{1, 2, 3, 4, 5, 6, 7, 0xf8};
    EXPECT_EQ(load64(bytes), 0xf807060504030201U);
}

}  // namespace
}  // namespace gossip
