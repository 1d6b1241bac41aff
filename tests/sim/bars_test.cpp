#include "tests/sim/run_seeds.h"

// The figures that the protocol promises, in virtual time: they do not depend on the machine.

namespace sim {
namespace {

Report spread(std::uint32_t nodes, std::uint32_t loss_ppm, std::uint64_t seed) {
    Options options = options_for("spread", seed);
    options.nodes = nodes;
    options.loss_ppm = loss_ppm;
    Report report = run_scenario(options);
    EXPECT_TRUE(report.ok()) << report.complaint();
    return report;
}

TEST(Bars, OneUpdateReachesAThousandNodesInTenMilliseconds) {
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
        const Report report = spread(1000, 0, seed);
        EXPECT_LE(report.value("t99_ms"), 6) << report.text();
        EXPECT_LE(report.value("t100_ms"), 10) << report.text();
        EXPECT_LE(report.value("copies_per_node"), 3.6) << report.text();
    }
}

TEST(Bars, OneUpdateReachesTenThousandNodesInTenMilliseconds) {
    const Report report = spread(10'000, 0, 1);
    EXPECT_LE(report.value("t99_ms"), 6) << report.text();
    EXPECT_LE(report.value("t100_ms"), 10) << report.text();
    EXPECT_LE(report.value("copies_per_node"), 3.6) << report.text();
    EXPECT_LE(report.value("put_bytes_per_node"), 700) << report.text();
}

TEST(Bars, LossDelaysTheLastNodesAndNotTheMost) {
    const Report some = spread(1000, 50'000, 1);
    EXPECT_LE(some.value("t99_ms"), 10) << some.text();
    EXPECT_LE(some.value("t100_ms"), 2000) << some.text();
    const Report much = spread(1000, 200'000, 1);
    EXPECT_LE(much.value("t99_ms"), 250) << much.text();
    EXPECT_LE(much.value("t100_ms"), 4000) << much.text();
}

TEST(Bars, WithoutLossTheRingAloneReachesEveryone) {
    Options options = options_for("spread", 3);
    options.nodes = 200;
    options.fanout = 2;
    const Report report = run_scenario(options);
    EXPECT_TRUE(report.ok()) << report.complaint();
    EXPECT_LE(report.value("copies_per_node"), 1.2) << report.text();
    EXPECT_LE(report.value("t100_ms"), 200) << report.text();
}

TEST(Bars, AnIdleNodeCostsTwoSmallDatagramsAPeriodWhateverTheTable) {
    for (const std::uint32_t rows : {0U, 10'000U}) {
        Options options = options_for("idle", 1);
        options.rows = rows;
        const Report report = run_scenario(options);
        EXPECT_TRUE(report.ok()) << report.complaint();
        EXPECT_LE(report.value("idle_datagrams_per_period"), 2.1) << report.text();
        EXPECT_LE(report.value("idle_bytes_per_period"), 200) << report.text();
        EXPECT_LE(report.value("idle_wakeups_per_period"), 3) << report.text();
    }
}

TEST(Bars, AJoinCostsLittleMoreThanTheTable) {
    Options options = options_for("snapshot", 1);
    options.rows = 20'000;
    const Report report = run_scenario(options);
    EXPECT_TRUE(report.ok()) << report.complaint();
    EXPECT_LE(report.value("join_ms"), 2000) << report.text();
    EXPECT_LE(report.value("bytes_per_table_byte"), 1.1) << report.text();
}

// 50 nodes on each side, 1,000 writes on each: nobody is sent twice what it lacked.
TEST(Bars, TwoHalvesHealWithinFiveSecondsForTwiceTheirDifference) {
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
        Options options = options_for("partition", seed);
        options.nodes = 100;
        options.rows = 1000;
        const Report report = run_scenario(options);
        EXPECT_TRUE(report.ok()) << report.complaint();
        EXPECT_LE(report.value("settled_ms"), 5000) << report.text();
        EXPECT_LE(report.value("repair_bytes_per_missing_byte"), 2.0) << report.text();
    }
}

// Invariant 9: the scenario compares the bytes of control with the number of differences.
TEST(Bars, RepairBytesFollowTheDifferenceAndNotTheTable) {
    for (const std::uint32_t rows : {1U, 10U, 30U, 100U, 1000U, 5000U}) {
        for (std::uint64_t seed = 1; seed <= 3; ++seed) {
            Options options = options_for("partition", seed);
            options.nodes = 2;
            options.rows = rows;
            const Report report = run_scenario(options);
            EXPECT_TRUE(report.ok()) << report.complaint();
        }
    }
}

}  // namespace
}  // namespace sim
