#include "tests/support/http_fixture.h"
#include "tests/support/raw_connection.h"

// The end points of the systems that this one replaces: their shapes are a promise.

namespace {

using test::json;
using test::RawConnection;
using HttpLegacy = test::HttpTest;

constexpr std::uint64_t kEarly = 1'700'000'000;

std::uint64_t now_s() {
    return static_cast<std::uint64_t>(node::read_clocks().wall.time_since_epoch().count() / 1000);
}

json row(const std::string& address, const std::string& app, std::uint64_t last_update) {
    return {{"address", address}, {"app_name", app}, {"last_update", last_update}};
}

// cpp-httplib 0.11 waits for a body after 304, which has none, until the connection ends.
std::map<std::string, std::string> unless(const std::string& etag) {
    return {{"If-None-Match", etag}, {"Connection", "close"}};
}

TEST_F(HttpLegacy, AnEmptyListIsAnEmptyObject) {
    const auto answer = get("/registry/list");
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body, "{}");
    EXPECT_EQ(answer.headers.at("content-type"), "application/json");
}

TEST_F(HttpLegacy, ARegistrationIsListedWhenItsPostReturns) {
    const auto answer = post("/registry/register_instance", row("10.0.0.1:9000", "chat", now_s()));
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body, "success");
    const json list = get_json("/registry/list");
    ASSERT_EQ(list.size(), 1U);
    EXPECT_EQ(list.at("10.0.0.1:9000").at("app_name"), "chat");
    EXPECT_GE(list.at("10.0.0.1:9000").at("last_update"), now_s() - 5);
    EXPECT_EQ(list.at("10.0.0.1:9000").at("state"), "up");
}

TEST_F(HttpLegacy, TheOlderPathRegistersToo) {
    const auto answer = post("/register/register_instance", row("10.0.0.1", "chat", 0));
    EXPECT_EQ(answer.body, "success");
    EXPECT_EQ(get_json("/registry/list").at("10.0.0.1").at("last_update"), 0);
}

TEST_F(HttpLegacy, TheNewerLastUpdateWins) {
    ASSERT_EQ(post("/registry/register_instance", row("h:1", "old", kEarly)).body, "success");
    ASSERT_EQ(post("/registry/register_instance", row("h:1", "new", kEarly + 1)).body, "success");
    EXPECT_EQ(get_json("/registry/list").at("h:1").at("app_name"), "new");
    const auto stale = post("/registry/register_instance", row("h:1", "old", kEarly));
    expect_refused(stale, 409, "last_update");
    EXPECT_EQ(json::parse(stale.body).at("current").at("app_name"), "new");
    EXPECT_EQ(get_json("/registry/list").at("h:1").at("app_name"), "new");
}

TEST_F(HttpLegacy, RegisterAllMergesEachRowByTheSameRule) {
    ASSERT_EQ(post("/registry/register_instance", row("h:1", "newest", kEarly + 9)).body,
              "success");
    const json all{{"h:1", {{"app_name", "stale"}, {"last_update", kEarly}}},
                   {"10.0.0.7", {{"app_name", "bare"}, {"last_update", 0}}}};
    const auto answer = post("/registry/register_all", all);
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body, "Success!");
    const json list = get_json("/registry/list");
    EXPECT_EQ(list.at("h:1").at("app_name"), "newest");
    EXPECT_EQ(list.at("10.0.0.7").at("app_name"), "bare");
}

TEST_F(HttpLegacy, RegisterAllTakesMoreRowsThanOneTransaction) {
    json all = json::object();
    for (int i = 0; i < 2500; ++i) {
        all["h" + std::to_string(i) + ":1"] = {{"app_name", "chat"}, {"last_update", 0}};
    }
    EXPECT_EQ(post("/registry/register_all", all).body, "Success!");
    EXPECT_EQ(get_json("/registry/list").size(), 2500U);
}

TEST_F(HttpLegacy, RegisterAllSaysWhichRowItRefusesAndKeepsTheOthers) {
    const json all{{"future:1", {{"app_name", "chat"}, {"last_update", now_s() + 3600}}},
                   {"good:1", {{"app_name", "chat"}, {"last_update", 0}}}};
    expect_refused(post("/registry/register_all", all), 400, "future:1");
    EXPECT_EQ(get_json("/registry/list").size(), 1U);
}

TEST_F(HttpLegacy, WhatOneRegistryListsAnotherOneTakes) {
    ASSERT_EQ(post("/registry/register_instance", row("h:1", "chat", kEarly)).body, "success");
    const auto list = get("/registry/list");
    EXPECT_EQ(send("POST", "/registry/register_all", list.body).body, "Success!");
}

TEST_F(HttpLegacy, BadBodiesAreRefusedWithTheReason) {
    const std::string path = "/registry/register_instance";
    expect_refused(send("POST", path, R"({"address": )"), 400, "line 1");
    expect_refused(send("POST", path, ""), 400, "line 1");
    expect_refused(send("POST", path, "[]"), 400, "object");
    expect_refused(post(path, {{"app_name", "chat"}, {"last_update", 0}}), 400, "address");
    expect_refused(post(path, row("no such host!", "chat", 0)), 400, "no such host!");
    expect_refused(post(path, row("h:99999", "chat", 0)), 400, "99999");
    expect_refused(post(path, row("h:1", "", 0)), 400, "app_name");
    expect_refused(post(path, row("h:1", "chat", now_s() * 1000)), 400, "milliseconds");
    expect_refused(post(path, row("h:1", "chat", now_s() + 3600)), 400, "ahead");
    json large = row("h:1", "chat", 0);
    large["metadata"] = {{"notes", std::string(2000, 'x')}};
    expect_refused(post(path, large), 413, "metadata");
    expect_refused(send("POST", path, std::string(1'500'000, ' ')), 413, "limit");
    EXPECT_EQ(get("/registry/list").body, "{}");
}

TEST_F(HttpLegacy, ARowThatFitsNoRecordIsTooLarge) {
    json large =
        row(std::string(63, 'h') + "." + std::string(63, 'h') + ":1", std::string(128, 'a'), 0);
    large["metadata"] = {{"notes", std::string(1000, 'x')}};
    expect_refused(post("/registry/register_instance", large), 413, "1,100");
}

TEST_F(HttpLegacy, TellsTheCallerItsAddress) {
    EXPECT_EQ(get("/registry/get_ip").body, "127.0.0.1");
}

TEST_F(HttpLegacy, PerformUpdateSaysWithWhom) {
    EXPECT_EQ(get_json("/registry/perform_update").at("with"), nullptr);  // alone
    gossip::NodeRecord peer;
    peer.id = gossip::NodeId{0xfeed};
    peer.incarnation_ms = now_s() * 1000;
    peer.info.gossip = gossip::Endpoint::v4(127, 0, 0, 1, 9);
    peer.info.name = "peer";
    in_core([&](gossip::Core& core, gossip::Now now, gossip::Output&) {
        const auto record = gossip::encode(peer, core.config().key);
        ASSERT_TRUE(core.restore(record.bytes(), now));
    });
    EXPECT_EQ(get_json("/registry/perform_update").at("with"), "000000000000feed");
}

TEST_F(HttpLegacy, AnUnchangedListIsNotSentAgain) {
    ASSERT_EQ(post("/registry/register_instance", row("h:1", "chat", kEarly)).body, "success");
    const std::string etag = get("/registry/list").headers.at("etag");
    const auto same = get("/registry/list", unless(etag));
    EXPECT_EQ(same.status, 304);
    EXPECT_EQ(same.body, "");
    EXPECT_EQ(same.headers.at("etag"), etag);
    EXPECT_EQ(get("/registry/list", unless("\"other\", W/" + etag)).status, 304);

    ASSERT_EQ(post("/registry/register_instance", row("h:2", "chat", kEarly)).body, "success");
    const auto changed = get("/registry/list", unless(etag));
    EXPECT_EQ(changed.status, 200);
    EXPECT_NE(changed.headers.at("etag"), etag);
    EXPECT_EQ(json::parse(changed.body).size(), 2U);
}

// Answers that wait in the socket while the list goes on to change; those of each size leave in
// another way.
TEST_F(HttpLegacy, AListArrivesWholeHoweverSlowlyItIsRead) {
    constexpr int kRequests = 200;
    int rows = 0;
    for (const int size : {1, 150, 700}) {
        json all = json::object();
        for (; rows < size; ++rows) {
            all["h" + std::to_string(rows) + ":1"] = {{"app_name", std::string(60, 'a')},
                                                      {"last_update", 0}};
        }
        ASSERT_EQ(post("/registry/register_all", all).body, "Success!");
        const std::string before = get("/registry/list").body;

        const RawConnection slow(address(), SOCK_STREAM, 4096);
        std::string requests;
        for (int i = 0; i < kRequests; ++i)
            requests += "GET /registry/list HTTP/1.1\r\nHost: h\r\n\r\n";
        requests += "GET /registry/list HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
        ASSERT_TRUE(slow.send(requests));
        // The first answers are under way, and most of the others are made from what follows now.
        ASSERT_EQ(
            post("/registry/register_instance", row("late" + std::to_string(size), "b", 0)).body,
            "success");
        const std::string after = get("/registry/list").body;

        std::string read = slow.read(std::size_t{1} << 30);
        int answers = 0;
        for (std::string_view left = read; !left.empty(); ++answers) {
            const auto head_end = left.find("\r\n\r\n");
            ASSERT_NE(head_end, std::string_view::npos) << left.size() << " bytes are left";
            left.remove_prefix(head_end + 4);
            const auto& expected = left.starts_with(after) ? after : before;
            ASSERT_TRUE(left.starts_with(expected)) << "answer " << answers << " of " << size
                                                    << ", " << left.size() << " bytes are left";
            left.remove_prefix(expected.size());
        }
        EXPECT_EQ(answers, kRequests + 1);
    }
}

TEST_F(HttpLegacy, AFullCoreIsSaidToBeBusy) {
    core_.full = true;
    expect_refused(post("/registry/register_instance", row("h:1", "chat", 0)), 503, "cannot take");
    expect_refused(post("/registry/register_all", json::object()), 503, "cannot take");
    expect_refused(get("/registry/perform_update"), 503, "cannot take");
    EXPECT_EQ(get("/registry/list").status, 200);  // reads need no core
}

}  // namespace
