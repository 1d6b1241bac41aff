#include "registry/seat_lease.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

#include "registry/seat_book.h"
#include "tests/registry/samples.h"

namespace registry {
namespace {

using testing::kAlice;
using testing::kBob;
using testing::sample;
using Verdict = SeatBook::Verdict;

constexpr std::uint64_t kNow = 1'010'000;
constexpr std::uint64_t kHold = 33'000;

Instance server(std::uint32_t capacity, std::string address = "10.0.0.1:7777") {
    Instance x = sample(std::move(address));
    x.capacity = capacity;
    x.sessions = 0;
    return x;
}

Token ticket(std::uint64_t nonce, gossip::NodeId lessee = {}) {
    return testing::ticket(nonce, kNow, lessee);
}

LeaseQuestion wants(std::uint32_t seats, std::uint64_t round) {
    LeaseQuestion q;
    q.address = "10.0.0.1:7777";
    q.incarnation = 7;
    q.round = round;
    q.wanted = seats;
    return q;
}

TEST(SeatLease, SurvivesTheWireAndNothingElseDoes) {
    LeaseQuestion q = wants(7, 1ULL << 40);
    q.returned = 3;
    const auto back = decode_lease_question(gossip::as_bytes(encode(q)));
    ASSERT_TRUE(back.has_value());
    EXPECT_EQ(back->address, q.address);
    EXPECT_EQ(back->incarnation, 7U);
    EXPECT_EQ(back->round, q.round);
    EXPECT_EQ(back->wanted, 7U);
    EXPECT_EQ(back->returned, 3U);
    const LeaseAnswer answer{true, 5, 9, 1ULL << 40};
    EXPECT_EQ(decode_lease_answer(gossip::as_bytes(encode(answer))), answer);

    const std::string whole = encode(q);
    for (std::size_t size = 0; size < whole.size(); ++size) {
        EXPECT_FALSE(decode_lease_question(gossip::as_bytes(whole.substr(0, size)))) << size;
    }
    q.wanted = SeatPurse::kMaxBatch + 1;
    EXPECT_FALSE(decode_lease_question(gossip::as_bytes(encode(q)))) << "more than anybody may";
    EXPECT_FALSE(decode_lease_question(gossip::as_bytes("\x02zzzz"))) << "of a later release";
}

TEST(SeatLease, WhatIsLeasedIsNobodyElses) {
    SeatBook book{0};
    const Instance x = server(3);
    EXPECT_FALSE(book.lease(wants(1, 1), kAlice, x, kHold, kNow).offered)
        << "how many sessions are there?";
    book.report(x, 0, 0);
    EXPECT_EQ(book.lease(wants(2, 2), kAlice, x, kHold, kNow), (LeaseAnswer{true, 2, 1}));
    EXPECT_EQ(book.leased(x, kNow), 2U);
    EXPECT_EQ(book.redeem(ticket(1), x, false, kNow).verdict, Verdict::accepted);
    EXPECT_EQ(book.redeem(ticket(2), x, false, kNow).verdict, Verdict::full);
    EXPECT_EQ(book.redeem(ticket(3, kBob), x, false, kNow).verdict, Verdict::full);
    EXPECT_EQ(book.lease(wants(1, 1), kBob, x, kHold, kNow), (LeaseAnswer{true, 0, 0}));
    EXPECT_EQ(book.redeem(ticket(4, kAlice), x, false, kNow).verdict, Verdict::accepted);
    EXPECT_EQ(book.redeem(ticket(5, kAlice), x, false, kNow).verdict, Verdict::accepted);
    EXPECT_EQ(book.redeem(ticket(6, kAlice), x, false, kNow).verdict, Verdict::full);
    EXPECT_EQ(book.leased(x, kNow), 0U);
}

TEST(SeatLease, EndsAndComesBack) {
    SeatBook book{0};
    const Instance x = server(2);
    book.report(x, 0, 0);
    ASSERT_EQ(book.lease(wants(2, 1), kAlice, x, kHold, kNow).seats, 2U);
    EXPECT_EQ(book.lease(wants(1, 1), kBob, x, kHold, kNow + kHold - 1).seats, 0U);
    EXPECT_EQ(book.lease(wants(1, 2), kBob, x, kHold, kNow + kHold).seats, 1U) << "it is over";
    LeaseQuestion back = wants(0, 3);
    back.returned = 1;
    book.lease(back, kBob, x, kHold, kNow + kHold);
    EXPECT_EQ(book.leased(x, kNow + kHold), 0U);
    EXPECT_EQ(book.lease(wants(9, 4), kAlice, x, kHold, kNow + kHold).seats, 2U);
}

TEST(SeatLease, AQuestionThatIsHeardTwiceTakesNoSeatTwice) {
    SeatBook book{0};
    const Instance x = server(10);
    book.report(x, 0, 0);
    const LeaseAnswer first = book.lease(wants(4, 9), kAlice, x, kHold, kNow);
    EXPECT_EQ(book.lease(wants(4, 9), kAlice, x, kHold, kNow + 60), first);
    EXPECT_EQ(book.leased(x, kNow), 4U);
    EXPECT_EQ(book.lease(wants(4, 10), kAlice, x, kHold, kNow + 90).seats, 4U);
    EXPECT_EQ(book.leased(x, kNow), 8U);
}

TEST(SeatPurseTest, AsksForMoreAsSeatsAreUsedUpAndGivesBackWhatIsNot) {
    SeatPurse purse{100};
    const auto ask = [&purse] { return purse.question("a:1", 7); };
    std::uint64_t now = kNow;
    for (const std::uint32_t batch : {1U, 2U, 4U, 8U, 16U, 32U, 32U}) {
        const LeaseQuestion q = ask();
        EXPECT_EQ(q.wanted, batch);
        EXPECT_GT(q.round, 100U);
        purse.answered(q, {true, batch, 1000}, now);
        for (std::uint32_t i = 0; i < batch; ++i) EXPECT_TRUE(purse.take("a:1", 7, now));
        EXPECT_FALSE(purse.take("a:1", 7, now));
        now += 10;
    }
    EXPECT_FALSE(purse.full("a:1", 7, now)) << "there were more";
    purse.answered(ask(), {true, 5, 1000}, now);
    EXPECT_FALSE(purse.take("a:1", 8, now)) << "of another life";
    EXPECT_TRUE(purse.take("a:1", 7, now));
    EXPECT_TRUE(purse.unused(now + SeatPurse::kUseMs - 1).empty());
    EXPECT_FALSE(purse.take("a:1", 7, now + SeatPurse::kUseMs)) << "too late";
    const auto back = purse.unused(now + SeatPurse::kUseMs);
    ASSERT_EQ(back.size(), 1U);
    EXPECT_EQ(back[0].returned, 4U);
    EXPECT_EQ(back[0].wanted, 0U);
    EXPECT_EQ(purse.instances(), 0U);
}

TEST(SeatPurseTest, KnowsForAMomentWhoIsFull) {
    SeatPurse purse{1};
    purse.answered(purse.question("a:1", 7), {true, 0, 0}, kNow);
    EXPECT_TRUE(purse.full("a:1", 7, kNow));
    EXPECT_FALSE(purse.full("a:1", 8, kNow));
    EXPECT_FALSE(purse.full("a:1", 7, kNow + SeatPurse::kFullMs));
    purse.answered(purse.question("b:1", 7), {true, 1, 0}, kNow);
    EXPECT_FALSE(purse.full("b:1", 7, kNow));
    EXPECT_TRUE(purse.take("b:1", 7, kNow));
    EXPECT_TRUE(purse.full("b:1", 7, kNow)) << "that was the last one";
}

// 16 nodes whose views say that everybody is empty, for ever. Each client asks any of them; some
// answers are lost, some questions heard twice, some clients never come.
TEST(SeatLeaseLaws, PackedFillsOneServerAfterTheOtherHoweverOldTheViews) {
    constexpr std::uint32_t kSeats = 20;
    constexpr std::size_t kServers = 40;
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        std::mt19937_64 random{seed};
        SeatBook book{0};
        std::vector<Instance> servers;
        std::vector<std::uint32_t> sessions(kServers);
        for (std::size_t i = 0; i < kServers; ++i) {
            servers.push_back(server(kSeats, "10.0.0." + std::to_string(i + 10) + ":1"));
            book.report(servers.back(), 0, 0);
        }
        std::vector<SeatPurse> nodes(16, SeatPurse{1});
        std::uint64_t now = kNow;
        std::uint64_t refused = 0;
        constexpr std::uint32_t kClients = 400;  // half of all seats
        for (std::uint32_t c = 0; c < kClients; ++c, now += 2) {
            const std::size_t n = random() % nodes.size();
            const gossip::NodeId id{n + 1};
            for (auto& node : nodes) {
                const gossip::NodeId owner{static_cast<std::uint64_t>(&node - nodes.data()) + 1};
                for (const LeaseQuestion& back : node.unused(now)) {
                    for (const Instance& x : servers) {
                        if (x.address == back.address) book.lease(back, owner, x, kHold, now);
                    }
                }
            }
            for (std::size_t i = 0; i < kServers; ++i) {
                const Instance& x = servers[i];
                if (nodes[n].full(x.address, 7, now)) continue;
                bool leased = nodes[n].take(x.address, 7, now);
                for (int tries = 0; !leased && tries < 2; ++tries) {
                    const LeaseQuestion q = nodes[n].question(x.address, 7);
                    LeaseAnswer answer = book.lease(q, id, x, kHold, now);
                    if (random() % 10 == 0) answer = book.lease(q, id, x, kHold, now);
                    nodes[n].answered(q, answer, now);
                    leased = nodes[n].take(x.address, 7, now);
                    if (answer.seats == 0) break;
                }
                if (!leased) continue;
                Token t = ticket((seed << 32) | c, id);
                t.address = x.address;
                const auto verdict = book.redeem(t, x, false, now).verdict;
                refused += verdict == Verdict::accepted ? 0 : 1;
                ++sessions[i];
                break;
            }
        }
        EXPECT_EQ(refused, 0U) << seed;
        std::size_t used = 0;
        for (const std::uint32_t count : sessions) {
            EXPECT_LE(count, kSeats) << seed;
            used += count > 0 ? 1 : 0;
        }
        EXPECT_LE(used, (kClients / kSeats) + 3) << seed << ": what 16 nodes have in their hands";
    }
}

}  // namespace
}  // namespace registry
