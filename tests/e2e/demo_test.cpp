#include <gtest/gtest.h>

#include <fstream>

#include "tests/support/cluster.h"

// The demo and the small application: they do what they show, and leave nothing behind.

namespace {

using namespace std::chrono_literals;
using test::content_of;
using test::eventually;
using test::json;
using test::ScratchDir;

// Processes that were started with this text in their environment, other than zombies: those have
// ended, and wait for a parent that this machine may not have.
int processes_with(const std::string& text) {
    int count = 0;
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator("/proc", ignored)) {
        if (content_of(entry.path() / "environ").find(text) != std::string::npos) ++count;
    }
    return count;
}

int times(const std::string& text, const std::string& part) {
    int count = 0;
    for (std::size_t at = 0; (at = text.find(part, at)) != std::string::npos; ++at) ++count;
    return count;
}

class Demo : public testing::Test {
  protected:
    test::Child start(const std::vector<std::string>& arguments) {
        std::filesystem::create_directory(temporary());
        return test::spawn(arguments, out(), err(), {{"TMPDIR", temporary()}});
    }
    [[nodiscard]] std::filesystem::path temporary() const { return directory_.path() / "tmp"; }
    [[nodiscard]] std::filesystem::path out() const { return directory_.path() / "out"; }
    [[nodiscard]] std::filesystem::path err() const { return directory_.path() / "err"; }
    [[nodiscard]] std::string story() const { return content_of(out()) + content_of(err()); }
    bool says(const std::string& part) { return content_of(out()).find(part) != std::string::npos; }

    ScratchDir directory_{"hearsay-test"};
};

TEST_F(Demo, TellsItsWholeStoryInTimeAndLeavesNothing) {
    auto demo = start({"demo", "--nodes", "5", "--for", "20s"});
    const auto code = demo.wait(25s);
    ASSERT_TRUE(code.has_value()) << story();
    EXPECT_EQ(*code, 0) << story();
    for (const char* part :
         {"curl -s http://127.0.0.1:", "5 of 5 running nodes give the same list", "v2 is warm",
          "v2 is accepting", "v1 is draining", "node-5 is dead", "is unreachable",
          "node-5 is alive", "Recovered", "left v1", "so far, 0 disconnects"}) {
        EXPECT_TRUE(says(part)) << part << " is missing in\n" << story();
    }
    EXPECT_EQ(processes_with(temporary()), 0);
    EXPECT_TRUE(std::filesystem::is_empty(temporary()));
}

TEST_F(Demo, EndsInOrderOnCtrlC) {
    auto demo = start({"demo", "--nodes", "3"});
    ASSERT_TRUE(eventually([&] { return says("See for yourself"); })) << story();
    // Itself, nodes, the first server and the players.
    ASSERT_TRUE(eventually([&] { return processes_with(temporary()) == 1 + 3 + 2; })) << story();
    demo.signal(SIGINT);
    EXPECT_TRUE(demo.wait(8s).has_value()) << story();
    EXPECT_EQ(processes_with(temporary()), 0);
    EXPECT_TRUE(std::filesystem::is_empty(temporary()));
}

TEST_F(Demo, TakesItsProcessesWithItWhenItIsKilled) {
    auto demo = start({"demo", "--nodes", "3"});
    ASSERT_TRUE(eventually([&] { return processes_with(temporary()) == 1 + 3 + 2; })) << story();
    demo.kill();
    EXPECT_TRUE(eventually([&] { return processes_with(temporary()) == 0; })) << story();
}

TEST_F(Demo, SaysWhatWentWrongInsteadOfWaiting) {
    // Its files cannot be made.
    const auto ran = test::run({"demo", "--for", "20s"}, {{"TMPDIR", "/proc"}});
    EXPECT_EQ(ran.code, 1);
    EXPECT_NE(ran.err.find("temporary files"), std::string::npos) << ran.err;
}

TEST_F(Demo, SaysWhereItLooksForTheProgramsThatItIsAbout) {
    const auto alone = directory_.path() / "hearsay";
    std::filesystem::copy_file(test::tested_binary(), alone);
    test::ChildOptions options{
        .argv = {alone, "demo"}, .out = out(), .err = err(), .environment = {}};
    auto demo = test::Child::spawn(options).value();
    EXPECT_EQ(demo.wait(5s), 1) << story();
    EXPECT_NE(content_of(err()).find((directory_.path() / "arena").string()), std::string::npos)
        << story();
}

TEST(Toy, RegistersItselfAtItsNodeAndDeregistersOnSigterm) {
    test::Cluster cluster(2);
    ASSERT_TRUE(cluster.start()) << cluster.logs();
    // It is not told its address: it asks its node.
    const std::string port = std::to_string(test::next_port());
    const auto log = cluster.directory() / "toy.log";
    auto toy =
        test::spawn({"toy", "--app", "chat", "--version", "v1", "--listen",
                     test::loopback() + ":" + port, "--node", cluster[0].url(), "--every", "200ms"},
                    log, log);
    json row;
    ASSERT_TRUE(eventually([&] {
        const json rows = cluster[1].get("/v1/instances?app=chat&state=up");
        if (!rows.is_object() || rows.at("instances").size() != 1) return false;
        row = rows.at("instances")[0];
        return true;
    })) << content_of(log);
    EXPECT_EQ(row.at("version"), "v1");
    EXPECT_TRUE(row.at("address").get<std::string>().ends_with(":" + port)) << row;
    EXPECT_EQ(row.at("address"), "127.0.0.1:" + port);

    test::HttpClient health("http://" + test::loopback() + ":" + port);
    const json answer = json::parse(health.get("/health/").body);
    EXPECT_TRUE(answer.at("available_capacity").is_number_integer());
    EXPECT_TRUE(answer.at("ready_to_close").is_boolean());

    // It outlives its node, and registers again once that is back.
    cluster[0].process().kill();
    ASSERT_TRUE(eventually([&] {
        return content_of(log).find("no node answers") != std::string::npos;
    })) << content_of(log);
    cluster[0].start({cluster[1].gossip()});
    ASSERT_TRUE(eventually([&] { return times(content_of(log), "registered at") == 2; }))
        << content_of(log);

    toy.signal(SIGTERM);
    EXPECT_EQ(toy.wait(5s), 0) << content_of(log);
    EXPECT_TRUE(eventually([&] { return cluster[1].get("/registry/list").empty(); }))
        << content_of(log) << cluster.logs();
}

}  // namespace
