#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <fstream>

#include "tests/support/eventually.h"
#include "tests/support/http_fixture.h"
#include "tests/support/raw_connection.h"

// Clients that break the rules, or only the pace: each is told or cut off, the memory stays, and
// the others are answered all the while.

namespace {

using namespace std::chrono_literals;
using test::RawConnection;

class HttpAbuse : public test::HttpTest {
  protected:
    // The status of the answer that `bytes` get; 0 for a close without one.
    int status_of(const std::string& bytes) {
        const RawConnection connection(address(), SOCK_STREAM);
        EXPECT_TRUE(connection.connected());
        connection.send(bytes);
        const std::string answer = connection.read();
        return answer.starts_with("HTTP/1.1 ") ? std::stoi(answer.substr(9, 3)) : 0;
    }
    void TearDown() override { EXPECT_EQ(get("/registry/list").status, 200); }

    // What the process holds; under a sanitizer less its shadow: at most 8 bytes (TSan's 4 + 2,
    // with what its allocator keeps) for each of ours.
    static std::size_t resident_bytes() {
        std::size_t total = 0;
        std::size_t resident = 0;
        std::ifstream{"/proc/self/statm"} >> total >> resident;
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
        resident /= 8;
#endif
        return resident * 4096;
    }
};

const std::string kRegister = "POST /registry/register_instance HTTP/1.1\r\nHost: a\r\n";

TEST_F(HttpAbuse, ABodyOf100MegabytesIsRefusedBeforeItIsRead) {
    EXPECT_EQ(status_of(kRegister + "Content-Length: 100000000\r\n\r\n"), 413);
}

TEST_F(HttpAbuse, AnEndlessChunkedBodyIsCutWithSteadyMemory) {
    const std::size_t before = resident_bytes();
    const RawConnection connection(address(), SOCK_STREAM);
    connection.send(kRegister + "Transfer-Encoding: chunked\r\n\r\n");
    const std::string chunk = "100000\r\n" + std::string(0x100000, ' ') + "\r\n";
    int sent = 0;
    while (sent < 200 && connection.send(chunk)) ++sent;
    EXPECT_LT(sent, 40) << "MiB were taken";
    EXPECT_LT(resident_bytes(), before + (std::size_t{60} << 20));
}

TEST_F(HttpAbuse, AllBodiesTogetherAreBounded) {
    const std::size_t before = resident_bytes();
    const std::string start =
        "POST /registry/register_all HTTP/1.1\r\nContent-Length: 16000000"
        "\r\n\r\n";
    const std::string half(8'000'000, ' ');
    std::vector<RawConnection> connections;
    for (int i = 0; i < 40; ++i) {
        connections.emplace_back(address(), SOCK_STREAM);
        ASSERT_TRUE(connections.back().connected());
        if (connections.back().send(start)) connections.back().send(half);
    }
    EXPECT_EQ(get("/registry/list").status, 200);
    EXPECT_TRUE(test::eventually([&] {  // 40 x 8 MB is more than twice the bound
        return std::ranges::count_if(connections, [](auto& c) { return !c.send(" "); }) > 20;
    }));
    EXPECT_LT(resident_bytes(), before + (std::size_t{300} << 20));
    connections.clear();
    // What the cut ones held is free again.
    const test::json row{{"address", "h:1"}, {"app_name", "chat"}, {"last_update", 0}};
    EXPECT_EQ(post("/registry/register_instance", row).body, "success");
}

TEST_F(HttpAbuse, HeadersWithoutEndAreRefused) {
    EXPECT_EQ(status_of("GET / HTTP/1.1\r\nX-Long: " + std::string(200'000, 'a')), 431);
    EXPECT_EQ(status_of("GET / HTTP/1.1\r\n" + std::string(200'000, 'a')), 431);
    std::string many = "GET / HTTP/1.1\r\n";
    for (int i = 0; i < 100'000; ++i) many += "X: y\r\n";
    EXPECT_EQ(status_of(many), 431);
    EXPECT_EQ(status_of("GET /" + std::string(200'000, 'a') + " HTTP/1.1\r\n\r\n"), 431);
}

TEST_F(HttpAbuse, SixtyFourHeadersAreEnough) {
    const auto with = [](int count) {
        std::string request = "GET /registry/list HTTP/1.1\r\nConnection: close\r\n";
        for (int i = 1; i < count; ++i) request += "X-" + std::to_string(i) + ": y\r\n";
        return request + "\r\n";
    };
    EXPECT_EQ(status_of(with(64)), 200);
    EXPECT_EQ(status_of(with(65)), 431);
}

TEST_F(HttpAbuse, TwoLengthsAtOnceAreRefused) {
    EXPECT_EQ(status_of(kRegister + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"
                                    "0\r\n\r\n"),
              400);
    EXPECT_EQ(status_of(kRegister + "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"), 400);
    EXPECT_EQ(status_of(kRegister + "Content-Length: -1\r\n\r\n"), 400);
    EXPECT_EQ(status_of(kRegister + "Transfer-Encoding: chunked\r\n\r\nzz\r\n"), 400);
}

TEST_F(HttpAbuse, WhatIsNoHttpIsRefused) {
    EXPECT_EQ(status_of("\x16\x03\x01\x02 a TLS client\r\n\r\n"), 400);
    EXPECT_EQ(status_of("hello\r\n\r\n"), 400);
}

TEST_F(HttpAbuse, AWishToUpgradeIsAnsweredAndTheConnectionClosed) {
    EXPECT_EQ(status_of("GET /registry/list HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\n"
                        "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n"),
              200);
    EXPECT_EQ(status_of("CONNECT example.org:443 HTTP/1.1\r\n\r\n"), 404);
}

TEST_F(HttpAbuse, PipelinedRequestsAreAnsweredInOrder) {
    const RawConnection connection(address(), SOCK_STREAM);
    const std::string body = R"({"address":"h:1","app_name":"chat","last_update":0})";
    connection.send(kRegister + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
                    body + "GET /registry/get_ip HTTP/1.1\r\nConnection: close\r\n\r\n");
    const std::string answers = connection.read();
    const auto first = answers.find("success");
    ASSERT_NE(first, std::string::npos) << answers;
    EXPECT_NE(answers.find("127.0.0.1", first), std::string::npos) << answers;
}

TEST_F(HttpAbuse, ADribbleOfBytesIsCutWhenItsTimeIsUp) {
    node::HttpLimits limits;
    limits.request_time = 1s;
    serve(limits);
    const auto start = std::chrono::steady_clock::now();
    const RawConnection slow(address(), SOCK_STREAM);
    const RawConnection stalled(address(), SOCK_STREAM);
    const RawConnection idle(address(), SOCK_STREAM);
    ASSERT_TRUE(stalled.send(kRegister));
    ASSERT_TRUE(slow.send(kRegister + "X-Slow: "));
    int bytes = 0;  // one whenever somebody else has been answered
    while (std::chrono::steady_clock::now() - start < 10s && slow.send("a")) {
        ++bytes;
        ASSERT_EQ(get("/registry/get_ip").status, 200);
    }
    EXPECT_GT(bytes, 0);
    EXPECT_TRUE(stalled.read().starts_with("HTTP/1.1 408 "));
    EXPECT_EQ(idle.read(), "");  // closed without a word
    EXPECT_LT(std::chrono::steady_clock::now() - start, 10s);
}

TEST_F(HttpAbuse, AClientThatDoesNotReadItsAnswersIsCut) {
    node::HttpLimits limits;
    limits.write_time = 1s;
    // RESTinio has one clock per connection, and waiting for a next request sets it anew.
    limits.request_time = 1s;
    serve(limits);
    test::json all = test::json::object();
    for (int i = 0; i < 20'000; ++i) {
        all["h" + std::to_string(i) + ":1"] = {{"app_name", "chat"}, {"last_update", 0}};
    }
    ASSERT_EQ(post("/registry/register_all", all).body, "Success!");
    ASSERT_GT(get("/registry/list").body.size(), 4'000'000U);
    const auto start = std::chrono::steady_clock::now();
    const RawConnection connection(address(), SOCK_STREAM);
    // RESTinio gives a connection that asks for an upgrade all the time in the world; we do not.
    const RawConnection upgrade(address(), SOCK_STREAM);
    upgrade.send("GET /registry/list HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n");
    // Far more lists than the buffers of both ends hold, none of them read.
    int requests = 0;
    const auto within = [&] { return std::chrono::steady_clock::now() - start < 9s; };
    while (within() && connection.send("GET /registry/list HTTP/1.1\r\n\r\n")) {
        ++requests;
        ASSERT_EQ(get("/registry/get_ip").status, 200);
    }
    EXPECT_GT(requests, 0);
    while (within() && upgrade.send("x")) {
        ++requests;
        ASSERT_EQ(get("/registry/get_ip").status, 200);
    }
    EXPECT_LT(std::chrono::steady_clock::now() - start, 9s);
}

TEST_F(HttpAbuse, OthersAreAnsweredBesideThousandsOfConnections) {
    rlimit files{};
    ::getrlimit(RLIMIT_NOFILE, &files);  // raised by the server; both ends are ours here
    const std::size_t wanted = std::min<std::size_t>(10'000, files.rlim_cur / 2 - 200);
    std::vector<RawConnection> connections;
    connections.reserve(wanted);
    for (std::size_t i = 0; i < wanted; ++i) {
        connections.emplace_back(address(), SOCK_STREAM);
        ASSERT_TRUE(connections.back().connected()) << i;
        if (i % 2 == 0) {
            ASSERT_TRUE(connections.back().send("GET /registry/list HT")) << i;
        }
    }
    const test::json row{{"address", "h:1"}, {"app_name", "chat"}, {"last_update", 0}};
    for (int i = 0; i < 100; ++i) {
        ASSERT_EQ(get("/registry/list").status, 200);
        ASSERT_EQ(post("/registry/register_instance", row).status, 200);
    }
}

TEST_F(HttpAbuse, MoreConnectionsThanAllowedWaitForTheirTurn) {
    node::HttpLimits limits;
    limits.max_connections = 10;
    limits.request_time = 1s;  // after which the idle ones make room
    serve(limits);
    std::vector<RawConnection> idle;
    for (int i = 0; i < 30; ++i) idle.emplace_back(address(), SOCK_STREAM);
    EXPECT_EQ(get("/registry/list").status, 200);
}

}  // namespace
