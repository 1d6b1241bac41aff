#include <SQLiteCpp/SQLiteCpp.h>
#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <set>
#include <thread>

#include "tests/support/cluster.h"

// What survives a node's death, and what its database shows while it lives.

namespace {

using namespace std::chrono_literals;
using test::Agent;
using test::Cluster;
using test::eventually;
using test::json;
using test::ScratchDir;
using test::unix_now;

TEST(Durability, LosesNothingThatWasAcknowledgedBeforeAKill) {
    const ScratchDir directory("hearsay-test");
    Agent agent(directory.path(), "solo");
    agent.start();
    ASSERT_TRUE(eventually([&] { return agent.answers(); })) << agent.log();

    std::mutex mutex;
    std::set<std::string> acknowledged;
    std::atomic<bool> over = false;
    std::vector<std::thread> writers;
    for (int writer = 0; writer < 4; ++writer) {
        writers.emplace_back([&, writer] {
            test::HttpClient client(agent.url(), 2s);
            for (int i = 0; !over; ++i) {
                const std::string address =
                    "10.0." + std::to_string(writer) + ".1:" + std::to_string(1 + i % 65'000);
                const json body = {
                    {"address", address}, {"app_name", "chat"}, {"last_update", unix_now()}};
                const auto answer = client.send({.method = "POST",
                                                 .target = "/registry/register_instance",
                                                 .body = body.dump()});
                if (answer.status != 200) return;  // killed
                const std::lock_guard lock(mutex);
                acknowledged.insert(address);
            }
        });
    }
    // In the middle of it, right after some 200.
    EXPECT_TRUE(eventually([&] {
        const std::lock_guard lock(mutex);
        return acknowledged.size() >= 500;
    })) << agent.log();
    agent.process().kill();
    over = true;
    for (auto& writer : writers) writer.join();

    agent.start();
    ASSERT_TRUE(eventually([&] { return agent.answers(); })) << agent.log();
    const json list = agent.get("/registry/list");
    for (const auto& address : acknowledged) {
        ASSERT_TRUE(list.contains(address)) << address << " was acknowledged";
        EXPECT_EQ(list.at(address).at("state"), "up");
    }
}

TEST(Durability, KeepsADeletionOverAKillToo) {
    const ScratchDir directory("hearsay-test");
    Agent agent(directory.path(), "solo");
    agent.start();
    ASSERT_TRUE(eventually([&] { return agent.answers(); })) << agent.log();
    ASSERT_TRUE(agent.put("10.0.0.1:9000", {{"app_name", "chat"}}).ok());
    ASSERT_TRUE(
        agent.client().send({.method = "DELETE", .target = "/v1/instances/10.0.0.1:9000"}).ok());
    agent.process().kill();
    agent.start();
    ASSERT_TRUE(eventually([&] { return agent.answers(); })) << agent.log();
    EXPECT_TRUE(agent.get("/registry/list").empty());
}

TEST(Durability, GivesARestartedNodeItsOldIdentity) {
    Cluster cluster(2);
    ASSERT_TRUE(cluster.start()) << cluster.logs();
    const json before = cluster[1].get("/v1/status");
    cluster[1].process().kill();
    cluster.restart(1);
    ASSERT_TRUE(cluster.agree()) << cluster.logs();
    EXPECT_EQ(cluster[1].get("/v1/status").at("id"), before.at("id"));
    // One node came back; no second one was added.
    EXPECT_EQ(cluster[0].get("/v1/nodes").at("nodes").size(), 2U);
}

TEST(Durability, RecoversWhatPeersHaveWhenItsDiskIsLost) {
    Cluster cluster(3);
    ASSERT_TRUE(cluster.start()) << cluster.logs();
    for (int i = 1; i <= 20; ++i) {
        ASSERT_TRUE(
            cluster[2].put("10.0.0." + std::to_string(i) + ":1", {{"app_name", "chat"}}).ok());
    }
    ASSERT_TRUE(cluster.agree()) << cluster.logs();
    cluster[2].process().kill();
    std::filesystem::remove_all(cluster[2].data());
    cluster.restart(2);
    EXPECT_TRUE(eventually([&] { return cluster[2].get("/registry/list").size() == 20; }))
        << cluster.logs();
}

TEST(Durability, ShowsTheRegistryToSqliteWhileTheNodeRuns) {
    Cluster cluster(2);
    ASSERT_TRUE(cluster.start()) << cluster.logs();
    const auto now = unix_now();
    ASSERT_EQ(cluster[0]
                  .post({{"address", "10.0.0.1:9000"},
                         {"app_name", "chat"},
                         {"version", "v2"},
                         {"last_update", now}})
                  .status,
              200);
    // At once where it was written, soon where it was heard of.
    for (const std::size_t node : {0U, 1U}) {
        std::vector<std::string> row;
        EXPECT_TRUE(eventually([&] {
            const SQLite::Database database((cluster[node].data() / "hearsay.db").string(),
                                            SQLite::OPEN_READONLY, 1000);
            SQLite::Statement query(
                database, "select address, app_name, version, state, last_update from registry");
            row.clear();
            while (query.executeStep()) {
                for (int i = 0; i < query.getColumnCount(); ++i) {
                    row.push_back(query.getColumn(i).getString());
                }
            }
            return !row.empty();
        })) << cluster[node].log();
        EXPECT_EQ(row, (std::vector<std::string>{"10.0.0.1:9000", "chat", "v2", "up",
                                                 std::to_string(now)}));
    }
    EXPECT_TRUE(cluster[0].put("10.0.0.2:9000", {{"app_name", "chat"}}).ok());
}

}  // namespace
