#include "gossip/core.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/gossip/loopback.h"

namespace gossip {
namespace {

using namespace std::chrono_literals;

const Record* row(Loopback& net, std::size_t node, const std::string& key) {
    return net.core(node).table().find(RecordKind::instance, key);
}

std::string value(Loopback& net, std::size_t node, const std::string& key) {
    const Record* record = row(net, node, key);
    return record && !record->tombstone() ? std::string{record->fields().value} : "";
}

TEST(CoreJoin, EveryNodeFindsEveryOtherThroughOneSeed) {
    Loopback net{10};
    net.start_all();
    net.run_for(600ms);
    for (std::size_t i = 0; i < 10; ++i) {
        EXPECT_EQ(net.core(i).members().count(MemberState::alive), 10U) << i;
        EXPECT_TRUE(net.core(i).joined()) << i;
    }
    EXPECT_TRUE(net.agree());
}

TEST(CoreJoin, ASeedThatIsDownIsAskedUntilItAnswers) {
    Loopback net{2};
    net.start(1);
    net.run_for(20s, 10ms);
    EXPECT_FALSE(net.core(1).joined());
    EXPECT_LT(net.datagrams, 60U) << "with back-off";
    net.start(0);
    net.run_for(11s, 10ms);
    EXPECT_TRUE(net.core(1).joined());
    EXPECT_TRUE(net.agree());
}

TEST(CoreJoin, ALoneSeedIsItsOwnCluster) {
    Loopback net{1};
    net.start(0);
    EXPECT_TRUE(net.core(0).joined());
    EXPECT_EQ(net.core(0).agreement().agreeing, 1U);
}

TEST(CoreFlood, AWriteReachesEverybodyWithinTheTurnsItCauses) {
    Loopback net{30};
    net.start_all();
    net.run_for(1s);
    net.put(3, "10.0.0.1:80", "chat");
    net.run_for(20ms);
    for (std::size_t i = 0; i < 30; ++i) EXPECT_EQ(value(net, i, "10.0.0.1:80"), "chat") << i;
    EXPECT_TRUE(net.agree());
}

TEST(CoreFlood, TheNewestOfManyWritesIsTheOneThatTravels) {
    Loopback net{3};
    net.start_all();
    net.run_for(1s);
    const std::uint64_t before = net.core(1).counters().flood_records_new;
    for (int i = 0; i < 50; ++i) net.put(0, "a:1", "v" + std::to_string(i));
    net.run_for(50ms);
    EXPECT_EQ(value(net, 1, "a:1"), "v49");
    EXPECT_LE(net.core(1).counters().flood_records_new - before, 2U) << "coalesced";
}

TEST(CoreFlood, NoDatagramExceedsTheLimit) {
    Loopback net{5};
    net.start_all();
    net.run_for(1s);
    for (int i = 0; i < 300; ++i) {
        net.put(0, "host-" + std::to_string(i) + ":1",
                std::string(static_cast<std::size_t>(i) * 3, 'x'));
    }
    net.run_for(2s);
    EXPECT_TRUE(net.agree());
    EXPECT_LE(net.largest, kMaxDatagram);
}

TEST(CoreExchange, FindsWhatTheFloodLost) {
    Loopback net{2};
    net.start_all();
    net.run_for(1s);
    net.put(0, "a:1", "one");
    net.put(1, "b:1", "two");
    net.core(0).tick(net.now(), net.nodes[0]->out);
    net.core(1).tick(net.now(), net.nodes[1]->out);
    net.nodes[0]->out.clear();  // the network loses both
    net.nodes[1]->out.clear();
    EXPECT_FALSE(net.agree());
    net.run_for(2500ms);
    EXPECT_TRUE(net.agree());
    EXPECT_EQ(value(net, 0, "b:1"), "two");
    EXPECT_EQ(value(net, 1, "a:1"), "one");
}

TEST(CoreExchange, APeriodBeginsEarlyWithWhateverWakesTheNodeUp) {
    for (const auto& [early, pings] : {std::pair{100ms, 1U}, std::pair{250ms, 0U}}) {
        Loopback net{2};
        net.start_all();
        net.run_for(10s);
        // At its end a period and its answer have just been, so the next wake-up is a period.
        while (net.core(0).next_wakeup() < net.now().mono + 900ms) net.run_for(1ms);
        const Mono::time_point latest = net.core(0).next_wakeup();
        while (net.now().mono + early < latest) net.elapsed += 1ms;
        net.core(0).tick(net.now(), net.nodes[0]->out);  // for any reason
        net.finish(0);
        EXPECT_EQ(net.sent.size(), pings) << early.count() << " ms early";
    }
}

TEST(CoreExchange, IdleTrafficDoesNotDependOnTheTable) {
    double per_datagram[2] = {};
    for (const int rows : {10, 3000}) {
        Loopback net{5};
        for (int i = 0; i < rows; ++i) net.put(0, "h" + std::to_string(i) + ":1", "v");
        net.start_all();
        net.run_for(10s);
        ASSERT_TRUE(net.agree());
        const std::uint64_t before = net.bytes;
        const std::uint64_t datagrams = net.datagrams;
        net.run_for(20s);
        per_datagram[rows > 10] = static_cast<double>(net.bytes - before) /
                                  static_cast<double>(net.datagrams - datagrams);
        EXPECT_LE(net.datagrams - datagrams, 2 * 5 * 23U);
    }
    EXPECT_LE(per_datagram[0], 60.0);
    EXPECT_NEAR(per_datagram[0], per_datagram[1], 0.1);
}

TEST(CoreStreams, ALargeDifferenceIsReconciledOverAStream) {
    Loopback net{2};
    net.start_all();
    net.run_for(1s);
    for (int i = 0; i < 1000; ++i) {
        net.put(0, "a" + std::to_string(i) + ":1", "left");
        net.put(1, "b" + std::to_string(i) + ":1", "right");
    }
    for (std::size_t i : {0U, 1U}) {  // the floods are lost
        net.core(i).tick(net.now(), net.nodes[i]->out);
        net.nodes[i]->out.clear();
    }
    net.run_for(6s);
    EXPECT_TRUE(net.agree());
    EXPECT_EQ(net.core(0).table().size(), 2002U);
    EXPECT_GE(net.core(0).counters().syncs + net.core(1).counters().syncs, 1U);
}

TEST(CoreStreams, ADifferenceBeyondTheSketchFallsBackToDigests) {
    Config config = Loopback::small();
    config.sketch_cells = 128;
    config.datagram_bytes_per_s = 2000;  // so that the flood cannot help
    Loopback net{2, config};
    for (int i = 0; i < 3000; ++i) {
        net.put(0, "a" + std::to_string(i) + ":1", "left");
        net.put(1, "b" + std::to_string(i) + ":1", "right");
    }
    net.start_all();
    net.run_for(20s);
    EXPECT_TRUE(net.agree());
    EXPECT_EQ(net.core(0).table().size(), 6002U);
}

TEST(CoreStreams, AJoinerOfALargeClusterGetsASnapshotAtLittleMoreThanItsBytes) {
    Loopback net{2};
    for (int i = 0; i < 20'000; ++i) {
        net.put(0, "host-" + std::to_string(i) + ":7000", std::string(100, 'v'));
    }
    net.start(0);
    net.run_for(10s, 100ms);
    net.start(1);
    std::uint64_t table = 0;
    for (std::uint32_t s = 0; s < net.core(0).table().slots(); ++s) {
        table += net.core(0).table().at(s)->bytes().size();
    }
    net.run_for(3s);
    EXPECT_TRUE(net.agree());
    EXPECT_EQ(net.core(0).counters().snapshots_served, 1U);
    EXPECT_LT(net.bytes, table * 11 / 10);
}

TEST(CoreStreams, OnlyOneNodeSendsAJoinerTheTable) {
    Loopback net{4};
    for (int i = 0; i < 20'000; ++i) {
        net.put(0, "host-" + std::to_string(i) + ":7000", std::string(100, 'v'));
    }
    for (const std::size_t i : {0U, 1U, 2U}) net.start(i);
    net.run_for(20s, 10ms);
    ASSERT_EQ(net.core(2).table().size(), 20'003U);
    const std::uint64_t table = net.core(0).counters().stream_bytes_out / 2;
    const std::uint64_t before = net.bytes;
    net.start(3);
    net.run_for(5s);
    EXPECT_TRUE(net.agree());
    EXPECT_LT(net.bytes - before, table * 11 / 10);
}

TEST(CoreMembers, ASilentNodeIsSuspectedThenDeadThenBackWhenItAnswers) {
    Loopback net{4};
    net.start_all();
    net.run_for(2s);
    net.silent[2] = true;
    net.run_for(4s);
    EXPECT_NE(net.core(0).members().find(Loopback::id(2))->state, MemberState::alive);
    net.run_for(8s);
    for (const std::size_t i : {0U, 1U, 3U}) {
        EXPECT_EQ(net.core(i).members().find(Loopback::id(2))->state, MemberState::dead) << i;
    }
    net.silent.clear();
    net.run_for(12s);
    for (std::size_t i = 0; i < 4; ++i) {
        EXPECT_EQ(net.core(i).members().find(Loopback::id(2))->state, MemberState::alive) << i;
    }
    EXPECT_TRUE(net.agree());
}

TEST(CoreMembers, ANodeThatLeavesIsLeftAtOnceEverywhere) {
    Loopback net{5};
    net.start_all();
    net.run_for(2s);
    net.core(1).leave(net.now(), net.nodes[1]->out);
    net.run_for(1s);
    EXPECT_TRUE(net.core(1).left(net.now()));
    for (const std::size_t i : {0U, 2U, 3U, 4U}) {
        EXPECT_EQ(net.core(i).members().find(Loopback::id(1))->state, MemberState::left) << i;
    }
}

TEST(CoreWrites, ReadingYourWriteNeedsNoNetwork) {
    Loopback net{1};
    const PutResult result = net.put(0, "a:1", "v1");
    EXPECT_EQ(result.status, PutStatus::created);
    EXPECT_EQ(value(net, 0, "a:1"), "v1");
    EXPECT_EQ(net.nodes[0]->durable, 1U);
}

TEST(CoreWrites, AnOlderLastUpdateIsStaleAndShowsTheCurrentRow) {
    Loopback net{1};
    net.put(0, "a:1", "new");
    const PutResult stale = net.put(0, "a:1", "old", 0, -1);
    EXPECT_EQ(stale.status, PutStatus::stale);
    EXPECT_EQ(stale.current.fields().value, "new");
    EXPECT_EQ(value(net, 0, "a:1"), "new");
}

TEST(CoreWrites, AClockALittleAheadCountsAsNowAndFarAheadIsRefused) {
    Loopback net{1};
    EXPECT_EQ(net.put(0, "a:1", "v", 0, 2).status, PutStatus::created);
    const std::uint64_t now_ms =
        static_cast<std::uint64_t>(net.now().wall.time_since_epoch().count());
    EXPECT_EQ(row(net, 0, "a:1")->stamp().ms(), now_ms);
    EXPECT_EQ(net.put(0, "b:1", "v", 0, 60).status, PutStatus::created);
    EXPECT_EQ(row(net, 0, "b:1")->stamp().ms(), now_ms + 2000);
    EXPECT_EQ(net.put(0, "c:1", "v", 0, 62).status, PutStatus::future);
}

TEST(CoreWrites, ALastUpdateOfZeroIsACounterAndCountsAsNow) {
    Loopback net{1};
    LocalWrite w;
    w.key = "a:1";
    w.value = "v";
    EXPECT_EQ(net.write(0, w).status, PutStatus::created);
    EXPECT_EQ(row(net, 0, "a:1")->stamp().ms(), static_cast<std::uint64_t>(Loopback::kStart));
    EXPECT_EQ(row(net, 0, "a:1")->fields().last_update, 0U) << "kept verbatim";
}

TEST(CoreWrites, TheNewerLastUpdateWinsAcrossNodesThatHaveNotMet) {
    Loopback net{2};
    net.put(0, "a:1", "newer", 0, -10);
    net.elapsed += 5s;
    net.put(1, "a:1", "older", 0, -20);  // accepted later, but says that it is older
    net.start_all();
    net.run_for(2s);
    EXPECT_EQ(value(net, 0, "a:1"), "newer");
    EXPECT_EQ(value(net, 1, "a:1"), "newer");
}

TEST(CoreWrites, AConditionalWriteNeedsTheVersionItNames) {
    Loopback net{1};
    const Stamp first = net.put(0, "a:1", "v1").current.stamp();
    LocalWrite w;
    w.key = "a:1";
    w.value = "v2";
    w.timed_by_application = false;
    w.conditional = true;
    EXPECT_EQ(net.write(0, w).status, PutStatus::conflict) << "there is one already";
    w.if_stamp = first;
    const PutResult second = net.write(0, w);
    EXPECT_EQ(second.status, PutStatus::updated);
    w.value = "v3";
    const PutResult conflict = net.write(0, w);
    EXPECT_EQ(conflict.status, PutStatus::conflict);
    EXPECT_EQ(conflict.current.stamp(), second.current.stamp());
}

TEST(CoreWrites, ADeletedRowStaysDeletedAndCanBeRegisteredAgain) {
    Loopback net{3};
    net.start_all();
    net.put(0, "a:1", "v1");
    net.run_for(1s);
    EXPECT_EQ(net.erase(1, "a:1").status, PutStatus::updated);
    EXPECT_EQ(net.erase(1, "a:1").status, PutStatus::not_found);
    net.run_for(2s);
    for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(value(net, i, "a:1"), "") << i;
    EXPECT_EQ(net.put(2, "a:1", "v2").status, PutStatus::created);
    net.run_for(2s);
    for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(value(net, i, "a:1"), "v2") << i;
}

TEST(CoreWrites, TooLargeAndTooManyAreRefusedWithoutATrace) {
    Config config = Loopback::small();
    config.max_rows = 2;
    Loopback net{1, config};
    EXPECT_EQ(net.put(0, "a:1", std::string(1100, 'x')).status, PutStatus::too_large);
    net.put(0, "a:1", "v");
    net.put(0, "b:1", "v");
    EXPECT_EQ(net.put(0, "c:1", "v").status, PutStatus::table_full);
    EXPECT_EQ(net.put(0, "b:1", "w").status, PutStatus::updated);
    EXPECT_EQ(net.core(0).table().size(), 2U);
}

TEST(CoreRestart, AReloadedTableIsTheSameTable) {
    Loopback net{1};
    for (int i = 0; i < 100; ++i) net.put(0, "h" + std::to_string(i) + ":1", "v");
    const Table& before = net.core(0).table();
    Core again{Loopback::small(), net.core(0).self(), 99, net.now()};
    for (std::uint32_t s = 0; s < before.slots(); ++s) {
        EXPECT_TRUE(again.restore(before.at(s)->bytes(), net.now()));
    }
    EXPECT_EQ(again.table().fingerprint(), before.fingerprint());
    EXPECT_FALSE(again.restore(as_bytes("rubbish"), net.now()));
}

// A disk that was restored from a backup: its rows, and its node's own record, are of yesterday.
TEST(CoreRestart, AnOldCopyOfTheDiskIsBroughtUpToDateAndBringsNothingBack) {
    Loopback net{3};
    net.start_all();
    net.put(1, "kept:1", "old");
    net.put(1, "deleted:1", "old");
    net.put(2, "moved:1", "old");
    net.run_for(2s);
    std::vector<Record> backup;
    const Table& table = net.core(1).table();
    for (std::uint32_t slot = 0; slot < table.slots(); ++slot) backup.push_back(*table.at(slot));

    net.elapsed += 1h;
    net.put(1, "kept:1", "new");
    LocalWrite removal;
    removal.key = "deleted:1";
    removal.tombstone = true;
    removal.timed_by_application = false;
    net.core(1).put(removal, net.now(), net.nodes[1]->out);
    net.put(0, "moved:1", "new");
    net.run_for(2s);

    const Identity self = net.core(1).self();
    net.nodes[1]->core = std::make_unique<Core>(Loopback::small(), self, 99, net.now());
    net.core(1).set_seeds({Loopback::endpoint(0)}, net.now());
    for (const Record& record : backup) {
        EXPECT_TRUE(net.core(1).restore(record.bytes(), net.now()));
    }
    net.start(1);
    net.run_for(10s, 5ms);
    EXPECT_TRUE(net.agree());
    for (std::size_t i = 0; i < 3; ++i) {
        EXPECT_EQ(net.state(i, 1), MemberState::alive) << i;
        EXPECT_EQ(row(net, i, "kept:1")->fields().value, "new") << i;
        EXPECT_EQ(row(net, i, "moved:1")->fields().value, "new") << i;
        EXPECT_TRUE(row(net, i, "deleted:1")->tombstone()) << i;
    }
}

TEST(CoreRestart, AClockThatWentBackLosesNothingOfTheDisk) {
    Loopback net{1};
    net.elapsed = 1h;
    net.put(0, "a:1", "old");
    const Table& before = net.core(0).table();
    net.elapsed = 0s;
    Core again{Loopback::small(), net.core(0).self(), 99, net.now()};
    for (std::uint32_t s = 0; s < before.slots(); ++s) {
        EXPECT_TRUE(again.restore(before.at(s)->bytes(), net.now()));
    }
    EXPECT_EQ(again.table().fingerprint(), before.fingerprint());
    // And a new version is newer than the one on the disk.
    Output out;
    LocalWrite w;
    w.key = "a:1";
    w.value = "new";
    w.timed_by_application = false;
    const PutResult result = again.put(w, net.now(), out);
    EXPECT_EQ(result.status, PutStatus::updated);
    EXPECT_GT(result.current.stamp(), row(net, 0, "a:1")->stamp());
}

// Deletions are remembered for 24 h, so what is older is forgotten; who runs is not.
TEST(CoreMembers, AClusterThatSleptForTwoDaysFindsItselfAgain) {
    Loopback net{4};
    net.start_all();
    net.put(1, "a:1", "v");
    net.run_for(3s);
    net.elapsed += 48h;
    net.run_for(15s, 5ms);
    EXPECT_TRUE(net.agree());
    for (std::size_t i = 0; i < 4; ++i) {
        EXPECT_EQ(net.core(i).members().count(MemberState::alive), 4U) << i;
        EXPECT_EQ(row(net, i, "a:1"), nullptr) << "it may have been deleted two days ago";
    }
    EXPECT_EQ(net.put(1, "a:1", "v").status, PutStatus::created);
    net.run_for(1s, 5ms);
    EXPECT_NE(row(net, 3, "a:1"), nullptr);
}

TEST(CoreInput, NothingFromOutsideStopsIt) {
    Loopback net{2};
    net.start_all();
    net.run_for(1s);
    Rng rng{42};
    std::string bytes;
    for (int i = 0; i < 20'000; ++i) {
        bytes.clear();
        Header header;
        header.type = static_cast<MessageType>(1 + rng.below(6));
        header.cluster = cluster_tag(Loopback::small().key);
        header.from = Loopback::id(1);
        begin_datagram(bytes, header);
        for (std::uint64_t n = rng.below(200); n > 0; --n) {
            bytes.push_back(static_cast<char>(rng.next()));
        }
        finish_datagram(bytes, 0);
        if (rng.below(4) == 0) bytes[rng.below(bytes.size())] ^= 1;
        net.core(0).receive(Loopback::endpoint(1), as_bytes(bytes), net.now(), net.nodes[0]->out);
        net.nodes[0]->out.clear();
    }
    const Counters& c = net.core(0).counters();
    EXPECT_GT(c.malformed + c.unknown_type, 1000U);
    net.put(1, "a:1", "still here");
    net.run_for(3s);
    EXPECT_EQ(value(net, 0, "a:1"), "still here");
}

TEST(CoreInput, ForeignClustersAndVersionsAreIgnoredAndCounted) {
    Loopback net{1};
    net.start(0);
    std::string bytes;
    Header header;
    header.type = MessageType::ping;
    header.from = {9};
    header.cluster = 1;
    begin_datagram(bytes, header);
    finish_datagram(bytes, 0);
    net.core(0).receive(Loopback::endpoint(5), as_bytes(bytes), net.now(), net.nodes[0]->out);
    bytes[2] = 77;
    net.core(0).receive(Loopback::endpoint(5), as_bytes(bytes), net.now(), net.nodes[0]->out);
    EXPECT_EQ(net.core(0).counters().foreign_cluster, 1U);
    EXPECT_EQ(net.core(0).counters().foreign_version, 1U);
    EXPECT_TRUE(net.nodes[0]->out.datagrams.empty());
}

TEST(CoreInput, AStrangerIsAnsweredWithAtMostThreeTimesItsBytes) {
    Loopback net{1};
    for (int i = 0; i < 100; ++i) net.put(0, "h" + std::to_string(i) + ":1", "v");
    net.start(0);
    std::string bytes;
    Header header;
    header.type = MessageType::ping;
    header.from = {9};
    header.cluster = cluster_tag(Loopback::small().key);
    begin_datagram(bytes, header);
    Ping ping;
    ping.digest.clock_ms = Loopback::kStart;
    ping.wide = true;
    encode(ping, 0, bytes);
    finish_datagram(bytes, 0);
    net.core(0).receive(Loopback::endpoint(5), as_bytes(bytes), net.now(), net.nodes[0]->out);
    ASSERT_EQ(net.nodes[0]->out.datagrams.size(), 1U);
    EXPECT_LE(net.nodes[0]->out.datagrams[0].size, 3 * bytes.size());
}

}  // namespace
}  // namespace gossip
