#include "tests/sim/run_seeds.h"

namespace sim {
namespace {

TEST(Replay, EveryScenarioGivesTheSameTraceForTheSameSeedAndAnotherForAnother) {
    for (const Scenario& scenario : scenarios()) {
        Options options = options_for(scenario.name, 7);
        options.rows = 50;
        const Report first = run_scenario(options);
        const Report again = run_scenario(options);
        EXPECT_EQ(first.trace(), again.trace()) << scenario.name;
        EXPECT_EQ(first.text(), again.text()) << scenario.name;
        options.seed = 8;
        EXPECT_NE(first.trace(), run_scenario(options).trace()) << scenario.name;
    }
}

TEST(Replay, ARunIsNotChangedByTheRunBeforeIt) {
    const std::uint64_t alone = run_scenario(options_for("churn", 5)).trace();
    run_scenario(options_for("join", 1));
    EXPECT_EQ(run_scenario(options_for("churn", 5)).trace(), alone);
}

TEST(Replay, AComplaintNamesTheCommandThatRepeatsIt) {
    Options options = options_for("churn", 42);
    options.nodes = 9;
    options.loss_ppm = 50'000;
    Report report{options};
    EXPECT_TRUE(report.ok());
    EXPECT_EQ(report.complaint(), "");
    report.expect(false, "the sky has fallen");
    EXPECT_FALSE(report.ok());
    EXPECT_EQ(report.complaint(),
              "the sky has fallen\n"
              "replay with: hearsay-sim --seed 42 --scenario churn --nodes 9 --loss 0.05\n");
}

TEST(Replay, AReportIsTextForPeopleAndJsonForPrograms) {
    Report report{options_for("spread", 3)};
    report.add("nodes", std::uint64_t{10});
    report.add("t50_ms", Time{1250});
    report.add("note", std::string_view{"a \"quoted\"\nline"});
    report.expect(false, "slow");
    EXPECT_EQ(report.value("t50_ms"), 1.25);
    EXPECT_NE(report.text().find("t50_ms    1.250\n"), std::string::npos) << report.text();
    EXPECT_EQ(report.json(),
              "{\"scenario\": \"spread\", \"seed\": 3, \"nodes\": 10, \"t50_ms\": 1.250, "
              "\"note\": \"a \\\"quoted\\\"\\u000aline\", \"trace\": \"0000000000000000\", "
              "\"failures\": [\"slow\"]}\n");
}

Report run_into_a_check(const Options&) {
    CHECK(false);
    return Report{{}};
}

TEST(ReplayDeathTest, ACheckOfTheCoreSaysHowToRepeatTheRun) {
    const Scenario broken{"broken", "", run_into_a_check};
    EXPECT_DEATH(run(broken, options_for("broken", 11)),
                 "replay with: hearsay-sim --seed 11 --scenario broken");
}

}  // namespace
}  // namespace sim
