#include <gtest/gtest.h>

#include <algorithm>

#include "tests/gossip/loopback.h"

// A node whose clock is minutes ahead, once its peers have told it the time.

namespace gossip {
namespace {

using namespace std::chrono_literals;

class CoreClock : public ::testing::Test {
  protected:
    // Four nodes in order, and node 4, which boots with its clock five minutes ahead.
    CoreClock() {
        for (std::size_t i = 0; i < 4; ++i) net.start(i);
        net.run_for(5s);
        net.skew[4] = 300s;
        net.start(net.add());
    }
    PutResult put(std::size_t at, const char* key, const char* value) {
        LocalWrite w;
        w.key = key;
        w.value = value;
        w.timed_by_application = false;
        w.last_update =
            static_cast<std::uint64_t>(net.now(at).wall.time_since_epoch().count()) / 1000;
        return net.write(at, w);
    }
    [[nodiscard]] const Record* row(std::size_t at, const char* key,
                                    RecordKind kind = RecordKind::instance) const {
        return net.nodes[at]->core->table().find(kind, key);
    }
    [[nodiscard]] std::string value(std::size_t at, const char* key) const {
        const Record* record = row(at, key);
        return record == nullptr ? "" : std::string{record->fields().value};
    }
    [[nodiscard]] bool left_future(std::size_t at) const {
        return std::ranges::any_of(net.nodes[at]->events, [](const Event& event) {
            return event.kind == Event::Kind::left_future;
        });
    }
    Loopback net{4};
};

TEST_F(CoreClock, IsAliveToAllWithinSecondsAndNotWhenTimeHasCaughtUp) {
    net.run_for(10s);
    for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(net.state(i, 4), MemberState::alive) << i;
    EXPECT_NEAR(static_cast<double>(net.core(4).clock_offset().count()), -300'000, 500);
    EXPECT_TRUE(left_future(4));
    EXPECT_FALSE(left_future(0));
    EXPECT_TRUE(net.agree());
}

TEST_F(CoreClock, WhatItHasWrittenBeforeGetsEverywhereWhenItsTimeHasCome) {
    ASSERT_EQ(put(4, "a:1", "early").status, PutStatus::created);
    net.run_for(10s);
    ASSERT_EQ(put(4, "b:1", "late").status, PutStatus::created);
    net.run_for(2s);
    for (std::size_t i = 0; i < 5; ++i) EXPECT_EQ(value(i, "b:1"), "late") << i;
    EXPECT_EQ(value(0, "a:1"), "");
    net.run_for(240s, 10ms);
    for (std::size_t i = 0; i < 5; ++i) EXPECT_EQ(value(i, "a:1"), "early") << i;
    EXPECT_TRUE(net.agree());
}

TEST_F(CoreClock, WhoHasHeardOfItInTheFutureHearsOfItNow) {
    net.skew[5] = 300s;  // as wrong, and the first that it meets
    net.add();
    net.core(5).set_seeds({Loopback::endpoint(4)}, net.now(5));
    net.core(4).set_seeds({Loopback::endpoint(5)}, net.now(4));
    net.start(5);
    net.run_for(300ms);
    ASSERT_EQ(net.state(5, 4), MemberState::alive);
    net.core(4).set_seeds({Loopback::endpoint(0)}, net.now(4));
    net.run_for(60s);
    for (std::size_t i = 0; i < 6; ++i) {
        for (std::size_t j = 0; j < 6; ++j)
            EXPECT_EQ(net.state(i, j), MemberState::alive)
                << i << " of " << j << " " << net.core(i).clock_offset().count();
    }
    EXPECT_TRUE(net.agree());
}

TEST_F(CoreClock, AClockThatGoesBackAloneTakesNothingBack) {
    net.run_for(10s);
    ASSERT_EQ(put(1, "b:1", "mine").status, PutStatus::created);
    net.run_for(3s);
    net.skew[1] = -3600s;
    net.cut[1] = true;  // and nobody tells it
    net.run_for(20s);
    EXPECT_FALSE(left_future(1));
    EXPECT_EQ(value(1, "b:1"), "mine");
    net.cut.erase(1);
    net.run_for(30s);
    EXPECT_FALSE(left_future(1)) << "its clock is put right before it would";
    EXPECT_TRUE(net.agree());
}

}  // namespace
}  // namespace gossip
