#include <gtest/gtest.h>

#include "tests/gossip/loopback.h"

// Rows that belong to the cluster: what operators decided, and when versions were first seen.

namespace gossip {
namespace {

using namespace std::chrono_literals;

LocalWrite app(std::string value) {
    LocalWrite w;
    w.kind = RecordKind::app;
    w.key = "chat";
    w.value = std::move(value);
    w.timed_by_application = false;
    return w;
}

const Record* row(Loopback& net, std::size_t i, RecordKind kind = RecordKind::app) {
    return net.core(i).table().find(kind, "chat");
}

std::string value(Loopback& net, std::size_t i) {
    const Record* found = row(net, i);
    return found ? std::string{found->fields().value} : "none";
}

// Two halves of a cluster that do not hear each other.
void cut(Loopback& net, std::initializer_list<std::size_t> nodes) {
    for (const std::size_t i : nodes) net.cut[i] = true;
}

Config short_lived() {
    Config config = Loopback::small();
    config.horizon = 60s;
    return config;
}

TEST(CoreApps, EachWriteBeginsAnEpoch) {
    Loopback net{2};
    net.start_all();
    net.run_for(1s);
    std::uint64_t epoch = 0;
    for (const char* text : {"a", "b", "c"}) {
        const PutResult put = net.write(0, app(text));
        EXPECT_GT(rank(put.current).epoch, epoch) << text;
        EXPECT_EQ(rank(put.current).epoch, put.current.stamp().value) << text;
        epoch = rank(put.current).epoch;
    }
    EXPECT_EQ(net.write(0, app("c")).status, PutStatus::renewed) << "nothing was decided";
    EXPECT_EQ(rank(*row(net, 0)).epoch, epoch);
    net.run_for(100ms);
    EXPECT_EQ(net.write(1, app("c")).status, PutStatus::renewed);
    EXPECT_TRUE(net.agree());
}

TEST(CoreApps, AWriteMayDependOnTheEpochItKnows) {
    Loopback net{1};
    net.start_all();
    const Stamp first{rank(net.write(0, app("a")).current).epoch};
    LocalWrite next = app("b");
    next.conditional = true;
    next.if_stamp = {first.value - 1};
    EXPECT_EQ(net.write(0, next).status, PutStatus::conflict);
    next.if_stamp = first;
    EXPECT_EQ(net.write(0, next).status, PutStatus::updated);
    EXPECT_EQ(net.write(0, next).status, PutStatus::conflict) << "it has been replaced";
}

TEST(CoreApps, OutliveTheNodeThatWroteThem) {
    Loopback net{3, short_lived()};
    net.start_all();
    net.run_for(1s, 5ms);
    const Stamp epoch{rank(net.write(0, app("a")).current).epoch};
    net.run_for(1s, 5ms);
    net.gone[0] = true;
    net.run_for(180s, 5ms);  // three horizons
    for (const std::size_t i : {1, 2}) {
        ASSERT_EQ(value(net, i), "a") << i;
        EXPECT_EQ(Stamp{rank(*row(net, i)).epoch}, epoch) << "to be stamped anew decides nothing";
        EXPECT_NE(row(net, i)->owner(), Loopback::id(0));
    }
    EXPECT_EQ(row(net, 1)->bytes().size(), row(net, 2)->bytes().size());
    EXPECT_EQ(row(net, 1)->stamp(), row(net, 2)->stamp()) << "one of them cares for it";
}

TEST(CoreApps, AVersionIsRememberedAsLongAsSomebodyWritesIt) {
    Loopback net{2, short_lived()};
    net.start_all();
    net.run_for(1s, 5ms);
    LocalWrite version = app("first seen");
    version.kind = RecordKind::version;
    EXPECT_EQ(net.write(0, version).status, PutStatus::created);
    net.run_for(10s, 5ms);
    EXPECT_EQ(net.write(1, version).status, PutStatus::renewed) << "young enough";
    net.run_for(15s, 5ms);
    EXPECT_EQ(net.write(1, version).status, PutStatus::updated) << "above a third of the horizon";
    net.run_for(45s, 5ms);
    EXPECT_NE(row(net, 0, RecordKind::version), nullptr)
        << "70 s after the first, 45 after the last";
    net.run_for(30s, 5ms);
    EXPECT_EQ(row(net, 0, RecordKind::version), nullptr) << "nobody knows of it any more";
    EXPECT_EQ(row(net, 1, RecordKind::version), nullptr);
}

TEST(CoreApps, ADecisionIsNotUndoneByAnOlderOneThatWasStampedAnew) {
    Loopback net{4, short_lived()};
    net.start_all();
    net.run_for(1s, 5ms);
    net.write(0, app("old"));
    net.run_for(12s, 5ms);
    cut(net, {2});  // whose writes nobody hears
    net.write(2, app("new"));
    const Stamp epoch{rank(*row(net, 2)).epoch};
    net.run_for(12s, 5ms);  // the others stamp the old one anew meanwhile
    ASSERT_GT(row(net, 1)->stamp(), row(net, 2)->stamp());
    net.cut.clear();
    net.run_for(30s, 5ms);
    for (std::size_t i = 0; i < 4; ++i) {
        EXPECT_EQ(value(net, i), "new") << i;
        EXPECT_EQ(Stamp{rank(*row(net, i)).epoch}, epoch) << i;
    }
}

TEST(CoreApps, WhatWasOutrankedIsTold) {
    Loopback net{2};
    net.start_all();
    net.run_for(1s);
    cut(net, {1});
    net.write(0, app("a"));
    net.run_for(20ms);
    net.write(1, app("b"));
    net.cut.clear();
    net.run_for(3s);
    EXPECT_EQ(value(net, 0), "b");
    EXPECT_EQ(net.nodes[0]->outranked, std::vector<std::string>{"a"}) << "replaced where it was";
    EXPECT_TRUE(net.nodes[1]->outranked.empty());
}

TEST(CoreApps, AnEpochFromTheFutureIsRefused) {
    Loopback net{1};
    net.start_all();
    RecordFields fields;
    fields.kind = RecordKind::app;
    fields.key = "chat";
    fields.owner = Loopback::id(5);
    fields.stamp = Stamp::at(net.now().wall);
    fields.last_update = fields.stamp.value + 1;
    const Record wrong = Record::make(fields, net.core(0).config().key);
    EXPECT_FALSE(net.core(0).restore(wrong.bytes(), net.now()));
    fields.last_update = fields.stamp.value;
    const Record right = Record::make(fields, net.core(0).config().key);
    EXPECT_TRUE(net.core(0).restore(right.bytes(), net.now()));
}

}  // namespace
}  // namespace gossip
