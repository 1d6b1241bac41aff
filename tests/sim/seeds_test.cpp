#include "tests/sim/run_seeds.h"

// Hundreds of worlds, each with its own faults, all with every checker. What a run does is in
// sim/scenarios; a failure prints how to repeat it.

namespace sim {
namespace {

TEST(Seeds, RandomFaultsBreakNoInvariantAndEndInAgreement) {
    expect_seeds_hold("churn", 300);
}

TEST(Seeds, RandomFaultsOnALossyNetworkEndInAgreementToo) {
    expect_seeds_hold("churn", 100, [](Options& o) { o.loss_ppm = 150'000; });
}

TEST(Seeds, TwoHalvesAgreeAfterAPartition) {
    expect_seeds_hold("partition", 100);
}

TEST(Seeds, TwoHalvesAgreeAfterAPartitionWhenAFifthIsLost) {
    expect_seeds_hold("partition", 30, [](Options& o) { o.loss_ppm = 200'000; });
}

TEST(Seeds, NodesThatWereAwayForLongBringNothingBackToLife) {
    expect_seeds_hold("long_absence", 60);
}

TEST(Seeds, WrongClocksBringNothingBackToLife) {
    expect_seeds_hold("skew", 150);
}

TEST(Seeds, ACrashedNodeEqualsAPeerAfterOneExchange) {
    expect_seeds_hold("restart", 150);
}

TEST(Seeds, NodesThatStartTogetherFindEachOther) {
    expect_seeds_hold("join", 50, [](Options& o) { o.nodes = 2 + (o.seed % 30); });
}

TEST(Seeds, NodesFindEachOtherOnALossyNetwork) {
    expect_seeds_hold("join", 20, [](Options& o) {
        o.nodes = 20;
        o.loss_ppm = 200'000;
    });
}

TEST(Seeds, NobodyThatRunsIsCalledDeadThoughAThirdIsLost) {
    expect_seeds_hold("detect", 4, [](Options& o) { o.loss_ppm = 300'000; });
}

TEST(Seeds, WhoIsGoneIsFoundOut) {
    expect_seeds_hold("detect", 10, [](Options& o) {
        o.nodes = 2 + 7 * static_cast<std::uint32_t>(o.seed);
        o.minutes = 1;
    });
}

TEST(Seeds, AJoinerGetsABigTable) {
    expect_seeds_hold("snapshot", 5, [](Options& o) { o.rows = 10'000; });
}

}  // namespace
}  // namespace sim
