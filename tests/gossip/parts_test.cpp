#include <gtest/gtest.h>

#include "gossip/bucket.h"
#include "gossip/clock_offset.h"
#include "gossip/leases.h"
#include "gossip/outbox.h"
#include "gossip/probes.h"
#include "gossip/random.h"

namespace gossip {
namespace {

using namespace std::chrono_literals;

constexpr Mono::time_point at(milliseconds ms) {
    return Mono::time_point{ms};
}

Record record(const std::string& key, std::uint64_t ms, const std::string& value = "v") {
    RecordFields f;
    f.stamp = Stamp::at_ms(ms);
    f.key = key;
    f.value = value;
    return Record::make(f, {});
}

std::vector<std::string> keys(const std::vector<Rumour>& rumours) {
    std::vector<std::string> all;
    for (const Rumour& r : rumours) all.emplace_back(r.record.key());
    return all;
}

TEST(Outbox, GivesTheNewestFirst) {
    Outbox outbox;
    for (const char* key : {"a", "b", "c"}) outbox.add({record(key, 1), {}, false});
    EXPECT_EQ(keys(outbox.take(10'000)), (std::vector<std::string>{"c", "b", "a"}));
    EXPECT_TRUE(outbox.empty());
    EXPECT_EQ(outbox.bytes(), 0U);
}

TEST(Outbox, KeepsOnlyTheNewestVersionOfAKey) {
    Outbox outbox;
    outbox.add({record("a", 1), {}, true});
    outbox.add({record("b", 1), {}, false});
    outbox.add({record("a", 2), {}, false});
    const auto taken = outbox.take(10'000);
    ASSERT_EQ(keys(taken), (std::vector<std::string>{"a", "b"}));
    EXPECT_EQ(taken[0].record.stamp(), Stamp::at_ms(2));
    EXPECT_TRUE(taken[0].origin) << "still our own news";
}

TEST(Outbox, TakesNoMoreBytesThanAsked) {
    Outbox outbox;
    for (int i = 0; i < 10; ++i) outbox.add({record(std::to_string(i), 1), {}, false});
    const std::size_t each = outbox.bytes() / 10;
    EXPECT_EQ(outbox.take(3 * each).size(), 3U);
    EXPECT_EQ(outbox.take(1).size(), 1U) << "one at least";
    EXPECT_EQ(outbox.size(), 6U);
}

TEST(Outbox, ShedsTheOldestBeyondItsBound) {
    Outbox outbox;
    for (std::size_t i = 0; i < Outbox::kMaxRumours + 5; ++i) {
        outbox.add({record(std::to_string(i), 1), {}, false});
    }
    EXPECT_EQ(outbox.size(), Outbox::kMaxRumours);
    EXPECT_EQ(outbox.shed(), 5U);
}

TEST(Outbox, ADelayedRumourWaitsAndIsOvertakenByANewerOne) {
    Outbox outbox;
    outbox.delay({record("a", 1), {}, true}, at(100ms));
    outbox.release(at(99ms));
    EXPECT_TRUE(outbox.empty());
    EXPECT_EQ(outbox.next_due(), at(100ms));
    outbox.delay({record("a", 2), {}, true}, at(500ms));
    outbox.release(at(100ms));
    const auto taken = outbox.take(1000);
    ASSERT_EQ(taken.size(), 1U);
    EXPECT_EQ(taken[0].record.stamp(), Stamp::at_ms(2)) << "at the first one's time";
    outbox.delay({record("b", 1), {}, true}, at(900ms));
    outbox.add({record("b", 2), {}, true});
    EXPECT_EQ(outbox.take(1000).size(), 1U);
    outbox.release(at(1s));
    EXPECT_TRUE(outbox.empty());
}

TEST(Probes, AreRepeatedThenGivenUp) {
    Config config;
    Probes probes{config};
    Probe probe;
    probe.target = {7};
    probe.seq = 1;
    probe.sent = at(0ms);
    for (unsigned tries = 1; tries <= config.ping_tries; ++tries) {
        probe.tries = tries;
        probes.sent(probe);
        std::vector<Probe> again;
        std::vector<Probe> silent;
        probes.expire(probe.sent + config.ping_retry - 1ms, again, silent);
        EXPECT_TRUE(again.empty() && silent.empty());
        probes.expire(probe.sent + config.ping_retry, again, silent);
        EXPECT_EQ(again.size(), tries < config.ping_tries ? 1U : 0U);
        EXPECT_EQ(silent.size(), tries < config.ping_tries ? 0U : 1U);
        probe.sent += config.ping_retry;
    }
}

TEST(Probes, AnAckEndsItsOwnProbeOnly) {
    Probes probes{Config{}};
    Probe probe;
    probe.to = Endpoint::v4(1, 2, 3, 4, 5);
    probe.seq = 10;
    probes.sent(probe);
    EXPECT_FALSE(probes.answered(11, probe.to)) << "another question";
    EXPECT_FALSE(probes.answered(10, Endpoint::v4(9, 9, 9, 9, 5))) << "another peer";
    EXPECT_TRUE(probes.answered(10, probe.to));
    EXPECT_FALSE(probes.answered(10, probe.to)) << "twice";
}

TEST(Leases, LapseOnceWhenNobodyRenewsThem) {
    Leases leases;
    leases.renew("a", 1, 5s, at(0s));
    leases.renew("b", 1, 5s, at(0s));
    EXPECT_EQ(leases.next(), at(5s));
    leases.renew("a", 2, 5s, at(4s));
    EXPECT_EQ(leases.lapse(at(5s)), (std::vector<std::string>{"b"}));
    EXPECT_TRUE(leases.lapse(at(8999ms)).empty());
    EXPECT_EQ(leases.lapse(at(9s)), (std::vector<std::string>{"a"}));
    EXPECT_TRUE(leases.lapse(at(100s)).empty());
}

TEST(Leases, AShorterTtlTakesEffectAtOnceAndNoTtlNever) {
    Leases leases;
    leases.renew("a", 1, 60s, at(0s));
    leases.renew("a", 1, 2s, at(0s));
    leases.renew("b", 1, 0s, at(0s));
    EXPECT_EQ(leases.lapse(at(2s)), (std::vector<std::string>{"a"}));
    EXPECT_TRUE(leases.lapse(at(9999s)).empty());
    leases.renew("c", 1, 2s, at(0s));
    leases.drop("c");
    EXPECT_TRUE(leases.lapse(at(9999s)).empty());
}

TEST(Leases, AManyTimesRenewedLeaseHoldsOneTimer) {
    Leases leases;
    for (int i = 0; i < 1000; ++i) {
        leases.renew("a", 1, 5s, at(i * 100ms));
        EXPECT_TRUE(leases.lapse(at(i * 100ms)).empty());
    }
    EXPECT_LE(leases.next(), at(105s));
    EXPECT_EQ(leases.lapse(at(1h)).size(), 1U);
    EXPECT_EQ(leases.next(), Mono::time_point::max());
}

NodeId peer(int i) {
    return {static_cast<std::uint64_t>(i) + 1};
}

TEST(ClockOffset, AClockInOrderIsNotCorrected) {
    ClockOffset clock;
    for (int i = 0; i < 100; ++i) {
        EXPECT_FALSE(clock.sample(peer(i % 10), Wall::duration{i % 2 ? 400 : -400}, 10));
    }
    EXPECT_EQ(clock.offset(), 0ms);
}

TEST(ClockOffset, ALoneWrongClockArrivesAndOneLiarMovesNobody) {
    ClockOffset wrong;
    const Wall::duration truth{300'000};
    for (int i = 0; i < 100; ++i) (void)wrong.sample(peer(i % 6), truth - wrong.offset(), 6);
    EXPECT_NEAR(static_cast<double>(wrong.offset().count()), 300'000.0, 500.0);
    ClockOffset right;
    // The liar is its neighbour on the ring, so every other answer is the liar's.
    for (int i = 0; i < 100; ++i) {
        const bool liar = i % 2 == 0;
        EXPECT_FALSE(
            right.sample(peer(liar ? 0 : 1 + i % 5), Wall::duration{liar ? 3'600'000 : 0}, 6));
    }
}

TEST(ClockOffset, TwoClocksAreWaitedForIfThereAreMore) {
    ClockOffset clock;
    for (int i = 0; i < 9; ++i) EXPECT_FALSE(clock.sample(peer(i % 2), 5000ms, 3));
    EXPECT_FALSE(clock.trusted(3));
    EXPECT_TRUE(clock.sample(peer(2), 5000ms, 3));
    EXPECT_EQ(clock.offset(), 5000ms) << "three of four say so: it is the middle";
    for (int i = 0; i < 2; ++i) EXPECT_FALSE(clock.sample(peer(0), 5000ms, 1));
    EXPECT_TRUE(clock.sample(peer(0), 5000ms, 1)) << "there is no other";
}

TEST(ClockOffset, OneDamagedAnswerOfTheOnlyPeerMovesNobody) {
    ClockOffset clock;
    for (int i = 0; i < 30; ++i) {
        EXPECT_FALSE(clock.sample(peer(0), Wall::duration{i % 3 == 0 ? 500'000'000 : 0}, 1));
    }
}

TEST(ClockOffset, WhatWasSaidBeforeAStepIsVoid) {
    ClockOffset clock;
    for (int i = 0; i < 40; ++i) EXPECT_FALSE(clock.sample(peer(i), 0ms, 40));
    clock.forget();
    for (int i = 0; i < 3; ++i) EXPECT_FALSE(clock.sample(peer(i), -60'000ms, 40));
    EXPECT_TRUE(clock.sample(peer(3), -60'000ms, 40)) << "40 older samples do not outvote these";
}

TEST(ClockOffset, TheFirstToBeHeardDoNotOutvoteAMajority) {
    ClockOffset clock;  // of five, two are 300 s ahead
    EXPECT_FALSE(clock.sample(peer(0), 300'000ms, 4));
    EXPECT_FALSE(clock.sample(peer(1), 300'000ms, 4));
    EXPECT_FALSE(clock.sample(peer(2), 0ms, 4));
    EXPECT_FALSE(clock.confirmed(4)) << "two of the four say otherwise, one was not heard";
    EXPECT_FALSE(clock.sample(peer(3), 0ms, 4));
    EXPECT_TRUE(clock.confirmed(4));
    EXPECT_EQ(clock.offset(), 0ms);
}

TEST(ClockOffset, AWrongClockIsConfirmedOnlyOnceItIsRight) {
    ClockOffset clock;
    for (int i = 0; i < 2; ++i) EXPECT_FALSE(clock.sample(peer(i), -300'000ms, 4));
    EXPECT_FALSE(clock.confirmed(4));
    EXPECT_TRUE(clock.sample(peer(2), -300'000ms, 4));
    EXPECT_EQ(clock.offset(), -300'000ms) << "at once: three of five are the middle";
    EXPECT_FALSE(clock.confirmed(4)) << "that was of the clock before";
    for (int i = 0; i < 3; ++i) EXPECT_FALSE(clock.sample(peer(i), 0ms, 4));
    EXPECT_TRUE(clock.confirmed(4));
}

// Clocks of a cluster, each another way wrong: all go to the middle one.
TEST(ClockOffset, ClocksThatAllDisagreeMeet) {
    constexpr std::size_t kNodes = 5;
    std::array<ClockOffset, kNodes> clocks;
    const auto time = [&](std::size_t i) {
        return clocks[i].offset() + Wall::duration{static_cast<std::int64_t>(i) * 100'000};
    };
    Rng rng{3};
    for (int round = 0; round < 200; ++round) {
        const auto asks = static_cast<std::size_t>(rng.below(kNodes));
        const auto other = (asks + 1 + static_cast<std::size_t>(rng.below(kNodes - 1))) % kNodes;
        (void)clocks[asks].sample(peer(static_cast<int>(other)), time(other) - time(asks),
                                  kNodes - 1);
    }
    for (std::size_t i = 1; i < kNodes; ++i) {
        EXPECT_LE(std::abs((time(i) - time(0)).count()), 1'000) << i;
        EXPECT_TRUE(clocks[i].confirmed(kNodes - 1)) << i;
    }
}

TEST(ClockOffset, ADamagedClockOverflowsNothing) {
    ClockOffset clock;
    for (int i = 0; i < 10; ++i) {
        const Wall::duration worst = i % 2 == 0 ? Wall::duration::min() : Wall::duration::max();
        (void)clock.sample(peer(i % 3), worst, 3);
    }
    EXPECT_LE(std::chrono::abs(clock.offset()), 40 * ClockOffset::kMost);
}

TEST(ClockOffset, NonsenseThatDoesNotAgreeMovesNobodyFar) {
    ClockOffset clock;
    Rng rng{7};
    for (int i = 0; i < 100; ++i) {  // two of three answers have a damaged clock
        const auto far = static_cast<std::int64_t>(rng.below(500'000'000)) + 20'000;
        EXPECT_FALSE(clock.sample(peer(i), Wall::duration{i % 3 == 0 ? 0 : far}, 100));
    }
}

TEST(ClockOffset, TwoClocksThatDisagreeMeet) {
    ClockOffset a;
    ClockOffset b;
    for (int i = 0; i < 200; ++i) {
        const Wall::duration gap = (b.offset() + 300'000ms) - a.offset();  // b's clock is ahead
        (void)a.sample(peer(1), gap, 1);
        (void)b.sample(peer(0), -gap, 1);
    }
    const Wall::duration gap = (b.offset() + 300'000ms) - a.offset();
    EXPECT_LE(std::abs(gap.count()), 500);
}

TEST(TokenBucket, HoldsTheAverageAndLetsABurstThrough) {
    TokenBucket bucket{1000};
    EXPECT_EQ(bucket.available(at(0ms)), 250);
    bucket.take(1250);
    EXPECT_EQ(bucket.available(at(500ms)), -500);
    EXPECT_EQ(bucket.until_positive(), 501ms);
    EXPECT_EQ(bucket.available(at(1100ms)), 100);
    EXPECT_EQ(bucket.available(at(1h)), 250) << "no more than the burst is saved up";
}

}  // namespace
}  // namespace gossip
