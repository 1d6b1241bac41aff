#include "gossip/sketch.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "gossip/hash.h"
#include "gossip/random.h"

namespace gossip {
namespace {

using Digests = std::set<std::uint64_t>;

Sketch sketch_of(const Digests& digests, std::uint32_t cells) {
    Sketch sketch{cells};
    for (const std::uint64_t digest : digests) sketch.toggle(digest);
    return sketch;
}

Digests random_digests(Rng& rng, std::size_t count) {
    Digests digests;
    while (digests.size() < count) digests.insert(rng.next() | 1);
    return digests;
}

std::vector<std::uint64_t> cells_of(std::uint64_t digest, std::uint64_t below) {
    std::vector<std::uint64_t> cells;
    for (CellWalk walk{digest}; walk.cell() < below; walk.next()) cells.push_back(walk.cell());
    return cells;
}

std::vector<Cell> difference(const Sketch& a, const Sketch& b) {
    std::vector<Cell> cells{a.cells().begin(), a.cells().end()};
    for (std::size_t i = 0; i < cells.size(); ++i) cells[i] ^= b.cells()[i];
    return cells;
}

// ---- the walk

// Computed from the definition in sketch.cpp by a program in another language.
TEST(CellWalk, VisitsTheseCellsOnEveryPlatform) {
    EXPECT_EQ(cells_of(1, 40'000),
              (std::vector<std::uint64_t>{0, 2, 7, 18, 20, 21, 41, 84, 202, 371, 1101, 4444, 9349,
                                          19756, 22598, 28699, 34799}));
    EXPECT_EQ(cells_of(0x0123456789abcdef, 40'000),
              (std::vector<std::uint64_t>{0,    1,    2,    3,    5,     7,     11,   18,
                                          21,   26,   27,   32,   48,    1050,  1619, 2023,
                                          2323, 2427, 2656, 8827, 18124, 36759, 37952}));
    EXPECT_EQ(cells_of(UINT64_MAX, 40'000),
              (std::vector<std::uint64_t>{0, 2, 5, 9, 11, 21, 25, 112, 120, 142, 370, 791, 2300,
                                          2540, 7086, 30656, 37414}));
}

TEST(CellWalk, VisitsCellIWithProbabilityOneOverOnePlusHalfI) {
    constexpr std::size_t cells = 32'768;
    constexpr int walks = 40'000;
    Rng rng{1};
    std::vector<int> visits(cells, 0);
    for (int i = 0; i < walks; ++i) {
        for (const std::uint64_t cell : cells_of(rng.next(), cells)) ++visits[cell];
    }
    EXPECT_EQ(visits[0], walks);
    // Single cells near the start, where the formula itself is up to 4 % off, then ever wider
    // bands; each within four standard deviations of the draws.
    for (std::size_t low = 1, high = 2; low < cells; low = high) {
        high = std::min(cells, low < 8 ? low + 1 : low * 2);
        double expected = 0;
        int seen = 0;
        for (std::size_t i = low; i < high; ++i) {
            expected += walks / (1.0 + static_cast<double>(i) / 2);
            seen += visits[i];
        }
        EXPECT_NEAR(seen, expected, 4 * std::sqrt(expected) + (low < 8 ? expected * 0.04 : 0))
            << low << " to " << high;
    }
}

TEST(CellWalk, FollowsTheFormulaOfThePaper) {
    Rng rng{2};
    for (int i = 0; i < 2000; ++i) {
        const std::uint64_t digest = rng.next();
        std::uint64_t r = mix64(digest) | 1;
        CellWalk walk{digest};
        for (int step = 0; step < 20 && walk.cell() < 1'000'000; ++step) {
            const auto from = static_cast<long double>(walk.cell());
            walk.next();
            r *= 0xda942042e4dd58b5U;
            const long double exact =
                (from + 1.5L) * (4294967296.0L / std::sqrt(static_cast<long double>(r)) - 1);
            const auto taken = static_cast<long double>(walk.cell()) - from;
            if (exact > 1e9L) break;
            // The interpolated root is off by at most 1.5e-6 of itself.
            EXPECT_NEAR(static_cast<double>(taken), static_cast<double>(std::ceil(exact)),
                        1 + static_cast<double>((from + 1.5L + exact) * 2e-6L));
        }
    }
}

TEST(CellWalk, AlwaysGoesForwardAndEnds) {
    Rng rng{3};
    for (int i = 0; i < 1000; ++i) {
        CellWalk walk{i < 100 ? static_cast<std::uint64_t>(i) : rng.next()};
        std::uint64_t last = 0;
        for (int step = 0; step < 200; ++step) {
            walk.next();
            ASSERT_TRUE(walk.cell() > last || walk.cell() == std::uint64_t{1} << 31);
            last = walk.cell();
        }
        EXPECT_EQ(last, std::uint64_t{1} << 31);
    }
}

// ---- the sketch

RC_GTEST_PROP(SketchLaws, TheOrderOfTogglesDoesNotMatter,
              (const std::vector<std::uint64_t>& digests)) {
    Sketch forward{300};
    for (const std::uint64_t digest : digests) forward.toggle(digest);
    auto shuffled = digests;
    Rng rng{*rc::gen::arbitrary<std::uint64_t>()};
    rng.shuffle(shuffled);
    Sketch other{300};
    for (const std::uint64_t digest : shuffled) other.toggle(digest);
    RC_ASSERT(forward == other);
}

RC_GTEST_PROP(SketchLaws, IsAFunctionOfTheSetAlone, (const Digests& kept, const Digests& passing)) {
    Sketch sketch{300};
    for (const std::uint64_t digest : passing) sketch.toggle(digest);
    for (const std::uint64_t digest : kept) sketch.toggle(digest);
    for (const std::uint64_t digest : passing) sketch.toggle(digest);
    RC_ASSERT(sketch == sketch_of(kept, 300));
}

TEST(Sketch, AShorterOneIsAPrefixOfALongerOne) {
    Rng rng{4};
    const Digests digests = random_digests(rng, 500);
    const Sketch longer = sketch_of(digests, 4096);
    const Sketch shorter = sketch_of(digests, 100);
    EXPECT_TRUE(std::ranges::equal(shorter.cells(), longer.cells().first(100)));
}

TEST(Sketch, TheFingerprintIsTheXorOfAllDigestsAndChecks) {
    Rng rng{5};
    const Digests digests = random_digests(rng, 100);
    Cell expected;
    std::uint64_t sum = 0;
    for (const std::uint64_t digest : digests) {
        expected.toggle(digest);
        sum ^= digest;
    }
    const Sketch sketch = sketch_of(digests, 96);
    EXPECT_EQ(sketch.fingerprint(), expected);
    EXPECT_EQ(sketch.fingerprint().digests(), sum);
    EXPECT_TRUE(Sketch{96}.fingerprint().empty());
}

TEST(Sketch, HasTheseCellsOnEveryPlatform) {
    Sketch sketch{64};
    for (std::uint64_t i = 1; i <= 100; ++i) sketch.toggle(mix64(i));
    EXPECT_EQ(sketch.cells()[0], (Cell{0x0785a299, 0xc0c53dd8, 0xaf7ffc99}));
    EXPECT_EQ(sketch.cells()[1], (Cell{0xaddf169a, 0x918c4a3e, 0xe2b26b92}));
    EXPECT_EQ(sketch.cells()[63], (Cell{0x083293dd, 0xf22fb463, 0xc4131c24}));
    EXPECT_EQ(check_of(1), 0xe4d97177U);
}

// ---- the decoder

// Adds cells in steps of `chunk` until the difference is explained; how many cells it took.
std::size_t decode(Peeler& peeler, std::span<const Cell> cells, std::size_t chunk) {
    std::size_t used = 0;
    while (!peeler.complete() && used < cells.size()) {
        const std::size_t count = std::min(chunk, cells.size() - used);
        peeler.add(cells.subspan(used, count));
        used += count;
    }
    return used;
}

TEST(Peeler, FindsExactlyTheSymmetricDifference) {
    Rng rng{6};
    for (int round = 0; round < 300; ++round) {
        const Digests common = random_digests(rng, rng.below(300));
        Digests a = random_digests(rng, rng.below(150));
        Digests b = random_digests(rng, rng.below(150));
        Digests expected = a;
        expected.insert(b.begin(), b.end());
        a.insert(common.begin(), common.end());
        b.insert(common.begin(), common.end());

        const auto cells = difference(sketch_of(a, 1500), sketch_of(b, 1500));
        Peeler peeler;
        decode(peeler, cells, 1 + rng.below(100));
        ASSERT_TRUE(peeler.complete());
        EXPECT_EQ(Digests(peeler.digests().begin(), peeler.digests().end()), expected);
        EXPECT_EQ(peeler.digests().size(), expected.size()) << "none is given twice";
    }
}

TEST(Peeler, EqualSetsNeedOneCellAndOneDifferenceToo) {
    Rng rng{7};
    const Sketch a = sketch_of(random_digests(rng, 50), 96);
    Sketch b = a;
    Peeler equal;
    equal.add(std::vector<Cell>{difference(a, b)[0]});
    EXPECT_TRUE(equal.complete());
    EXPECT_TRUE(equal.digests().empty());

    b.toggle(42);
    Peeler one;
    one.add(std::vector<Cell>{difference(a, b)[0]});
    EXPECT_TRUE(one.complete());
    EXPECT_EQ(one.digests(), std::vector<std::uint64_t>{42});
}

TEST(Peeler, IsNotCompleteBeforeItsFirstCell) {
    Peeler peeler;
    EXPECT_FALSE(peeler.complete());
    peeler.add({});
    EXPECT_FALSE(peeler.complete());
}

TEST(Peeler, GoesOnAfterItWasComplete) {
    Rng rng{8};
    const auto cells = difference(sketch_of(random_digests(rng, 40), 400), Sketch{400});
    Peeler peeler;
    for (const Cell& cell : cells) peeler.add({&cell, 1});
    EXPECT_TRUE(peeler.complete());
    EXPECT_EQ(peeler.digests().size(), 40U);
}

double share_decoded(std::size_t differences, std::size_t cells, std::uint64_t seed) {
    constexpr int rounds = 5000;
    Rng rng{seed};
    int decoded = 0;
    for (int round = 0; round < rounds; ++round) {
        const Sketch sketch =
            sketch_of(random_digests(rng, differences), static_cast<std::uint32_t>(cells));
        Peeler peeler;
        peeler.add(sketch.cells());
        decoded += peeler.complete() ? 1 : 0;
    }
    return static_cast<double>(decoded) / rounds;
}

// What one datagram's cells are worth.
TEST(Peeler, DecodesAsOftenAsTheProtocolCountsOn) {
    EXPECT_GT(share_decoded(12, 32, 9), 0.968);   // 97.6 %
    EXPECT_GT(share_decoded(32, 64, 10), 0.95);   // 96 %
    EXPECT_GT(share_decoded(48, 96, 11), 0.987);  // 99.2 %
}

double cells_per_difference(std::size_t differences, int rounds) {
    Rng rng{12};
    std::size_t used = 0;
    for (int round = 0; round < rounds; ++round) {
        const auto size = static_cast<std::uint32_t>(differences * 3 + 2000);
        const Sketch sketch = sketch_of(random_digests(rng, differences), size);
        Peeler peeler;
        used += decode(peeler, sketch.cells(), 1);
        EXPECT_TRUE(peeler.complete());
    }
    return static_cast<double>(used) / static_cast<double>(differences) / rounds;
}

TEST(Peeler, NeedsAsFewCellsAsTheProtocolCountsOn) {
    EXPECT_NEAR(cells_per_difference(4, 2000), 1.77, 0.08);
    EXPECT_NEAR(cells_per_difference(64, 300), 1.49, 0.06);
    EXPECT_NEAR(cells_per_difference(1000, 20), 1.37, 0.05);
    EXPECT_NEAR(cells_per_difference(20'000, 1), 1.35, 0.05);
}

TEST(Peeler, NonsenseEndsWithAtMostOneDigestPerCell) {
    Rng rng{13};
    for (int round = 0; round < 200; ++round) {
        Peeler peeler;
        std::size_t cells = 0;
        for (int chunk = 0; chunk < 5; ++chunk) {
            std::vector<Cell> nonsense(rng.below(200));
            for (Cell& cell : nonsense) {
                // Half of them look as if they held one digest, and lead astray.
                const std::uint64_t digest = rng.next();
                cell = {
                    static_cast<std::uint32_t>(digest), static_cast<std::uint32_t>(digest >> 32),
                    rng.below(2) == 0 ? check_of(digest) : static_cast<std::uint32_t>(rng.next())};
            }
            cells += nonsense.size();
            peeler.add(nonsense);
            EXPECT_LE(peeler.digests().size(), cells);
        }
        EXPECT_FALSE(peeler.complete());
    }
}

// Two cells that each give what the other takes would be peeled for ever.
TEST(Peeler, CellsThatUndoOneAnotherEnd) {
    std::vector<Cell> cells(96);
    for (Cell& cell : cells) cell.toggle(12345);
    Peeler peeler;
    peeler.add(cells);
    EXPECT_LE(peeler.digests().size(), cells.size());
    EXPECT_FALSE(peeler.complete());
}

}  // namespace
}  // namespace gossip
