#include "sim/soak.h"

#include <string>

#include "tests/sim/run_seeds.h"

namespace sim {
namespace {

TEST(Soak, TwentyWorldsOfFaultsOfAllKindsHold) {
    SoakOptions options;
    options.seeds = 20;
    std::string said;
    const SoakResult result = run_soak(options, [&](const std::string& text) { said += text; });
    EXPECT_EQ(result.failed, 0U) << said;
    EXPECT_EQ(result.seeds, 20U);
    EXPECT_TRUE(result.summary.ends_with("20 seeds, 0 failed\n")) << result.summary;
}

// Seeds that have found something.
TEST(Soak, AClockThatIsFarBehindAfterARestartTakesNothingBack) {
    expect_seeds_hold("soak", 20, [](Options& o) { o.step_ms = 90'000; });
    expect_seeds_hold("soak", 3, [](Options& o) {
        o.step_ms = 90'000;
        o.nodes = 1;
    });
}
TEST(Soak, DamagedClocksOfPeersMoveNobodyForDays) {
    EXPECT_TRUE(run_scenario(options_for("soak", 494)).ok());
}

TEST(Soak, EveryKindOfFaultHappens) {
    SoakOptions options;
    options.seeds = 20;
    const SoakResult result = run_soak(options, [](const std::string&) {});
    for (const char* fault : {"writes", "crashes", "restarts", "freezes", "partitions",
                              "one_way_cuts", "clock_steps", "lost_disks", "malformed"}) {
        std::string line{fault};
        line.resize(16, ' ');
        const auto at = result.summary.find(line);
        ASSERT_NE(at, std::string::npos) << fault;
        EXPECT_NE(result.summary[at + 16], '0') << result.summary;
    }
}

// A link that loses everything: no world can form, and every seed has to say so.
TEST(Soak, EveryFailureIsToldWithItsSeedAndTheCommandThatRepeatsIt) {
    SoakOptions options;
    options.first = 70;
    options.seeds = 2;
    options.world.nodes = 3;
    options.world.loss_ppm = 1'000'000;
    std::string said;
    const SoakResult result = run_soak(options, [&](const std::string& text) { said += text; });
    EXPECT_EQ(result.failed, 2U);
    EXPECT_TRUE(result.summary.ends_with("2 seeds, 2 failed\n")) << result.summary;
    for (const char* seed : {"70", "71"}) {
        const std::string command = std::string{"replay with: hearsay-sim --seed "} + seed +
                                    " --scenario soak --nodes 3 --loss 1\n";
        EXPECT_NE(said.find(command), std::string::npos) << said;
        EXPECT_NE(said.find(std::string{"seed "} + seed + ": the cluster did not form"),
                  std::string::npos)
            << said;
    }
}

TEST(Soak, AWorldIsTheSameAloneAndInASoak) {
    Options options = options_for("soak", 12);
    const std::uint64_t alone = run_scenario(options).trace();
    SoakOptions soak;
    soak.first = 11;
    soak.seeds = 2;
    run_soak(soak, [](const std::string&) {});
    EXPECT_EQ(run_scenario(options).trace(), alone);
}

TEST(Soak, WhatIsHeardInATurnReplacesNothingOnTheDiskThatTheTurnHasWrittenOverIt) {
    EXPECT_TRUE(run_scenario(options_for("soak", 1234)).ok());
}

}  // namespace
}  // namespace sim
