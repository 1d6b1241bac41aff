#include "tests/sim/run_seeds.h"

// The stories in which something happens to many nodes: each over several seeds, all with every
// checker. That something happened at all is tested too: a story without its fault proves nothing.

namespace sim {
namespace {

void lossy(Options& options) {
    options.loss_ppm = 150'000;
}

Report told(std::string_view scenario, std::uint64_t seed) {
    Report report = run_scenario(options_for(scenario, seed));
    EXPECT_TRUE(report.ok()) << report.complaint();
    return report;
}

TEST(Stories, NobodyStallsWhenAllStartInTheSameInstant) {
    for (const std::uint32_t nodes : {2U, 20U, 100U}) {
        expect_seeds_hold("join_storm", 4, [&](Options& o) { o.nodes = nodes; });
    }
    expect_seeds_hold("join_storm", 3, [](Options& o) {
        o.nodes = 50;
        lossy(o);
    });
}

TEST(Stories, NodesThatFlapTakeNobodyWithThem) {
    expect_seeds_hold("flapping", 15);
    expect_seeds_hold("flapping", 5, lossy);
    EXPECT_GT(told("flapping", 1).value("suspicions_seen"), 0);
}

TEST(Stories, NodesThatWereFrozenComeBack) {
    expect_seeds_hold("frozen", 10);
    expect_seeds_hold("frozen", 5, lossy);
    expect_seeds_hold("frozen", 5, [](Options& o) { o.nodes = 8; });
    const Report report = told("frozen", 1);
    EXPECT_EQ(report.value("called_dead"), 16) << report.text();
    EXPECT_LE(report.value("settled_ms"), 5'000) << report.text();
}

TEST(Stories, LinksThatCarryOneWayKillNobodyWhoIsWellConnected) {
    expect_seeds_hold("one_way", 30);
    expect_seeds_hold("one_way", 10, lossy);
    EXPECT_GT(told("one_way", 1).value("mute_called_dead_by"), 0);
}

TEST(Stories, ClocksThatStepByAnHourBringNothingBackToLife) {
    expect_seeds_hold("clock_steps", 4);
    EXPECT_GT(told("clock_steps", 1).value("from_future"), 0);
}

TEST(Stories, ClocksThatAreMinutesOffAtBootKeepNobodyOut) {
    expect_seeds_hold("wrong_clocks", 30);
    expect_seeds_hold("wrong_clocks", 9, lossy);
    EXPECT_GT(told("wrong_clocks", 3).value("from_future"), 0);
}

TEST(Stories, NothingThatWasAcknowledgedIsLostWhenEverythingRestarts) {
    expect_seeds_hold("restart_all", 15);
    expect_seeds_hold("restart_all", 3, lossy);
    EXPECT_GT(told("restart_all", 1).value("acknowledged_keys"), 500);
}

TEST(Stories, AReleaseCallsNobodyDeadWhoRuns) {
    expect_seeds_hold("rolling_restart", 6);
    expect_seeds_hold("rolling_restart", 3, lossy);
}

TEST(Stories, ManyThousandsRegister) {
    expect_seeds_hold("registrations", 2, [](Options& o) { o.rows = 20'000; });
    expect_seeds_hold("registrations", 2, [](Options& o) {
        o.rows = 5'000;
        o.nodes = 10;
        lossy(o);
    });
}

// Deletions are remembered for 24 h. Exchanges are rare, so that two days pass in two seconds.
TEST(Stories, WhoReturnsAfterTwoDaysBringsNothingBackToLife) {
    Options options = options_for("long_absence", 1);
    options.nodes = 4;
    options.minutes = 2 * 24 * 60;
    options.interval_ms = 10'000;
    const Report report = run_scenario(options);
    EXPECT_TRUE(report.ok()) << report.complaint();
    EXPECT_EQ(report.value("absent_minutes"), 2880) << report.text();
    EXPECT_EQ(report.value("rows_alive"), 30) << report.text();
}

TEST(Stories, AHealedPartitionCostsWhatWasMissing) {
    Options options = options_for("partition", 1);
    options.rows = 2'000;
    const Report report = run_scenario(options);
    EXPECT_TRUE(report.ok()) << report.complaint();
    EXPECT_GT(report.value("missing_bytes"), 1'000'000) << report.text();
    EXPECT_LE(report.value("repair_bytes_per_missing_byte"), 4) << report.text();
}

}  // namespace
}  // namespace sim
