#include <gtest/gtest.h>

#include "clients/cpp/hearsay/client.h"
#include "tests/support/cluster.h"

// The C++ client against a real node.

namespace {

using namespace std::chrono_literals;
using test::Agent;
using test::eventually;

class CppClient : public testing::Test {
  protected:
    void SetUp() override {
        agent_.start();
        ASSERT_TRUE(eventually([this] { return agent_.answers(); })) << agent_.log();
    }
    hearsay::ServerOptions options(const std::string& address, const std::string& version) {
        hearsay::ServerOptions o;
        o.address = address;
        o.app = "arena";
        o.version = version;
        o.capacity = 2;
        o.ttl_s = 3;
        o.node = agent_.url();
        return o;
    }
    hearsay::Place place(const hearsay::PlaceOptions& how = {}) {
        return hearsay::place(agent_.url(), "arena", how);
    }

    test::ScratchDir directory_{"hearsay-test"};
    Agent agent_{directory_.path(), "solo"};
};

TEST_F(CppClient, AServerKeepsItsClientsThroughARollout) {
    EXPECT_EQ(place().outcome, "unknown_app");
    hearsay::Server one(options("10.0.0.1:1", "v1"));
    one.start();
    ASSERT_TRUE(eventually([&] { return one.instruction() == "open"; }));
    const hearsay::Place first = place({.client = "ann"});
    ASSERT_TRUE(first) << first.reason;
    EXPECT_EQ(first.address, "10.0.0.1:1");
    const auto ann = one.seat(first.ticket, "ann");
    ASSERT_TRUE(ann) << ann.verdict;
    EXPECT_EQ(one.seat(first.ticket).verdict, "spent");
    EXPECT_EQ(one.seat("rubbish").verdict, "invalid");
    EXPECT_TRUE(one.seat(place().ticket));
    ASSERT_TRUE(eventually([&] { return place().outcome == "full"; }));

    hearsay::Server two(options("10.0.0.2:1", "v2"));
    two.start();
    ASSERT_TRUE(eventually([&] { return one.instruction() == "draining"; }));
    EXPECT_EQ(place().address, "10.0.0.2:1");
    one.lose("ann");
    const hearsay::Place back = place({.token = ann.token});
    EXPECT_EQ(back.session, "go");
    EXPECT_EQ(back.address, "10.0.0.1:1");
    EXPECT_TRUE(one.resume(ann.token).returning);
    EXPECT_EQ(one.sessions(), 2U);
    EXPECT_FALSE(one.closed());
    one.end("ann");
    EXPECT_FALSE(one.closed()) << "one is still there";
    const auto rest = agent_.instance("10.0.0.1:1");
    EXPECT_EQ(rest.at("version"), "v1");
}

TEST_F(CppClient, AnEmptyServerThatIsToldToCloseFencesItself) {
    hearsay::Server one(options("10.0.0.1:1", "v1"));
    one.start();
    const auto seated = one.seat(place().ticket);
    ASSERT_TRUE(seated);
    hearsay::Server two(options("10.0.0.2:1", "v2"));
    two.start();
    ASSERT_TRUE(eventually([&] { return one.instruction() == "draining"; }));
    one.end(seated.session);
    ASSERT_TRUE(eventually([&] { return one.closed(); }));
    EXPECT_EQ(one.instruction(), "close");
    EXPECT_EQ(one.resume(seated.token).verdict, "moved");
    one.stop();
    EXPECT_EQ(agent_.instance_state("10.0.0.1:1"), "") << "deregistered";
}

TEST_F(CppClient, ANodeThatRestartsFindsItsServerAgain) {
    hearsay::Server one(options("10.0.0.1:1", "v1"));
    one.start();
    const auto seated = one.seat(place().ticket);
    ASSERT_TRUE(seated);
    agent_.process().kill();
    EXPECT_THROW((void)place(), hearsay::Unreachable);
    agent_.start();
    ASSERT_TRUE(eventually([&] {
        try {
            return place({.token = seated.token}).session == "go" && place().outcome == "go" &&
                   one.seat(place().ticket).verdict == "accepted";
        } catch (const hearsay::Unreachable&) {
            return false;  // not up yet
        }
    }));
    EXPECT_EQ(one.sessions(), 2U);
}

TEST_F(CppClient, WhoHasASessionComesBackWhileTheNodeIsDownAndNobodyElse) {
    hearsay::Server one(options("10.0.0.1:1", "v1"));
    one.start();
    const auto ann = one.seat(place().ticket);
    const auto ben = one.seat(place().ticket);
    ASSERT_TRUE(ann && ben);
    agent_.process().kill();
    one.lose(ann.session);
    one.lose(ben.session);
    EXPECT_TRUE(one.resume(ann.token).returning);
    EXPECT_TRUE(one.resume(ben.token).returning);
    EXPECT_EQ(one.sessions(), 2U);
    EXPECT_THROW((void)one.seat("any"), hearsay::Unreachable);
    one.end(ann.session);
    EXPECT_THROW((void)one.resume(ann.token), hearsay::Unreachable);
    agent_.start();
    ASSERT_TRUE(eventually([&] { return agent_.answers(); }));
    EXPECT_EQ(one.resume(ann.token).verdict, "invalid") << "that session is over";
    EXPECT_EQ(one.sessions(), 1U);
}

TEST_F(CppClient, ARestartedNodeGivesNoSeatAwayTwice) {
    hearsay::Server one(options("10.0.0.1:1", "v1"));
    one.start();
    ASSERT_TRUE(one.seat(place().ticket, "ann"));
    ASSERT_TRUE(one.seat(place().ticket, "ben"));
    one.end("ann");
    one.end("ben");
    agent_.process().kill();  // it counts from the beginning
    agent_.start();
    ASSERT_TRUE(eventually([&] {
        try {
            return one.seat(place().ticket, "cid").verdict == "accepted";
        } catch (const hearsay::Unreachable&) {
            return false;
        }
    }));
    ASSERT_TRUE(one.seat(place().ticket, "dora"));
    ASSERT_TRUE(eventually([&] { return place().outcome == "full"; }));
    one.end("cid");
    one.end("dora");
    hearsay::Server two(options("10.0.0.2:1", "v2"));
    two.start();
    EXPECT_TRUE(eventually([&] { return one.closed(); })) << "all that it let in was counted";
}

TEST_F(CppClient, ASeatWhoseAnswerWasLostHoldsNothingUp) {
    hearsay::Server one(options("10.0.0.1:1", "v1"));
    one.start();
    const auto ann = one.seat(place().ticket);
    ASSERT_TRUE(ann);
    // The node accepts one that the server hears nothing of.
    const test::json ticket = {{"ticket", place().ticket}};
    const auto accepted = agent_.client().send(
        {.method = "POST", .target = "/v1/instances/10.0.0.1:1/redeem", .body = ticket.dump()});
    ASSERT_EQ(accepted.status, 200) << accepted.body;
    ASSERT_TRUE(eventually([&] { return place().outcome == "go"; })) << "one of two is here";
    hearsay::Server two(options("10.0.0.2:1", "v2"));
    two.start();
    one.end(ann.session);
    EXPECT_TRUE(eventually([&] { return one.closed(); }));
}

TEST_F(CppClient, AConnectionIsKeptAndFoundAgain) {
    hearsay::Server one(options("10.0.0.1:1", "v1"));
    one.start();
    hearsay::Node node(agent_.url(), 1s);
    for (int i = 0; i < 20; ++i) EXPECT_EQ(node.place("arena").address, "10.0.0.1:1");
    agent_.process().kill();
    EXPECT_THROW((void)node.place("arena"), hearsay::Unreachable);
    agent_.start();
    ASSERT_TRUE(eventually([&] {
        try {
            return node.place("arena").outcome == "go";
        } catch (const hearsay::Unreachable&) {
            return false;
        }
    }));
}

TEST_F(CppClient, AServerWhoseEarlierLifeIsHeardOfAgainRegistersAnew) {
    hearsay::ServerOptions later = options("10.0.0.1:1", "v1");
    later.incarnation = 100;
    hearsay::Server server(later);
    server.start();
    ASSERT_TRUE(
        agent_.client().send({.method = "DELETE", .target = "/v1/instances/10.0.0.1:1"}).ok());
    ASSERT_TRUE(agent_.put("10.0.0.1:1", {{"app_name", "arena"}, {"incarnation", 99}}).ok());
    EXPECT_TRUE(eventually([&] {
        const auto row = agent_.instance("10.0.0.1:1");
        return row.is_object() && row.at("incarnation") == 100;
    })) << agent_.instance("10.0.0.1:1");
}

TEST_F(CppClient, WhatIsWrongIsSaid) {
    hearsay::Server wrong(options("http://10.0.0.1", "v1"));
    EXPECT_THROW(wrong.start(), hearsay::Refused);
    EXPECT_THROW((void)place({.protocol = "three"}), hearsay::Refused);
    EXPECT_THROW((void)hearsay::place("http://127.0.0.1:1", "arena"), hearsay::Unreachable);
}

}  // namespace
