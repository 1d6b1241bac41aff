#include "node/activity.h"

#include <gtest/gtest.h>

#include "tests/gossip/loopback.h"

// What a node remembers of decisions, from a real core's outputs.

namespace {

using namespace std::chrono_literals;
using gossip::Loopback;
using node::Activity;
using node::ActivityLog;

gossip::LocalWrite promote(const std::string& version, std::uint64_t parent) {
    registry::App app;
    app.name = "chat";
    app.rollout.weights = {{version, 100}};
    app.parent = parent;
    app.author = "of " + version;
    return registry::encode(app);
}

// One decision at node `i`, and what its log hears of it.
std::uint64_t decide(Loopback& net, std::size_t i, ActivityLog& log, const std::string& version,
                     std::uint64_t parent) {
    gossip::Output out;
    const auto put = net.core(i).put(promote(version, parent), net.now(), out);
    log.changed(out, net.core(i));
    gossip::perform(out, *net.nodes[i]);
    return gossip::rank(put.current).epoch;
}

TEST(Activities, TellEachDecisionOnce) {
    Loopback net{1};
    net.start_all();
    ActivityLog log;
    const std::uint64_t first = decide(net, 0, log, "v1", 0);
    (void)decide(net, 0, log, "v2", first);
    (void)decide(net, 0, log, "v2", first);  // nothing new
    const auto all = log.since(0, "");
    ASSERT_EQ(all.size(), 2U);
    EXPECT_EQ(all[0].seq, 1U);
    EXPECT_EQ(all[0].epoch, first);
    EXPECT_TRUE(all[0].here);
    EXPECT_EQ(all[1].app.author, "of v2");
    EXPECT_EQ(log.since(1, "").size(), 1U);
    EXPECT_EQ(log.since(0, "game").size(), 0U);
    EXPECT_FALSE(log.overruled(all[1].app));
}

// What node 0, which has decided `lost` upon `parent`, hears of the decision of node 1 that counts.
gossip::Output overruled(Loopback& net, std::uint64_t lost, std::uint64_t parent) {
    const gossip::Record winner = *net.core(1).table().find(gossip::RecordKind::app, "chat");
    net.run_for(3s);
    gossip::Output out;
    out.behind.push_back(winner);
    gossip::RecordFields fields = winner.fields();
    const gossip::LocalWrite loser = promote("v1", parent);
    fields.value = loser.value;
    fields.last_update = lost;
    fields.stamp = {lost};
    out.outranked.push_back(gossip::Record::make(fields, net.core(0).config().key));
    return out;
}

TEST(Activities, TellWhoseDecisionLost) {
    for (const int before : {0, 1, 2}) {  // decisions of its own that the lost one was built upon
        Loopback net{2};
        net.start_all();
        net.run_for(1s);
        ActivityLog log;
        net.cut[1] = true;
        std::uint64_t parent = 0;
        for (int i = 0; i < before; ++i) parent = decide(net, 0, log, "v0", parent);
        const std::uint64_t lost = decide(net, 0, log, "v1", parent);
        net.run_for(20ms);
        ActivityLog other;
        (void)decide(net, 1, other, "v2", 0);
        net.cut.clear();
        log.changed(overruled(net, lost, parent), net.core(0));
        const auto all = log.since(static_cast<std::uint64_t>(before) + 1, "chat");
        ASSERT_EQ(all.size(), 2U) << before;
        EXPECT_EQ(all[0].app.author, "of v2");
        EXPECT_FALSE(all[0].here);
        EXPECT_EQ(all[1].kind, Activity::Kind::overruled);
        EXPECT_EQ(all[1].app.author, "of v1");
        const auto shown = log.overruled(all[0].app);
        ASSERT_TRUE(shown);
        EXPECT_EQ(shown->epoch, lost);
        // Once somebody has decided again, knowing the winner, it is history.
        (void)decide(net, 0, log, "v3", all[0].epoch);
        EXPECT_FALSE(log.overruled(log.since(all[1].seq, "chat").front().app));
    }
}

TEST(Activities, ARestartTellsNothingThatWasKnown) {
    Loopback net{1};
    net.start_all();
    ActivityLog first;
    (void)decide(net, 0, first, "v1", 0);
    ActivityLog second;
    second.restored(net.core(0));
    gossip::Output out;
    out.durable.push_back(*net.core(0).table().find(gossip::RecordKind::app, "chat"));
    second.changed(out, net.core(0));
    EXPECT_TRUE(second.since(0, "").empty());
}

}  // namespace
