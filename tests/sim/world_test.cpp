#include "sim/world.h"

#include <gtest/gtest.h>

#include "gossip/membership.h"
#include "gossip/table.h"
#include "sim/clock.h"

namespace sim {
namespace {

using namespace std::chrono_literals;
using gossip::Record;

Record make(std::string_view key, std::uint64_t ms) {
    gossip::RecordFields fields;
    fields.key = key;
    fields.stamp = gossip::Stamp::at_ms(ms);
    return Record::make(fields, {});
}

TEST(Events, HappenInOrderOfTimeAndThenOfAge) {
    Events events;
    std::string order;
    events.at(2us, [&] { order += 'c'; });
    events.at(1us, [&] {
        order += 'a';
        events.at(1us, [&] { order += 'b'; });
    });
    events.at(2us, [&] { order += 'd'; });
    events.at(9us, [&] { order += 'x'; });
    while (events.step(5us)) {
    }
    EXPECT_EQ(order, "abcd");
    EXPECT_EQ(events.now(), 5us);
}

TEST(Clock, WakesAtTheFirstMomentThatShowsTheTime) {
    for (const std::int64_t drift : {-200, -1, 0, 3, 200}) {
        Clock clock;
        clock.mono_start = 12'345;
        clock.drift_ppm = drift;
        for (const std::int64_t ms : {1, 999, 60'000, 86'400'000}) {
            const gossip::Mono::time_point target{std::chrono::milliseconds{12'345 + ms}};
            const Time at = clock.when(target);
            EXPECT_GE(clock.now(at).mono, target) << drift << " " << ms;
            EXPECT_LT(clock.now(at - 50us).mono, target) << drift << " " << ms;
        }
    }
}

TEST(Clock, AStepMovesOnlyTheWall) {
    Clock clock;
    const gossip::Now before = clock.now(1s);
    clock.wall_offset += 5000;
    EXPECT_EQ(clock.now(1s).mono, before.mono);
    EXPECT_EQ(clock.now(1s).wall, before.wall + 5s);
}

TEST(Disk, KeepsLocalWritesAtOnceAndForeignRowsAfterAFlush) {
    Disk disk;
    gossip::Output out;
    out.durable = {make("own", 5)};
    out.behind = {make("foreign", 5)};
    disk.persist(out);
    disk.write_behind(out, {});
    EXPECT_EQ(disk.rows().size(), 1U);
    disk.flush();
    EXPECT_EQ(disk.rows().size(), 2U);
}

TEST(Disk, ACrashLosesWhatWasNotFlushed) {
    Disk disk;
    gossip::Output out;
    out.behind = {make("foreign", 5)};
    disk.write_behind(out, {});
    disk.crash();
    disk.flush();
    EXPECT_TRUE(disk.rows().empty());
}

TEST(Disk, NeverReplacesARowByAnOlderOne) {
    Disk disk;
    gossip::Output foreign;
    foreign.behind = {make("row", 5)};
    foreign.removed = {make("other", 5)};
    gossip::Output own;
    own.durable = {make("row", 6), make("other", 6)};
    disk.write_behind(foreign, {});
    disk.persist(own);
    disk.flush();
    for (const char* key : {"row", "other"}) {
        const auto row = disk.rows().find({gossip::RecordKind::instance, key});
        ASSERT_NE(row, disk.rows().end()) << key;
        EXPECT_EQ(row->second.stamp().ms(), 6U) << key;
    }
}

TEST(Disk, WhatATurnHasHeardNeverReplacesWhatItHasWrittenOverThat) {
    Disk disk;
    gossip::Output out;
    out.durable = {make("row", 6)};
    out.behind = {make("row", 5)};
    disk.persist(out);
    disk.write_behind(out, {});
    disk.flush();
    EXPECT_EQ(disk.rows().begin()->second.stamp().ms(), 6U);
}

TEST(Disk, AWipeLeavesOnlyWhatCameWithIt) {
    Disk disk;
    gossip::Output before;
    before.durable = {make("old", 5)};
    before.behind = {make("older", 5)};
    disk.persist(before);
    disk.write_behind(before, {});
    gossip::Output wipe;
    wipe.wiped = true;
    wipe.durable = {make("new", 6)};
    disk.persist(wipe);
    disk.flush();
    EXPECT_EQ(disk.rows().size(), 1U);
}

class WorldTest : public ::testing::Test {
  protected:
    WorldTest() : world({.nodes = 3}) {
        world.start_all();
        formed = world.run_until([&] { return world.whole(); }, 10s);
    }
    bool has(std::uint32_t node, const gossip::LocalWrite& write) {
        return world.node(node).core().table().find(write.kind, write.key) != nullptr;
    }

    World world;
    bool formed = false;
};

TEST_F(WorldTest, ACoreThatTellsBeforeItIsDurableWouldBeNoticed) {
    ASSERT_TRUE(formed);
    const auto write = instance_write(1, 1, world.node(0).now());
    world.node(0).crash_within_turn(0);
    world.node(0).put(write);
    EXPECT_FALSE(world.node(0).running());
    world.run_for(5s);
    EXPECT_FALSE(has(1, write) || has(2, write)) << "it was not on the disk";
    world.node(0).start();
    EXPECT_FALSE(has(0, write));
    EXPECT_TRUE(world.ok());
}

TEST_F(WorldTest, AWriteThatIsOnTheDiskSurvivesACrashBeforeItIsSent) {
    ASSERT_TRUE(formed);
    const auto write = instance_write(1, 1, world.node(0).now());
    world.node(0).crash_within_turn(1);
    world.node(0).put(write);
    world.run_for(1s);
    EXPECT_FALSE(has(1, write) || has(2, write));
    world.node(0).start();
    EXPECT_TRUE(has(0, write));
    EXPECT_TRUE(world.run_until([&] { return has(1, write) && has(2, write); }, 30s));
}

TEST_F(WorldTest, APausedNodeReadsWhatWaitedWhenItContinues) {
    ASSERT_TRUE(formed);
    world.node(2).pause();
    const auto write = instance_write(1, 1, world.node(0).now());
    world.node(0).put(write);
    world.run_for(100ms);
    EXPECT_TRUE(has(1, write));
    EXPECT_FALSE(has(2, write));
    world.node(2).resume();
    EXPECT_TRUE(has(2, write));
}

TEST_F(WorldTest, ANodeThatIsCutOffIsRegardedAsDeadAndReturns) {
    ASSERT_TRUE(formed);
    world.partition({2});
    EXPECT_TRUE(world.run_until(
        [&] {
            return world.node(0).core().members().count(gossip::MemberState::dead) == 1 &&
                   world.node(1).core().members().count(gossip::MemberState::dead) == 1;
        },
        30s));
    EXPECT_FALSE(world.whole());
    world.heal();
    EXPECT_TRUE(world.run_until([&] { return world.whole(); }, 30s));
}

TEST_F(WorldTest, ANodeThatLeftIsNotMissed) {
    ASSERT_TRUE(formed);
    world.node(2).leave();
    EXPECT_TRUE(
        world.run_until([&] { return world.node(2).core().left(world.node(2).now()); }, 5s));
    world.node(2).crash();
    EXPECT_TRUE(world.run_until([&] { return world.whole(); }, 1s));
    EXPECT_EQ(world.node(0).core().members().count(gossip::MemberState::left), 1U);
}

TEST(World, StopsAtTheFirstViolation) {
    World world{{.nodes = 2}};
    world.start_all();
    world.events().at(500ms, [&] { world.checkers().fail({2, 0, world.now(), "", "a lie"}); });
    world.run_for(10s);
    EXPECT_EQ(world.now(), 500ms);
    EXPECT_FALSE(world.ok());
}

TEST(World, AWarmStartIsAClusterThatAgreesAndIsQuiet) {
    World world{{.nodes = 100, .warm = true, .rows = 50}};
    EXPECT_TRUE(world.whole());
    EXPECT_EQ(world.node(0).core().table().size(), 150U);
    world.run_for(10ms);
    EXPECT_EQ(world.network().traffic().of(gossip::MessageType::put).datagrams, 0U);
    world.check_settled(true);
    EXPECT_TRUE(world.ok());
}

}  // namespace
}  // namespace sim
