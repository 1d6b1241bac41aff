#include <gtest/gtest.h>

#include "tests/support/cluster.h"
#include "tests/support/game_server.h"
#include "tests/support/raw_connection.h"
#include "tests/support/rollouts.h"
#include "tests/support/text.h"

// What registries and rollout managers before this one did wrong, each shown not to happen here.

namespace {

using namespace std::chrono_literals;
using test::Agent;
using test::contains;
using test::decide;
using test::eventually;
using test::GameServer;
using test::HttpAnswer;
using test::json;
using test::place;
using test::Ran;
using test::role_at;
using test::version_at;

// "accepted", or why not.
std::string join(Agent& agent, GameServer& server, const std::string& client,
                 std::string* token = nullptr) {
    const json answer = place(agent);
    if (answer.value("outcome", "") != "go") return answer.value("outcome", "");
    const auto seated = server.seat(client, "ticket", answer.at("candidates").at(0).at("ticket"));
    if (token) *token = seated.token;
    return seated.verdict;
}

class EarlierFaults : public testing::Test {
  protected:
    Agent& node(std::size_t i = 0) { return cluster_[i]; }
    void SetUp() override { ASSERT_TRUE(cluster_.start()) << cluster_.logs(); }

    test::Cluster cluster_{2};
};

TEST_F(EarlierFaults, ARestartOrScaleUpOfTheOldVersionMadeItTheLatest) {
    GameServer one{node().url(), "10.0.0.1:7777", "v1", 5};
    GameServer two{node().url(), "10.0.0.2:7777", "v2", 5};
    ASSERT_TRUE(one.start());
    ASSERT_TRUE(two.start());
    ASSERT_EQ(role_at(node(), "v2"), "accepting");
    GameServer again{node().url(), "10.0.0.1:7777", "v1", 5, 2};
    GameServer more{node(1).url(), "10.0.0.3:7777", "v1", 5};
    ASSERT_TRUE(again.start());
    ASSERT_TRUE(more.start());
    ASSERT_TRUE(eventually([&] { return version_at(node(), "v1").value("live", 0) == 2; }));
    EXPECT_EQ(role_at(node(), "v2"), "accepting");
    EXPECT_EQ(place(node()).at("address"), "10.0.0.2:7777");
}

TEST_F(EarlierFaults, ADeploymentNeverLeftTheMap) {
    GameServer one{node().url(), "10.0.0.1:7777", "v1", 5};
    ASSERT_TRUE(one.start());
    ASSERT_FALSE(role_at(node(), "v1").empty());
    ASSERT_TRUE(
        node().client().send({.method = "DELETE", .target = "/v1/instances/10.0.0.1:7777"}).ok());
    for (std::size_t i = 0; i < 2; ++i) {
        EXPECT_TRUE(eventually([&] { return role_at(node(i), "v1").empty(); })) << i;
    }
}

TEST_F(EarlierFaults, AnUnknownAppWasAnsweredWithSuccessAndAnEmptyEndpoint) {
    const HttpAnswer answer = node().client().get("/v1/apps/nothing/endpoint");
    EXPECT_EQ(answer.status, 404);
    EXPECT_TRUE(contains(answer.body, "unknown_app")) << answer.body;
    EXPECT_TRUE(contains(answer.body, "no instance of this app has ever registered"));
    const HttpAnswer legacy = node().client().get("/api/get-endpoint?app_name=nothing");
    EXPECT_EQ(legacy.status, 200) << "its old clients rely on it";
    EXPECT_EQ(json::parse(legacy.body), (json{{"endpoint", ""}}));
}

TEST_F(EarlierFaults, AListCallThatFailedEndedTheCaller) {
    cluster_[1].process().kill();
    for (const char* command : {"list", "apps", "nodes"}) {
        const Ran ran = test::run({command}, {{"HEARSAY_NODE", cluster_[1].url()}});
        EXPECT_EQ(ran.code, 4) << command << ran.err;
        EXPECT_TRUE(contains(ran.err, "no node answers at " + cluster_[1].url())) << ran.err;
    }
}

TEST_F(EarlierFaults, AServerThatCouldNotBeReachedWasKilled) {
    GameServer one{node().url(), "10.0.0.1:7777", "v1", 5};
    ASSERT_TRUE(one.start());
    std::string token;
    ASSERT_EQ(join(node(), one, "ann", &token), "accepted");
    ASSERT_TRUE(node()
                    .put("10.0.0.1:7777", {{"app_name", "arena"},
                                           {"version", "v1"},
                                           {"capacity", 5},
                                           {"incarnation", 1},
                                           {"sessions", 1},
                                           {"ttl", 1}})
                    .ok());
    ASSERT_TRUE(eventually([&] { return node().instance_state("10.0.0.1:7777") == "expired"; }));
    const json silent = place(node(), "?token=" + token);
    EXPECT_EQ(silent.at("session"), "unknown") << "silence is no proof that it has ended";
    EXPECT_EQ(silent.at("outcome"), "retry");
    ASSERT_TRUE(one.start()) << "it lived all the while";
    EXPECT_EQ(place(node(), "?token=" + token).at("session"), "go");
    EXPECT_EQ(one.instruction(), "open");
    EXPECT_EQ(one.seat("ann", "token", token).verdict, "accepted");
}

TEST_F(EarlierFaults, TheStandbyListWasForgottenInARestart) {
    GameServer one{node().url(), "10.0.0.1:7777", "v1", 5};
    GameServer two{node().url(), "10.0.0.2:7777", "v2", 5};
    ASSERT_TRUE(one.start() && two.start());
    ASSERT_TRUE(decide(node(), "promote", {{"version", "v1"}}).ok());
    ASSERT_EQ(role_at(node(), "v2"), "warm");
    const std::string why = version_at(node(), "v2").at("why");
    for (std::size_t i = 0; i < 2; ++i) cluster_[i].process().kill();
    for (std::size_t i = 0; i < 2; ++i) cluster_.restart(i);
    ASSERT_TRUE(eventually([&] { return role_at(node(), "v2") == "warm"; })) << cluster_.logs();
    EXPECT_EQ(version_at(node(), "v2").at("why"), why);
    EXPECT_EQ(role_at(node(), "v1"), "accepting");
}

TEST_F(EarlierFaults, AFullServerWasOffered) {
    GameServer one{node().url(), "10.0.0.1:7777", "v1", 1};
    GameServer two{node().url(), "10.0.0.2:7777", "v1", 1};
    ASSERT_TRUE(one.start() && two.start());
    ASSERT_TRUE(node()
                    .client()
                    .send({.method = "POST",
                           .target = "/v1/instances/10.0.0.1:7777/heartbeat",
                           .body = R"({"sessions": 1})"})
                    .ok());
    for (int i = 0; i < 20; ++i) {
        const json answer = place(node());
        EXPECT_EQ(answer.at("address"), "10.0.0.2:7777");
        EXPECT_EQ(answer.at("candidates").size(), 1U);
    }
}

TEST_F(EarlierFaults, OneConnectionThatHungHeldUpEverybody) {
    std::vector<test::RawConnection> hanging;
    for (int i = 0; i < 50; ++i) {
        hanging.emplace_back(node().http(), SOCK_STREAM);
        EXPECT_TRUE(hanging.back().send(
            "POST /registry/register_instance HTTP/1.1\r\nContent-Length: 99\r\n"));
    }
    GameServer one{node().url(), "10.0.0.1:7777", "v1", 5};
    EXPECT_TRUE(one.start());
    EXPECT_EQ(place(node()).at("outcome"), "go");
}

TEST_F(EarlierFaults, AGossiperPickedItself) {
    const json own = node().get("/v1/status?census=0").at("id");
    int with_other = 0;
    for (int i = 0; i < 20; ++i) {
        const HttpAnswer answer = node().client().get("/registry/perform_update");
        ASSERT_EQ(answer.status, 200);
        const json with = json::parse(answer.body).at("with");
        if (with.is_null()) continue;  // one step with it is still under way
        EXPECT_NE(with, own);
        ++with_other;
    }
    EXPECT_GT(with_other, 0);
}

TEST_F(EarlierFaults, ADeadPeerMadeRequestsFail) {
    cluster_[1].process().kill();
    for (int i = 0; i < 20; ++i) {
        EXPECT_EQ(node().client().get("/registry/perform_update").status, 200);
        EXPECT_EQ(node().client().get("/registry/list").status, 200);
    }
    EXPECT_EQ(node()
                  .post({{"address", "10.0.0.1:1"},
                         {"app_name", "chat"},
                         {"last_update", test::unix_now()}})
                  .status,
              200);
}

TEST_F(EarlierFaults, NothingEverExpired) {
    ASSERT_TRUE(node().put("10.0.0.1:7777", {{"app_name", "arena"}, {"ttl", 1}}).ok());
    for (std::size_t i = 0; i < 2; ++i) {
        EXPECT_TRUE(
            eventually([&] { return node(i).instance_state("10.0.0.1:7777") == "expired"; }));
        EXPECT_EQ(place(node(i)).at("outcome"), "no_version");
    }
}

TEST_F(EarlierFaults, AStampOfTheFutureWonForEver) {
    const auto post = [&](std::int64_t when, const char* app) {
        return node()
            .post({{"address", "10.0.0.1:1"}, {"app_name", app}, {"last_update", when}})
            .status;
    };
    EXPECT_EQ(post(test::unix_now() + 3600, "wrong"), 400);
    EXPECT_EQ(post(test::unix_now() * 1000, "milliseconds"), 400);
    EXPECT_EQ(post(test::unix_now(), "right"), 200);
    EXPECT_TRUE(eventually([&] {
        const json row = node(1).instance("10.0.0.1:1");
        return row.is_object() && row.at("app_name") == "right";
    }));
}

TEST_F(EarlierFaults, AnAppNeverGotItsNewName) {
    for (const char* app : {"before", "after"}) {
        ASSERT_EQ(node()
                      .post({{"address", "10.0.0.1:1"},
                             {"app_name", app},
                             {"last_update", test::unix_now()}})
                      .status,
                  200);
    }
    EXPECT_TRUE(eventually([&] {
        const json list = node(1).get("/registry/list");
        return list.contains("10.0.0.1:1") && list.at("10.0.0.1:1").at("app_name") == "after";
    }));
}

TEST_F(EarlierFaults, AServerWhoseNodeWasSilentOnceWasNeverListedAgain) {
    GameServer one{node(1).url(), "10.0.0.1:7777", "v1", 5};
    ASSERT_TRUE(one.start());
    ASSERT_TRUE(eventually([&] { return node().instance_state("10.0.0.1:7777") == "up"; }));
    node(1).process().signal(SIGSTOP);
    EXPECT_TRUE(eventually([&] { return node().node_state("b") == "dead"; }));
    EXPECT_EQ(node().instance_state("10.0.0.1:7777"), "unreachable");
    node(1).process().signal(SIGCONT);
    EXPECT_TRUE(eventually([&] { return node().instance_state("10.0.0.1:7777") == "up"; }))
        << cluster_.logs();
}

TEST_F(EarlierFaults, ADrainWaitedForEverWithoutSayingWhy) {
    GameServer one{node().url(), "10.0.0.1:7777", "v1", 5};
    ASSERT_TRUE(one.start());
    ASSERT_EQ(join(node(), one, "ann"), "accepted");
    ASSERT_TRUE(one.beat());
    const Ran ran = test::run({"drain", "10.0.0.1:7777", "--wait", "--timeout", "1s"},
                              {{"HEARSAY_NODE", node().url()}});
    EXPECT_EQ(ran.code, 5);
    EXPECT_TRUE(contains(ran.err, "1 sessions on 1 of 1 instance")) << ran.err;
    EXPECT_TRUE(contains(ran.err, "not within 1 s")) << ran.err;
}

TEST_F(EarlierFaults, ARolloutStuckBecauseEveryServerWasOccupied) {
    GameServer one{node().url(), "10.0.0.1:7777", "v1", 1};
    ASSERT_TRUE(one.start());
    ASSERT_EQ(join(node(), one, "ann"), "accepted");
    ASSERT_TRUE(one.beat());
    GameServer two{node(1).url(), "10.0.0.2:7777", "v2", 1};
    ASSERT_TRUE(two.start());
    ASSERT_TRUE(eventually([&] { return !role_at(node(), "v2").empty(); }));
    ASSERT_TRUE(decide(node(), "promote", {{"version", "v2"}}).ok());
    EXPECT_EQ(role_at(node(), "v2"), "accepting");
    EXPECT_EQ(role_at(node(), "v1"), "draining");
    EXPECT_EQ(join(node(), two, "ben"), "accepted");
    ASSERT_TRUE(one.beat());
    EXPECT_EQ(one.sessions(), 1U);
}

}  // namespace
