#include "gossip/liveness.h"

#include <gtest/gtest.h>

#include <string>

// What is believed of a member, for every pair of a state and something that may be learnt.

namespace gossip {
namespace {

using namespace std::chrono_literals;

constexpr Windows kWindows{2s, 500ms, 6s};
constexpr Mono::time_point kNow{100s};
constexpr Mono::time_point kNever = Mono::time_point::max();

const Belief kAlive{10, Alive{}};
const Belief kDisputed{10, Alive{kNow + 1s, 10}};
const Belief kSuspect{10, Suspect{kNow + 1s, 6s, kNever}};
const Belief kAccused{10, Suspect{kNow + 1s, 2s, kNow}};
const Belief kDead{10, Dead{}};
const Belief kLeft{10, Left{}};

Belief after(const Belief& belief, const Observation& what, Mono::time_point now = kNow) {
    return transition(belief, what, kWindows, now);
}

Belief suspected(std::uint64_t incarnation) {
    return {incarnation, Suspect{kNow + 6s, 6s, kNever}};
}
Belief accused(Mono::duration window) {
    return {10, Suspect{kNow + window, window, kNow}};
}

struct Row {
    const char* what;
    Observation observation;
    // Of kAlive, kDisputed, kSuspect, kAccused, kDead, kLeft.
    Belief expected[6];
};

// `same` stands for: nothing changes.
const Belief kSame{UINT64_MAX, Dead{}};

const Row kTable[] = {
    // Claims of an earlier life are old news.
    {"alive of 9", Claim{9, MemberState::alive}, {kSame, kSame, kSame, kSame, kSame, kSame}},
    {"suspect of 9", Claim{9, MemberState::suspect}, {kSame, kSame, kSame, kSame, kSame, kSame}},
    {"dead of 9", Claim{9, MemberState::dead}, {kSame, kSame, kSame, kSame, kSame, kSame}},
    {"left of 9", Claim{9, MemberState::left}, {kSame, kSame, kSame, kSame, kSame, kSame}},
    // Of two claims about one life the worse wins.
    {"alive of 10", Claim{10, MemberState::alive}, {kSame, kSame, kSame, kSame, kSame, kSame}},
    {"suspect of 10",
     Claim{10, MemberState::suspect},
     {suspected(10), suspected(10), kSame, kSame, kSame, kSame}},
    {"dead of 10", Claim{10, MemberState::dead}, {kDead, kSame, kDead, kDead, kSame, kSame}},
    {"left of 10", Claim{10, MemberState::left}, {kLeft, kLeft, kLeft, kLeft, kLeft, kSame}},
    // A new life beats both.
    {"alive of 11",
     Claim{11, MemberState::alive},
     {Belief{11, Alive{}}, Belief{11, Alive{}}, Belief{11, Alive{}}, Belief{11, Alive{}},
      Belief{11, Alive{}}, Belief{11, Alive{}}}},
    {"suspect of 11",
     Claim{11, MemberState::suspect},
     {suspected(11), suspected(11), suspected(11), suspected(11), suspected(11), suspected(11)}},
    {"dead of 11",
     Claim{11, MemberState::dead},
     {Belief{11, Dead{}}, kSame, Belief{11, Dead{}}, Belief{11, Dead{}}, Belief{11, Dead{}},
      Belief{11, Dead{}}}},
    {"left of 11",
     Claim{11, MemberState::left},
     {Belief{11, Left{}}, Belief{11, Left{}}, Belief{11, Left{}}, Belief{11, Left{}},
      Belief{11, Left{}}, Belief{11, Left{}}}},
    // Who has just answered is not dead on somebody's word; a suspect has had its chance.
    {"dead of 10, but it answered",
     Claim{10, MemberState::dead, true},
     {Belief{10, Alive{kNow + 2s, 10}}, kSame, kDead, kDead, kSame, kSame}},
    {"dead of 11, but it answered",
     Claim{11, MemberState::dead, true},
     {Belief{10, Alive{kNow + 2s, 11}}, kSame, Belief{11, Dead{}}, Belief{11, Dead{}},
      Belief{11, Dead{}}, Belief{11, Dead{}}}},
    // An answer gives a suspect its whole time again, and raises nobody from the dead.
    {"an answer",
     Acked{},
     {kSame, kSame, Belief{10, Suspect{kNow + 6s, 6s, kNever}},
      Belief{10, Suspect{kNow + 2s, 2s, kNow}}, kSame, kSame}},
    {"guilty of silence",
     Convicted{Evidence::silence},
     {accused(2s), kDead, kSame, kSame, kSame, kSame}},
    {"guilty by refusal",
     Convicted{Evidence::refusal},
     {accused(500ms), kDead, accused(500ms), accused(500ms), kSame, kSame}},
    {"time, not enough", Elapsed{}, {kSame, kSame, kSame, kSame, kSame, kSame}},
    {"a stall",
     Resumed{},
     {kSame, Belief{10, Alive{kNow + 2s, 10}}, Belief{10, Suspect{kNow + 6s, 6s, kNever}},
      Belief{10, Suspect{kNow + 2s, 2s, kNow}}, kSame, kSame}},
};

TEST(Liveness, EveryStateKnowsWhatEveryObservationMeans) {
    const Belief states[] = {kAlive, kDisputed, kSuspect, kAccused, kDead, kLeft};
    const char* names[] = {"alive", "disputed", "suspect", "accused", "dead", "left"};
    for (const Row& row : kTable) {
        for (std::size_t i = 0; i < std::size(states); ++i) {
            const Belief& expected = row.expected[i] == kSame ? states[i] : row.expected[i];
            EXPECT_EQ(after(states[i], row.observation), expected)
                << row.what << ", when it is " << names[i];
        }
    }
}

TEST(Liveness, TimeEndsWhatHasADeadline) {
    EXPECT_EQ(after(kSuspect, Elapsed{}, kNow + 999ms), kSuspect);
    EXPECT_EQ(after(kSuspect, Elapsed{}, kNow + 1s),
              (Belief{10, Suspect{kNow + 3s, 2s, kNow + 1s}}))
        << "nobody is dead to who has not asked it";
    EXPECT_EQ(after(kAccused, Elapsed{}, kNow + 1s), kDead);
    EXPECT_EQ(after(kDisputed, Elapsed{}, kNow + 1s), kDead);
    EXPECT_EQ(after(kAlive, Elapsed{}, kNow + 24h), kAlive);
    EXPECT_EQ(after(kLeft, Elapsed{}, kNow + 24h), kLeft);
}

TEST(Liveness, NoObservationTakesBackALife) {
    const Belief states[] = {kAlive, kDisputed, kSuspect, kAccused, kDead, kLeft};
    for (const Row& row : kTable) {
        for (const Belief& before : states) {
            const Belief next = after(before, row.observation);
            EXPECT_GE(next.incarnation_ms, before.incarnation_ms) << row.what;
            if (next.incarnation_ms == before.incarnation_ms) {
                EXPECT_GE(next.state(), before.state()) << row.what;
            }
        }
    }
}

TEST(Doubts, HoldOnlyWhatAClockRunsFor) {
    Doubts doubts;
    doubts.set({1}, kAlive);
    doubts.set({2}, kDead);
    EXPECT_EQ(doubts.next(), kNever);
    doubts.set({3}, kSuspect);
    doubts.set({4}, kDisputed);
    EXPECT_EQ(doubts.all().size(), 2U);
    EXPECT_EQ(doubts.next(), kNow + 1s);
    EXPECT_TRUE(doubts.due(kNow).empty());
    EXPECT_EQ(doubts.due(kNow + 1s).size(), 2U);
    doubts.set({3}, Belief{11, Alive{}});
    doubts.set({4}, kDead);
    EXPECT_EQ(doubts.next(), kNever);
}

TEST(Doubts, OnlyOurOwnSuspectsAreTold) {
    Doubts doubts;
    doubts.set({3}, kSuspect);
    doubts.set({4}, kAccused);
    EXPECT_EQ(doubts.next(), kNow);
    EXPECT_EQ(doubts.notices(kNow), std::vector<NodeId>{{4}});
    EXPECT_TRUE(doubts.notices(kNow + Doubts::kNotice - 1ms).empty());
    EXPECT_EQ(doubts.notices(kNow + Doubts::kNotice).size(), 1U);
}

}  // namespace
}  // namespace gossip
