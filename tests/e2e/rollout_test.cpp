#include <gtest/gtest.h>

#include <fstream>

#include "tests/support/cluster.h"
#include "tests/support/game_server.h"
#include "tests/support/rollouts.h"
#include "tests/support/text.h"

// Version 2 goes live while the clients of version 1 stay where they are, whatever happens to the
// nodes meanwhile.

namespace {

using namespace std::chrono_literals;
using test::Agent;
using test::Cluster;
using test::contains;
using test::decide;
using test::eventually;
using test::GameServer;
using test::json;
using test::place;
using test::Ran;
using test::role_at;

constexpr int kNotFound = 3;
constexpr int kRefused = 6;

class Rollout : public testing::Test {
  protected:
    bool everywhere(const std::string& version, const std::string& wanted) {
        return test::everywhere(cluster_, version, wanted);
    }
    // A client asks a node and goes where it is sent.
    std::string join(Agent& agent, std::vector<GameServer*> servers, const std::string& client) {
        const json answer = place(agent);
        if (answer.value("outcome", "") != "go") return answer.value("outcome", "no answer");
        for (const json& candidate : answer.at("candidates")) {
            for (GameServer* server : servers) {
                if (server->address() != candidate.at("address")) continue;
                const auto seated = server->seat(client, "ticket", candidate.at("ticket"));
                if (seated.verdict != "accepted") continue;
                tokens_[client] = seated.token;
                return server->version();
            }
        }
        return "full";
    }

    Cluster cluster_{3};
    std::map<std::string, std::string> tokens_;  // by client
};

TEST_F(Rollout, TheClientsOfAnOldVersionStayUntilTheyLeave) {
    ASSERT_TRUE(cluster_.start()) << cluster_.logs();
    GameServer one{cluster_[1].url(), "10.0.0.1:7777", "v1", 50};
    ASSERT_TRUE(one.start());
    ASSERT_TRUE(everywhere("v1", "accepting")) << cluster_.logs();
    for (int i = 0; i < 12; ++i) {
        EXPECT_EQ(join(cluster_[static_cast<std::size_t>(i % 3)], {&one}, "c" + std::to_string(i)),
                  "v1");
    }
    ASSERT_TRUE(one.beat());

    GameServer two{cluster_[2].url(), "10.0.0.2:7777", "v2", 50};
    ASSERT_TRUE(two.start());
    ASSERT_TRUE(eventually([&] { return !role_at(cluster_[0], "v2").empty(); })) << cluster_.logs();
    ASSERT_EQ(decide(cluster_[0], "promote", {{"version", "v2"}}).status, 200);
    ASSERT_TRUE(everywhere("v1", "draining")) << cluster_.logs();
    ASSERT_TRUE(eventually([&] {
        const json app = cluster_[1].get("/v1/apps/arena");
        return app.at("agreement").at("agreeing") == 3 && app.at("watermark").is_number();
    })) << cluster_[1].get("/v1/apps/arena");
    cluster_[0].process().kill();  // where it was decided
    for (int i = 12; i < 24; ++i) {
        EXPECT_EQ(join(cluster_[1 + static_cast<std::size_t>(i % 2)], {&one, &two},
                       "c" + std::to_string(i)),
                  "v2");
    }
    ASSERT_TRUE(one.beat());
    EXPECT_EQ(one.instruction(), "draining");
    EXPECT_EQ(one.sessions(), 12U) << "nobody was sent away";
    EXPECT_FALSE(one.fence()) << "there are sessions";

    for (int i = 0; i < 12; ++i) one.end("c" + std::to_string(i));
    ASSERT_TRUE(one.beat());
    EXPECT_EQ(one.instruction(), "close");
    EXPECT_TRUE(one.fence());
    // The node that was away learns what was decided without it.
    cluster_.restart(0);
    ASSERT_TRUE(everywhere("v2", "accepting")) << cluster_.logs();
    EXPECT_EQ(place(cluster_[0]).at("address"), "10.0.0.2:7777");
}

TEST_F(Rollout, ARollbackNeedsNoColdStart) {
    ASSERT_TRUE(cluster_.start()) << cluster_.logs();
    GameServer one{cluster_[1].url(), "10.0.0.1:7777", "v1", 50};
    GameServer two{cluster_[2].url(), "10.0.0.2:7777", "v2", 50};
    ASSERT_TRUE(one.start());
    ASSERT_TRUE(eventually([&] { return role_at(cluster_[0], "v1") == "accepting"; }));
    EXPECT_EQ(join(cluster_[0], {&one}, "first"), "v1");
    ASSERT_TRUE(one.beat());
    ASSERT_TRUE(two.start());
    ASSERT_TRUE(everywhere("v2", "accepting")) << cluster_.logs();
    ASSERT_TRUE(everywhere("v1", "draining")) << cluster_.logs();
    ASSERT_EQ(decide(cluster_[2], "rollback", json::object()).status, 200);
    ASSERT_TRUE(everywhere("v1", "accepting")) << cluster_.logs();
    ASSERT_TRUE(one.beat());
    EXPECT_EQ(one.instruction(), "open");
    EXPECT_EQ(join(cluster_[0], {&one, &two}, "second"), "v1");
}

TEST_F(Rollout, ALostClientComesBackToItsServerThroughANodeThatHasJustBooted) {
    cluster_.restart(0);
    cluster_.restart(1);
    GameServer one{cluster_[0].url(), "10.0.0.1:7777", "v1", 50};
    GameServer other{cluster_[1].url(), "10.0.0.2:7777", "v1", 50};
    ASSERT_TRUE(eventually([&] { return one.start() && other.start(); })) << cluster_.logs();
    ASSERT_TRUE(eventually([&] {
        return place(cluster_[0]).at("candidates").size() == 2 &&
               place(cluster_[1]).at("candidates").size() == 2;
    })) << cluster_.logs();
    std::map<std::string, GameServer*> where;
    for (int i = 0; i < 20; ++i) {
        const std::string client = "c" + std::to_string(i);
        ASSERT_EQ(join(cluster_[static_cast<std::size_t>(i % 2)], {&one, &other}, client), "v1");
        where[client] = one.has(client) ? &one : &other;
    }
    cluster_.restart(2);
    ASSERT_TRUE(eventually([&] { return cluster_[2].answers(); })) << cluster_.logs();
    for (const auto& [client, server] : where) {
        json answer;
        ASSERT_TRUE(eventually([&] {
            answer = place(cluster_[2], "?token=" + tokens_[client]);
            EXPECT_NE(answer.value("session", ""), "gone") << "it has only not heard of it yet";
            return answer.value("session", "") == "go";
        })) << answer;
        EXPECT_EQ(answer.at("address"), server->address());
        EXPECT_EQ(server->seat(client, "token", tokens_[client]).verdict, "accepted");
    }
}

TEST_F(Rollout, AStormOfClientsFindsEverySeatAndNoMore) {
    ASSERT_TRUE(cluster_.start()) << cluster_.logs();
    std::vector<std::unique_ptr<GameServer>> servers;
    std::vector<GameServer*> all;
    for (std::size_t i = 0; i < 6; ++i) {
        servers.push_back(std::make_unique<GameServer>(
            cluster_[i % 3].url(), "10.0.0." + std::to_string(i) + ":7777", "v1", 10));
        ASSERT_TRUE(servers.back()->start());
        all.push_back(servers.back().get());
    }
    ASSERT_TRUE(cluster_.agree());
    // Nobody tells anybody of his sessions meanwhile: the views are as stale as they can be.
    int seated = 0;
    for (int i = 0; i < 300; ++i) {
        const std::string client = "c" + std::to_string(i);
        if (join(cluster_[static_cast<std::size_t>(i % 3)], all, client) == "v1") ++seated;
    }
    for (const GameServer* server : all) EXPECT_EQ(server->sessions(), 10U) << server->address();
    EXPECT_EQ(seated, 60);
}

TEST_F(Rollout, PackedFillsOneServerBeforeTheNextHoweverOldTheViews) {
    ASSERT_TRUE(cluster_.start()) << cluster_.logs();
    std::vector<std::unique_ptr<GameServer>> servers;
    for (std::size_t i = 0; i < 6; ++i) {
        servers.push_back(std::make_unique<GameServer>(
            cluster_[i % 3].url(), "10.0.0." + std::to_string(i) + ":7777", "v1", 10));
        ASSERT_TRUE(servers.back()->start());
    }
    ASSERT_EQ(cluster_[0]
                  .client()
                  .send({.method = "PUT",
                         .target = "/v1/apps/arena",
                         .body = R"({"policy": {"pick": "packed"}})"})
                  .status,
              200);
    ASSERT_TRUE(cluster_.agree());
    // Nobody says how many clients he has: every view shows six empty servers.
    for (int i = 0; i < 35; ++i) {
        const json answer = place(cluster_[static_cast<std::size_t>(i % 3)]);
        ASSERT_EQ(answer.value("outcome", ""), "go") << answer;
        const json& first = answer.at("candidates").at(0);
        for (const auto& server : servers) {
            if (server->address() != first.at("address")) continue;
            EXPECT_EQ(server->seat("c" + std::to_string(i), "ticket", first.at("ticket")).verdict,
                      "accepted")
                << "a leased seat is a seat";
        }
    }
    std::size_t used = 0;
    std::size_t full = 0;
    for (const auto& server : servers) {
        EXPECT_LE(server->sessions(), 10U);
        used += server->sessions() > 0 ? 1 : 0;
        full += server->sessions() == 10 ? 1 : 0;
    }
    EXPECT_LE(used, 5U) << "35 clients need four";
    EXPECT_GE(full, 2U);
}

TEST_F(Rollout, DecisionsOutliveEveryNodeThatIsKilled) {
    ASSERT_TRUE(cluster_.start()) << cluster_.logs();
    ASSERT_TRUE(GameServer(cluster_[0].url(), "10.0.0.1:7777", "v1", 5).start());
    ASSERT_TRUE(GameServer(cluster_[0].url(), "10.0.0.2:7777", "v2", 5).start());
    ASSERT_EQ(decide(cluster_[0], "promote", {{"version", "v1"}, {"author", "ann"}}).status, 200);
    const json decided = cluster_[0].get("/v1/apps/arena");
    for (std::size_t i = 0; i < 3; ++i) cluster_[i].process().kill();
    for (std::size_t i = 0; i < 3; ++i) cluster_.restart(i);
    ASSERT_TRUE(eventually([&] {
        for (std::size_t i = 0; i < 3; ++i) {
            const json app = cluster_[i].get("/v1/apps/arena");
            if (!app.is_object() || app.at("epoch") != decided.at("epoch")) return false;
        }
        return true;
    })) << cluster_.logs();
    EXPECT_EQ(cluster_[1].get("/v1/apps/arena").at("author"), "ann");
}

TEST_F(Rollout, TheCommandLineDecidesAndShows) {
    cluster_.restart(0);
    Agent& agent = cluster_[0];
    ASSERT_TRUE(eventually([&] { return agent.answers(); })) << agent.log();
    const auto run = [&](std::vector<std::string> arguments) {
        return test::run(arguments, {{"HEARSAY_NODE", agent.url()}});
    };
    EXPECT_EQ(run({"rollout", "status", "arena"}).code, kNotFound);
    GameServer one{agent.url(), "10.0.0.1:7777", "v1", 5};
    GameServer two{agent.url(), "10.0.0.2:7777", "v2", 5};
    ASSERT_TRUE(one.start() && two.start());
    EXPECT_EQ(join(agent, {&one, &two}, "c"), "v2");
    ASSERT_TRUE(two.beat());

    const Ran dry = run({"rollout", "promote", "arena", "v1", "--dry-run"});
    EXPECT_EQ(dry.code, 0) << dry.err;
    EXPECT_TRUE(contains(dry.out, "draining")) << dry.out;
    EXPECT_EQ(role_at(agent, "v2"), "accepting") << "nothing has changed";

    const Ran promoted = run({"rollout", "promote", "arena", "v1", "--author", "ann"});
    EXPECT_EQ(promoted.code, 0) << promoted.err;
    EXPECT_TRUE(contains(promoted.out, "decided by ann")) << promoted.out;
    const std::string epoch = agent.get("/v1/apps/arena").at("epoch");
    const Ran split = run({"rollout", "split", "arena", "v1=80", "v2=20"});
    EXPECT_TRUE(contains(split.out, "80 %")) << split.out << split.err;
    const Ran late = run({"rollout", "pause", "arena", "--if-epoch", epoch});
    EXPECT_EQ(late.code, kRefused) << late.out;
    EXPECT_TRUE(contains(late.err, "somebody has decided meanwhile")) << late.err;
    EXPECT_EQ(run({"rollout", "promote", "arena", "v9"}).code, kNotFound);
    EXPECT_EQ(run({"rollout", "split", "arena", "v1"}).code, 2);

    EXPECT_EQ(run({"rollout", "drain", "arena"}).code, 2);
    const Ran by = run({"rollout", "drain", "arena", "--within", "2h", "--hard"});
    EXPECT_TRUE(contains(by.out, "draining sessions end by ")) << by.out << by.err;
    EXPECT_TRUE(contains(by.out, "or are cut")) << by.out;
    const Ran never = run({"rollout", "drain", "arena", "--within", "never"});
    EXPECT_FALSE(contains(never.out, "end by ")) << never.out << never.err;

    const Ran apps = run({"apps"});
    EXPECT_TRUE(contains(apps.out, "v2, v1")) << apps.out;
    const Ran shown = run({"rollout", "status", "arena"});
    EXPECT_TRUE(contains(shown.out, "1 of 1 nodes follow this plan (" +
                                        agent.get("/v1/apps/arena").value("plan", "") + ")"))
        << shown.out;
    EXPECT_TRUE(
        contains(shown.out,
                 "watermark " + std::to_string(agent.get("/v1/apps/arena").value("watermark", 0))))
        << shown.out;
    const Ran why = run({"why", "10.0.0.2:7777"});
    EXPECT_TRUE(contains(why.out, "10.0.0.2:7777: open")) << why.out << why.err;
    EXPECT_TRUE(contains(why.out, "operators gave it a weight")) << why.out;
    const json status = json::parse(run({"rollout", "status", "arena", "-o", "json"}).out);
    EXPECT_EQ(status.at("rollout").at("weights"), (json{{"v1", 80}, {"v2", 20}}));
}

TEST_F(Rollout, TicketsOfAnotherKeyAreWorthNothing) {
    const auto file = [&](const char* name, char digit) {
        const auto path = cluster_.directory() / name;
        std::ofstream(path) << "# of this cluster\n" << std::string(64, digit) << "\n";
        return path.string();
    };
    const std::vector<std::string> ours{"--token-keys", file("ours", '1')};
    cluster_[0].start({}, ours);
    cluster_[1].start({cluster_[0].gossip()}, ours);
    cluster_[2].start({cluster_[0].gossip()}, {"--token-keys", file("others", '2')});
    ASSERT_TRUE(cluster_.agree()) << cluster_.logs();
    GameServer one{cluster_[0].url(), "10.0.0.1:7777", "v1", 5};
    ASSERT_TRUE(one.start());
    ASSERT_TRUE(everywhere("v1", "accepting")) << cluster_.logs();
    const auto ticket = [&](std::size_t node) {
        return place(cluster_[node]).at("candidates").at(0).at("ticket").get<std::string>();
    };
    EXPECT_EQ(one.seat("ann", "ticket", ticket(1)).verdict, "accepted");
    EXPECT_EQ(one.seat("ben", "ticket", ticket(2)).verdict, "invalid");

    const Ran missing =
        test::run({"agent", "--http", test::next_address(), "--gossip", test::next_address(),
                   "--data", (cluster_.directory() / "none").string(), "--token-keys",
                   (cluster_.directory() / "nothing").string()});
    EXPECT_EQ(missing.code, 2);
    EXPECT_TRUE(contains(missing.err, "cannot be read")) << missing.err;
}

TEST_F(Rollout, TheWatermarkWaitsForWhoHeardLater) {
    cluster_.restart(0);
    ASSERT_TRUE(eventually([&] { return cluster_[0].answers(); })) << cluster_.logs();
    GameServer one{cluster_[0].url(), "10.0.0.1:7777", "v1", 5};
    ASSERT_TRUE(one.start());
    ASSERT_EQ(decide(cluster_[0], "promote", {{"version", "v1"}}).status, 200);
    const auto watermark = [&] {
        const json app = cluster_[0].get("/v1/apps/arena");
        return app.at("watermark").is_number() ? app.at("watermark").get<std::int64_t>() : 0;
    };
    ASSERT_TRUE(eventually([&] { return watermark() > 0; }));
    const std::int64_t alone = watermark();
    const std::int64_t then = test::unix_now() + 2;
    ASSERT_TRUE(eventually([&] { return test::unix_now() >= then; }));
    EXPECT_EQ(watermark(), alone) << "nobody has come";

    cluster_.restart(1);  // its tickets may be of any epoch until it has heard of this one
    ASSERT_TRUE(cluster_.agree()) << cluster_.logs();
    ASSERT_TRUE(eventually([&] { return watermark() > 0; }));
    EXPECT_GE(watermark(), alone + 2);
}

TEST_F(Rollout, ScriptsCanWait) {
    ASSERT_TRUE(cluster_.start()) << cluster_.logs();
    const auto run = [&](std::vector<std::string> arguments) {
        return test::run(arguments, {{"HEARSAY_NODE", cluster_[0].url()}});
    };
    EXPECT_EQ(run({"wait", "--nodes", "3"}).code, 0);
    EXPECT_EQ(run({"wait", "--nodes", "4", "--timeout", "1s"}).code, 5);
    EXPECT_EQ(run({"wait"}).code, 2);
    EXPECT_EQ(run({"wait", "--empty", "arena", "--timeout", "1s"}).code, 2);
    EXPECT_EQ(run({"wait", "--empty", "arena@v1"}).code, kNotFound);
    GameServer one{cluster_[0].url(), "10.0.0.1:7777", "v1", 5};
    ASSERT_TRUE(one.start());
    EXPECT_EQ(run({"wait", "--converged", "--app", "arena"}).code, 0);
    ASSERT_EQ(join(cluster_[0], {&one}, "c"), "v1");
    ASSERT_TRUE(one.beat());
    const Ran busy = run({"wait", "--empty", "arena@v1", "--timeout", "1s"});
    EXPECT_EQ(busy.code, 5);
    EXPECT_TRUE(contains(busy.err, "1 sessions on v1")) << busy.err;
    EXPECT_EQ(run({"drain", "10.0.0.1:7777", "--wait", "--timeout", "1s"}).code, 5);
    EXPECT_EQ(place(cluster_[0]).at("outcome"), "no_version") << "it drains";
    one.end("c");
    ASSERT_TRUE(one.beat());
    EXPECT_EQ(run({"drain", "10.0.0.1:7777", "--wait"}).code, 0);
    EXPECT_EQ(run({"wait", "--empty", "arena@v1"}).code, 0);
    EXPECT_EQ(run({"drain", "10.9.9.9:1"}).code, kNotFound);
    EXPECT_EQ(run({"drain"}).code, 2);
    EXPECT_EQ(run({"drain", "10.9.9.9:1", "--self"}).code, 2);
}

TEST_F(Rollout, ANodeThatIsToStopDrainsWhatIsRegisteredThere) {
    ASSERT_TRUE(cluster_.start()) << cluster_.logs();
    const auto drain = [&](std::vector<std::string> more) {
        more.insert(more.begin(), {"drain", "--self"});
        return test::run(more, {{"HEARSAY_NODE", cluster_[0].url()}});
    };
    const Ran nothing = drain({"--wait"});
    EXPECT_EQ(nothing.code, 0);
    EXPECT_TRUE(contains(nothing.err, "no instance is registered at")) << nothing.err;
    GameServer one{cluster_[0].url(), "10.0.0.1:7777", "v1", 5};
    GameServer two{cluster_[0].url(), "10.0.0.2:7777", "v1", 5};
    GameServer other{cluster_[1].url(), "10.0.0.3:7777", "v1", 5};
    ASSERT_TRUE(one.start() && two.start() && other.start());
    ASSERT_TRUE(everywhere("v1", "accepting")) << cluster_.logs();
    ASSERT_EQ(join(cluster_[0], {&one}, "c"), "v1");
    ASSERT_TRUE(one.beat());
    const Ran busy = drain({"--wait", "--timeout", "1s"});
    EXPECT_EQ(busy.code, 5);
    EXPECT_TRUE(contains(busy.err, "1 sessions on 1 of 2 instances")) << busy.err;
    ASSERT_TRUE(eventually([&] {
        const json answer = place(cluster_[1]);
        return answer.value("outcome", "") == "go" && answer.at("candidates").size() == 1 &&
               answer.at("address") == "10.0.0.3:7777";
    })) << place(cluster_[1]);
    one.end("c");
    ASSERT_TRUE(one.beat());
    EXPECT_EQ(drain({"--wait"}).code, 0);
}

}  // namespace
