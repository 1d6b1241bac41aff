#include <SQLiteCpp/SQLiteCpp.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "tests/support/cluster.h"

// What can go wrong at the start of an agent: one clear line on stderr, and an exit code that
// scripts can tell apart.

namespace {

using namespace std::chrono_literals;
using test::Agent;
using test::eventually;
using test::next_address;
using test::Ran;
using test::ScratchDir;

class AgentStart : public testing::Test {
  protected:
    // Flags of the test come last, so they win.
    Ran start(const std::vector<std::string>& flags) {
        std::vector<std::string> arguments{"agent",
                                           "--http",
                                           next_address(),
                                           "--gossip",
                                           next_address(),
                                           "--data",
                                           (directory_.path() / "data").string()};
        arguments.insert(arguments.end(), flags.begin(), flags.end());
        return test::run(arguments);
    }
    // Exactly one line, and nothing else, says what is wrong with which value.
    static void expect_one_line(const Ran& ran, int code, const std::string& word) {
        EXPECT_EQ(ran.code, code) << ran.err;
        EXPECT_TRUE(ran.err.starts_with("hearsay agent: ")) << ran.err;
        EXPECT_EQ(std::count(ran.err.begin(), ran.err.end(), '\n'), 1) << ran.err;
        EXPECT_NE(ran.err.find(word), std::string::npos) << ran.err;
        EXPECT_EQ(ran.out, "");
    }
    // A database that an agent has made.
    void make_database() {
        Agent agent(directory_.path(), "data");
        agent.start();
        ASSERT_TRUE(eventually([&] { return agent.answers(); })) << agent.log();
        ASSERT_TRUE(agent.put("10.0.0.1:9000", {{"app_name", "chat"}}).ok());
        agent.process().signal(SIGTERM);
        ASSERT_EQ(agent.process().wait(5s), 0);
    }
    [[nodiscard]] std::filesystem::path database() const {
        return directory_.path() / "data" / "hearsay.db";
    }

    ScratchDir directory_{"hearsay-test"};
};

TEST_F(AgentStart, RefusesAPortInUse) {
    Agent other(directory_.path(), "other");
    other.start();
    ASSERT_TRUE(eventually([&] { return other.answers(); })) << other.log();
    expect_one_line(start({"--http", other.http()}), 10, other.http());
    expect_one_line(start({"--gossip", other.gossip()}), 10, other.gossip());
    expect_one_line(start({"--http", "192.0.2.1:7700"}), 10, "192.0.2.1");  // nobody's address
}

TEST_F(AgentStart, RefusesADataDirectoryThatCannotBeWritten) {
    // These fail for root, too.
    const auto file = directory_.path() / "file";
    std::ofstream(file) << "not a directory";
    expect_one_line(start({"--data", file.string()}), 11, file.string());
    expect_one_line(start({"--data", "/proc/hearsay"}), 11, "/proc/hearsay");
}

TEST_F(AgentStart, RefusesADataDirectoryThatAnotherAgentHolds) {
    Agent other(directory_.path(), "data");
    other.start();
    ASSERT_TRUE(eventually([&] { return other.answers(); })) << other.log();
    expect_one_line(start({}), 11, other.data().string());
}

TEST_F(AgentStart, RefusesACorruptDatabase) {
    make_database();
    // Everything but the first page's head, so that it still looks like SQLite's.
    std::fstream file(database(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(0, std::ios::end);
    const auto size = static_cast<std::size_t>(file.tellp());
    ASSERT_GT(size, 200U);
    file.seekp(100);
    file << std::string(size - 100, 'x');
    file.close();
    expect_one_line(start({}), 12, "hearsay.db");
}

TEST_F(AgentStart, RefusesAFileThatIsNoDatabase) {
    std::filesystem::create_directory(directory_.path() / "data");
    std::ofstream(database()) << std::string(5000, 'x');
    expect_one_line(start({}), 12, "hearsay.db");
}

TEST_F(AgentStart, RefusesADatabaseOfALaterRelease) {
    make_database();
    {
        SQLite::Database file(database().string(), SQLite::OPEN_READWRITE);
        file.exec("pragma user_version = 99");
    }
    expect_one_line(start({}), 13, "99");
    // And leaves it as it is, for that release.
    const SQLite::Database file(database().string(), SQLite::OPEN_READONLY);
    SQLite::Statement version(file, "pragma user_version");
    ASSERT_TRUE(version.executeStep());
    EXPECT_EQ(version.getColumn(0).getInt(), 99);
}

TEST_F(AgentStart, RefusesASeedThatCannotBeResolved) {
    expect_one_line(start({"--seed", "no-such-host.invalid:7701"}), 14, "no-such-host.invalid");
}

TEST_F(AgentStart, RefusesNonsensicalFlags) {
    expect_one_line(start({"--fanout", "0"}), 2, "--fanout");
    expect_one_line(start({"--fanout", "many"}), 2, "many");
    expect_one_line(start({"--peers", "1000"}), 2, "--peers");
    expect_one_line(start({"--interval", "5 parsecs"}), 2, "5 parsecs");
    expect_one_line(start({"--http", "7700"}), 2, "--http");
    expect_one_line(start({"--http", "127.0.0.1:70000"}), 2, "70000");
    expect_one_line(start({"--seed", "10.0.0.1"}), 2, "--seed");
    expect_one_line(start({"--log-level", "loud"}), 2, "loud");
    expect_one_line(start({"--cluster", "two words"}), 2, "two words");
    expect_one_line(start({"--no-such-flag", "1"}), 2, "--no-such-flag");
    expect_one_line(start({"--config", "/no/such/file.toml"}), 2, "/no/such/file.toml");
}

TEST_F(AgentStart, TakesSettingsFromFlagsThenVariablesThenTheFile) {
    const auto file = directory_.path() / "hearsay.toml";
    std::ofstream(file) << "name = \"from-file\"\ncluster = \"from-file\"\nfanout = 7\n";
    const std::string http = next_address();
    auto child = test::spawn(
        {"agent", "--http", http, "--gossip", next_address(), "--data",
         (directory_.path() / "data").string(), "--config", file.string(), "--name", "from-flag"},
        directory_.path() / "log", directory_.path() / "log",
        {{"HEARSAY_NAME", "from-variable"}, {"HEARSAY_CLUSTER", "from-variable"}});
    test::HttpClient client("http://" + http, 2s);
    ASSERT_TRUE(eventually([&] { return client.get("/v1/status").ok(); }))
        << test::content_of(directory_.path() / "log");
    const auto status = test::json::parse(client.get("/v1/status").body);
    EXPECT_EQ(status.at("name"), "from-flag");
    EXPECT_EQ(status.at("cluster"), "from-variable");
    child.signal(SIGTERM);
    EXPECT_EQ(child.wait(3s), 0);
}

}  // namespace
