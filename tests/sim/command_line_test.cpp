#include "sim/scenarios/command_line.h"

#include <gtest/gtest.h>

#include <string_view>
#include <vector>

#include "sim/scenarios/scenario.h"

namespace sim {
namespace {

CommandLine line_of(std::vector<std::string_view> words) {
    return parse_command_line(words);
}

TEST(CommandLine, ARunIsNamedAndItsOptionsFollow) {
    const CommandLine line =
        line_of({"run", "churn", "--nodes", "9", "--seed=42", "--loss", "0.05", "--delay", "2.5",
                 "--interval", "500", "--fanout", "3", "--minutes", "4", "--rows", "7"});
    EXPECT_EQ(line.complaint, "");
    EXPECT_EQ(line.verb, CommandLine::Verb::run);
    EXPECT_EQ(line.options.scenario, "churn");
    EXPECT_EQ(line.options.seed, 42U);
    EXPECT_EQ(line.options.nodes, 9U);
    EXPECT_EQ(line.options.loss_ppm, 50'000U);
    EXPECT_EQ(line.options.delay_us, 2'500U);
    EXPECT_EQ(line.options.interval_ms, 500U);
    EXPECT_EQ(line.options.fanout, 3U);
    EXPECT_EQ(line.options.minutes, 4U);
    EXPECT_EQ(line.options.rows, 7U);
}

TEST(CommandLine, ASoakHasSeedsAndOptionsOfItsWorlds) {
    const CommandLine line = line_of(
        {"soak", "--seeds", "20", "--first=7", "--nodes", "5", "--loss", "0.1", "--step", "90000"});
    EXPECT_EQ(line.complaint, "");
    EXPECT_EQ(line.verb, CommandLine::Verb::soak);
    EXPECT_EQ(line.soak.seeds, 20U);
    EXPECT_EQ(line.soak.first, 7U);
    EXPECT_EQ(line.soak.world.nodes, 5U);
    EXPECT_EQ(line.soak.world.loss_ppm, 100'000U);
    EXPECT_EQ(line.soak.world.step_ms, 90'000U);
    EXPECT_EQ(line_of({"soak", "--seeds", "0"}).complaint,
              "--seeds takes a whole number from 1 to 100000000, not '0'");
    EXPECT_EQ(line_of({"soak", "--rows", "3"}).complaint,
              "'--rows' is no option of a soak; hearsay-sim --help lists all");
    EXPECT_EQ(line_of({"soak", "churn"}).complaint,
              "a soak takes its scenario as --scenario NAME, so 'churn' is one too many");
    EXPECT_EQ(line_of({"soak"}).soak.world.scenario, "soak");
    EXPECT_EQ(line_of({"soak", "--scenario", "storm"}).soak.world.scenario, "storm");
}

TEST(CommandLine, OptionsAloneAreARunToo) {
    EXPECT_EQ(line_of({}).options.scenario, "spread");
    EXPECT_EQ(line_of({"--nodes", "100"}).options.scenario, "spread");
    EXPECT_EQ(line_of({"--scenario", "join"}).options.scenario, "join");
    EXPECT_EQ(line_of({"run", "--seed", "2"}).options.scenario, "spread");
}

TEST(CommandLine, WhatAReplayCommandSaysIsUnderstood) {
    const CommandLine line = line_of({"run", "churn", "--seed", "3", "--delay", "1.25"});
    EXPECT_EQ(replay_command(line.options), "hearsay-sim --seed 3 --scenario churn --delay 1.25");
    EXPECT_EQ(line_of({"--seed", "3", "--scenario", "churn", "--delay", "1.25"}).options.delay_us,
              line.options.delay_us);
}

TEST(CommandLine, AComplaintNamesTheValueAndWhatIsLegal) {
    const auto complaint = [](std::vector<std::string_view> words) {
        return parse_command_line(words).complaint;
    };
    EXPECT_EQ(complaint({"walk"}),
              "unknown command 'walk'; legal are run, soak and compare, as in hearsay-sim run "
              "churn");
    EXPECT_EQ(complaint({"run", "join", "churn"}),
              "a run is of one scenario, so 'churn' is one too many");
    EXPECT_EQ(complaint({"run", "--speed", "9"}),
              "unknown option '--speed'; hearsay-sim --help lists all");
    EXPECT_EQ(complaint({"--nodes", "0"}),
              "--nodes takes a whole number from 1 to 1000000, not '0'");
    EXPECT_EQ(complaint({"--nodes=many"}),
              "--nodes takes a whole number from 1 to 1000000, not 'many'");
    EXPECT_EQ(complaint({"--loss", "1.5"}), "--loss takes a probability from 0 to 1, not '1.5'");
    EXPECT_EQ(complaint({"--loss", "nan"}), "--loss takes a probability from 0 to 1, not 'nan'");
    EXPECT_EQ(complaint({"--delay", "-1"}),
              "--delay takes milliseconds from 0.01 to 1000, not '-1'");
    EXPECT_EQ(complaint({"--seed", "x"}),
              "--seed takes a whole number from 0 to 18446744073709551615, not 'x'");
    EXPECT_EQ(complaint({"-o", "xml"}), "-o takes text, json or svg, not 'xml'");
    EXPECT_EQ(complaint({"--seed"}), "--seed needs a value; see hearsay-sim --help");
    EXPECT_TRUE(complaint({"run", "nonsense"}).starts_with("there is no scenario 'nonsense'; "));
    EXPECT_TRUE(complaint({"run", "idle", "-o", "svg"})
                    .starts_with("there is no picture of 'idle', only of "));
}

TEST(CommandLine, HelpBeginsWithExamplesAndListsEveryScenario) {
    EXPECT_EQ(line_of({"run", "churn", "--help"}).verb, CommandLine::Verb::help);
    const std::string text = help();
    EXPECT_LT(text.find("hearsay-sim run spread"), text.find("options"));
    for (const Scenario& scenario : scenarios()) {
        EXPECT_NE(text.find(scenario.summary), std::string::npos) << scenario.name;
    }
}

TEST(CommandLine, ALongerHopIsFelt) {
    Options options = line_of({"run", "spread", "--nodes", "100"}).options;
    const double near = run(*find_scenario("spread"), options).value("t99_ms");
    options.delay_us = 5'000;
    EXPECT_GT(run(*find_scenario("spread"), options).value("t99_ms"), 4 * near);
}

}  // namespace
}  // namespace sim
