#include <set>

#include "sim/rollout/stage.h"
#include "sim/soak.h"
#include "tests/sim/run_seeds.h"

// Rollouts over several seeds each, with a witness that only watches clients and servers. That
// something happened at all is tested too, and that the witness sees each kind of lie.

namespace sim {
namespace {

Report told(std::string_view scenario, std::uint64_t seed) {
    Report report = run_scenario(options_for(scenario, seed));
    EXPECT_TRUE(report.ok()) << report.complaint();
    return report;
}

TEST(Rollouts, AThirdVersionBeforeTheFirstIsEmptyCostsNobodyHisSession) {
    expect_seeds_hold("rollout", 12);
    const Report report = told("rollout", 1);
    EXPECT_GT(report.value("v1_sessions_when_v3_came"), 0);
    EXPECT_GT(report.value("returns"), 0);
    EXPECT_EQ(report.value("fences"), 6);
    EXPECT_GE(report.value("watermarks"), 2);
}

TEST(Rollouts, APromotionDuringAPartitionReachesAll) {
    expect_seeds_hold("rollout_partition", 12);
}

TEST(Rollouts, OfTwoPromotionsAtOnceOneWinsAndTheOtherIsReported) {
    expect_seeds_hold("two_rollouts", 12);
    const Report report = told("two_rollouts", 1);
    EXPECT_EQ(report.value("decisions"), 3);
    EXPECT_GE(report.value("decisions_reported"), 2);
}

TEST(Rollouts, ARollbackKeepsTheNewerVersionForAnotherTry) {
    expect_seeds_hold("rollback", 12);
    EXPECT_GT(told("rollback", 1).value("v2_sessions_at_half"), 0);
}

TEST(Rollouts, AStormNeverPutsOneTooManyOnAServer) {
    expect_seeds_hold("storm", 5);
    EXPECT_GT(told("storm", 1).value("refused_full"), 1000);
}

TEST(Rollouts, NodesThatCrashFreezeAndForgetChangeNothingForClients) {
    expect_seeds_hold("rollout_restarts", 12);
    EXPECT_GT(told("rollout_restarts", 1).value("crashes"), 0);
}

TEST(Rollouts, ClocksThatAreWrongByMinutesChangeNothingForClients) {
    expect_seeds_hold("rollout_skew", 12);
    EXPECT_GT(told("rollout_skew", 1).value("clock_steps"), 0);
}

// Seeds that have found something.
TEST(Rollouts, WhoComesBackIsNotToldOfTheDeathOfAnEarlierLife) {
    EXPECT_TRUE(run_scenario(options_for("rollout_soak", 267)).ok());
}

TEST(Rollouts, AVersionIsAsOldAsItsFirstRegistrationThoughTheAnswerWasLost) {
    EXPECT_TRUE(run_scenario(options_for("rollout_soak", 1979)).ok());
}

TEST(Rollouts, TwoHundredWorldsOfEverythingAtOnceHold) {
    SoakOptions options;
    options.world.scenario = "rollout_soak";
    options.seeds = 220;
    std::string said;
    const SoakResult result = run_soak(options, [&](const std::string& text) { said += text; });
    EXPECT_EQ(result.failed, 0U) << said;
    for (const char* what :
         {"crashes", "freezes", "partitions", "clock_steps", "lost_disks", "returns",
          "refused_full", "refused_draining", "refused_moved", "refused_spent", "refused_stale",
          "refused_not_ready", "cheats", "servers_killed", "decisions_reported", "watermarks",
          "late_joins_elsewhere"}) {
        std::string line = '\n' + std::string{what};
        line.resize(std::max<std::size_t>(17, line.size() + 1), ' ');
        const auto at = ('\n' + result.summary).find(line);
        ASSERT_NE(at, std::string::npos) << what << '\n' << result.summary;
        EXPECT_NE(result.summary[at + line.size() - 1], '0') << what;
    }
}

TEST(Rollouts, OneSeedIsOneStory) {
    const Options options = options_for("rollout_soak", 12);
    EXPECT_EQ(run_scenario(options).trace(), run_scenario(options).trace());
    EXPECT_NE(run_scenario(options).trace(), run_scenario(options_for("rollout_soak", 13)).trace());
}

// ---- the witness, and those who lie to it

class Lies : public testing::Test {
  protected:
    static constexpr std::uint64_t kLife = 5;
    static WorldOptions setup() {
        WorldOptions options;
        options.nodes = 1;
        return options;
    }
    void SetUp() override {
        world.start_all();
        stage.witness().lives("a:1", kLife, "v1", 1);
        registry::Instance x;
        x.address = "a:1";
        x.app_name = kGame;
        x.version = "v1";
        x.incarnation = kLife;
        x.ttl_s = 30;
        ASSERT_TRUE(stage.api(0).enroll(x));
    }
    // A seat that the node has offered.
    NodeApi::Seat offered() {
        const NodeApi::Place place = stage.api(0).place("ann");
        stage.witness().offered(stage.api(0), place);
        NodeApi::Seat seat;
        seat.token = place.tickets.front().token;
        seat.node = 0;
        seat.process = stage.api(0).process();
        seat.at = world.now();
        return seat;
    }
    std::set<unsigned> seen() const {
        std::set<unsigned> numbers;
        for (const auto& violation : world.checkers().violations()) {
            numbers.insert(violation.invariant);
        }
        return numbers;
    }
    using Numbers = std::set<unsigned>;

    World world{setup()};
    Stage stage{world, 1, {}};
    Witness& witness = stage.witness();
};

TEST_F(Lies, WhoComesAndGoesAsPlannedBreaksNothing) {
    const NodeApi::Seat seat = offered();
    witness.joined("a:1", kLife, seat);
    witness.resumed("a:1", kLife, seat.token);
    witness.over(seat.token.nonce, true);
    witness.fenced("a:1", {0, seat.process});
    EXPECT_EQ(seen(), Numbers{});
}

TEST_F(Lies, ASessionThatItsServerHasForgottenEndedTooEarly) {
    const NodeApi::Seat seat = offered();
    witness.joined("a:1", kLife, seat);
    witness.over(seat.token.nonce, false);
    EXPECT_EQ(seen(), Numbers{16});
}

TEST_F(Lies, ASessionIsNotGoneWhileItsServerLives) {
    const NodeApi::Seat seat = offered();
    witness.joined("a:1", kLife, seat);
    witness.told_gone(seat.token.nonce);
    EXPECT_EQ(seen(), Numbers{17});
}

TEST_F(Lies, ASessionIsGoneOnceItsServerWasKilled) {
    const NodeApi::Seat seat = offered();
    witness.joined("a:1", kLife, seat);
    witness.killed("a:1");
    witness.told_gone(seat.token.nonce);
    EXPECT_EQ(seen(), Numbers{});
}

TEST_F(Lies, NobodyComesBackToAnotherLife) {
    const NodeApi::Seat seat = offered();
    witness.joined("a:1", kLife, seat);
    witness.resumed("a:1", kLife + 1, seat.token);
    EXPECT_EQ(seen(), Numbers{17});
}

TEST_F(Lies, TwoOnOneSeatAreOneTooMany) {
    witness.joined("a:1", kLife, offered());
    witness.joined("a:1", kLife, offered());
    EXPECT_EQ(seen(), Numbers{18});
}

TEST_F(Lies, ATicketLetsInOnceAndOnlyIfSomebodyIssuedIt) {
    NodeApi::Seat seat = offered();
    witness.joined("a:1", kLife, seat);
    witness.over(seat.token.nonce, true);
    witness.joined("a:1", kLife, seat);
    EXPECT_EQ(seen(), Numbers{19});
    witness.over(seat.token.nonce, true);
    seat.token.nonce += 1;
    witness.joined("a:1", kLife, seat);
    EXPECT_EQ(world.checkers().violations().back().what, "nobody has issued this ticket");
}

TEST_F(Lies, AFencedServerHasNobodyAndGetsNobody) {
    const NodeApi::Seat seat = offered();
    witness.joined("a:1", kLife, seat);
    witness.fenced("a:1", {0, seat.process});
    EXPECT_EQ(seen(), Numbers{21});
    witness.over(seat.token.nonce, true);
    witness.joined("a:1", kLife, offered());
    EXPECT_EQ(world.checkers().violations().back().what, "it was fenced, and got a session");
}

TEST_F(Lies, AFencedServerIsNotOfferedByWhoKnows) {
    witness.fenced("a:1", {0, stage.api(0).process()});
    witness.look();
    (void)offered();
    EXPECT_EQ(seen(), Numbers{21});
}

TEST_F(Lies, SomebodyTakesClientsWhileSomethingIsReady) {
    NodeApi::Place nothing;
    nothing.outcome = registry::Choice::Outcome::no_version;
    witness.offered(stage.api(0), nothing);
    EXPECT_EQ(seen(), Numbers{22});
}

TEST_F(Lies, AnEarlierTicketLetsNobodyInAfterTheWatermark) {
    const NodeApi::Seat seat = offered();
    registry::Policy policy;
    policy.ticket_ttl_s = registry::kMaxTicketTtl;
    ASSERT_TRUE(stage.api(0).set_policy(policy));
    world.run_for(Time{1'000'000});
    witness.polled(0);
    witness.watermark(stage.api(0), stage.api(0).cluster_ms());
    witness.joined("a:1", kLife, seat);
    EXPECT_EQ(seen(), Numbers{}) << "redeemed before it";
    witness.over(seat.token.nonce, true);
    NodeApi::Seat late = seat;
    late.at = world.now();
    witness.joined("a:1", kLife, late);
    EXPECT_TRUE(seen().contains(20));
}

TEST_F(Lies, WhoIsNotNeededEnds) {
    witness.still_there("a:1", stage.api(0));
    EXPECT_EQ(seen(), Numbers{24});
}

TEST_F(Lies, ADecisionThatWasTakenIsNotLost) {
    witness.decided({gossip::PutStatus::created, 77, 0});
    std::vector<std::unique_ptr<NodeApi>> apis;
    const registry::TokenKeys keys = registry::TokenKeys::from_name("sim");
    apis.push_back(std::make_unique<NodeApi>(world, 0, keys, stage.dice()));
    apis.back()->started();
    witness.check_plans(apis);
    EXPECT_EQ(seen(), Numbers{23});
}

}  // namespace
}  // namespace sim
