#include <future>

#include "tests/support/http_fixture.h"
#include "tests/support/raw_connection.h"

namespace {

using test::json;
using HttpV1 = test::HttpTest;

// cpp-httplib 0.11 waits for a body after 304, which has none, until the connection ends.
std::map<std::string, std::string> unless(const std::string& etag) {
    return {{"If-None-Match", etag}, {"Connection", "close"}};
}

TEST_F(HttpV1, AnInstanceCanBePutReadAndDeleted) {
    const auto answer = put("10.0.0.1:9000", {{"app_name", "chat"}, {"version", "v2"}});
    EXPECT_EQ(answer.status, 200) << answer.body;
    const json row = json::parse(answer.body);
    EXPECT_EQ(row.at("version"), "v2");
    EXPECT_EQ(answer.headers.at("etag"), "\"" + row.at("ver").get<std::string>() + "\"");
    EXPECT_EQ(get_json("/v1/instances/10.0.0.1:9000"), row);
    EXPECT_EQ(send("DELETE", "/v1/instances/10.0.0.1:9000").status, 200);
    expect_refused(get("/v1/instances/10.0.0.1:9000"), 404, "10.0.0.1:9000");
    expect_refused(send("DELETE", "/v1/instances/10.0.0.1:9000"), 404, "10.0.0.1:9000");
}

TEST_F(HttpV1, TheAddressInAPathIsPercentDecoded) {
    EXPECT_EQ(put("%5B2001%3Adb8%3A%3A1%5D%3A9000", {{"app_name", "chat"}}).status, 200);
    EXPECT_EQ(get_json("/v1/instances/[2001:db8::1]:9000").at("app_name"), "chat");
    expect_refused(get("/v1/instances/10.0.0.1%3"), 400, "two hex digits");
    expect_refused(get("/v1/instances/10.0.0.1%3A99999"), 400, "99999");
    expect_refused(get("/v1/instances/a/b"), 400, "a/b");
    expect_refused(put("h:1", {{"app_name", "chat"}, {"address", "h:2"}}), 400, "h:2");
}

TEST_F(HttpV1, AnUnknownFieldIsRefused) {
    expect_refused(put("h:1", {{"app_name", "chat"}, {"verison", "v1"}}), 400, "verison");
}

TEST_F(HttpV1, AConditionalPutReplacesOnlyWhatItNames) {
    const json first = json::parse(put("h:1", {{"app_name", "one"}}).body);
    const std::string ver = first.at("ver");
    EXPECT_EQ(put("h:1", {{"app_name", "two"}}, {{"If-Match", "\"" + ver + "\""}}).status, 200);
    const auto late = put("h:1", {{"app_name", "three"}}, {{"If-Match", ver}});
    expect_refused(late, 409, "version");
    EXPECT_EQ(json::parse(late.body).at("current").at("app_name"), "two");
    const auto gone = send("DELETE", "/v1/instances/h:1", "", {{"If-Match", ver}});
    EXPECT_EQ(gone.status, 409);
    EXPECT_EQ(get_json("/v1/instances/h:1").at("app_name"), "two");
    expect_refused(put("h:1", {{"app_name", "x"}}, {{"If-Match", "soon"}}), 400, "soon");
}

TEST_F(HttpV1, IfNoneMatchStarCreatesOnly) {
    const std::map<std::string, std::string> only_new{{"If-None-Match", "*"}};
    EXPECT_EQ(put("h:1", {{"app_name", "one"}}, only_new).status, 200);
    const auto second = put("h:1", {{"app_name", "two"}}, only_new);
    EXPECT_EQ(second.status, 409);
    EXPECT_EQ(json::parse(second.body).at("current").at("app_name"), "one");
    EXPECT_EQ(send("DELETE", "/v1/instances/h:1").status, 200);
    EXPECT_EQ(put("h:1", {{"app_name", "three"}}, only_new).status, 200);
    expect_refused(put("h:2", {{"app_name", "x"}}, {{"If-None-Match", "\"7\""}}), 400, "alone");
}

TEST_F(HttpV1, AListCanBeFilteredAndPaged) {
    for (int i = 0; i < 5; ++i) {
        const std::string version = i % 2 == 0 ? "v1" : "v 2";
        ASSERT_EQ(put("h" + std::to_string(i) + ":1", {{"app_name", "chat"}, {"version", version}})
                      .status,
                  200);
    }
    ASSERT_EQ(put("z:1", {{"app_name", "other"}, {"zone", "eu"}, {"phase", "starting"}}).status,
              200);
    EXPECT_EQ(get_json("/v1/instances").at("instances").size(), 6U);
    EXPECT_EQ(get_json("/v1/instances?app=chat").at("instances").size(), 5U);
    EXPECT_EQ(get_json("/v1/instances?app=chat&version=v+2").at("instances").size(), 2U);
    EXPECT_EQ(get_json("/v1/instances?version=v%202").at("instances").size(), 2U);
    EXPECT_EQ(get_json("/v1/instances?zone=eu").at("instances").size(), 1U);
    EXPECT_EQ(get_json("/v1/instances?state=starting").at("instances").size(), 1U);

    std::vector<std::string> seen;
    std::string after;
    for (bool more = true; more;) {
        const json page = get_json("/v1/instances?app=chat&limit=2&after=" + after);
        for (const json& row : page.at("instances")) seen.push_back(row.at("address"));
        more = page.at("next").is_string();
        if (more) after = page.at("next");
    }
    EXPECT_EQ(seen, (std::vector<std::string>{"h0:1", "h1:1", "h2:1", "h3:1", "h4:1"}));
    // A page that ends with the last row is the last page.
    EXPECT_EQ(get_json("/v1/instances?app=chat&limit=5").at("next"), nullptr);
}

TEST_F(HttpV1, AMisspeltFilterIsRefused) {
    expect_refused(get("/v1/instances?stat=up"), 400, "stat");
    expect_refused(get("/v1/instances?state=sleeping"), 400, "sleeping");
    expect_refused(get("/v1/instances?limit=0"), 400, "limit");
    expect_refused(get("/v1/instances?limit=-1"), 400, "limit");
    expect_refused(get("/v1/instances?app"), 400, "app");
    expect_refused(get("/v1/instances?app=%zz"), 400, "hex");
    expect_refused(get("/v1/instances?app=a&app=b"), 400, "twice");
}

TEST_F(HttpV1, AnUnchangedPageIsNotSentAgain) {
    const std::string etag = get("/v1/instances?limit=3").headers.at("etag");
    EXPECT_EQ(get("/v1/instances?limit=3", unless(etag)).status, 304);
    ASSERT_EQ(put("h:1", {{"app_name", "chat"}}).status, 200);
    EXPECT_EQ(get("/v1/instances?limit=3", unless(etag)).status, 200);
}

TEST_F(HttpV1, NodesIncludeThisOne) {
    const json nodes = get_json("/v1/nodes").at("nodes");
    ASSERT_EQ(nodes.size(), 1U);
    EXPECT_EQ(nodes[0].at("id"), "0000000000000abc");
    EXPECT_EQ(nodes[0].at("name"), "solo");
    EXPECT_EQ(nodes[0].at("state"), "alive");
    EXPECT_EQ(nodes[0].at("gossip"), "127.0.0.1:7701");
    EXPECT_EQ(nodes[0].at("http"), "127.0.0.1:7700");
}

TEST_F(HttpV1, AnotherApplicationMayTakeAnAddressOver) {
    ASSERT_EQ(put("h:1", {{"app_name", "chat"}, {"incarnation", 1}, {"capacity", 5}}).status, 200);
    ASSERT_EQ(put("h:1", {{"app_name", "game"}, {"incarnation", 2}}).status, 200);
    const json rows = get_json("/v1/instances").at("instances");
    ASSERT_EQ(rows.size(), 1U);
    EXPECT_EQ(rows[0].at("app_name"), "game");
    EXPECT_EQ(rows[0].at("incarnation"), 2);
    EXPECT_EQ(get_json("/v1/instances?app=chat").at("instances").size(), 0U);
}

TEST_F(HttpV1, StatusCountsAndAgrees) {
    const json before = get_json("/v1/status");
    EXPECT_EQ(before.at("id"), "0000000000000abc");
    EXPECT_EQ(before.at("name"), "solo");
    EXPECT_EQ(before.at("cluster"), "test-cluster");
    EXPECT_EQ(before.at("version"), "1.2.3");
    EXPECT_EQ(before.at("agreement"), (json{{"nodes", 1}, {"agreeing", 1}, {"unheard", 0}}));
    ASSERT_EQ(put("h:1", {{"app_name", "chat"}}).status, 200);
    const json after = get_json("/v1/status");
    EXPECT_EQ(after.at("instances"), 1);
    EXPECT_EQ(after.at("states").at("up"), 1);
    EXPECT_NE(after.at("digest"), before.at("digest"));
    EXPECT_GT(after.at("revision"), before.at("revision"));
}

TEST_F(HttpV1, StatusWithoutACensusAsksNobody) {
    add_silent_peer();
    const auto sent = [this](const char* path) {
        return get_json(path).at("counters").at("datagrams_out").get<int>();
    };
    const int before = sent("/v1/status?census=0");
    for (int i = 0; i < 50; ++i) sent("/v1/status?census=0");
    EXPECT_LE(sent("/v1/status?census=0") - before, 20) << "periods pass, but there is no census";
    EXPECT_EQ(get_json("/v1/status?census=0").at("agreement").at("nodes"), 2);
    EXPECT_EQ(get("/v1/status?census=maybe").status, 400);
    EXPECT_EQ(get("/v1/status?consensus=1").status, 400);
}

TEST_F(HttpV1, ConcurrentStatusRequestsShareOneCensus) {
    add_silent_peer();
    const auto ask = [this] {
        test::HttpClient client("http://" + address());
        return json::parse(client.get("/v1/status").body);
    };
    std::vector<std::future<json>> answers;
    answers.reserve(8);
    for (int i = 0; i < 8; ++i) answers.push_back(std::async(std::launch::async, ask));
    for (auto& answer : answers) {
        const json status = answer.get();
        EXPECT_EQ(status.at("agreement").at("nodes"), 2);
        EXPECT_EQ(status.at("agreement").at("unheard"), 1);
        EXPECT_LE(status.at("counters").at("datagrams_out"), 8);  // 8 censuses would be more
    }
}

TEST_F(HttpV1, AServerThatStopsDropsThoseWhoWait) {
    add_silent_peer();
    const test::RawConnection connection(address(), SOCK_STREAM);
    ASSERT_TRUE(connection.send("GET /v1/status HTTP/1.1\r\n\r\n"));
    ASSERT_EQ(get("/v1/nodes").status, 200);  // the first request has been read by now
    server_.reset();
    in_core([](gossip::Core&, gossip::Now, gossip::Output&) {});
    EXPECT_EQ(connection.read(), "");  // closed, not answered
}

TEST_F(HttpV1, HealthIsATurnOfTheCore) {
    EXPECT_EQ(get_json("/v1/health").at("status"), "ok");
    core_.full = true;
    expect_refused(get("/v1/health"), 503, "cannot take");
    expect_refused(get("/v1/status"), 503, "cannot take");
    expect_refused(put("h:1", {{"app_name", "chat"}}), 503, "cannot take");
}

TEST_F(HttpV1, UnknownPathsAndMethodsAreExplained) {
    expect_refused(get("/"), 404, "/registry/list");
    expect_refused(get("/v2/instances"), 404, "/v2/instances");
    const auto answer = send("DELETE", "/registry/list");
    expect_refused(answer, 405, "GET");
    EXPECT_EQ(answer.headers.at("allow"), "GET, HEAD");
    EXPECT_EQ(send("POST", "/v1/instances/h:1", "{}").headers.at("allow"),
              "GET, HEAD, PUT, DELETE");
    EXPECT_EQ(get("/registry/list/").status, 200);
}

TEST_F(HttpV1, HeadTellsTheLengthWithoutTheBody) {
    const test::RawConnection connection(address(), SOCK_STREAM);
    ASSERT_TRUE(connection.send("HEAD /registry/list HTTP/1.1\r\nConnection: close\r\n\r\n"));
    const std::string answer = connection.read();
    EXPECT_NE(answer.find("Content-Length: 2\r\n"), std::string::npos) << answer;
    EXPECT_TRUE(answer.ends_with("\r\n\r\n")) << answer;
}

TEST_F(HttpV1, APortThatIsTakenIsNamed) {
    for (const unsigned threads : {1U, 2U}) {
        const auto second = node::HttpServer::start(
            {.host = "127.0.0.1", .port = server_->port(), .threads = threads, .limits = {}},
            {core_, core_.view(), test::InProcessCore::self(), "c", "v"});
        ASSERT_FALSE(second.has_value());
        EXPECT_EQ(second.error().code, gossip::Errc::unavailable);
        EXPECT_NE(second.error().message.find(address()), std::string::npos)
            << second.error().message;
    }
    const auto nowhere =
        node::HttpServer::start({.host = "nowhere", .port = 0, .threads = 1, .limits = {}},
                                {core_, core_.view(), test::InProcessCore::self(), "c", "v"});
    ASSERT_FALSE(nowhere.has_value());
    EXPECT_EQ(nowhere.error().code, gossip::Errc::invalid);
}

TEST_F(HttpV1, SeveralThreadsServeOnePort) {
    serve({}, 3);
    for (int i = 0; i < 20; ++i) {
        test::HttpClient client("http://" + address());
        const std::string row = "/v1/instances/h" + std::to_string(i) + ":1";
        ASSERT_EQ(
            client.send({.method = "PUT", .target = row, .body = R"({"app_name":"chat"})"}).status,
            200);
        ASSERT_EQ(json::parse(client.get("/registry/list").body).size(),
                  static_cast<std::size_t>(i) + 1);
    }
}

}  // namespace
