#include <future>
#include <map>
#include <string>

#include "tests/support/eventually.h"
#include "tests/support/http_fixture.h"

// Versions that accept and drain, clients that are placed and come back, servers that redeem and
// close: the API of one node.

namespace {

using test::eventually;
using test::HttpAnswer;
using test::json;

std::uint64_t number(const json& digits) {
    return std::stoull(digits.get<std::string>());
}

class HttpRollout : public test::HttpTest {
  protected:
    // A server of chat with an incarnation; `more` are further fields.
    void server(const std::string& address, const std::string& version, const json& more = {}) {
        json body{{"app_name", "chat"}, {"version", version}, {"incarnation", 7}};
        if (more.is_object()) body.update(more);
        const HttpAnswer answer = put(address, body);
        ASSERT_EQ(answer.status, 200) << answer.body;
    }
    json beat(const std::string& address, const json& body) {
        const HttpAnswer answer = post("/v1/instances/" + address + "/heartbeat", body);
        EXPECT_EQ(answer.status, 200) << answer.body;
        return json::parse(answer.body, nullptr, false);
    }
    json endpoint(const std::string& query = "") {
        return json::parse(get("/v1/apps/chat/endpoint" + query).body);
    }
    HttpAnswer redeem(const std::string& address, const std::string& ticket,
                      const char* kind = "ticket") {
        return post("/v1/instances/" + address + "/redeem", {{kind, ticket}});
    }
    HttpAnswer command(const std::string& verb, const json& body, const std::string& query = "",
                       const std::map<std::string, std::string>& headers = {}) {
        return send("POST", "/v1/apps/chat/" + verb + query, body.dump(), headers);
    }
    // "v2 accepting, v1 draining"
    std::string roles() { return roles_of(get_json("/v1/apps/chat").at("versions")); }
    static std::string roles_of(const json& versions) {
        std::string text;
        for (const json& v : versions) {
            if (!text.empty()) text += ", ";
            text += v.at("version").get<std::string>() + " " + v.at("role").get<std::string>();
        }
        return text;
    }
    std::string instruction(const std::string& address) {
        return get_json("/v1/instances/" + address + "/instruction").at("instruction");
    }
};

// ---- operators

TEST_F(HttpRollout, AnAppAppearsWithItsFirstInstanceAndItsNewestVersionAccepts) {
    expect_refused(get("/v1/apps/chat"), 404, "chat");
    EXPECT_EQ(get_json("/v1/apps").at("apps").size(), 0U);
    server("a:1", "v1");
    server("b:1", "v2");
    EXPECT_EQ(roles(), "v2 accepting, v1 closing");
    server("a:2", "v1");  // a scale-up of the old version
    server("a:1", "v1", {{"incarnation", 8}});
    EXPECT_EQ(roles(), "v2 accepting, v1 closing");
    EXPECT_EQ(get_json("/v1/apps").at("apps").at(0).at("name"), "chat");
    EXPECT_EQ(get_json("/v1/apps/chat").at("epoch"), "0") << "nobody has decided anything";
}

TEST_F(HttpRollout, PromoteAndRollbackMoveNewClientsOnly) {
    server("a:1", "v1", {{"sessions", 3}});
    server("b:1", "v2");
    const HttpAnswer back = command("promote", {{"version", "v1"}, {"author", "ann"}});
    EXPECT_EQ(back.status, 200) << back.body;
    const json app = json::parse(back.body);
    EXPECT_EQ(app.at("author"), "ann");
    EXPECT_NE(app.at("epoch"), "0");
    EXPECT_EQ(back.headers.at("etag"), "\"" + app.at("epoch").get<std::string>() + "\"");
    EXPECT_EQ(roles(), "v2 warm, v1 accepting");
    EXPECT_EQ(endpoint().at("address"), "a:1");
    EXPECT_EQ(command("promote", {{"version", "v2"}}).status, 200);
    EXPECT_EQ(roles(), "v2 accepting, v1 draining");
    EXPECT_EQ(endpoint().at("address"), "b:1");
    EXPECT_EQ(command("rollback", json::object()).status, 200);
    EXPECT_EQ(roles(), "v2 warm, v1 accepting");
}

TEST_F(HttpRollout, ASplitSharesClientsAndEachKeepsItsVersion) {
    server("a:1", "v1");
    server("b:1", "v2");
    EXPECT_EQ(command("split", {{"weights", {{"v1", 80}, {"v2", 20}}}}).status, 200);
    std::map<std::string, int> share;
    for (int i = 0; i < 300; ++i) {
        const std::string query = "?client=c" + std::to_string(i);
        const json first = endpoint(query);
        ++share[first.at("address")];
        if (i < 20) {
            EXPECT_EQ(endpoint(query).at("address"), first.at("address"));
        }
    }
    EXPECT_NEAR(share["a:1"], 240, 35);
    EXPECT_NEAR(share["b:1"], 60, 35);
}

TEST_F(HttpRollout, ADryRunShowsAndChangesNothing) {
    server("a:1", "v1", {{"sessions", 3}});
    server("b:1", "v2");
    const json shown = json::parse(command("promote", {{"version", "v1"}}, "?dry_run=1").body);
    EXPECT_EQ(roles_of(shown.at("before")), "v2 accepting, v1 draining");
    EXPECT_EQ(roles_of(shown.at("after")), "v2 warm, v1 accepting");
    EXPECT_EQ(roles(), "v2 accepting, v1 draining");
    EXPECT_EQ(get_json("/v1/apps/chat").at("epoch"), "0");
}

TEST_F(HttpRollout, AConditionalDecisionIsRefusedWithBothSidesShown) {
    server("a:1", "v1");
    server("b:1", "v2");
    const std::string epoch = json::parse(command("promote", {{"version", "v1"}}).body).at("epoch");
    const std::map<std::string, std::string> mine{{"If-Match", "\"" + epoch + "\""}};
    EXPECT_EQ(command("promote", {{"version", "v2"}}, "", mine).status, 200);
    const HttpAnswer late = command("pause", json::object(), "", mine);
    expect_refused(late, 409, epoch);
    EXPECT_EQ(json::parse(late.body).at("current").at("rollout").at("weights"),
              (json{{"v2", 100}}));
    EXPECT_EQ(command("pause", json::object()).status, 200) << "without If-Match the last wins";
    expect_refused(command("pause", json::object(), "", {{"If-Match", "soon"}}), 400, "soon");
}

TEST_F(HttpRollout, TheSameDecisionAgainIsNoNewEpoch) {
    server("a:1", "v1");
    const json first = json::parse(command("promote", {{"version", "v1"}}).body);
    EXPECT_EQ(json::parse(command("promote", {{"version", "v1"}}).body), first);
}

TEST_F(HttpRollout, MistakesOfOperatorsAreNamed) {
    server("a:1", "v1");
    expect_refused(command("promote", {{"version", "v9"}}), 404, "v9");
    EXPECT_EQ(command("promote", {{"version", "v9"}, {"force", true}}).status, 200);
    EXPECT_EQ(roles(), "v1 accepting, v9 warming") << "and v1 goes on until v9 is there";
    expect_refused(command("promote", json::object()), 400, "version");
    expect_refused(command("promote", {{"verison", "v1"}}), 400, "verison");
    expect_refused(command("split", {{"weights", {{"v1", 99'999}}}}), 400, "99999");
    expect_refused(command("rollback", json::object(), "?dry=1"), 400, "dry");
    expect_refused(send("PUT", "/v1/apps/chat", R"({"rollout":{"hold":-1}})"), 400, "hold");
    expect_refused(send("DELETE", "/v1/apps/chat"), 405, "cannot be deleted");
}

TEST_F(HttpRollout, APutReplacesTheWholeDecision) {
    server("a:1", "v1");
    server("b:1", "v2");
    const HttpAnswer answer =
        send("PUT", "/v1/apps/chat",
             R"({"rollout":{"weights":{"v1":1},"hold":1},"policy":{"pick":"packed"}})");
    EXPECT_EQ(answer.status, 200) << answer.body;
    const json app = get_json("/v1/apps/chat");
    EXPECT_EQ(app.at("policy").at("pick"), "packed");
    EXPECT_EQ(app.at("rollout").at("hold"), 1);
    EXPECT_EQ(roles(), "v2 warm, v1 accepting");
}

TEST_F(HttpRollout, AVersionIsForgottenOnlyWhenNobodyNeedsIt) {
    server("a:1", "v1", {{"sessions", 3}});
    server("b:1", "v2");
    const auto forget = [this](const std::string& what) {
        return send("DELETE", "/v1/apps/chat/versions/" + what);
    };
    expect_refused(forget("v2"), 409, "accepts new clients");
    expect_refused(forget("v1"), 409, "3 sessions");
    expect_refused(forget("v9"), 404, "v9");
    expect_refused(forget("v1?force=1"), 400, "deadline");
    expect_refused(forget("v1?force=1&deadline=soon"), 400, "soon");
    EXPECT_EQ(forget("v1?force=1&deadline=10m").status, 200);
    EXPECT_EQ(roles(), "v2 accepting, v1 draining");
    const json cut = get_json("/v1/instances/a:1/instruction");
    EXPECT_GT(cut.at("until"), 1'763'700'000);
    EXPECT_EQ(get_json("/v1/apps/chat").at("rollout").at("hard"), true);
    EXPECT_EQ(send("DELETE", "/v1/instances/a:1").status, 200);
    EXPECT_EQ(roles(), "v2 accepting, v1 stopped") << "in quarantine";
    EXPECT_EQ(forget("v1").status, 200);
    EXPECT_EQ(roles(), "v2 accepting");
}

// ---- clients

TEST_F(HttpRollout, AnUnknownAppIsNotAnEmptyAnswer) {
    const HttpAnswer answer = get("/v1/apps/nothing/endpoint");
    EXPECT_EQ(answer.status, 404);
    EXPECT_EQ(json::parse(answer.body).at("outcome"), "unknown_app");
    EXPECT_EQ(json::parse(answer.body).at("address"), nullptr);
}

TEST_F(HttpRollout, AnswersSayWhyThereIsNoSeat) {
    server("a:1", "v1", {{"capacity", 1}, {"sessions", 1}, {"protocol", 3}});
    const HttpAnswer full = get("/v1/apps/chat/endpoint");
    EXPECT_EQ(full.status, 503);
    EXPECT_EQ(json::parse(full.body).at("outcome"), "full");
    server("a:1", "v1", {{"capacity", 2}, {"sessions", 1}, {"protocol", 3}});
    EXPECT_EQ(endpoint("?protocol=1-2").at("outcome"), "no_protocol");
    EXPECT_EQ(endpoint("?protocol=3").at("outcome"), "go");
    expect_refused(get("/v1/apps/chat/endpoint?protocol=x"), 400, "protocol");
    server("a:1", "v1", {{"phase", "stopping"}});
    EXPECT_EQ(endpoint().at("outcome"), "no_version");
}

TEST_F(HttpRollout, ATicketBecomesASessionOnceAndComesBackWithItsToken) {
    server("a:1", "v1", {{"capacity", 2}});
    const std::uint64_t base = number(beat("a:1", {{"sessions", 0}}).at("seq"));
    const json offer = endpoint().at("candidates").at(0);
    EXPECT_EQ(offer.at("address"), "a:1");
    const HttpAnswer first = redeem("a:1", offer.at("ticket"));
    EXPECT_EQ(first.status, 200) << first.body;
    const json session = json::parse(first.body);
    EXPECT_EQ(session.at("verdict"), "accepted");
    EXPECT_EQ(number(session.at("seq")), base + 1);
    const HttpAnswer second = redeem("a:1", offer.at("ticket"));
    EXPECT_EQ(second.status, 409);
    EXPECT_EQ(json::parse(second.body).at("verdict"), "spent");
    // Its connection breaks, and it asks where its session is.
    const std::string token = session.at("token");
    const json back = endpoint("?token=" + token);
    EXPECT_EQ(back.at("session"), "go");
    EXPECT_EQ(back.at("address"), "a:1");
    const json returned = json::parse(redeem("a:1", token, "token").body);
    EXPECT_EQ(returned.at("verdict"), "accepted");
    EXPECT_EQ(returned.at("returning"), true);
}

TEST_F(HttpRollout, NeverMoreAreSeatedThanThereAreSeats) {
    server("a:1", "v1", {{"capacity", 5}});
    const std::uint64_t base = number(beat("a:1", {{"sessions", 0}, {"seq", "0"}}).at("seq"));
    EXPECT_EQ(redeem("a:1", endpoint().at("candidates").at(0).at("ticket")).status, 503)
        << "it has not said a number of this process yet";
    (void)beat("a:1", {{"sessions", 0}, {"seq", std::to_string(base)}});
    int seated = 0;
    for (int i = 0; i < 20; ++i) {
        const json offer = endpoint();
        if (offer.at("outcome") != "go") continue;
        const HttpAnswer answer = redeem("a:1", offer.at("candidates").at(0).at("ticket"));
        if (answer.status == 200) {
            ++seated;
        } else {
            EXPECT_EQ(json::parse(answer.body).at("verdict"), "full");
        }
    }
    EXPECT_EQ(seated, 5);
    const std::string five = std::to_string(base + 5);
    const json counted = beat("a:1", {{"sessions", 4}, {"seq", five}});  // one has left
    EXPECT_EQ(counted.at("seq"), five);
    EXPECT_EQ(redeem("a:1", endpoint().at("candidates").at(0).at("ticket")).status, 200);
}

TEST_F(HttpRollout, ATicketOrTokenThatIsNotOursIsRefused) {
    server("a:1", "v1");
    server("b:1", "v1");
    expect_refused(redeem("a:1", "bm90IGEgdGlja2V0"), 403, "not made by this cluster");
    json offer = endpoint().at("candidates");
    const std::string other = offer.at(0).at("address") == "a:1" ? "b:1" : "a:1";
    expect_refused(redeem(other, offer.at(0).at("ticket")), 403, "is for");
    expect_refused(
        get("/v1/apps/chat/endpoint?token=" + offer.at(0).at("ticket").get<std::string>()), 400,
        "resume");
    const json fresh = endpoint("?token=rubbish");
    EXPECT_EQ(fresh.at("session"), "gone");
    EXPECT_EQ(fresh.at("outcome"), "go") << "a new place at once";
    expect_refused(redeem("c:1", "x"), 403, "token");
    expect_refused(post("/v1/instances/a:1/redeem", json::object()), 400, "ticket");
}

TEST_F(HttpRollout, AClientGoesBackToItsDrainingServerAndNeverToAStranger) {
    server("a:1", "v1");
    const json session =
        json::parse(redeem("a:1", endpoint().at("candidates").at(0).at("ticket")).body);
    const std::string token = session.at("token");
    (void)beat("a:1", {{"sessions", 1}});
    server("b:1", "v2");
    EXPECT_EQ(roles(), "v2 accepting, v1 draining");
    EXPECT_EQ(endpoint().at("address"), "b:1") << "new clients";
    EXPECT_EQ(endpoint("?token=" + token).at("address"), "a:1") << "those who were there";
    // Another life of the address.
    server("a:1", "v1", {{"incarnation", 8}});
    const json moved = endpoint("?token=" + token);
    EXPECT_EQ(moved.at("session"), "gone");
    EXPECT_EQ(moved.at("address"), "b:1");
    EXPECT_EQ(redeem("a:1", token, "token").status, 410);
}

TEST_F(HttpRollout, WhatThisNodeHasNotHeardOfIsNotGone) {
    server("a:1", "v1");
    const std::string token =
        json::parse(redeem("a:1", endpoint().at("candidates").at(0).at("ticket")).body).at("token");
    // As on a node that has just started: no row, and no tombstone.
    const registry::TokenKeys keys = registry::TokenKeys::from_name("");
    const auto verified = keys.verify(token, 0);
    ASSERT_TRUE(verified);
    registry::Token elsewhere = *verified;
    elsewhere.address = "z:1";
    const HttpAnswer unknown = get("/v1/apps/chat/endpoint?token=" + keys.sign(elsewhere));
    EXPECT_EQ(unknown.status, 503);
    EXPECT_EQ(json::parse(unknown.body).at("session"), "unknown");
    EXPECT_EQ(json::parse(unknown.body).at("outcome"), "retry");
    // A later life than the row that is known here: the row is the one that is old.
    elsewhere.address = "a:1";
    elsewhere.incarnation = 9;
    EXPECT_EQ(
        json::parse(get("/v1/apps/chat/endpoint?token=" + keys.sign(elsewhere)).body).at("session"),
        "unknown");
    // A tombstone is proof.
    EXPECT_EQ(send("DELETE", "/v1/instances/a:1").status, 200);
    EXPECT_EQ(endpoint("?token=" + token).at("session"), "gone");
}

// ---- servers

TEST_F(HttpRollout, AServerIsToldWhatToDo) {
    server("a:1", "v1", {{"phase", "starting"}});
    EXPECT_EQ(instruction("a:1"), "standby");
    server("a:1", "v1");
    EXPECT_EQ(instruction("a:1"), "open");
    EXPECT_EQ(beat("a:1", {{"sessions", 2}}).at("instruction"), "open");
    server("b:1", "v2");
    EXPECT_EQ(beat("a:1", {{"sessions", 2}}).at("instruction"), "draining");
    EXPECT_EQ(beat("a:1", {{"sessions", 0}, {"resuming", 1}}).at("instruction"), "draining")
        << "somebody may still come back";
    EXPECT_EQ(beat("a:1", {{"sessions", 0}}).at("instruction"), "close");
    expect_refused(get("/v1/instances/z:1/instruction"), 404, "z:1");
}

TEST_F(HttpRollout, ADeadlineIsToldAndCutsOnlyIfItIsHard) {
    server("a:1", "v1", {{"sessions", 2}});
    server("b:1", "v2");
    const auto decide = [this](std::int64_t deadline, bool hard) {
        const json rollout{{"weights", {{"v2", 1}}}, {"drain_deadline", deadline}, {"hard", hard}};
        EXPECT_EQ(send("PUT", "/v1/apps/chat", json{{"rollout", rollout}}.dump()).status, 200);
        return get_json("/v1/instances/a:1/instruction");
    };
    const json soon = decide(4'000'000'000, true);
    EXPECT_EQ(soon.at("instruction"), "draining");
    EXPECT_EQ(soon.at("until"), 4'000'000'000);
    EXPECT_EQ(soon.at("notify"), true);
    EXPECT_EQ(decide(1'700'000'000, false).at("instruction"), "draining");
    const json over = decide(1'700'000'000, true);
    EXPECT_EQ(over.at("instruction"), "close");
    EXPECT_EQ(over.at("cut"), true);
}

TEST_F(HttpRollout, AServerThatWaitsHearsOfAChangeAtOnce) {
    server("a:1", "v1", {{"sessions", 2}});
    auto waiting = std::async(std::launch::async, [this] {
        test::HttpClient client("http://" + address());
        return json::parse(client.get("/v1/instances/a:1/instruction?was=open&wait=20s").body);
    });
    server("b:1", "v2");
    EXPECT_EQ(waiting.get().at("instruction"), "draining");
    EXPECT_EQ(get_json("/v1/instances/a:1/instruction?was=draining&wait=10ms").at("instruction"),
              "draining")
        << "nothing has changed, and the time is up";
    expect_refused(get("/v1/instances/a:1/instruction?wait=2h"), 400, "wait");
}

TEST_F(HttpRollout, AFenceIsGrantedOnlyWhenNobodyIsThere) {
    server("a:1", "v1", {{"capacity", 10}});
    const std::uint64_t base = number(beat("a:1", {{"sessions", 0}}).at("seq"));
    const std::string one = std::to_string(base + 1);
    const json late = endpoint().at("candidates").at(0);
    const json offer = endpoint().at("candidates").at(0);
    EXPECT_EQ(redeem("a:1", offer.at("ticket")).status, 200);
    const auto fence = [this](const json& body) { return post("/v1/instances/a:1/fence", body); };
    expect_refused(fence(json::object()), 409, "1 sessions");
    expect_refused(fence({{"sessions", 0}, {"seq", "0"}}), 409, "1 sessions");
    expect_refused(fence({{"sessions", 0}, {"resuming", 1}, {"seq", one}}), 409, "1 sessions");
    expect_refused(fence({{"sessions", 0}, {"seq", one}, {"incarnation", 6}}), 409, "incarnation");
    const HttpAnswer granted = fence({{"sessions", 0}, {"seq", one}, {"incarnation", 7}});
    EXPECT_EQ(granted.status, 200) << granted.body;
    // Whoever comes now has to go elsewhere, and nobody is sent.
    const HttpAnswer moved = redeem("a:1", late.at("ticket"));
    EXPECT_EQ(moved.status, 410);
    EXPECT_EQ(json::parse(moved.body).at("verdict"), "moved");
    EXPECT_EQ(endpoint().at("outcome"), "no_version");
    EXPECT_EQ(instruction("a:1"), "close");
    // To register again does not take it back; a new life does.
    server("a:1", "v1");
    EXPECT_EQ(endpoint().at("outcome"), "no_version");
    server("a:1", "v1", {{"incarnation", 8}});
    EXPECT_EQ(endpoint().at("outcome"), "go");
}

TEST_F(HttpRollout, AFenceNeedsAnIncarnation) {
    EXPECT_EQ(put("a:1", {{"app_name", "chat"}}).status, 200);
    expect_refused(post("/v1/instances/a:1/fence", {{"sessions", 0}}), 409, "incarnation");
}

TEST_F(HttpRollout, AnInstanceCanBeDrainedAlone) {
    server("a:1", "v1", {{"sessions", 1}});
    server("b:1", "v1");
    EXPECT_EQ(post("/v1/instances/a:1/drain", json::object()).status, 200);
    EXPECT_EQ(instruction("a:1"), "draining");
    EXPECT_EQ(instruction("b:1"), "open");
    for (int i = 0; i < 20; ++i) EXPECT_EQ(endpoint().at("address"), "b:1");
    server("a:1", "v1", {{"sessions", 1}});
    EXPECT_EQ(instruction("a:1"), "draining") << "what it registers does not take it back";
}

TEST_F(HttpRollout, AHeartbeatOfAnotherLifeIsRefused) {
    server("a:1", "v1");
    expect_refused(post("/v1/instances/a:1/heartbeat", {{"incarnation", 6}}), 409, "incarnation");
    expect_refused(post("/v1/instances/z:1/heartbeat", json::object()), 404, "z:1");
    expect_refused(post("/v1/instances/a:1/heartbeat", {{"session", 1}}), 400, "session");
}

// ---- the legacy endpoints

TEST_F(HttpRollout, TheLegacyEndpointHasItsExactShape) {
    const auto legacy = [this](const std::string& query) {
        return get("/api/get-endpoint" + query);
    };
    EXPECT_EQ(legacy("?app_name=chat").body, R"({"endpoint":""})") << "unknown: empty, and 200";
    EXPECT_EQ(legacy("?app_name=chat").status, 200);
    server("10.0.0.1:7777", "v1", {{"capacity", 1}});
    const HttpAnswer answer = legacy("?app_name=chat");
    EXPECT_EQ(answer.body, R"({"endpoint":"10.0.0.1:7777"})");
    EXPECT_EQ(answer.headers.at("access-control-allow-origin"), "*");
    server("10.0.0.1:7777", "v1", {{"capacity", 1}, {"sessions", 1}});
    EXPECT_EQ(legacy("?app_name=chat").body, R"({"endpoint":""})");
    EXPECT_EQ(send("PUT", "/v1/apps/chat", R"({"policy":{"backup":"10.0.0.9:1"}})").status, 200);
    EXPECT_EQ(legacy("?app_name=chat").body, R"({"endpoint":"10.0.0.9:1"})");
    expect_refused(legacy(""), 400, "app_name");
}

TEST_F(HttpRollout, TheLegacyGameServerEndpointsHaveTheirExactShape) {
    EXPECT_EQ(get("/available-gameserver/").body, R"({"available":""})");
    EXPECT_EQ(get("/available-gameserver-list/").body, R"({"server_list":[]})");
    server("10.0.0.1:7777", "v1", {{"capacity", 1}});
    server("10.0.0.2:7777", "v1", {{"capacity", 1}, {"sessions", 1}});
    EXPECT_EQ(get("/available-gameserver/").body, R"({"available":"10.0.0.1:7777"})");
    EXPECT_EQ(get("/available-gameserver-list/").body, R"({"server_list":["10.0.0.1:7777"]})");
    EXPECT_EQ(get("/available-gameserver-list/?app_name=other").body, R"({"server_list":[]})");
    server("10.0.0.1:7777", "v1", {{"capacity", 1}, {"sessions", 1}});
    EXPECT_EQ(send("PUT", "/v1/apps/chat", R"({"policy":{"backup":"10.0.0.9:1"}})").status, 200);
    EXPECT_EQ(get("/available-gameserver/").body, R"({"available":"10.0.0.9:1"})");
}

}  // namespace
