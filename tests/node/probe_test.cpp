#include "node/checks/probe.h"

#include <gmock/gmock.h>
#include <sys/resource.h>

#include "node/checks/health_body.h"
#include "tests/support/health_server.h"

// One try of a check, against real sockets.

namespace {

using namespace std::chrono_literals;
using node::CheckPolicy;
using node::HealthBody;
using node::Probed;
using registry::Check;
using test::HealthServer;
using testing::HasSubstr;
using Outcome = node::Probed::Outcome;

// The limit is generous where the server answers: only how a try ends is tested.
Probed ask(const std::string& target, Check::Kind kind = Check::Kind::http,
           std::chrono::milliseconds timeout = 10s, const CheckPolicy& policy = {}) {
    asio::io_context io;
    std::atomic<int> lookups{0};
    std::vector<Probed> results;
    node::probe(io, {kind, *registry::parse_target(kind, target), timeout}, policy, lookups,
                [&](Probed probed) { results.push_back(std::move(probed)); });
    EXPECT_TRUE(results.empty());
    io.run();
    EXPECT_EQ(lookups, 0);
    EXPECT_EQ(results.size(), 1U);
    return results.empty() ? Probed{} : results.front();
}

Probed ask_one_that_says(const std::optional<std::string>& reply,
                         std::chrono::milliseconds timeout = 10s) {
    const HealthServer server([&](const std::string&) { return reply; });
    return ask(server.url(), Check::Kind::http, timeout);
}

TEST(Probe, TakesAnAnswerOf2xxForHealthAndKeepsItsBody) {
    const Probed probed = ask_one_that_says(HealthServer::ok(R"({"available_capacity":3})"));
    EXPECT_EQ(probed.outcome, Outcome::up) << probed.why;
    EXPECT_EQ(probed.body, R"({"available_capacity":3})");
    EXPECT_EQ(ask_one_that_says("HTTP/1.1 204 No Content\r\n\r\n").outcome, Outcome::up);
    EXPECT_EQ(ask_one_that_says("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                                "2\r\n{}\r\n0\r\n\r\n")
                  .body,
              "{}");
    // Without a length, the end of the connection is the end of the body.
    EXPECT_EQ(ask_one_that_says("HTTP/1.0 200 OK\r\n\r\n{}").body, "{}");
}

TEST(Probe, SendsAPlainGet) {
    const HealthServer server([](const std::string&) { return HealthServer::ok("{}"); });
    EXPECT_EQ(ask(server.url("/health/?deep=1")).outcome, Outcome::up);
    EXPECT_EQ(server.requests("/health/?deep=1"), 1);
    const std::string head = server.head();
    EXPECT_THAT(head, HasSubstr("GET /health/?deep=1 HTTP/1.1\r\n"));
    EXPECT_THAT(head, HasSubstr("\r\nHost: " + server.address() + "\r\n"));
    EXPECT_THAT(head, HasSubstr("\r\nUser-Agent: hearsay-check\r\n"));
    EXPECT_THAT(head, HasSubstr("\r\nConnection: close\r\n"));
}

TEST(Probe, ResolvesANameAndAsksThere) {
    const HealthServer server([](const std::string&) { return HealthServer::ok("{}"); });
    const Probed probed = ask("http://localhost:" + std::to_string(server.port()) + "/health/");
    EXPECT_EQ(probed.outcome, Outcome::up) << probed.why;
}

TEST(Probe, TakesEveryOtherStatusForAMiss) {
    for (const std::string status : {"429 Too Many Requests", "503 Service Unavailable",
                                     "404 Not Found", "500 Internal Server Error", "301 Moved"}) {
        const Probed probed = ask_one_that_says(HealthServer::ok("{}", status));
        EXPECT_EQ(probed.outcome, Outcome::down) << status;
        EXPECT_THAT(probed.why, HasSubstr(status.substr(0, 3)));
    }
}

TEST(Probe, DoesNotFollowARedirect) {
    const HealthServer elsewhere([](const std::string&) { return HealthServer::ok("{}"); });
    const Probed probed = ask_one_that_says("HTTP/1.1 302 Found\r\nLocation: " + elsewhere.url() +
                                            "\r\nContent-Length: 0\r\n\r\n");
    EXPECT_EQ(probed.outcome, Outcome::down);
    EXPECT_EQ(elsewhere.requests(), 0);
}

TEST(Probe, TakesSilenceAndAnAnswerWithoutEndForAMiss) {
    const std::vector<std::optional<std::string>> replies{
        std::nullopt,
        "HTTP/1.1 200 OK\r\nContent-Le",
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{",
    };
    for (const auto& reply : replies) {
        // These servers keep the connection, or close it in the middle; both are misses.
        const Probed probed = ask_one_that_says(reply, 200ms);
        EXPECT_EQ(probed.outcome, Outcome::down) << reply.value_or("silence");
    }
    EXPECT_THAT(ask_one_that_says(std::nullopt, 100ms).why, HasSubstr("100ms"));
}

TEST(Probe, TakesWhatIsNoHttpForAMiss) {
    for (const std::string reply :
         {"SSH-2.0-OpenSSH_9.2\r\n", "\x16\x03\x01", "HTTP/1.1 2000 OK\r\n\r\n",
          "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "\r\n\r\n\r\n",
          "GET / HTTP/1.1\r\n\r\n"}) {
        EXPECT_EQ(ask_one_that_says(reply).outcome, Outcome::down) << reply;
    }
}

TEST(Probe, StopsReadingALongAnswerAndTakesItsStatus) {
    const Probed body = ask_one_that_says(HealthServer::ok(std::string(50 << 20, ' ')));
    EXPECT_EQ(body.outcome, Outcome::up) << body.why;
    EXPECT_EQ(body.body, "");
    const Probed head = ask_one_that_says("HTTP/1.1 200 OK\r\nX: " + std::string(1 << 20, 'x'));
    EXPECT_EQ(head.outcome, Outcome::down);
    const Probed failing =
        ask_one_that_says(HealthServer::ok(std::string(1 << 20, ' '), "503 Busy"));
    EXPECT_EQ(failing.outcome, Outcome::down);
}

TEST(Probe, ConnectsForATcpCheckAndSendsNothing) {
    std::string address;
    {
        const HealthServer server([](const std::string&) { return std::nullopt; });
        address = server.address();
        EXPECT_EQ(ask(address, Check::Kind::tcp).outcome, Outcome::up);
        EXPECT_EQ(server.head(), "");
    }
    // The server is gone, and its port refuses.
    EXPECT_EQ(ask(address, Check::Kind::tcp).outcome, Outcome::down);
    EXPECT_EQ(ask("http://" + address + "/").outcome, Outcome::down);
}

// Three of these in a row must not expire an application that is well.
TEST(Probe, AMachineThatHasNoSocketLeftSaysNothingOfTheApplication) {
    const HealthServer server([](const std::string&) { return HealthServer::ok("{}"); });
    asio::io_context io;
    std::atomic<int> lookups{0};
    const CheckPolicy policy;
    Probed result;
    node::probe(io,
                {Check::Kind::http, *registry::parse_target(Check::Kind::http, server.url()), 10s},
                policy, lookups, [&](Probed probed) { result = std::move(probed); });
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
    const rlimit none{.rlim_cur = 0, .rlim_max = before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
    io.run();
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
    EXPECT_EQ(result.outcome, Outcome::unknown) << result.why;
    EXPECT_EQ(server.requests(), 0);
}

TEST(Probe, NeverConnectsToAddressesThatBelongToNoServer) {
    for (const std::string host :
         {"169.254.169.254", "0.0.0.0", "0.1.2.3", "224.0.0.1", "239.255.255.250",
          "255.255.255.255", "[fe80::1]", "[febf::1]", "[ff02::1]", "[::]", "[::ffff:169.254.1.1]",
          "[::169.254.169.254]", "[64:ff9b::a9fe:a9fe]", "[::ffff:0.0.0.0]"}) {
        const Probed probed = ask("http://" + host + ":80/latest/meta-data/");
        EXPECT_EQ(probed.outcome, Outcome::refused) << host << " " << probed.why;
        EXPECT_EQ(ask(host + ":80", Check::Kind::tcp).outcome, Outcome::refused) << host;
    }
    // Unless the operator allows everything: 0.0.0.0 then leads to this machine.
    const HealthServer server([](const std::string&) { return HealthServer::ok("{}"); });
    const std::string wildcard = "http://0.0.0.0:" + std::to_string(server.port()) + "/";
    EXPECT_EQ(ask(wildcard).outcome, Outcome::refused);
    EXPECT_EQ(ask(wildcard, Check::Kind::http, 10s, {.any = true, .hosts = {}}).outcome,
              Outcome::up);
}

TEST(CheckPolicy, AllowsTheInstancesOwnHostAndWhatTheOperatorNames) {
    const auto allowed = [](const CheckPolicy& policy, const std::string& address,
                            const std::string& url) {
        return !policy.refusal(address, {Check::Kind::http, url, 5'000, 1'000});
    };
    const CheckPolicy own;
    EXPECT_TRUE(allowed(own, "10.0.0.1:7777", "http://10.0.0.1:9000/health/"));
    EXPECT_TRUE(allowed(own, "Game.Example.org", "http://game.example.ORG/"));
    EXPECT_TRUE(allowed(own, "[::1]:7", "http://[::1]:8/"));
    EXPECT_TRUE(allowed(own, "::1", "http://[::1]/"));
    EXPECT_FALSE(allowed(own, "10.0.0.1:7777", "http://10.0.0.2:7777/"));
    EXPECT_FALSE(allowed(own, "10.0.0.1", "http://10.0.0.10/"));
    EXPECT_FALSE(allowed(own, "10.0.0.10", "http://10.0.0.1/"));
    EXPECT_FALSE(allowed(own, "127.0.0.1", "http://localhost/"));  // as text
    EXPECT_FALSE(allowed(own, "a.example", "http://b.example/"));
    EXPECT_FALSE(allowed(own, "10.0.0.1", "https://10.0.0.1/"));

    const CheckPolicy more{.any = false, .hosts = {"10.0.0.2", "Health.example"}};
    EXPECT_TRUE(allowed(more, "10.0.0.1:7777", "http://10.0.0.2/"));
    EXPECT_TRUE(allowed(more, "10.0.0.1:7777", "http://health.EXAMPLE:90/"));
    EXPECT_TRUE(allowed(more, "10.0.0.1:7777", "http://10.0.0.1/"));
    EXPECT_FALSE(allowed(more, "10.0.0.1:7777", "http://10.0.0.3/"));
    EXPECT_TRUE(allowed({.any = true, .hosts = {}}, "10.0.0.1", "http://10.0.0.3/"));
}

TEST(HealthBody, TakesWhatItUnderstandsAndNoMore) {
    using std::nullopt;
    const std::vector<std::pair<std::string, HealthBody>> cases{
        {R"({"available_capacity":100,"ready_to_close":false})", {100, false, false}},
        {R"({"ready_to_close":true,"more":[1,{}]})", {nullopt, true, false}},
        {R"({"available_capacity":0})", {0, nullopt, false}},
        {R"({"available_capacity":4294967295})", {UINT32_MAX, nullopt, false}},
        {"{}", {}},
        {"", {}},
        {"OK", {}},
        {"[1]", {}},
        {"null", {}},
        {"{\"available_capacity\":1", {}},
        {"\xff\xfe", {}},
        {std::string(16'000, '['), {}},
        {R"({"available_capacity":-1,"ready_to_close":true})", {nullopt, true, true}},
        {R"({"available_capacity":1.5})", {nullopt, nullopt, true}},
        {R"({"available_capacity":"7","ready_to_close":false})", {nullopt, false, true}},
        {R"({"available_capacity":4294967296})", {nullopt, nullopt, true}},
        {R"({"available_capacity":null})", {nullopt, nullopt, true}},
        {R"({"available_capacity":7,"ready_to_close":1})", {7, nullopt, true}},
    };
    for (const auto& [body, expected] : cases)
        EXPECT_EQ(node::parse_health(body), expected) << body;
}

}  // namespace
