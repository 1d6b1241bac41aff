#include <gtest/gtest.h>
#include <sys/resource.h>

#include <random>

#include "tests/support/cluster.h"
#include "tests/support/raw_connection.h"

// Whatever is sent to a node: it says what is wrong, or hangs up, and keeps answering the others.

namespace {

using namespace std::chrono_literals;
using test::Agent;
using test::eventually;
using test::json;
using test::RawConnection;
using test::ScratchDir;
using test::unix_now;

class BadInput : public testing::Test {
  protected:
    void SetUp() override {
        agent_.start();
        ASSERT_TRUE(eventually([this] { return agent_.answers(); })) << agent_.log();
        ASSERT_TRUE(agent_.put("10.9.9.9:1", {{"app_name", "good"}}).ok());
    }
    // It runs, answers, and has not taken anything it should not have.
    void TearDown() override {
        EXPECT_TRUE(agent_.running()) << agent_.log();
        EXPECT_EQ(agent_.get("/v1/instances").at("instances").size(), 1U);
        EXPECT_TRUE(agent_.put("10.9.9.9:1", {{"app_name", "good"}, {"version", "v2"}}).ok());
    }
    node::cli::HttpAnswer post(const std::string& body,
                               const std::string& target = "/registry/register_instance") {
        return agent_.client().send({.method = "POST", .target = target, .body = body});
    }
    // A clear error: the fitting status, one of the words, and a hint.
    static void expect_refused(const node::cli::HttpAnswer& answer, int status,
                               const std::string& word) {
        EXPECT_EQ(answer.status, status) << answer.body;
        const json body = json::parse(answer.body, nullptr, false);
        ASSERT_TRUE(body.is_object()) << answer.body;
        const std::string error = body.value("error", "") + " " + body.value("hint", "");
        EXPECT_NE(error.find(word), std::string::npos) << answer.body;
    }

    ScratchDir directory_{"hearsay-test"};
    Agent agent_{directory_.path(), "solo"};
};

TEST_F(BadInput, IsNamedInTheAnswer) {
    const std::string now = std::to_string(unix_now());
    const auto body = [](const std::string& address, const std::string& app,
                         const std::string& last_update, const std::string& more = "") {
        return R"({"address":)" + address + R"(,"app_name":)" + app + R"(,"last_update":)" +
               last_update + more + "}";
    };
    expect_refused(post("{\"address\": "), 400, "line 1");
    expect_refused(post("[]"), 400, "object");
    expect_refused(post("null"), 400, "object");
    expect_refused(post("{}"), 400, "address");
    expect_refused(post(body("7", R"("chat")", now)), 400, "address");
    expect_refused(post(body(R"("10.0.0.1:9000")", "[1]", now)), 400, "app_name");
    expect_refused(post(body(R"("10.0.0.1:9000")", R"("chat")", R"("soon")")), 400, "last_update");
    expect_refused(post(body(R"("10.0.0.1:9000")", R"("")", now)), 400, "app_name");
    for (const char* address : {R"("")", R"("10.0.0.1:")", R"("10.0.0.1:99999")", R"("a b:1")",
                                R"("http://10.0.0.1:9000")", R"("10.0.0.1:9000/path")",
                                R"("[::1:9000")", R"("caf\u00e9:1")", R"("a\u0000b:1")"}) {
        expect_refused(post(body(address, R"("chat")", now)), 400, "address");
    }
    // Milliseconds, and a clock that is an hour ahead.
    expect_refused(post(body(R"("10.0.0.1:9000")", R"("chat")", now + "000")), 400, "seconds");
    expect_refused(post(body(R"("10.0.0.1:9000")", R"("chat")", std::to_string(unix_now() + 3600))),
                   400, "ahead");
    const std::string large(2000, 'x');
    expect_refused(post(body(R"("10.0.0.1:9000")", R"("chat")", now,
                             R"(,"metadata":{"k":")" + large + R"("})")),
                   413, "metadata");
    expect_refused(agent_.put("10.0.0.1:9000", {{"app_name", "chat"}, {"verison", "v1"}}), 400,
                   "verison");
    expect_refused(
        agent_.put("10.0.0.1:9000", {{"app_name", "chat"}, {"address", "10.0.0.2:9000"}}), 400,
        "address");
}

TEST_F(BadInput, DeepAndWildJsonIsRefused) {
    expect_refused(post(std::string(500'000, '[')), 400, "");
    std::string deep =
        R"({"address":"10.0.0.1:9000","app_name":"chat","last_update":1,"metadata":)";
    for (int i = 0; i < 200; ++i) deep += R"({"a":)";
    expect_refused(post(deep + "1" + std::string(200, '}') + "}"), 400, "");
    expect_refused(post("{\"address\":\"\xff\xfe\"}"), 400, "");
    expect_refused(post("[1, 2]", "/registry/register_all"), 400, "");
    // All or nothing: the good row does not slip in beside the bad one.
    expect_refused(post(R"({"10.0.0.1": {"app_name": "chat", "last_update": 0}, "bad one": {}})",
                        "/registry/register_all"),
                   400, "bad one");
}

TEST_F(BadInput, UnknownPathsAndMethodsAreExplained) {
    expect_refused(agent_.client().get("/v2/instances"), 404, "/v2/instances");
    expect_refused(agent_.client().get("/v1/instances?stat=up"), 400, "stat");
    expect_refused(agent_.client().get("/v1/instances?state=sleeping"), 400, "sleeping");
    expect_refused(agent_.client().get("/v1/instances/10.0.0.1:9000"), 404, "10.0.0.1:9000");
    expect_refused(agent_.client().send({.method = "DELETE", .target = "/registry/list"}), 405,
                   "GET");
}

TEST_F(BadInput, RandomBytesInsteadOfJsonAreRefused) {
    std::mt19937 random(20121017);
    for (int round = 0; round < 200; ++round) {
        std::string body(random() % 300, '\0');
        for (char& c : body) c = static_cast<char>(random());
        const auto answer = post(body);
        ASSERT_TRUE(answer.answered()) << round;
        EXPECT_EQ(answer.status, 400) << round;
    }
}

TEST_F(BadInput, AHugeBodyIsRefusedBeforeItIsRead) {
    const RawConnection connection(agent_.http(), SOCK_STREAM);
    ASSERT_TRUE(connection.connected());
    connection.send(
        "POST /registry/register_instance HTTP/1.1\r\nHost: a\r\n"
        "Content-Length: 100000000\r\n\r\n");
    const std::string chunk(1'000'000, ' ');
    int taken = 0;
    while (taken < 100 && connection.send(chunk)) ++taken;
    EXPECT_LT(taken, 100) << "100 MB were taken";
    const std::string answer = connection.read();
    // Told, or at least hung up on: bytes in flight can turn the close into a reset.
    EXPECT_TRUE(answer.empty() || answer.find(" 413 ") != std::string::npos) << answer;
}

TEST_F(BadInput, GarbageInsteadOfHttpEndsTheConnection) {
    for (const char* bytes : {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 TLS?\r\n\r\n",
                              "GET\r\n\r\n", "GET / HTTP/nine\r\n\r\n", "hello\r\n\r\n"}) {
        const RawConnection connection(agent_.http(), SOCK_STREAM);
        ASSERT_TRUE(connection.connected());
        connection.send(bytes);
        EXPECT_LT(connection.read().size(), 1000U);  // returns: the node closed it
    }
}

TEST_F(BadInput, OthersAreAnsweredWhileThousandsOfConnectionsIdleOrDribble) {
    rlimit files{};
    ::getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &files);
    const std::size_t wanted = std::min<std::size_t>(3000, files.rlim_cur / 2);
    std::vector<RawConnection> connections;
    connections.reserve(wanted);
    for (std::size_t i = 0; i < wanted; ++i) {
        connections.emplace_back(agent_.http(), SOCK_STREAM);
        ASSERT_TRUE(connections.back().connected()) << i;
        // Half of them begin a request and never end it.
        if (i % 2 == 0) connections.back().send("POST /registry/register_instance HT");
    }
    for (int i = 0; i < 20; ++i) {
        ASSERT_TRUE(
            agent_.put("10.9.9.9:1", {{"app_name", "good"}, {"zone", std::to_string(i)}}).ok());
    }
}

TEST_F(BadInput, GarbageAtTheGossipPortsIsIgnored) {
    std::mt19937 random(7);
    const RawConnection datagrams(agent_.gossip(), SOCK_DGRAM);
    for (int round = 0; round < 500; ++round) {
        std::string bytes(1 + random() % 1400, '\0');
        for (char& c : bytes) c = static_cast<char>(random());
        datagrams.send(bytes);
    }
    for (int round = 0; round < 20; ++round) {
        const RawConnection stream(agent_.gossip(), SOCK_STREAM);
        std::string bytes(5000, '\0');
        for (char& c : bytes) c = static_cast<char>(random());
        stream.send(bytes);
    }
    EXPECT_TRUE(agent_.answers());
}

}  // namespace
