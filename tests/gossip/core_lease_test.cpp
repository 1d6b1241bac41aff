#include <gtest/gtest.h>

#include "tests/gossip/loopback.h"

// Leases: who is renewed, where, and what the others hear of it.

namespace gossip {
namespace {

using namespace std::chrono_literals;

const Record* row(Loopback& net, std::size_t node, const std::string& key) {
    return net.core(node).table().find(RecordKind::instance, key);
}

TEST(CoreLeases, AHeartbeatWithTheSameContentSendsNothing) {
    Loopback net{3};
    net.start_all();
    net.put(0, "a:1", "v", 30);
    net.run_for(3s);
    const std::uint64_t copies = net.core(1).counters().flood_records_in;
    for (int i = 0; i < 10; ++i) {
        net.run_for(1s, 5ms);
        EXPECT_EQ(net.put(0, "a:1", "v", 30).status, PutStatus::renewed);
    }
    EXPECT_EQ(net.core(1).counters().flood_records_in, copies);
    EXPECT_EQ(net.core(0).last_update(*row(net, 0, "a:1")),
              static_cast<std::uint64_t>(net.now().wall.time_since_epoch().count() / 1000));
}

TEST(CoreLeases, AnUnrenewedLeaseExpiresEverywhere) {
    Loopback net{3};
    net.start_all();
    net.put(0, "a:1", "v", 5);
    net.run_for(4s, 5ms);
    EXPECT_FALSE(row(net, 2, "a:1")->expired());
    net.run_for(2s, 5ms);
    for (std::size_t i = 0; i < 3; ++i) EXPECT_TRUE(row(net, i, "a:1")->expired()) << i;
    EXPECT_EQ(net.put(0, "a:1", "v", 5).status, PutStatus::updated);
    net.run_for(1s, 5ms);
    for (std::size_t i = 0; i < 3; ++i) EXPECT_FALSE(row(net, i, "a:1")->expired()) << i;
}

TEST(CoreLeases, AnOwnerThatSeesAnInstanceGoEndsItsLeaseAtOnceAndARegistrationRevivesIt) {
    Loopback net{3};
    net.start_all();
    net.put(0, "a:1", "v", 300);
    net.run_for(1s, 5ms);
    EXPECT_FALSE(net.core(1).expire("a:1", net.now(), net.nodes[1]->out)) << "not its owner";
    EXPECT_FALSE(net.core(0).expire("b:1", net.now(), net.nodes[0]->out)) << "no such row";
    EXPECT_TRUE(net.core(0).expire("a:1", net.now(), net.nodes[0]->out));
    EXPECT_FALSE(net.core(0).expire("a:1", net.now(), net.nodes[0]->out)) << "it did already";
    net.run_for(20ms);
    for (std::size_t i = 0; i < 3; ++i) EXPECT_TRUE(row(net, i, "a:1")->expired()) << i;
    EXPECT_EQ(net.put(0, "a:1", "v", 300).status, PutStatus::updated);
    net.run_for(1s, 5ms);
    for (std::size_t i = 0; i < 3; ++i) EXPECT_FALSE(row(net, i, "a:1")->expired()) << i;
}

TEST(CoreLeases, ARenewalElsewhereReachesTheOwner) {
    Loopback net{3};
    net.start_all();
    net.put(0, "a:1", "v", 5);
    for (int i = 0; i < 10; ++i) {
        net.run_for(1s, 5ms);
        EXPECT_EQ(net.put(1, "a:1", "v", 5).status, PutStatus::forwarded);
    }
    EXPECT_FALSE(row(net, 2, "a:1")->expired());
    EXPECT_EQ(row(net, 2, "a:1")->owner(), Loopback::id(0)) << "ownership did not flip";
}

TEST(CoreLeases, ANodeTakesARowOverFromAnOwnerThatIsAliveIfItHasTo) {
    Loopback net{3};
    net.start_all();
    net.put(0, "a:1", "v", 30);
    net.run_for(1s, 5ms);
    LocalWrite write;
    write.key = "a:1";
    write.value = "v";
    write.ttl_s = 30;
    write.timed_by_application = false;
    write.take_over = true;
    EXPECT_EQ(net.core(1).put(write, net.now(), net.nodes[1]->out).status, PutStatus::updated);
    EXPECT_EQ(net.core(1).put(write, net.now(), net.nodes[1]->out).status, PutStatus::renewed)
        << "it has it already";
    net.run_for(1s, 5ms);
    for (std::size_t i = 0; i < 3; ++i) {
        EXPECT_EQ(row(net, i, "a:1")->owner(), Loopback::id(1)) << i;
    }
}

TEST(CoreLeases, ANodeTakesOverFromAnOwnerThatIsGone) {
    Loopback net{3};
    net.start_all();
    net.put(0, "a:1", "v", 30);
    net.run_for(2s, 5ms);
    net.silent[0] = true;
    net.run_for(12s, 5ms);
    EXPECT_EQ(net.put(1, "a:1", "v", 30).status, PutStatus::updated);
    net.run_for(1s, 5ms);
    EXPECT_EQ(row(net, 2, "a:1")->owner(), Loopback::id(1));
}

TEST(CoreLeases, RenewalsReachTheOthersAsTouchesWithinAFewPeriods) {
    Loopback net{10};
    net.start_all();
    net.put(0, "a:1", "v", 30);
    net.run_for(5s, 5ms);
    const std::uint64_t copies = net.core(7).counters().flood_records_in;
    EXPECT_EQ(net.put(0, "a:1", "v", 30).status, PutStatus::renewed);
    const std::uint64_t renewed = net.core(0).last_update(*row(net, 0, "a:1"));
    net.run_for(5s, 5ms);
    for (std::size_t i = 0; i < 10; ++i) {
        EXPECT_EQ(net.core(i).last_update(*row(net, i, "a:1")), renewed) << i;
    }
    EXPECT_EQ(net.core(7).counters().flood_records_in, copies) << "no record travelled";
}

TEST(CoreLeases, AnOwnerThatIsAskedSaysExactlyWhenItWasRenewed) {
    Loopback net{4};
    net.start_all();
    std::vector<std::string> addresses;
    for (int i = 0; i < 300; ++i) {  // more than one datagram takes, and than the touches may tell
        addresses.push_back("h" + std::to_string(i) + ":1");
        net.put(i % 2 == 0 ? 0 : 1, addresses.back(), "v", 300);
    }
    net.run_for(3s, 5ms);
    net.elapsed += 2s;
    for (int i = 0; i < 300; ++i) {
        net.put(i % 2 == 0 ? 0 : 1, addresses[static_cast<std::size_t>(i)], "v", 300);
    }
    const std::uint64_t floods = net.core(3).counters().flood_records_in;
    net.core(2).ask_owners(addresses, net.now(), net.nodes[2]->out);
    EXPECT_EQ(net.core(2).unanswered(net.now()), 300U);
    net.finish(2);
    net.deliver();
    EXPECT_EQ(net.core(2).unanswered(net.now()), 0U);
    for (int i = 0; i < 300; ++i) {
        const std::string& address = addresses[static_cast<std::size_t>(i)];
        EXPECT_EQ(net.core(2).last_update(*row(net, 2, address)),
                  net.core(i % 2).last_update(*row(net, static_cast<std::size_t>(i % 2), address)));
    }
    EXPECT_EQ(net.core(3).counters().flood_records_in, floods) << "nobody else was bothered";
    // Who is silent is not waited for.
    net.silent[0] = true;
    net.core(2).ask_owners({addresses[0]}, net.now(), net.nodes[2]->out);
    net.finish(2);
    net.deliver();
    EXPECT_EQ(net.core(2).unanswered(net.now()), 1U);
    net.elapsed += 500ms;
    EXPECT_EQ(net.core(2).unanswered(net.now()), 0U);
}

TEST(CoreLeases, TouchesStayWithinTheirBudget) {
    Loopback net{4};
    net.start_all();
    for (int i = 0; i < 500; ++i) net.put(0, "h" + std::to_string(i) + ":1", "v", 300);
    net.run_for(15s, 5ms);
    const std::uint64_t before = net.bytes;
    for (int second = 0; second < 10; ++second) {
        for (int i = 0; i < 500; ++i) net.put(0, "h" + std::to_string(i) + ":1", "v", 300);
        net.run_for(1s, 5ms);
    }
    EXPECT_LT((net.bytes - before) / 10 / 4, 8000U) << "bytes per node and second";
}

}  // namespace
}  // namespace gossip
