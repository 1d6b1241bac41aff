#include "registry/seat_book.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/registry/samples.h"

namespace registry {
namespace {

using testing::sample;
using Verdict = SeatBook::Verdict;

constexpr std::uint64_t kBorn = 1'000'000;
constexpr std::uint64_t kNow = kBorn + 10'000;
constexpr std::uint64_t kBase = kBorn << 20U;  // acceptances are numbered from here

Instance server(std::uint32_t capacity = 2) {
    Instance x = sample();
    x.incarnation = 7;
    x.capacity = capacity;
    x.sessions = 0;
    x.phase = Phase::running;
    return x;
}

Token ticket(std::uint64_t nonce) {
    return testing::ticket(nonce, kNow - 1);
}

Token resume() {
    Token t = ticket(99);
    t.kind = Token::Kind::resume;
    t.issued_ms = kBorn - 500'000;
    return t;
}

TEST(SeatBookTest, ATicketIsWorthOneSeatOnce) {
    SeatBook book{kBorn};
    book.report(server(), 0, kBase);
    const auto first = book.redeem(ticket(1), server(), false, kNow);
    EXPECT_EQ(first.verdict, Verdict::accepted);
    EXPECT_EQ(first.seq, kBase + 1);
    EXPECT_EQ(book.redeem(ticket(1), server(), false, kNow).verdict, Verdict::spent);
    EXPECT_EQ(book.redeem(ticket(2), server(), false, kNow).seq, kBase + 2);
    EXPECT_EQ(book.redeem(ticket(3), server(), false, kNow).verdict, Verdict::full);
    EXPECT_EQ(book.taken(server()), 2U);
}

TEST(SeatBookTest, AClockThatStepsAheadAndBackMakesNoTicketValidAgain) {
    SeatBook book{kBorn};
    book.report(server(5), 0, kBase);
    EXPECT_EQ(book.redeem(ticket(1), server(5), false, kNow).verdict, Verdict::accepted);
    EXPECT_EQ(book.redeem(ticket(2), server(5), false, kNow + 600'000).verdict, Verdict::accepted);
    EXPECT_EQ(book.redeem(ticket(1), server(5), false, kNow).verdict, Verdict::spent);
}

TEST(SeatBookTest, WhatTheServerHasCountedIsNotCountedTwice) {
    SeatBook book{kBorn};
    book.report(server(), 0, kBase);
    EXPECT_EQ(book.redeem(ticket(1), server(), false, kNow).verdict, Verdict::accepted);
    book.report(server(), 1, kBase + 1);
    EXPECT_EQ(book.taken(server()), 1U);
    EXPECT_EQ(book.redeem(ticket(2), server(), false, kNow).verdict, Verdict::accepted);
    book.report(server(), 1, kBase + 1);  // written before the second was known to it
    EXPECT_EQ(book.taken(server()), 2U);
    EXPECT_EQ(book.redeem(ticket(3), server(), false, kNow).verdict, Verdict::full);
    book.report(server(), 1, kBase + 2);  // one of both has left
    EXPECT_EQ(book.redeem(ticket(3), server(), false, kNow).verdict, Verdict::accepted);
}

TEST(SeatBookTest, AServerThatDoesNotSayWhatItCountedIsBelievedOneWordLater) {
    SeatBook book{kBorn};
    book.report(server(), 0, {});
    EXPECT_EQ(book.redeem(ticket(1), server(), false, kNow).verdict, Verdict::accepted);
    book.report(server(), 1, {});
    EXPECT_EQ(book.taken(server()), 2U) << "rather one too many than a seat given twice";
    book.report(server(), 1, {});
    EXPECT_EQ(book.taken(server()), 1U);
}

TEST(SeatBookTest, AResumeTokenNeedsNoFreeSeat) {
    SeatBook book{kBorn};
    book.report(server(1), 1, kBase);
    EXPECT_EQ(book.redeem(resume(), server(1), false, kNow).verdict, Verdict::accepted);
    EXPECT_EQ(book.redeem(resume(), server(1), true, kNow).verdict, Verdict::accepted)
        << "also while it drains, and again";
    EXPECT_EQ(book.taken(server(1)), 1U);
}

TEST(SeatBookTest, ADrainingServerTakesNobodyNew) {
    SeatBook book{kBorn};
    book.report(server(), 0, kBase);
    EXPECT_EQ(book.redeem(ticket(1), server(), true, kNow).verdict, Verdict::draining);
    Instance stopping = server();
    stopping.phase = Phase::stopping;
    EXPECT_EQ(book.redeem(ticket(1), stopping, false, kNow).verdict, Verdict::draining);
}

TEST(SeatBookTest, AnotherLifeOrAFenceMeansMoved) {
    SeatBook book{kBorn};
    Instance restarted = server();
    restarted.incarnation = 8;
    Instance fenced = server();
    fenced.closed_epoch = 5;
    Instance stopped = server();
    stopped.phase = Phase::stopped;
    for (const Instance& x : {restarted, fenced, stopped}) {
        book.report(x, 0, kBase);
        EXPECT_EQ(book.redeem(ticket(1), x, false, kNow).verdict, Verdict::moved);
        EXPECT_EQ(book.redeem(resume(), x, false, kNow).verdict, Verdict::moved);
    }
}

TEST(SeatBookTest, ARestartedNodeNeitherRedeemsTwiceNorGuesses) {
    SeatBook book{kBorn};
    EXPECT_EQ(book.redeem(ticket(1), server(), false, kNow).verdict, Verdict::not_ready)
        << "how many sessions are there?";
    book.report(server(), 0, {});
    Token old = ticket(2);
    old.issued_ms = kBorn - 1;
    EXPECT_EQ(book.redeem(old, server(), false, kNow).verdict, Verdict::stale)
        << "it may have been redeemed by the book before";
    EXPECT_EQ(book.redeem(resume(), server(), false, kNow).verdict, Verdict::accepted);
    Instance unlimited = server(0);
    unlimited.address = "10.0.0.2:7777";
    EXPECT_EQ(book.redeem(ticket(3), unlimited, false, kNow).verdict, Verdict::accepted)
        << "nothing depends on how many there are";
}

// A process of a node has let somebody in, and ends before the server hears of it.
TEST(SeatBookTest, WhatAnEarlierProcessAcceptedIsNotMistakenForThisOnes) {
    SeatBook before{kBorn - 5000};
    before.report(server(1), 0, (kBorn - 5000) << 20U);
    const auto late = before.redeem(ticket(1), server(1), false, kNow);
    ASSERT_EQ(late.verdict, Verdict::accepted);
    SeatBook book{kBorn};
    book.report(server(1), 0, late.seq - 1);  // written before the answer came
    EXPECT_EQ(book.redeem(ticket(2), server(1), false, kNow).verdict, Verdict::not_ready)
        << "that one is still under way";
    EXPECT_EQ(book.accepted(server(1)), kBase) << "what the server is told";
    book.report(server(1), 1, kBase);  // it has come, and nothing else is open
    EXPECT_EQ(book.redeem(ticket(2), server(1), false, kNow).verdict, Verdict::full);
}

// Arrivals, departures, heartbeats that are late and answers that are slow, in any order.
TEST(SeatBookLaws, NeverMoreSessionsThanSeats) {
    for (std::uint64_t seed = 1; seed <= 200; ++seed) {
        std::mt19937_64 random{seed};
        const auto draw = [&random](std::uint64_t limit) { return random() % limit; };
        constexpr std::uint32_t kSeats = 5;
        SeatBook book{kBorn};
        std::uint32_t sessions = 0;      // at the server, the truth
        std::uint64_t counted = kBase;   // accepted, and known to the server
        std::uint64_t accepted = kBase;  // accepted by the book
        std::uint32_t written = 0;       // a heartbeat under way
        std::uint64_t written_seq = 0;
        book.report(server(kSeats), 0, kBase);
        for (std::uint64_t step = 0; step < 500; ++step) {
            switch (draw(5)) {
                case 0:
                case 1:
                    if (book.redeem(ticket(step), server(kSeats), false, kNow).verdict ==
                        Verdict::accepted) {
                        ++accepted;
                    }
                    break;
                case 2:  // an answer reaches the server
                    if (counted < accepted) {
                        ++counted;
                        ++sessions;
                    }
                    break;
                case 3:
                    if (sessions > 0) --sessions;
                    break;
                default:
                    book.report(server(kSeats), written, written_seq);
                    written = sessions;
                    written_seq = counted;
                    break;
            }
            ASSERT_LE(sessions + (accepted - counted), kSeats) << "seed " << seed;
        }
        EXPECT_GT(accepted, kSeats) << "seats became free and were given away again";
    }
}

}  // namespace
}  // namespace registry
