#include "tests/support/arena.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "tests/support/cluster.h"
#include "tests/support/raw_connection.h"
#include "tests/support/rollouts.h"
#include "tests/support/text.h"

// The example server and its players: what a rollout, a lost network and a killed server look like
// from a client's side.

namespace {

using namespace std::chrono_literals;
using test::bot_events;
using test::BotEvent;
using test::Child;
using test::Cluster;
using test::contains;
using test::content_of;
using test::count;
using test::decide;
using test::eventually;
using test::json;
using test::role_at;

// From answer to answer the counter of a session rises by one; at a return it says where it stands.
void expect_unbroken_counters(const std::vector<BotEvent>& events) {
    std::map<std::string, std::uint64_t> last;
    for (const BotEvent& e : events) {
        if (e.event == "joined") {
            EXPECT_FALSE(last.contains(e.session)) << e.session << " joined twice";
            EXPECT_EQ(e.at("counter"), "0");
            last[e.session] = 0;
        } else if (e.event == "said") {
            EXPECT_EQ(std::stoull(e.at("counter")), ++last[e.session]) << e.session;
        } else if (e.event == "resumed") {
            const std::uint64_t counter = std::stoull(e.at("counter"));
            EXPECT_GE(counter, last[e.session]) << e.session;
            EXPECT_LE(counter, last[e.session] + 1) << e.session << ": one answer may be lost";
            last[e.session] = counter;
        }
    }
}

class ArenaTest : public testing::Test {
  protected:
    void SetUp() override { ASSERT_TRUE(cluster_.start()) << cluster_.logs(); }

    // Beside the node of this number.
    Child server(const std::string& address, const std::string& version, std::size_t node,
                 const std::vector<std::string>& more = {}) {
        std::vector<std::string> arguments{"--listen", address,  "--version",
                                           version,    "--node", cluster_[node].url()};
        arguments.insert(arguments.end(), more.begin(), more.end());
        return test::spawn_example("arena", arguments, cluster_.directory() / "servers");
    }
    Child bots(const std::vector<std::string>& more) {
        std::vector<std::string> arguments{"--log", log().string(), "--every", "100ms"};
        for (std::size_t i = 0; i < cluster_.size(); ++i) {
            arguments.insert(arguments.end(), {"--node", cluster_[i].url()});
        }
        arguments.insert(arguments.end(), more.begin(), more.end());
        return test::spawn_example("arena-bots", arguments, cluster_.directory() / "bots");
    }
    bool everywhere(const std::string& version, const std::string& role) {
        return test::everywhere(cluster_, version, role);
    }
    bool seen(const std::string& event, int times) {
        return eventually([&] { return count(bot_events(log()), event) >= times; });
    }
    [[nodiscard]] std::filesystem::path log() const { return cluster_.directory() / "bots.log"; }
    [[nodiscard]] std::string story() const {
        return content_of(log()) + content_of(cluster_.directory() / "servers") +
               content_of(cluster_.directory() / "bots") + cluster_.logs();
    }

    Cluster cluster_{3};
};

TEST_F(ArenaTest, ARolloutCutsNobodyOff) {
    auto one = server(test::next_address(), "v1", 0);
    ASSERT_TRUE(everywhere("v1", "accepting")) << story();
    auto players = bots({"--sessions", "30", "--rate", "15", "--min", "1s", "--max", "3s"});
    ASSERT_TRUE(seen("joined", 10)) << story();
    auto two = server(test::next_address(), "v2", 1);
    ASSERT_TRUE(eventually([&] { return !role_at(cluster_[2], "v2").empty(); })) << story();
    const auto promoted = decide(cluster_[2], "promote", {{"version", "v2"}});
    ASSERT_EQ(promoted.status, 200) << promoted.body;
    ASSERT_TRUE(everywhere("v1", "draining")) << story();
    const auto drained_by =
        static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(
                                       std::chrono::system_clock::now().time_since_epoch())
                                       .count());

    EXPECT_EQ(players.wait(15s), 0) << story();
    EXPECT_EQ(one.wait(10s), 0) << "empty and fenced, it ends by itself\n" << story();
    EXPECT_TRUE(two.running());
    const auto events = bot_events(log());
    expect_unbroken_counters(events);
    EXPECT_EQ(count(events, "joined"), 30);
    EXPECT_EQ(count(events, "left"), 30);
    for (const char* bad : {"lost", "gone", "dismissed", "nowhere"}) {
        EXPECT_EQ(count(events, bad), 0) << bad << "\n" << story();
    }
    std::set<std::string> versions;
    std::uint64_t last_left_one = 0;
    for (const BotEvent& e : events) {
        if (e.event == "joined") versions.insert(e.at("version"));
        // Who was let in at the last moment says so a little later.
        if (e.event == "joined" && e.ms > drained_by + 500) {
            EXPECT_EQ(e.at("version"), "v2");
        }
        if (e.event == "left" && e.at("version") == "v1") last_left_one = e.ms;
    }
    EXPECT_EQ(versions, (std::set<std::string>{"v1", "v2"}));
    EXPECT_GT(last_left_one, drained_by) << "v1 kept its players while it drained";
}

TEST_F(ArenaTest, AHardDeadlineEndsWhatIsLeft) {
    auto one = server(test::next_address(), "v1", 0, {"--ttl", "1s"});
    ASSERT_TRUE(everywhere("v1", "accepting")) << story();
    auto players = bots({"--sessions", "5", "--rate", "100", "--min", "60s", "--max", "60s"});
    ASSERT_TRUE(seen("joined", 5)) << story();
    auto two = server(test::next_address(), "v2", 1, {"--ttl", "1s"});
    ASSERT_TRUE(everywhere("v2", "accepting")) << story();
    ASSERT_EQ(decide(cluster_[2], "drain", {{"version", "v1"}, {"within", "1h"}}).status, 200);
    ASSERT_TRUE(eventually([&] {
        const json app = cluster_[2].get("/v1/apps/arena?census=0");
        return std::all_of(app.at("versions").begin(), app.at("versions").end(),
                           [](const json& v) { return v.at("acked") == 1; });
    })) << "every server knows of the decision\n"
        << cluster_[2].get("/v1/apps/arena");
    EXPECT_EQ(count(bot_events(log()), "dismissed"), 0) << story();
    ASSERT_EQ(decide(cluster_[2], "drain", {{"within", "1s"}, {"hard", true}}).status, 200);
    ASSERT_TRUE(seen("dismissed", 5)) << story();
    EXPECT_EQ(one.wait(10s), 0) << "cut, it is empty, fenced and ends\n" << story();
    EXPECT_TRUE(two.running());
    players.signal(SIGTERM);
    players.wait(10s);
}

TEST_F(ArenaTest, ALostNetworkBringsEveryoneBackToTheSameSession) {
    auto one = server(test::next_address(), "v1", 0);
    auto two = server(test::next_address(), "v1", 1);
    ASSERT_TRUE(everywhere("v1", "accepting")) << story();
    auto players = bots({"--sessions", "20", "--rate", "100", "--min", "60s", "--max", "60s"});
    ASSERT_TRUE(seen("joined", 20)) << story();
    players.signal(SIGUSR1);
    ASSERT_TRUE(seen("resumed", 20)) << story();
    // Also while the node of their server is down: who has a session needs no node but to find it.
    cluster_[0].process().kill();
    players.signal(SIGUSR1);
    ASSERT_TRUE(seen("resumed", 40)) << story();
    players.signal(SIGTERM);
    EXPECT_EQ(players.wait(10s), 0) << story();

    const auto events = bot_events(log());
    expect_unbroken_counters(events);
    EXPECT_EQ(count(events, "left"), 20);
    EXPECT_EQ(count(events, "gone"), 0) << story();
    std::map<std::string, std::string> lives;  // incarnation by session
    for (const BotEvent& e : events) {
        if (e.event == "joined") lives[e.session] = e.at("server") + e.at("incarnation");
        if (e.event == "resumed") {
            EXPECT_EQ(lives[e.session], e.at("server") + e.at("incarnation")) << e.session;
        }
        if (e.event == "lost") {
            EXPECT_EQ(e.at("cause"), "cut");
        }
    }
    two.signal(SIGTERM);
    EXPECT_EQ(two.wait(5s), 0) << story();
}

TEST_F(ArenaTest, AKilledServersSessionsAreGoneOnceThatIsProved) {
    const std::string address = test::next_address();
    auto one = server(address, "v1", 0, {"--ttl", "1s"});
    auto two = server(test::next_address(), "v1", 1);
    ASSERT_TRUE(everywhere("v1", "accepting")) << story();
    auto players = bots({"--sessions", "16", "--rate", "100", "--min", "60s", "--max", "60s"});
    ASSERT_TRUE(seen("joined", 16)) << story();
    one.kill();
    ASSERT_TRUE(eventually([&] { return cluster_[2].instance_state(address) == "expired"; }));
    EXPECT_EQ(count(bot_events(log()), "gone"), 0) << "expired is no proof\n" << story();
    auto again = server(address, "v1", 0);
    const auto lost = count(bot_events(log()), "lost");
    ASSERT_GT(lost, 0);
    ASSERT_TRUE(seen("gone", lost)) << story();
    players.signal(SIGTERM);
    EXPECT_EQ(players.wait(10s), 0) << story();
    const auto events = bot_events(log());
    expect_unbroken_counters(events);
    EXPECT_EQ(count(events, "resumed"), 0) << "nobody sits on another one's seat\n" << story();
    EXPECT_EQ(count(events, "gone"), count(events, "lost"));
    for (const BotEvent& e : events) {
        if (e.event == "lost" || e.event == "gone") {
            EXPECT_EQ(e.at("server"), address);
        }
    }
    EXPECT_TRUE(two.running());
}

TEST_F(ArenaTest, AStormFindsEverySeatAndNoMore) {
    std::vector<Child> servers;
    for (std::size_t i = 0; i < 3; ++i) {
        servers.push_back(server(test::next_address(), "v1", i, {"--capacity", "10"}));
    }
    ASSERT_TRUE(eventually([&] {
        const json app = cluster_[0].get("/v1/apps/arena?census=0");
        return app.is_object() && app.at("versions")[0].value("capacity", 0) == 30;
    })) << story();
    auto players =
        bots({"--sessions", "300", "--rate", "3000", "--storm", "--min", "6s", "--max", "6s"});
    EXPECT_EQ(players.wait(20s), 0) << story();
    const auto events = bot_events(log());
    EXPECT_EQ(count(events, "joined"), 30);
    EXPECT_EQ(count(events, "nowhere"), 270);
    std::map<std::string, int> seats;
    for (const BotEvent& e : events) {
        if (e.event == "joined") {
            EXPECT_LE(++seats[e.at("server")], 10);
        }
    }
}

TEST_F(ArenaTest, ClientsWithoutMannersAreSentAway) {
    const std::string address = test::next_address();
    auto one = server(address, "v1", 0, {"--resume-window", "1s"});
    ASSERT_TRUE(everywhere("v1", "accepting")) << story();
    const auto says = [&](const std::string& text) {
        const test::RawConnection client(address, SOCK_STREAM);
        EXPECT_TRUE(client.send(text));
        return client.read();
    };
    EXPECT_TRUE(contains(says("hello\n"), "no invalid"));
    EXPECT_TRUE(contains(says("join rubbish ann\n"), "no invalid"));
    EXPECT_TRUE(contains(says("resume rubbish\n"), "no invalid"));
    EXPECT_TRUE(contains(says(std::string(5000, 'x')), "no invalid"));

    const auto ticket = [&] {
        const json place = test::place(cluster_[1], "?client=ann");
        return place.at("candidates").at(0).at("ticket").get<std::string>();
    };
    const std::string first = ticket();
    EXPECT_TRUE(contains(says("join " + first + " ann\nmove N\nfly\n"), "you 1 "));
    EXPECT_TRUE(contains(says("join " + first + " ann\n"), "no spent"));
    // Who broke a rule may come back like any other, until his window closes.
    EXPECT_TRUE(eventually([&] {
        return contains(content_of(cluster_.directory() / "servers"), "event=given-up");
    })) << story();
    EXPECT_TRUE(contains(says("join " + ticket() + " ben\nleave\n"), "bye"));
    EXPECT_TRUE(one.running());
}

TEST_F(ArenaTest, AServerWaitsForItsNodeAndSaysSo) {
    cluster_[0].process().kill();
    auto one = server(test::next_address(), "v1", 0);
    const auto said = [&] { return content_of(cluster_.directory() / "servers"); };
    ASSERT_TRUE(eventually([&] { return contains(said(), "no answer from"); })) << story();
    cluster_.restart(0);
    EXPECT_TRUE(everywhere("v1", "accepting")) << story();
    one.signal(SIGTERM);
    EXPECT_EQ(one.wait(5s), 0) << story();
    auto wrong = server("nowhere", "v1", 0);
    EXPECT_EQ(wrong.wait(5s), 2);
}

}  // namespace
