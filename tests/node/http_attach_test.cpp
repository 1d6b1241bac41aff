#include <algorithm>
#include <asio/ip/tcp.hpp>
#include <memory>
#include <thread>

#include "node/http/line_stream.h"
#include "tests/support/eventually.h"
#include "tests/support/http_fixture.h"
#include "tests/support/raw_connection.h"

// The open connections of applications: GET /v1/instances/{address}/attach.

namespace {

using namespace std::chrono_literals;
using test::eventually;
using test::json;
using test::RawConnection;

constexpr std::string_view kLineEnd = "}\n\r\n";    // of a chunk that is a row
constexpr std::string_view kEnd = "\r\n0\r\n\r\n";  // of a response in chunks

class HttpAttach : public test::HttpTest {
  protected:
    void SetUp() override {
        serve();
        register_at("h:1");
    }
    void register_at(const std::string& where, json more = json::object()) {
        more["app_name"] = "chat";
        more["ttl"] = 3600;  // so that no lease lapses within a test
        ASSERT_EQ(put(where, more).status, 200);
    }
    static std::string request_for(const std::string& where, const std::string& headers = "") {
        return "GET /v1/instances/" + where + "/attach HTTP/1.1\r\nHost: a\r\n" + headers + "\r\n";
    }
    // Attached, and the first line read.
    RawConnection attach(const std::string& where, const std::string& headers = "") {
        RawConnection connection(address(), SOCK_STREAM);
        EXPECT_TRUE(connection.send(request_for(where, headers)));
        EXPECT_TRUE(connection.read_until(kLineEnd).starts_with("HTTP/1.1 200 "));
        return connection;
    }
    std::string state_of(const std::string& where) {
        const auto answer = get("/v1/instances/" + where);
        return answer.ok() ? json::parse(answer.body).value("state", "") : "";
    }
    bool becomes(const std::string& where, const std::string& state) {
        return eventually([&] { return state_of(where) == state; });
    }
    std::size_t attached() { return get_json("/v1/status").at("attached"); }
};

TEST_F(HttpAttach, TheFirstLineIsTheRow) {
    const RawConnection connection(address(), SOCK_STREAM);
    connection.send(request_for("h:1"));
    const std::string head = connection.read_until("\r\n\r\n");
    EXPECT_TRUE(head.starts_with("HTTP/1.1 200 OK\r\n")) << head;
    EXPECT_NE(head.find("Content-Type: application/x-ndjson\r\n"), std::string::npos) << head;
    EXPECT_NE(head.find("Transfer-Encoding: chunked\r\n"), std::string::npos) << head;
    const std::string line = get("/v1/instances/h:1").body + "\n";
    EXPECT_EQ(std::stoul(connection.read_until("\r\n"), nullptr, 16), line.size());
    EXPECT_EQ(connection.read_until("\r\n"), line + "\r\n");
    EXPECT_EQ(attached(), 1U);
}

TEST_F(HttpAttach, OnlyALiveInstanceCanBeAttached) {
    expect_refused(get("/v1/instances/h:2/attach"), 404, "h:2");
    expect_refused(get("/v1/instances/no%20address/attach"), 400, "address");
    expect_refused(get("/v1/instances/h:1/attach?fresh=1"), 400, "fresh");
    EXPECT_EQ(send("HEAD", "/v1/instances/h:1/attach").status, 405);
    expect_refused(get("/v1/instances/attach"), 404, "attach");  // that is an address
    attach("h:1").reset();
    ASSERT_TRUE(becomes("h:1", "expired"));
    expect_refused(get("/v1/instances/h:1/attach"), 404, "register it first");
    EXPECT_TRUE(eventually([this] { return attached() == 0; }));
}

TEST_F(HttpAttach, TheEndOfTheConnectionIsTheEndOfTheInstance) {
    {
        const RawConnection connection = attach("h:1");
        EXPECT_EQ(state_of("h:1"), "up");
    }
    EXPECT_TRUE(becomes("h:1", "expired"));
    register_at("h:2");
    attach("h:2").reset();
    EXPECT_TRUE(becomes("h:2", "expired"));
    register_at("h:3");
    const RawConnection half = attach("h:3");
    half.half_close();
    EXPECT_TRUE(becomes("h:3", "expired"));
    EXPECT_EQ(half.read(), "");  // and it is closed: nobody thinks that it is still attached
    EXPECT_TRUE(eventually([this] { return attached() == 0; }));
}

TEST_F(HttpAttach, AClientThatHasGoneBeforeTheAnswerIsAnEndToo) {
    for (int i = 0; i < 20; ++i) {
        RawConnection connection(address(), SOCK_STREAM);
        connection.send(request_for("h:1"));
        connection.reset();
        // Its request may never have been read.
        EXPECT_TRUE(eventually([this] { return attached() == 0; }));
        register_at("h:1");
    }
    EXPECT_EQ(state_of("h:1"), "up");
}

TEST_F(HttpAttach, DeregisteringEndsTheStreamAndLeavesNoExpiredRow) {
    const RawConnection connection = attach("h:1");
    EXPECT_EQ(send("DELETE", "/v1/instances/h:1").status, 200);
    const std::string rest = connection.read();
    EXPECT_NE(rest.find(R"({"deleted":"h:1"})"), std::string::npos) << rest;
    EXPECT_TRUE(rest.ends_with(kEnd)) << rest;
    EXPECT_TRUE(eventually([this] { return attached() == 0; }));
    EXPECT_EQ(state_of("h:1"), "");
}

TEST_F(HttpAttach, ANewerConnectionReplacesTheOlderAndOnlyItsEndCounts) {
    auto older = std::make_unique<RawConnection>(attach("h:1"));
    auto newer = std::make_unique<RawConnection>(attach("h:1"));
    const std::string rest = older->read();
    EXPECT_NE(rest.find(R"({"replaced":"h:1"})"), std::string::npos) << rest;
    EXPECT_TRUE(rest.ends_with(kEnd)) << rest;
    older.reset();
    EXPECT_TRUE(eventually([this] { return attached() == 1; }));
    EXPECT_EQ(state_of("h:1"), "up");
    newer.reset();
    EXPECT_TRUE(becomes("h:1", "expired"));
}

TEST_F(HttpAttach, TheNewestOfManyAtOnceRemains) {
    serve({}, 2);
    register_at("h:1");
    std::vector<RawConnection> all;
    all.reserve(50);
    for (int i = 0; i < 50; ++i) all.emplace_back(address(), SOCK_STREAM);
    for (const auto& connection : all) connection.send(request_for("h:1"));
    EXPECT_TRUE(eventually([this] { return attached() == 1; }));
    EXPECT_EQ(state_of("h:1"), "up");
    all.clear();
    EXPECT_TRUE(becomes("h:1", "expired"));
    EXPECT_TRUE(eventually([this] { return attached() == 0; }));
}

TEST_F(HttpAttach, ARegistrationAndANewConnectionReviveIt) {
    for (int i = 0; i < 10; ++i) {
        attach("h:1").reset();
        ASSERT_TRUE(becomes("h:1", "expired"));
        register_at("h:1");
        ASSERT_EQ(state_of("h:1"), "up");
    }
}

TEST_F(HttpAttach, AChangeOfTheRowIsALine) {
    const RawConnection connection = attach("h:1");
    register_at("h:1", {{"version", "v2"}});
    EXPECT_NE(connection.read_until(kLineEnd).find(R"("version":"v2")"), std::string::npos);
    register_at("h:1", {{"version", "v2"}, {"phase", "stopping"}});
    EXPECT_NE(connection.read_until(kLineEnd).find(R"("state":"draining")"), std::string::npos);
}

TEST_F(HttpAttach, WhoHasSaidThatItStopsIsNotListedAsExpired) {
    auto connection = std::make_unique<RawConnection>(attach("h:1"));
    register_at("h:1", {{"phase", "stopped"}});
    connection.reset();
    EXPECT_TRUE(eventually([this] { return attached() == 0; }));
    EXPECT_EQ(state_of("h:1"), "stopped");
}

TEST_F(HttpAttach, TheConnectionOfAServerThatWasRestartedSaysNothingOfTheNewOne) {
    auto connection = std::make_unique<RawConnection>(attach("h:1"));
    register_at("h:1", {{"incarnation", 2}});
    connection.reset();
    EXPECT_TRUE(eventually([this] { return attached() == 0; }));
    EXPECT_EQ(state_of("h:1"), "up");
}

TEST_F(HttpAttach, WhatIsSentBehindTheRequestIsNotAnswered) {
    auto connection = std::make_unique<RawConnection>(address(), SOCK_STREAM);
    const std::string other = "GET /v1/health HTTP/1.1\r\nHost: a\r\n\r\n";
    connection->send(request_for("h:1") + other + other);
    EXPECT_TRUE(connection->read_until(kLineEnd).starts_with("HTTP/1.1 200 "));
    for (int i = 0; i < 10'000; ++i) ASSERT_TRUE(connection->send(other));
    EXPECT_EQ(attached(), 1U);
    EXPECT_EQ(send("DELETE", "/v1/instances/h:1").status, 200);
    const std::string rest = connection->read();
    EXPECT_EQ(rest.find("HTTP/1.1"), std::string::npos) << rest;
    EXPECT_NE(rest.find("deleted"), std::string::npos) << rest;
}

TEST_F(HttpAttach, ABodyAndAWishToUpgradeChangeNothing) {
    attach("h:1", "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n").reset();
    EXPECT_TRUE(becomes("h:1", "expired"));
    register_at("h:1");
    attach("h:1", "Connection: close\r\n").reset();
    EXPECT_TRUE(becomes("h:1", "expired"));
    register_at("h:1");
    {
        const RawConnection second(address(), SOCK_STREAM);  // behind another request
        second.send("GET /v1/health HTTP/1.1\r\nHost: a\r\n\r\n" + request_for("h:1"));
        EXPECT_NE(second.read_until(kLineEnd).find("h:1"), std::string::npos);
        EXPECT_EQ(attached(), 1U);
    }
    EXPECT_TRUE(becomes("h:1", "expired"));
}

TEST_F(HttpAttach, NoTimeLimitOfRequestsEndsIt) {
    serve({.request_time = 1s, .handle_time = 1s, .write_time = 1s});
    const RawConnection connection = attach("h:1");
    for (int i = 0; i < 3; ++i) {  // as long as it takes an idle connection to be closed thrice
        const RawConnection idle(address(), SOCK_STREAM);
        EXPECT_EQ(idle.read(), "");
    }
    EXPECT_EQ(attached(), 1U);
    EXPECT_EQ(state_of("h:1"), "up");
}

TEST_F(HttpAttach, TheEndOfTheServerIsNotTheEndOfTheInstance) {
    const RawConnection connection = attach("h:1");
    server_.reset();
    const std::string rest = connection.read();
    EXPECT_FALSE(rest.ends_with(kEnd)) << "cut off: the client should come back";
    serve();
    EXPECT_EQ(state_of("h:1"), "up");
    EXPECT_EQ(attached(), 0U);
    attach("h:1").reset();
    EXPECT_TRUE(becomes("h:1", "expired"));
}

TEST_F(HttpAttach, AnEndThatTheCoreHasNoRoomForIsToldAgain) {
    auto connection = std::make_unique<RawConnection>(attach("h:1"));
    core_.full = true;
    connection.reset();
    EXPECT_EQ(put("h:2", {{"app_name", "chat"}}).status, 503);
    EXPECT_EQ(state_of("h:1"), "up");
    core_.full = false;
    EXPECT_TRUE(becomes("h:1", "expired"));
}

TEST_F(HttpAttach, ConnectionsAreLimited) {
    serve({.max_attached = 2});
    register_at("h:2");
    register_at("h:3");
    auto first = std::make_unique<RawConnection>(attach("h:1"));
    const RawConnection second = attach("h:2");
    expect_refused(get("/v1/instances/h:3/attach"), 503, "open connections");
    EXPECT_EQ(get("/registry/list").status, 200);
    first.reset();
    EXPECT_TRUE(eventually([this] { return attached() == 1; }));
    const RawConnection third = attach("h:3");
    EXPECT_EQ(attached(), 2U);
}

TEST_F(HttpAttach, AttachedConnectionsLeaveHalfOfAllToOthers) {
    serve({.max_connections = 8});
    std::vector<RawConnection> all;
    for (int i = 1; i <= 4; ++i) {
        register_at("h:" + std::to_string(i));
        all.push_back(attach("h:" + std::to_string(i)));
    }
    expect_refused(get("/v1/instances/h:1/attach"), 503, "open connections");
    all.clear();
    EXPECT_TRUE(eventually([this] { return attached() == 0; }));
    // RESTinio has them back, all of them.
    std::vector<RawConnection> others;
    for (int i = 0; i < 6; ++i) {
        others.emplace_back(address(), SOCK_STREAM);
        others.back().send("GET /v1/health HTTP/1.1\r\nHost: a\r\n\r\n");
        EXPECT_TRUE(others.back().read_until("\r\n").starts_with("HTTP/1.1 200")) << i;
    }
}

TEST_F(HttpAttach, AThousandEndAtOnce) {
    constexpr std::size_t kMany = 1000;
    serve({}, 2);
    std::vector<RawConnection> all;
    for (std::size_t i = 0; i < kMany; ++i) {
        const std::string where = "many:" + std::to_string(i + 1);
        register_at(where);
        all.push_back(attach(where));
    }
    EXPECT_EQ(attached(), kMany);
    EXPECT_EQ(get_json("/v1/status").at("states").at("up"), kMany + 1);
    all.clear();
    EXPECT_TRUE(
        eventually([this] { return get_json("/v1/status").at("states").at("expired") == kMany; }));
    EXPECT_TRUE(eventually([this] { return attached() == 0; }));
    EXPECT_EQ(state_of("h:1"), "up");
}

// ---- the stream alone

class Stream : public testing::Test {
  protected:
    void SetUp() override {
        asio::ip::tcp::acceptor acceptor{io_, {asio::ip::address_v4::loopback(), 0}};
        client_.connect(acceptor.local_endpoint());
        stream_ = std::make_shared<node::SocketStream>(io_, open_, [this] { ended_ = true; });
        stream_->start(acceptor.accept(), slot_);
        io_.poll();
    }
    asio::io_context io_;
    node::SocketStream::Open open_;
    asio::ip::tcp::socket client_{io_};
    std::shared_ptr<int> slot_ = std::make_shared<int>();
    std::shared_ptr<node::SocketStream> stream_;
    bool ended_ = false;
};

TEST_F(Stream, AClientThatDoesNotReadCostsLittleAndGetsTheNewestLine) {
    const std::string line(500, 'x');
    std::size_t sent = 0;
    // 25 MB of lines; it would block here, or grow, if they were kept.
    for (int i = 0; i < 50'000; ++i) {
        stream_->send(line + std::to_string(i));
        io_.poll();
    }
    EXPECT_FALSE(ended_);
    stream_->finish("last");
    std::string all;
    std::thread reader([&] {
        std::error_code error;
        std::array<char, 65536> buffer{};
        while (!error) all.append(buffer.data(), client_.read_some(asio::buffer(buffer), error));
        sent = all.size();
    });
    while (!open_.empty()) io_.run_one();
    client_.shutdown(asio::socket_base::shutdown_both);
    reader.join();
    EXPECT_LT(sent, 10'000'000U);  // what two kernels keep, at most
    EXPECT_TRUE(all.ends_with("5\r\nlast\n\r\n0\r\n\r\n")) << all.substr(all.size() - 50);
    EXPECT_EQ(slot_.use_count(), 1);
}

TEST_F(Stream, AnEndIsToldOnceAndGivesTheSlotBack) {
    EXPECT_EQ(slot_.use_count(), 2);
    client_.close();
    while (!open_.empty()) io_.run_one();
    EXPECT_TRUE(ended_);
    EXPECT_EQ(slot_.use_count(), 1);
    ended_ = false;
    stream_->send("into the void");
    stream_->finish("again");
    io_.run();
    EXPECT_FALSE(ended_);
}

TEST_F(Stream, ClosedByUsIsNoEndOfTheClient) {
    stream_->close();
    io_.run();
    EXPECT_FALSE(ended_);
    EXPECT_EQ(slot_.use_count(), 1);
    EXPECT_TRUE(open_.empty());
}

TEST_F(Stream, AClosedSocketIsAClientThatHasGone) {
    bool ended = false;
    const auto stream =
        std::make_shared<node::SocketStream>(io_, open_, [&ended] { ended = true; });
    stream->start(asio::ip::tcp::socket{io_}, slot_);
    EXPECT_TRUE(ended);
    EXPECT_EQ(slot_.use_count(), 2);  // that of stream_
}

}  // namespace
