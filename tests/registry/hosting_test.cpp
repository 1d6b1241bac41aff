#include "registry/hosting.h"

#include <gtest/gtest.h>

#include "gossip/table.h"
#include "registry/registration.h"
#include "registry/resume.h"
#include "registry/view_builder.h"
#include "registry/watermark.h"
#include "tests/registry/samples.h"

namespace registry {
namespace {

using namespace std::chrono_literals;
using gossip::Core;
using Status = Hosting::Status;
using testing::sample;

constexpr std::uint64_t kNowMs = 1'763'700'000'000;

// One node, and what it shows.
class HostingTest : public ::testing::Test {
  protected:
    HostingTest() { core_.start(now(), out_); }
    static gossip::Now now() {
        gossip::Now now;
        now.mono = gossip::Mono::time_point{10s};
        now.wall = gossip::Wall::time_point{std::chrono::milliseconds{kNowMs}};
        return now;
    }
    void enroll(const Instance& x) {
        gossip::LocalWrite write = encode(x);
        ASSERT_TRUE(accepted(put_registration(core_, write, now(), out_).status));
    }
    static Instance server() {
        Instance x = sample();
        x.capacity = 2;
        x.sessions = 0;
        return x;
    }
    static Token ticket(std::uint64_t nonce) { return testing::ticket(nonce, kNowMs); }
    const gossip::Record* row() {
        return core_.table().find(gossip::RecordKind::instance, sample().address);
    }

    gossip::Identity self_{testing::kAlice, "a", gossip::Endpoint::v4(10, 1, 2, 3, 7701),
                           "10.1.2.3:7700"};
    Core core_{gossip::Config{}, self_, 1, now()};
    gossip::Output out_;
    Hosting hosting_{kNowMs - 1000};
    View nothing_;
};

TEST_F(HostingTest, AServerIsFencedOnceNobodyIsThere) {
    EXPECT_EQ(hosting_.heartbeat(core_, "10.0.0.1:7777", {}, now(), out_).status, Status::unknown);
    enroll(server());
    Heartbeat beat;
    beat.sessions = 0;
    EXPECT_EQ(hosting_.heartbeat(core_, "10.0.0.1:7777", beat, now(), out_).status, Status::done);
    EXPECT_EQ(hosting_.redeem(core_, nothing_, ticket(1), kNowMs).redeemed.verdict,
              SeatBook::Verdict::accepted);
    const auto busy = hosting_.fence(core_, nothing_, "10.0.0.1:7777", beat, now(), out_);
    EXPECT_EQ(busy.status, Status::occupied);
    EXPECT_EQ(busy.taken, 1U) << "who was let in and has not been counted yet";
    beat.seq = ((kNowMs - 1000) << 20U) + 1;
    const auto granted = hosting_.fence(core_, nothing_, "10.0.0.1:7777", beat, now(), out_);
    EXPECT_EQ(granted.status, Status::done);
    EXPECT_NE(decode(row()->fields())->closed_epoch, 0U);
    EXPECT_EQ(hosting_.redeem(core_, nothing_, ticket(2), kNowMs).redeemed.verdict,
              SeatBook::Verdict::moved);
    Token back = ticket(3);
    back.kind = Token::Kind::resume;
    EXPECT_EQ(judge(back, row()), Session::gone);
}

TEST_F(HostingTest, ALifeIsNotSpokenForByAnother) {
    enroll(server());
    Heartbeat beat;
    beat.incarnation = 6;
    beat.sessions = 0;
    EXPECT_EQ(hosting_.heartbeat(core_, "10.0.0.1:7777", beat, now(), out_).status,
              Status::another_life);
    EXPECT_EQ(hosting_.fence(core_, nothing_, "10.0.0.1:7777", beat, now(), out_).status,
              Status::another_life);
    Instance nameless = server();
    nameless.address = "10.0.0.2:7777";
    nameless.incarnation = 0;
    enroll(nameless);
    beat.incarnation = 0;
    EXPECT_EQ(hosting_.fence(core_, nothing_, "10.0.0.2:7777", beat, now(), out_).status,
              Status::no_incarnation);
}

TEST_F(HostingTest, TheSeatsOfInstancesThatAreGoneAreForgotten) {
    enroll(server());
    Heartbeat beat;
    beat.sessions = 1;
    hosting_.heartbeat(core_, "10.0.0.1:7777", beat, now(), out_);
    ASSERT_EQ(hosting_.book().taken(server()), 1U);
    hosting_.tidy(core_);
    EXPECT_EQ(hosting_.book().taken(server()), 1U);
    gossip::LocalWrite end = encode(server());
    end.tombstone = true;
    ASSERT_TRUE(accepted(core_.put(end, now(), out_).status));
    hosting_.tidy(core_);
    EXPECT_EQ(hosting_.book().size(), 0U);
}

TEST_F(HostingTest, ASessionIsGoneOnlyByProof) {
    Token back = ticket(1);
    back.kind = Token::Kind::resume;
    EXPECT_EQ(judge(back, row()), Session::unknown) << "never heard of";
    enroll(server());
    EXPECT_EQ(judge(back, row()), Session::go);
    ASSERT_TRUE(core_.expire("10.0.0.1:7777", now(), out_));
    EXPECT_EQ(judge(back, row()), Session::unknown) << "silent is not ended";
    back.incarnation = 8;
    EXPECT_EQ(judge(back, row()), Session::unknown) << "its life has not been heard of yet";
    back.incarnation = 6;
    EXPECT_EQ(judge(back, row()), Session::gone) << "there is a later one";
}

// hearsay-sim --scenario rollout_soak --seed 267: a node still held the deletion of the last life.
TEST_F(HostingTest, ADeletionFromBeforeASessionIsThatOfAnEarlierLife) {
    enroll(server());
    gossip::LocalWrite end = encode(server());
    end.tombstone = true;
    end.timed_by_application = false;
    ASSERT_TRUE(accepted(core_.put(end, now(), out_).status));
    ASSERT_TRUE(row()->tombstone());
    Token back = ticket(1);
    back.kind = Token::Kind::resume;
    back.issued_ms = row()->stamp().ms() - 1;
    EXPECT_EQ(judge(back, row()), Session::gone);
    back.issued_ms = row()->stamp().ms() + 1;
    EXPECT_EQ(judge(back, row()), Session::unknown) << "its life has not been heard of yet";
}

// Nodes that had no contact, or whose disk was lost.
class BirthsTest : public ::testing::Test {
  protected:
    static gossip::Now at(std::int64_t second) {
        gossip::Now now;
        now.mono = gossip::Mono::time_point{std::chrono::seconds{second}};
        now.wall = gossip::Wall::time_point{std::chrono::milliseconds{kNowMs} +
                                            std::chrono::seconds{second}};
        return now;
    }
    struct Node {
        explicit Node(std::uint64_t id)
            : core(gossip::Config{},
                   {gossip::NodeId{id}, "n", gossip::Endpoint::v4(10, 1, 2, 3, 7701), "h:1"}, 1,
                   at(0)) {}
        void enroll(std::int64_t second) {
            gossip::LocalWrite write = encode(sample());
            ASSERT_TRUE(accepted(put_registration(core, write, at(second), out).status));
        }
        const gossip::Record* row() {
            return core.table().find(gossip::RecordKind::version, birth_key("chat", "v1"));
        }
        std::uint64_t second() {
            const gossip::Record* record = row();
            if (record == nullptr || record->tombstone()) return 0;
            return (decode_birth(record->fields())->ms - kNowMs) / 1000;
        }
        gossip::Core core;
        gossip::Output out;
    };
    // What a node knows that hears of both, in this order.
    static std::uint64_t merged(Node& first, Node& then) {
        Node third{3};
        EXPECT_TRUE(third.core.restore(first.row()->bytes(), at(100)));
        (void)third.core.restore(then.row()->bytes(), at(100));
        return third.second();
    }
};

TEST_F(BirthsTest, TheEarlierOfTwoWinsWhoeverIsWrittenLater) {
    Node early{1};
    Node late{2};
    early.enroll(5);
    late.enroll(50);
    EXPECT_EQ(merged(early, late), 5U);
    EXPECT_EQ(merged(late, early), 5U);
}

TEST_F(BirthsTest, AVersionThatWasDeletedIsBornAnew) {
    Node one{1};
    Node stranger{2};
    one.enroll(5);
    forget_version(one.core, "chat", "v1", at(20), one.out);
    ASSERT_TRUE(one.row()->tombstone());
    stranger.enroll(30);
    EXPECT_EQ(merged(one, stranger), 0U) << "it has not heard of the end";
    one.enroll(40);
    EXPECT_EQ(one.second(), 40U);
    EXPECT_EQ(merged(one, stranger), 40U);
    EXPECT_EQ(merged(stranger, one), 40U);
}

TEST(WatermarksTest, BeginWhenTheLastOneFollows) {
    Watermarks marks;
    AppRow row;
    row.app.name = "chat";
    row.epoch = 5;
    gossip::Polled others;
    others.nodes = 2;
    others.unheard = 1;
    others.oldest_epoch = 5;
    const std::set<gossip::NodeId> two{testing::kAlice, testing::kBob};
    EXPECT_EQ(marks.at(row, others, two, 1'000'500), std::nullopt) << "somebody is silent";
    others.unheard = 0;
    others.oldest_epoch = 4;
    EXPECT_EQ(marks.at(row, others, two, 1'000'500), std::nullopt) << "somebody is behind";
    others.oldest_epoch = 5;
    EXPECT_EQ(marks.at(row, others, {testing::kBob}, 1'000'500), std::nullopt)
        << "somebody has gone since they were asked";
    EXPECT_EQ(marks.at(row, others, two, 1'000'500), 1001 + kDefaultTicketTtl);
    EXPECT_EQ(marks.at(row, others, two, 2'000'500), 1001 + kDefaultTicketTtl) << "it stays";
    row.epoch = others.oldest_epoch = 6;
    EXPECT_EQ(marks.at(row, others, two, 2'000'500), 2001 + kDefaultTicketTtl);
}

TEST(WatermarksTest, MoveWhenANodeComesBackThatWasToldLater) {
    Watermarks marks;
    AppRow row;
    row.app.name = "chat";
    row.epoch = 5;
    gossip::Polled others;
    others.nodes = 1;
    others.oldest_epoch = 5;
    EXPECT_EQ(marks.at(row, others, {testing::kAlice}, 1'000'500), 1001 + kDefaultTicketTtl);
    others.nodes = 2;
    EXPECT_EQ(marks.at(row, others, {testing::kAlice, testing::kBob}, 1'060'500),
              1061 + kDefaultTicketTtl);
    others.nodes = 1;
    EXPECT_EQ(marks.at(row, others, {testing::kBob}, 1'090'500), 1061 + kDefaultTicketTtl);
}

}  // namespace
}  // namespace registry
