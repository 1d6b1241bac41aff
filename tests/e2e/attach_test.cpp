#include <gtest/gtest.h>

#include "tests/support/cluster.h"
#include "tests/support/raw_connection.h"

// Applications that hold a connection open to their node, as real processes beside real nodes.

namespace {

using namespace std::chrono_literals;
using test::Child;
using test::eventually;
using test::json;
using test::RawConnection;

constexpr int kRefused = 6;

class Attach : public testing::Test {
  protected:
    void SetUp() override { ASSERT_TRUE(cluster_.start()) << cluster_.logs(); }

    [[nodiscard]] std::filesystem::path log_of(const std::string& address) const {
        return cluster_.directory() / (address + ".log");
    }
    Child attach(std::size_t node, const std::string& address, const std::string& ttl = "1h") {
        return test::spawn({"register", address, "--app", "chat", "--attach", "--ttl", ttl,
                            "--node", cluster_[node].url()},
                           log_of(address), log_of(address));
    }
    // A connection of our own, the first line read.
    RawConnection attach_raw(std::size_t node, const std::string& address) {
        RawConnection connection(cluster_[node].http(), SOCK_STREAM);
        connection.send("GET /v1/instances/" + address + "/attach HTTP/1.1\r\nHost: a\r\n\r\n");
        EXPECT_TRUE(connection.read_until("}\n\r\n").starts_with("HTTP/1.1 200 "));
        return connection;
    }
    bool becomes(std::size_t node, const std::string& address, const std::string& state) {
        return eventually([&] { return cluster_[node].instance_state(address) == state; });
    }
    bool attached(std::size_t node, int count) {
        return eventually([&] {
            const json status = cluster_[node].get("/v1/status");
            return status.is_object() && status.at("attached") == count;
        });
    }

    test::Cluster cluster_{2};
};

TEST_F(Attach, AKilledProcessIsListedAsExpiredByAnotherNode) {
    for (int i = 1; i <= 5; ++i) {
        const std::string address = "10.0.0.7:" + std::to_string(9000 + i);
        Child child = attach(0, address);  // its lease is an hour
        ASSERT_TRUE(becomes(1, address, "up")) << test::content_of(log_of(address));
        ASSERT_TRUE(attached(0, 1));
        child.kill();
        EXPECT_TRUE(becomes(1, address, "expired"));
    }
}

TEST_F(Attach, TheNodeRenewsTheLease) {
    const Child child = attach(0, "10.0.0.7:9000", "1s");
    ASSERT_TRUE(becomes(1, "10.0.0.7:9000", "up"));
    const json first = cluster_[0].instance("10.0.0.7:9000");
    const auto renewed = [&] {
        return cluster_[0].instance("10.0.0.7:9000").at("last_update").get<std::uint64_t>();
    };
    ASSERT_TRUE(
        eventually([&] { return renewed() >= first.at("last_update").get<std::uint64_t>() + 4; }));
    EXPECT_EQ(cluster_[0].instance_state("10.0.0.7:9000"), "up");
    EXPECT_EQ(cluster_[0].instance("10.0.0.7:9000").at("ver"), first.at("ver"))
        << "nothing new is written, and so it never lapsed";
}

TEST_F(Attach, CtrlCDeregisters) {
    Child child = attach(0, "10.0.0.7:9000");
    ASSERT_TRUE(attached(0, 1)) << test::content_of(log_of("10.0.0.7:9000"));
    ASSERT_TRUE(becomes(1, "10.0.0.7:9000", "up"));
    child.signal(SIGINT);
    EXPECT_EQ(child.wait(10s), 0) << test::content_of(log_of("10.0.0.7:9000"));
    EXPECT_EQ(cluster_[0].instance_state("10.0.0.7:9000"), "");
    EXPECT_TRUE(becomes(1, "10.0.0.7:9000", ""));
}

TEST_F(Attach, DeregisteredAtAnotherNodeItEnds) {
    Child child = attach(0, "10.0.0.7:9000");
    ASSERT_TRUE(attached(0, 1));
    ASSERT_TRUE(becomes(1, "10.0.0.7:9000", "up"));
    ASSERT_TRUE(cluster_[1]
                    .client()
                    .send({.method = "DELETE", .target = "/v1/instances/10.0.0.7:9000"})
                    .ok());
    EXPECT_EQ(child.wait(10s), 0) << test::content_of(log_of("10.0.0.7:9000"));
    EXPECT_EQ(cluster_[0].instance_state("10.0.0.7:9000"), "");
}

TEST_F(Attach, TheNodeThatIsAttachedToOwnsTheInstance) {
    const std::string address = "10.0.0.7:9000";
    const json body{{"app_name", "chat"}, {"ttl", 3600}};
    ASSERT_TRUE(cluster_[1].put(address, body).ok());
    ASSERT_TRUE(becomes(0, address, "up"));
    {
        const RawConnection connection = attach_raw(0, address);
        const auto id = cluster_[0].get("/v1/status").at("id");
        EXPECT_TRUE(eventually([&] { return cluster_[1].instance(address).at("owner") == id; }));
        EXPECT_EQ(cluster_[1].instance(address).at("ttl"), 3600);
        // A heartbeat that a load balancer sends elsewhere does not change that.
        EXPECT_TRUE(cluster_[1].put(address, body).ok());
        EXPECT_EQ(cluster_[1].instance(address).at("owner"), id);
        EXPECT_TRUE(attached(0, 1));
    }
    EXPECT_TRUE(becomes(0, address, "expired"));
    EXPECT_TRUE(becomes(1, address, "expired"));
}

TEST_F(Attach, AttachedAtAnotherNodeTheOlderConnectionEndsAndChangesNothing) {
    Child older = attach(0, "10.0.0.7:9000");
    ASSERT_TRUE(becomes(1, "10.0.0.7:9000", "up"));
    ASSERT_TRUE(attached(0, 1));
    const RawConnection newer = attach_raw(1, "10.0.0.7:9000");
    EXPECT_EQ(older.wait(10s), kRefused) << test::content_of(log_of("10.0.0.7:9000"));
    EXPECT_TRUE(attached(0, 0));
    EXPECT_TRUE(cluster_.agree());
    EXPECT_EQ(cluster_[0].instance_state("10.0.0.7:9000"), "up");
    EXPECT_EQ(cluster_[1].instance_state("10.0.0.7:9000"), "up");
}

TEST_F(Attach, ANodeThatLeavesTakesNoInstanceWithIt) {
    const std::string address = "10.0.0.7:9000";
    ASSERT_TRUE(cluster_[1].put(address, {{"app_name", "chat"}, {"ttl", 3600}}).ok());
    const RawConnection connection = attach_raw(1, address);
    const json before = cluster_[1].instance(address);
    cluster_[1].process().signal(SIGTERM);
    EXPECT_EQ(cluster_[1].process().wait(10s), 0);
    EXPECT_FALSE(connection.read().ends_with("0\r\n\r\n")) << "cut off: so it should come back";
    EXPECT_TRUE(becomes(0, address, "unreachable"));
    cluster_.restart(1);
    EXPECT_TRUE(becomes(1, address, "up"));
    EXPECT_EQ(cluster_[1].instance(address).at("ver"), before.at("ver"));
    EXPECT_TRUE(becomes(0, address, "up"));
}

TEST_F(Attach, TheCommandComesBackWithItsNode) {
    Child child = attach(1, "10.0.0.7:9000");
    ASSERT_TRUE(attached(1, 1));
    cluster_[1].process().kill();
    EXPECT_TRUE(eventually([&] {
        return test::content_of(log_of("10.0.0.7:9000")).find("no node answers") !=
               std::string::npos;
    }));
    cluster_.restart(1);
    EXPECT_TRUE(attached(1, 1));
    EXPECT_TRUE(becomes(0, "10.0.0.7:9000", "up"));
    child.kill();
    EXPECT_TRUE(becomes(0, "10.0.0.7:9000", "expired"));
}

}  // namespace
