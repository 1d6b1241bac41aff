#include "tests/support/cluster.h"

#include <gtest/gtest.h>

#include <set>

// What a cluster of real processes promises to applications and their clients.

namespace {

using namespace std::chrono_literals;
using test::Cluster;
using test::eventually;
using test::json;
using test::unix_now;

TEST(ClusterOfProcesses, ListsAnInstanceAtEveryNodeOnceItIsRegisteredAtOne) {
    Cluster cluster(3);
    ASSERT_TRUE(cluster.start()) << cluster.logs();
    const auto answer = cluster[0].post(
        {{"address", "10.0.0.1:9000"}, {"app_name", "chat"}, {"last_update", unix_now()}});
    ASSERT_EQ(answer.status, 200) << answer.body;
    EXPECT_EQ(answer.body, "success");

    // At its own node as soon as the POST has returned.
    EXPECT_EQ(cluster[0].get("/registry/list").at("10.0.0.1:9000").at("app_name"), "chat");
    ASSERT_TRUE(eventually([&] { return cluster[2].instance_state("10.0.0.1:9000") == "up"; }));
    const json list = cluster[2].get("/registry/list");
    EXPECT_EQ(list.at("10.0.0.1:9000").at("last_update"),
              cluster[0].get("/registry/list").at("10.0.0.1:9000").at("last_update"));
    EXPECT_TRUE(cluster.agree()) << cluster.logs();
}

TEST(ClusterOfProcesses, ForgetsADeregisteredInstanceEverywhere) {
    Cluster cluster(3);
    ASSERT_TRUE(cluster.start()) << cluster.logs();
    ASSERT_TRUE(cluster[0].put("10.0.0.1:9000", {{"app_name", "chat"}}).ok());
    for (const std::size_t i : {1, 2}) {
        ASSERT_TRUE(eventually([&] { return cluster[i].instance_state("10.0.0.1:9000") == "up"; }));
    }
    // Not at the node where it was registered: any node will do.
    const auto answer =
        cluster[1].client().send({.method = "DELETE", .target = "/v1/instances/10.0.0.1:9000"});
    EXPECT_TRUE(answer.ok()) << answer.body;
    for (std::size_t i = 0; i < cluster.size(); ++i) {
        EXPECT_TRUE(eventually([&] { return cluster[i].get("/registry/list").empty(); })) << i;
    }
}

TEST(ClusterOfProcesses, RefusesAConditionalPutThatSawAnOlderVersion) {
    Cluster cluster(2);
    ASSERT_TRUE(cluster.start()) << cluster.logs();
    ASSERT_TRUE(cluster[0].put("10.0.0.1:9000", {{"app_name", "chat"}, {"version", "v1"}}).ok());
    const std::string seen = cluster[0].instance("10.0.0.1:9000").at("ver");
    ASSERT_TRUE(eventually([&] { return cluster[1].instance_state("10.0.0.1:9000") == "up"; }));

    // Two operators saw the same version; the second one must not overwrite the first unseen.
    const auto first = cluster[1].put("10.0.0.1:9000", {{"app_name", "chat"}, {"version", "v2"}},
                                      {{"If-Match", "\"" + seen + "\""}});
    EXPECT_TRUE(first.ok()) << first.body;
    ASSERT_TRUE(
        eventually([&] { return cluster[0].instance("10.0.0.1:9000").at("version") == "v2"; }));
    const auto second = cluster[0].put("10.0.0.1:9000", {{"app_name", "chat"}, {"version", "v3"}},
                                       {{"If-Match", "\"" + seen + "\""}});
    EXPECT_EQ(second.status, 409) << second.body;
    EXPECT_EQ(json::parse(second.body).at("current").at("version"), "v2");
    EXPECT_EQ(cluster[0].instance("10.0.0.1:9000").at("version"), "v2");
}

TEST(ClusterOfProcesses, AgreesOnAThousandInstancesAtFiveNodes) {
    Cluster cluster(5);
    ASSERT_TRUE(cluster.start()) << cluster.logs();
    for (std::size_t node = 0; node < 5; ++node) {
        json rows = json::object();
        for (int i = 0; i < 200; ++i) {
            const std::string address = "10.0." + std::to_string(node) + "." + std::to_string(i);
            rows[address] = {{"app_name", "chat"}, {"last_update", unix_now()}};
        }
        const auto answer = cluster[node].client().send(
            {.method = "POST", .target = "/registry/register_all", .body = rows.dump()});
        ASSERT_EQ(answer.body, "Success!") << answer.status;
    }
    for (std::size_t node = 0; node < 5; ++node) {
        EXPECT_TRUE(eventually([&] { return cluster[node].get("/registry/list").size() == 1000; }))
            << cluster[node].log();
    }
    EXPECT_TRUE(cluster.agree()) << cluster.logs();
    // Not only as many rows, but the same ones.
    std::set<std::string> versions;
    for (std::size_t node = 0; node < 5; ++node) {
        std::string all;
        const json list = cluster[node].get("/registry/list");
        for (const auto& [address, row] : list.items()) {
            all += address + row.at("ver").get<std::string>() + row.at("state").get<std::string>();
        }
        versions.insert(all);
    }
    EXPECT_EQ(versions.size(), 1U);
}

TEST(ClusterOfProcesses, ShowsAKilledNodeAsDeadAndItsInstancesAsUnreachableUntilItReturns) {
    Cluster cluster(3);
    ASSERT_TRUE(cluster.start()) << cluster.logs();
    ASSERT_TRUE(cluster[2].put("10.0.0.1:9000", {{"app_name", "chat"}, {"ttl", 600}}).ok());
    ASSERT_TRUE(eventually([&] { return cluster[0].instance_state("10.0.0.1:9000") == "up"; }));

    cluster[2].process().kill();
    for (const std::size_t survivor : {0U, 1U}) {
        EXPECT_TRUE(eventually([&] {
            return cluster[survivor].node_state("c") == "dead" &&
                   cluster[survivor].instance_state("10.0.0.1:9000") == "unreachable";
        })) << cluster.logs();
    }
    cluster.restart(2);
    EXPECT_TRUE(cluster.agree()) << cluster.logs();
    for (const std::size_t node : {0U, 1U, 2U}) {
        EXPECT_TRUE(eventually([&] {
            return cluster[node].node_state("c") == "alive" &&
                   cluster[node].instance_state("10.0.0.1:9000") == "up";
        })) << cluster.logs();
    }
}

TEST(ClusterOfProcesses, AgreesAgainAfterTwoNodesWereCutOffWhileEverybodyWrote) {
    Cluster cluster(5);
    ASSERT_TRUE(cluster.start()) << cluster.logs();
    // A stopped process neither hears nor answers, as behind a cut cable.
    for (const std::size_t cut : {3U, 4U}) cluster[cut].process().signal(SIGSTOP);
    for (int i = 0; i < 20; ++i) {
        ASSERT_TRUE(
            cluster[0].put("10.0.0." + std::to_string(i) + ":1", {{"app_name", "chat"}}).ok());
    }
    ASSERT_TRUE(eventually([&] {
        return cluster[1].node_state("d") == "dead" && cluster[1].node_state("e") == "dead";
    })) << cluster.logs();

    for (const std::size_t cut : {3U, 4U}) cluster[cut].process().signal(SIGCONT);
    ASSERT_TRUE(cluster[4].put("10.0.4.1:1", {{"app_name", "chat"}}).ok());
    EXPECT_TRUE(cluster.agree(30s)) << cluster.logs();
    for (std::size_t node = 0; node < 5; ++node) {
        EXPECT_TRUE(eventually([&] { return cluster[node].get("/registry/list").size() == 21; }))
            << node;
        for (const char* name : {"a", "b", "c", "d", "e"}) {
            EXPECT_TRUE(eventually([&] { return cluster[node].node_state(name) == "alive"; }))
                << node << " about " << name;
        }
    }
}

TEST(ClusterOfProcesses, LetsANodeLeaveInOrderOnSigterm) {
    Cluster cluster(3);
    ASSERT_TRUE(cluster.start()) << cluster.logs();
    ASSERT_TRUE(cluster[2].put("10.0.0.1:9000", {{"app_name", "chat"}, {"ttl", 600}}).ok());
    ASSERT_TRUE(eventually([&] { return cluster[0].instance_state("10.0.0.1:9000") == "up"; }));

    cluster[2].process().signal(SIGTERM);
    const auto code = cluster[2].process().wait(2s);
    ASSERT_TRUE(code.has_value()) << "still running after 2 s\n" << cluster[2].log();
    EXPECT_EQ(*code, 0) << cluster[2].log();
    // Said, not found out: far sooner than a failure could be detected.
    for (const std::size_t other : {0U, 1U}) {
        EXPECT_TRUE(eventually([&] { return cluster[other].node_state("c") == "left"; }, 2s))
            << cluster.logs();
        EXPECT_EQ(cluster[other].instance_state("10.0.0.1:9000"), "unreachable");
    }
    EXPECT_TRUE(cluster.agree()) << cluster.logs();
}

TEST(ClusterOfProcesses, ExpiresAnInstanceThatStopsRenewingItsLease) {
    Cluster cluster(2);
    ASSERT_TRUE(cluster.start()) << cluster.logs();
    ASSERT_TRUE(cluster[0].put("10.0.0.1:9000", {{"app_name", "chat"}, {"ttl", 1}}).ok());
    EXPECT_TRUE(eventually([&] { return cluster[1].instance_state("10.0.0.1:9000") == "expired"; }))
        << cluster.logs();
    // It was only slow: it is back with its next heartbeat.
    ASSERT_TRUE(cluster[0].put("10.0.0.1:9000", {{"app_name", "chat"}, {"ttl", 600}}).ok());
    EXPECT_TRUE(eventually([&] { return cluster[1].instance_state("10.0.0.1:9000") == "up"; }))
        << cluster.logs();
}

TEST(ClusterOfProcesses, KeepsAnInstanceUpThatRenewsItsLeaseAtAnotherNode) {
    Cluster cluster(2);
    ASSERT_TRUE(cluster.start()) << cluster.logs();
    const json body = {{"app_name", "chat"}, {"ttl", 2}};
    ASSERT_TRUE(cluster[0].put("10.0.0.1:9000", body).ok());
    ASSERT_TRUE(eventually([&] { return cluster[1].instance_state("10.0.0.1:9000") == "up"; }));
    const std::string owner = cluster[0].instance("10.0.0.1:9000").at("owner");
    // Twice the lease long, as behind a load balancer: never expired, and the owner stays.
    const auto renewed = [&] {
        EXPECT_TRUE(cluster[1].put("10.0.0.1:9000", body).ok());
        const json row = cluster[0].instance("10.0.0.1:9000");
        EXPECT_EQ(row.at("state"), "up");
        EXPECT_EQ(row.at("owner"), owner);
        return row.at("last_update").get<std::int64_t>();
    };
    const std::int64_t first = renewed();
    ASSERT_TRUE(eventually([&] { return HasFailure() || renewed() >= first + 4; }))
        << cluster.logs();
}

TEST(ClusterOfProcesses, AFreshListIsWhatTheOwnersKnow) {
    Cluster cluster(3);
    // Renewals travel once per interval: too late for this test.
    for (std::size_t i = 0; i < 3; ++i) {
        cluster[i].start(i == 0 ? std::vector<std::string>{} : std::vector{cluster[0].gossip()},
                         {"--interval", "1m"});
        ASSERT_TRUE(eventually([&] { return cluster[i].answers(); })) << cluster.logs();
    }
    ASSERT_TRUE(cluster.agree()) << cluster.logs();
    const auto register_at = [&](std::uint64_t last_update) {
        return cluster[0].post(
            {{"address", "10.0.0.1:9000"}, {"app_name", "chat"}, {"last_update", last_update}});
    };
    const auto now = static_cast<std::uint64_t>(std::time(nullptr));
    ASSERT_TRUE(register_at(now - 60).ok());
    ASSERT_TRUE(eventually([&] { return cluster[2].instance_state("10.0.0.1:9000") == "up"; }));
    ASSERT_TRUE(register_at(now - 1).ok());
    const auto seen = [&](const std::string& target) {
        const json body = cluster[2].get(target);
        return (body.contains("instances") ? body.at("instances")[0] : body).at("last_update");
    };
    EXPECT_EQ(seen("/v1/instances/10.0.0.1:9000"), now - 60) << "a lower bound";
    EXPECT_EQ(seen("/v1/instances?app=chat"), now - 60);
    EXPECT_EQ(seen("/v1/instances?app=chat&fresh=1"), now - 1);
    EXPECT_EQ(seen("/v1/instances/10.0.0.1:9000"), now - 1) << "everybody profits";
    ASSERT_TRUE(register_at(now).ok());
    EXPECT_EQ(seen("/v1/instances/10.0.0.1:9000?fresh=1"), now);
    EXPECT_EQ(cluster[2].client().get("/v1/instances?fresh=maybe").status, 400);
    EXPECT_EQ(cluster[2].client().get("/v1/instances/h:1?frsh=1").status, 400);

    // An owner that does not answer is not waited for.
    cluster[0].process().signal(SIGSTOP);
    EXPECT_EQ(seen("/v1/instances?fresh=1"), now);
    cluster[0].process().signal(SIGCONT);
}

TEST(ClusterOfProcesses, ServesBeforeItsSeedIsUpAndJoinsWhenItIs) {
    Cluster cluster(2);
    cluster.restart(1);  // its seed is not there
    ASSERT_TRUE(eventually([&] { return cluster[1].answers(); })) << cluster[1].log();
    ASSERT_TRUE(cluster[1].put("10.0.0.1:9000", {{"app_name", "chat"}}).ok());
    EXPECT_EQ(cluster[1].instance_state("10.0.0.1:9000"), "up");

    cluster.restart(0);
    EXPECT_TRUE(cluster.agree()) << cluster.logs();
    EXPECT_TRUE(eventually([&] { return cluster[0].instance_state("10.0.0.1:9000") == "up"; }))
        << cluster.logs();
}

TEST(ClusterOfProcesses, JoinsThroughASeedThatIsGivenByName) {
    const test::ScratchDir directory("hearsay-test");
    test::Agent first(directory.path(), "first");
    test::Agent second(directory.path(), "second");
    // `localhost` is no address of test::loopback().
    const auto colon = first.gossip().rfind(':');
    const std::string port = first.gossip().substr(colon);
    first.start({}, {"--gossip", "127.0.0.1" + port});
    second.start({"localhost" + port}, {"--gossip", "127.0.0.1:0"});
    EXPECT_TRUE(eventually([&] {
        return first.node_state("second") == "alive" && second.node_state("first") == "alive";
    })) << first.log()
        << second.log();
}

}  // namespace
