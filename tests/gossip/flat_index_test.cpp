#include "gossip/flat_index.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "gossip/random.h"

namespace gossip {
namespace {

using Pairs = std::set<std::pair<std::uint32_t, std::uint32_t>>;

// Every slot that the index offers for a hash.
std::set<std::uint32_t> offered(const FlatIndex& index, std::uint32_t hash) {
    std::set<std::uint32_t> slots;
    const std::uint32_t found = index.find(hash, [&](std::uint32_t slot) {
        EXPECT_TRUE(slots.insert(slot).second) << "offered twice";
        return false;
    });
    EXPECT_EQ(found, FlatIndex::kNone);
    return slots;
}

void expect_equal(const FlatIndex& index, const Pairs& pairs,
                  const std::set<std::uint32_t>& hashes) {
    ASSERT_EQ(index.size(), pairs.size());
    for (const std::uint32_t hash : hashes) {
        std::set<std::uint32_t> expected;
        for (auto it = pairs.lower_bound({hash, 0}); it != pairs.end() && it->first == hash; ++it) {
            expected.insert(it->second);
        }
        ASSERT_EQ(offered(index, hash), expected) << "hash " << hash;
    }
}

// Hashes are drawn from `hashes` values: few make long runs of equal tags and of neighbours.
void compare_with_a_set(std::uint64_t seed, std::uint64_t hashes, std::uint32_t spread) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Rng rng{seed};
    FlatIndex index;
    Pairs pairs;
    std::set<std::uint32_t> seen;
    for (int step = 0; step < 2000; ++step) {
        const auto hash = static_cast<std::uint32_t>(rng.below(hashes)) * spread;
        const auto slot = static_cast<std::uint32_t>(rng.below(500));
        seen.insert(hash);
        const std::uint64_t action = rng.below(8);
        if (action < 4) {
            if (pairs.insert({hash, slot}).second) index.insert(hash, slot);
        } else if (action < 7 && !pairs.empty()) {
            auto victim = pairs.lower_bound({hash, slot});
            if (victim == pairs.end()) victim = pairs.begin();
            index.erase(victim->first, victim->second);
            pairs.erase(victim);
        } else if (auto old = pairs.lower_bound({hash, 0});
                   old != pairs.end() && !pairs.contains({old->first, slot})) {
            index.replace(old->first, old->second, slot);
            const std::uint32_t kept = old->first;
            pairs.erase(old);
            pairs.insert({kept, slot});
        }
        if (step % 50 == 0) expect_equal(index, pairs, seen);
    }
    expect_equal(index, pairs, seen);
    index.clear();
    expect_equal(index, {}, seen);
}

TEST(FlatIndex, BehavesLikeASetOfPairs) {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        compare_with_a_set(seed, 1ULL << 32, 1);  // all different
        compare_with_a_set(seed, 3, 1);           // long runs of equal hashes
        compare_with_a_set(seed, 40, 1);          // near one another
        compare_with_a_set(seed, 16, 1U << 28);   // differ in the highest bits only
    }
}

TEST(FlatIndex, AnEmptyOneFindsNothing) {
    const FlatIndex index;
    EXPECT_EQ(index.find(0, [](std::uint32_t) { return true; }), FlatIndex::kNone);
    EXPECT_EQ(index.size(), 0U);
}

TEST(FlatIndex, LooksAtASlotOnlyWhenTheWholeHashAgrees) {
    FlatIndex index;
    for (std::uint32_t i = 0; i < 1000; ++i) index.insert(i, i);
    for (std::uint32_t i = 0; i < 1000; ++i) {
        EXPECT_EQ(offered(index, i), std::set<std::uint32_t>{i});
    }
    EXPECT_TRUE(offered(index, 1000).empty());
}

TEST(FlatIndexDeathTest, ErasingWhatIsNotThereStopsTheProcess) {
    FlatIndex index;
    EXPECT_DEATH(index.erase(1, 1), "CHECK");
    index.insert(1, 1);
    EXPECT_DEATH(index.erase(1, 2), "CHECK");
    EXPECT_DEATH(index.replace(2, 1, 3), "CHECK");
}

}  // namespace
}  // namespace gossip
