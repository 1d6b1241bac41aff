#include <gtest/gtest.h>

#include "tests/support/cluster.h"
#include "tests/support/text.h"

// The commands that people and their scripts use. Exit codes and JSON are contracts; of tables
// only that they say what matters.

namespace {

using namespace std::chrono_literals;
using test::Agent;
using test::contains;
using test::eventually;
using test::json;
using test::Ran;
using test::ScratchDir;

constexpr int kUsage = 2;
constexpr int kNotFound = 3;
constexpr int kUnreachable = 4;
constexpr int kTimeout = 5;
constexpr int kRefused = 6;

class Command : public testing::Test {
  protected:
    void SetUp() override {
        agent_.start();
        ASSERT_TRUE(eventually([this] { return agent_.answers(); })) << agent_.log();
    }
    // Against the agent, which is named by the variable.
    Ran run(const std::vector<std::string>& arguments) {
        return test::run(arguments, {{"HEARSAY_NODE", agent_.url()}});
    }

    ScratchDir directory_{"hearsay-test"};
    Agent agent_{directory_.path(), "solo"};
};

TEST_F(Command, RegisterKeepRenewsUntilItIsTold) {
    const auto log = directory_.path() / "keep.log";
    auto keep = test::spawn({"register", "10.0.0.7:9000", "--app", "chat", "--ttl", "1s", "--keep",
                             "--node", agent_.url()},
                            log, log);
    const auto state = [&] { return agent_.instance_state("10.0.0.7:9000"); };
    ASSERT_TRUE(eventually([&] { return state() == "up"; })) << test::content_of(log);
    const json first = agent_.instance("10.0.0.7:9000");
    // Longer than its lease: it is renewed, and nothing new is written.
    ASSERT_TRUE(eventually([&] {
        return agent_.instance("10.0.0.7:9000").at("last_update") >=
               first.at("last_update").get<std::uint64_t>() + 3;
    }));
    EXPECT_EQ(state(), "up");
    EXPECT_EQ(agent_.instance("10.0.0.7:9000").at("ver"), first.at("ver"));

    // It outlives its node, and is there again when that is.
    agent_.process().kill();
    ASSERT_TRUE(eventually([&] { return contains(test::content_of(log), "no node answers"); }));
    agent_.start();
    ASSERT_TRUE(eventually([&] { return agent_.answers() && state() == "up"; }));

    keep.signal(SIGINT);
    EXPECT_EQ(keep.wait(5s), 0) << test::content_of(log);
    EXPECT_EQ(state(), "");
    EXPECT_TRUE(contains(test::content_of(log), "deregistered 10.0.0.7:9000"));
}

TEST_F(Command, RegisterKeepEndsAtOnceWhenNoNodeWouldTakeIt) {
    EXPECT_EQ(run({"register", "http://10.0.0.7", "--app", "chat", "--keep"}).code, kUsage);
}

TEST_F(Command, RegisterListAndDeregisterWorkTogether) {
    const Ran registered =
        run({"register", "10.0.0.7:9000", "--app", "chat", "--version", "v2", "--capacity", "8",
             "--zone", "eu", "--metadata", R"({"map":"desert"})", "--ttl", "10m"});
    EXPECT_EQ(registered.code, 0) << registered.err;
    EXPECT_EQ(registered.out, "");
    EXPECT_TRUE(contains(registered.err, "10.0.0.7:9000")) << registered.err;

    const Ran listed = run({"list", "-o", "json"});
    EXPECT_EQ(listed.code, 0) << listed.err;
    const json rows = json::parse(listed.out).at("instances");
    ASSERT_EQ(rows.size(), 1U);
    EXPECT_EQ(rows[0].at("address"), "10.0.0.7:9000");
    EXPECT_EQ(rows[0].at("app_name"), "chat");
    EXPECT_EQ(rows[0].at("version"), "v2");
    EXPECT_EQ(rows[0].at("state"), "up");
    EXPECT_EQ(rows[0].at("capacity"), 8);
    EXPECT_EQ(rows[0].at("zone"), "eu");
    EXPECT_EQ(rows[0].at("ttl"), 600);
    EXPECT_EQ(rows[0].at("metadata").at("map"), "desert");

    const Ran gone = run({"deregister", "10.0.0.7:9000"});
    EXPECT_EQ(gone.code, 0) << gone.err;
    EXPECT_TRUE(json::parse(run({"list", "-o", "json"}).out).at("instances").empty());
}

TEST_F(Command, ListFiltersSortsAndAlignsForPeople) {
    for (const auto& [address, app, version] : {std::tuple{"10.0.0.9:1", "chat", "v1"},
                                                {"10.0.0.10:1", "auction", "v1"},
                                                {"10.0.0.8:1", "chat", "v2"}}) {
        ASSERT_TRUE(agent_.put(address, {{"app_name", app}, {"version", version}}).ok());
    }
    const Ran all = run({"list"});
    EXPECT_EQ(all.code, 0) << all.err;
    EXPECT_LT(all.out.find("APP"), all.out.find("auction"));
    EXPECT_LT(all.out.find("auction"), all.out.find("10.0.0.9:1"));
    EXPECT_LT(all.out.find("10.0.0.9:1"), all.out.find("10.0.0.8:1"));  // v1 before v2
    EXPECT_FALSE(contains(all.out, "\x1b")) << "colour, but stdout is no terminal";

    const Ran one = run({"list", "chat", "--version", "v2", "--state", "up"});
    EXPECT_TRUE(contains(one.out, "10.0.0.8:1")) << one.out;
    EXPECT_FALSE(contains(one.out, "10.0.0.9:1")) << one.out;
    EXPECT_EQ(json::parse(run({"list", "auction", "-o", "json"}).out).at("instances").size(), 1U);

    const Ran none = run({"list", "no such app"});
    EXPECT_EQ(none.code, 0);
    EXPECT_TRUE(contains(none.err, "no instance matches")) << none.err;
}

TEST_F(Command, NodesAndStatusDescribeTheCluster) {
    const Ran nodes = run({"nodes"});
    EXPECT_EQ(nodes.code, 0) << nodes.err;
    EXPECT_TRUE(contains(nodes.out, "solo")) << nodes.out;
    EXPECT_TRUE(contains(nodes.out, "alive")) << nodes.out;
    const json rows = json::parse(run({"nodes", "-o", "json"}).out).at("nodes");
    ASSERT_EQ(rows.size(), 1U);
    EXPECT_EQ(rows[0].at("gossip"), agent_.gossip());

    const Ran status = run({"status"});
    EXPECT_EQ(status.code, 0) << status.err;
    EXPECT_TRUE(contains(status.out, "1 of 1 nodes hold the same table")) << status.out;
    EXPECT_EQ(json::parse(run({"status", "-o", "json"}).out).at("agreement").at("agreeing"), 1);

    const Ran quiet = run({"status", "--quiet"});
    EXPECT_EQ(quiet.code, 0);
    EXPECT_EQ(quiet.out + quiet.err, "");
}

TEST_F(Command, WhatIsNotThereIsNotFound) {
    const Ran ran = run({"deregister", "10.0.0.99:9000"});
    EXPECT_EQ(ran.code, kNotFound);
    EXPECT_TRUE(contains(ran.err, "10.0.0.99:9000")) << ran.err;
    EXPECT_EQ(ran.out, "");
}

TEST_F(Command, WhatTheNodeRefusesIsExplained) {
    const Ran address = run({"register", "http://10.0.0.7", "--app", "chat"});
    EXPECT_EQ(address.code, kUsage);
    EXPECT_TRUE(contains(address.err, "http://10.0.0.7")) << address.err;
    const Ran metadata = run({"register", "10.0.0.7:1", "--app", "chat", "--metadata",
                              "{\"k\":\"" + std::string(2000, 'x') + "\"}"});
    EXPECT_EQ(metadata.code, kUsage);
    EXPECT_TRUE(contains(metadata.err, "metadata")) << metadata.err;

    // Somebody else's later registration is not overwritten by a slow clock.
    ASSERT_TRUE(
        agent_.put("10.0.0.7:1", {{"app_name", "chat"}, {"last_update", test::unix_now() + 30}})
            .ok());
    const Ran stale = run({"register", "10.0.0.7:1", "--app", "other"});
    EXPECT_EQ(stale.code, kRefused) << stale.err;
}

TEST_F(Command, AddressesAreEscapedOnTheirWay) {
    ASSERT_EQ(run({"register", "[::1]:9000", "--app", "a b&c=d"}).code, 0);
    const json rows = json::parse(run({"list", "a b&c=d", "-o", "json"}).out).at("instances");
    ASSERT_EQ(rows.size(), 1U);
    EXPECT_EQ(rows[0].at("address"), "[::1]:9000");
    EXPECT_EQ(run({"deregister", "[::1]:9000"}).code, 0);
}

TEST_F(Command, ANodeThatHangsIsATimeout) {
    agent_.process().signal(SIGSTOP);
    const Ran ran = run({"list"});
    EXPECT_EQ(ran.code, kTimeout);
    EXPECT_TRUE(contains(ran.err, agent_.url())) << ran.err;
}

TEST(CommandLine, SaysHowToStartANodeWhenThereIsNone) {
    const std::string url = "http://" + test::next_address();
    for (const std::vector<std::string>& command : {std::vector<std::string>{"list"},
                                                    {"nodes"},
                                                    {"status"},
                                                    {"status", "--quiet"},
                                                    {"register", "10.0.0.7:1", "--app", "chat"},
                                                    {"deregister", "10.0.0.7:1"}}) {
        auto arguments = command;
        arguments.insert(arguments.end(), {"--node", url});
        const Ran ran = test::run(arguments);
        EXPECT_EQ(ran.code, kUnreachable) << command[0];
        EXPECT_EQ(ran.out, "") << command[0];
        EXPECT_TRUE(contains(ran.err, "no node answers at " + url)) << ran.err;
        EXPECT_TRUE(contains(ran.err, "`hearsay agent`")) << ran.err;
    }
}

TEST(CommandLine, RefusesWhatItDoesNotUnderstand) {
    for (const std::vector<std::string>& arguments :
         {std::vector<std::string>{},
          {"lst"},
          {"list", "--colour"},
          {"list", "-o", "yaml"},
          {"list", "--node", "not a url"},
          {"list", "--node", "ftp://10.0.0.1"},
          {"list", "--node", "http://10.0.0.1:99999"},
          {"register", "10.0.0.7:1"},
          {"register", "--app", "chat"},
          {"deregister"},
          {"demo", "--nodes", "0"},
          {"demo", "--for", "soon"},
          {"demo", "--for", "1s"},
          {"toy", "--every", "often"},
          {"register", "10.0.0.7:1", "--app", "chat", "--metadata", "[1]"},
          {"register", "10.0.0.7:1", "--app", "chat", "--ttl", "long"}}) {
        const Ran ran = test::run(arguments);
        const std::string what = arguments.empty() ? "(nothing)" : arguments.back();
        EXPECT_EQ(ran.code, kUsage) << what << ": " << ran.err;
        EXPECT_EQ(ran.out, "") << what;
        EXPECT_FALSE(ran.err.empty()) << what;
    }
}

TEST(CommandLine, HelpOpensWithASentenceAndExamples) {
    for (const char* command : {"", "list", "register", "deregister", "nodes", "status", "version",
                                "demo", "toy", "doctor"}) {
        std::vector<std::string> arguments{"--help"};
        if (*command != '\0') arguments.insert(arguments.begin(), command);
        const Ran ran = test::run(arguments);
        EXPECT_EQ(ran.code, 0) << command;
        EXPECT_EQ(ran.err, "") << command;
        const auto sentence = ran.out.substr(0, ran.out.find('\n'));
        EXPECT_TRUE(sentence.ends_with(".")) << sentence;
        const auto examples = ran.out.substr(0, ran.out.find("Usage:"));
        std::size_t count = 0;
        for (std::size_t at = 0; (at = examples.find("\n  hearsay ", at)) != std::string::npos;) {
            ++count;
            ++at;
        }
        EXPECT_EQ(count, 3U) << ran.out;
    }
}

TEST(CommandLine, PrintsItsVersion) {
    const Ran text = test::run({"version"});
    EXPECT_EQ(text.code, 0);
    EXPECT_EQ(text.out, "hearsay " HEARSAY_VERSION "\n");
    EXPECT_EQ(test::run({"--version"}).out, text.out);
    EXPECT_EQ(json::parse(test::run({"version", "-o", "json"}).out).at("version"), HEARSAY_VERSION);
}

}  // namespace
