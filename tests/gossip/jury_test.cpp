#include "gossip/jury.h"

#include <gtest/gtest.h>

#include <string>

namespace gossip {
namespace {

using namespace std::chrono_literals;

constexpr Mono::time_point kNow{100s};
const Endpoint kThere = Endpoint::v4(10, 0, 0, 9, 7701);

Trial trial(Evidence evidence, std::vector<NodeId> jurors) {
    Trial t;
    t.subject = {9};
    t.incarnation_ms = 10;
    t.evidence = evidence;
    t.nonce = 77;
    t.jurors = std::move(jurors);
    t.began = kNow;
    return t;
}

// The jurors that have voted when the verdict is guilty; 0: it is not.
std::size_t votes_until_guilty(Evidence evidence, std::size_t jurors, Vote vote) {
    std::vector<NodeId> ids;
    for (std::size_t i = 1; i <= jurors; ++i) ids.push_back({i});
    Jury jury;
    jury.open(trial(evidence, ids));
    for (std::size_t i = 1; i <= jurors; ++i) {
        if (jury.vote(77, {i}, vote)) return i;
    }
    return 0;
}

TEST(Jury, NeedsHalfOfThoseAskedAndBothWitnesses) {
    EXPECT_EQ(votes_until_guilty(Evidence::silence, 5, Vote::silent), 3U);
    EXPECT_EQ(votes_until_guilty(Evidence::silence, 4, Vote::silent), 2U);
    EXPECT_EQ(votes_until_guilty(Evidence::silence, 3, Vote::silent), 2U);
    EXPECT_EQ(votes_until_guilty(Evidence::silence, 2, Vote::silent), 1U);
    EXPECT_EQ(votes_until_guilty(Evidence::silence, 1, Vote::silent), 1U);
    EXPECT_EQ(votes_until_guilty(Evidence::silence, 5, Vote::refused), 3U)
        << "a refusal is silence";
    EXPECT_EQ(votes_until_guilty(Evidence::refusal, 2, Vote::refused), 2U);
    EXPECT_EQ(votes_until_guilty(Evidence::refusal, 2, Vote::silent), 0U)
        << "silence confirms no refusal";
    EXPECT_EQ(Jury::needed(Evidence::silence, 0), 0U) << "two nodes: nobody can be asked";
}

TEST(Jury, OneWhoReachedTheSubjectOutweighsAll) {
    Jury jury;
    jury.open(trial(Evidence::silence, {{1}, {2}, {3}, {4}, {5}}));
    EXPECT_FALSE(jury.vote(77, {1}, Vote::silent));
    EXPECT_FALSE(jury.vote(77, {2}, Vote::silent));
    EXPECT_FALSE(jury.vote(77, {3}, Vote::alive));
    EXPECT_FALSE(jury.find({9}));
    EXPECT_FALSE(jury.vote(77, {4}, Vote::silent)) << "the trial is over";
}

TEST(Jury, CountsNoVoteTwiceAndNoStrangers) {
    Jury jury;
    jury.open(trial(Evidence::silence, {{1}, {2}, {3}, {4}, {5}}));
    for (int i = 0; i < 5; ++i) EXPECT_FALSE(jury.vote(77, {1}, Vote::silent));
    for (std::uint64_t id = 10; id < 20; ++id) EXPECT_FALSE(jury.vote(77, {id}, Vote::silent));
    EXPECT_FALSE(jury.vote(78, {2}, Vote::silent)) << "another question";
    EXPECT_FALSE(jury.vote(77, {2}, Vote::silent));
    const auto guilty = jury.vote(77, {5}, Vote::silent);
    ASSERT_TRUE(guilty);
    EXPECT_EQ(guilty->subject, NodeId{9});
}

TEST(Jury, AsksOnceMoreAndThenGivesUp) {
    Jury jury;
    jury.open(trial(Evidence::silence, {{1}, {2}, {3}}));
    EXPECT_EQ(jury.next(), kNow + Jury::kAskAgain);
    std::vector<Trial> again;
    std::vector<Trial> hung;
    jury.expire(kNow + Jury::kAskAgain - 1ms, again, hung);
    EXPECT_TRUE(again.empty() && hung.empty());
    jury.expire(kNow + Jury::kAskAgain, again, hung);
    EXPECT_EQ(again.size(), 1U);
    jury.expire(kNow + Jury::kSilenceRound - 1ms, again, hung);
    EXPECT_EQ(again.size(), 1U);
    EXPECT_TRUE(hung.empty());
    EXPECT_EQ(jury.next(), kNow + Jury::kSilenceRound);
    jury.expire(kNow + Jury::kSilenceRound, again, hung);
    EXPECT_EQ(hung.size(), 1U);
    EXPECT_FALSE(jury.find({9}));
    EXPECT_EQ(jury.next(), Mono::time_point::max());
}

class InquestTest : public testing::Test {
  protected:
    InquestTest() {
        Inquest inquest;
        inquest.accuser = {1};
        inquest.nonce = 77;
        inquest.subject = {9};
        inquest.subject_at = kThere;
        inquests.pinged(inquests.open(inquest), 500, kNow);
    }
    Inquests inquests;
    std::vector<Inquest*> ping;
    std::vector<Inquest> silent;
};

TEST_F(InquestTest, TwoPingsWithoutAnAnswerAreSilence) {
    inquests.expire(kNow + Inquests::kPing, ping, silent);
    ASSERT_EQ(ping.size(), 1U);
    inquests.pinged(*ping[0], 501, kNow + Inquests::kPing);
    ping.clear();
    inquests.expire(kNow + 2 * Inquests::kPing, ping, silent);
    EXPECT_TRUE(ping.empty());
    ASSERT_EQ(silent.size(), 1U);
    EXPECT_EQ(silent[0].vote, Vote::silent);
    EXPECT_TRUE(inquests.answered(500, kThere, {9}, kNow + 3s).empty()) << "the vote is out";
    // Remembered for an accuser that asks again, and then forgotten.
    EXPECT_TRUE(inquests.find({1}, 77));
    inquests.expire(kNow + 2 * Inquests::kPing + Inquests::kMemory, ping, silent);
    EXPECT_FALSE(inquests.find({1}, 77));
}

TEST_F(InquestTest, AnAnswerToEitherPingCounts) {
    inquests.expire(kNow + Inquests::kPing, ping, silent);
    inquests.pinged(*ping[0], 501, kNow + Inquests::kPing);
    EXPECT_TRUE(inquests.answered(502, kThere, {9}, kNow).empty()) << "of another ping";
    EXPECT_TRUE(inquests.answered(500, Endpoint::v4(1, 2, 3, 4, 5), {9}, kNow).empty()) << "forged";
    const auto decided = inquests.answered(500, kThere, {9}, kNow);
    ASSERT_EQ(decided.size(), 1U);
    EXPECT_EQ(decided[0].vote, Vote::alive);
}

TEST_F(InquestTest, SomebodyElseAtTheAddressIsARefusal) {
    const auto decided = inquests.answered(500, kThere, {8}, kNow);
    ASSERT_EQ(decided.size(), 1U);
    EXPECT_EQ(decided[0].vote, Vote::refused);
}

TEST_F(InquestTest, ARefusalIsKnownAtOnce) {
    EXPECT_TRUE(inquests.refused(Endpoint::v4(1, 2, 3, 4, 5), kNow).empty());
    const auto decided = inquests.refused(kThere, kNow);
    ASSERT_EQ(decided.size(), 1U);
    EXPECT_EQ(decided[0].vote, Vote::refused);
    EXPECT_TRUE(inquests.refused(kThere, kNow).empty()) << "once";
}

TEST(Ration, ForgetsWhatIsLongPast) {
    Ration ration{3, 10s};
    EXPECT_TRUE(ration.take(kNow));
    EXPECT_TRUE(ration.take(kNow + 1s));
    EXPECT_TRUE(ration.take(kNow + 2s));
    EXPECT_FALSE(ration.take(kNow + 3s));
    EXPECT_TRUE(ration.take(kNow + 10s));
    EXPECT_FALSE(ration.take(kNow + 10s));
    EXPECT_EQ(ration.note(kNow + 10s), 4U) << "counts what it does not allow";
}

}  // namespace
}  // namespace gossip
