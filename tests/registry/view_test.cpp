#include "registry/view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <future>
#include <nlohmann/json.hpp>
#include <vector>

#include "registry/view_builder.h"
#include "tests/registry/samples.h"

namespace registry {
namespace {

using gossip::MemberState;
using nlohmann::json;
using testing::at_second;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::kAlice;
using testing::kBob;
using testing::node;
using testing::record;
using testing::sample;

std::vector<std::string> addresses(const std::vector<const Row*>& rows) {
    std::vector<std::string> out;
    for (const Row* row : rows) out.emplace_back(row->address());
    return out;
}

State state_at(ViewBuilder& builder, std::int64_t second) {
    const Row* row = builder.publish(at_second(second))->find(sample().address);
    CHECK(row);
    return row->state();
}

TEST(EmptyView, AnswersEverythingWithNothing) {
    const View view;
    EXPECT_EQ(view.revision(), 0U);
    EXPECT_EQ(view.size(), 0U);
    EXPECT_EQ(view.find("10.0.0.1:7777"), nullptr);
    EXPECT_THAT(view.select({}), IsEmpty());
    EXPECT_THAT(view.select({.app = "chat"}), IsEmpty());
    EXPECT_THAT(view.select({.state = State::up}), IsEmpty());
    EXPECT_THAT(view.counts(), IsEmpty());
    std::string out;
    view.append_list(out);
    view.append_nodes(out);
    append_rows(out, view.select({}));
    EXPECT_EQ(out, "{}[][]");
    EXPECT_EQ(view.list_bytes(), 2U);
}

// Run under ThreadSanitizer in CI: what a View shares with its successors is never written again.
TEST(Sharing, OtherThreadsReadViewsWhileTheNextOnesAreBuilt) {
    ViewBuilder builder;
    builder.apply(node(kAlice, MemberState::alive));
    std::vector<std::future<bool>> readers;
    std::uint64_t ms = 0;
    for (int turn = 0; turn < 40; ++turn) {
        for (int i = 0; i < 20; ++i) {
            const int host = (turn * 20 + i) * 7 % 300;
            builder.apply(record(sample("host-" + std::to_string(host)),
                                 {.ms = ++ms, .tombstone = i % 5 == 0}));
        }
        if (turn % 10 == 9) builder.apply(node(kAlice, MemberState::alive, ms));
        if (turn % 10 == 4) builder.apply(node(kAlice, MemberState::suspect, ms));
        readers.push_back(std::async(std::launch::async, [view = builder.publish(at_second(turn))] {
            std::string out;
            for (int i = 0; i < 20; ++i) {
                out.clear();
                view->append_list(out);
                if (out.size() != view->list_bytes()) return false;
                if (view->select({.app = "chat"}).size() != view->size()) return false;
            }
            return true;
        }));
    }
    for (auto& reader : readers) EXPECT_TRUE(reader.get());
}

// The exact bytes: seed clients parse them.
TEST(LegacyList, IsAMapOfAddressesToObjects) {
    ViewBuilder builder;
    builder.apply(node(kAlice, MemberState::alive));
    builder.apply(record(sample()));
    const auto view = builder.publish(at_second(0));
    std::string out = "before ";
    view->append_list(out);
    EXPECT_EQ(out, R"(before {"10.0.0.1:7777":{"address":"10.0.0.1:7777","app_name":"chat",)"
                   R"("version":"v1","state":"up","last_update":1763700000,"phase":"running",)"
                   R"("capacity":40,"sessions":12,"ready_to_close":false,"zone":"eu-1",)"
                   R"("metadata":{"build":"abc"},"owner":"00000000000a11ce","incarnation":7,)"
                   R"("ttl":30,"confirmed_within":36,"ver":"65536"}})");
    EXPECT_EQ(view->list_bytes(), out.size() - 7);
}

TEST(Fragment, IsJsonThatEqualsTheFields) {
    Instance x = sample("[::1]:80");
    x.app_name = "say \"hi\" \\ \xe6\xb5\xb7";
    x.version = "\"";
    x.zone = "\\";
    x.incarnation = UINT64_MAX;
    x.capacity = x.sessions = UINT32_MAX;
    x.ready_to_close = true;
    x.phase = Phase::stopping;
    x.metadata = R"({"a":[1,{"b":"\n"}]})";
    x.last_update = 0;
    const gossip::Rank rank{0, gossip::Stamp::at_ms(1'763'700'000'000, 9), 5};
    Row row{x, rank, State::draining, false, 6};
    const auto check = [&](State state) {
        const json j = json::parse(row.fragment());
        EXPECT_EQ(j.size(), 16U);
        EXPECT_EQ(j["address"], x.address);
        EXPECT_EQ(j["app_name"], x.app_name);
        EXPECT_EQ(j["version"], x.version);
        EXPECT_EQ(j["state"], name(state));
        EXPECT_EQ(j["last_update"], x.last_update);
        EXPECT_EQ(j["phase"], "stopping");
        EXPECT_EQ(j["capacity"], x.capacity);
        EXPECT_EQ(j["sessions"], x.sessions);
        EXPECT_EQ(j["ready_to_close"], true);
        EXPECT_EQ(j["zone"], x.zone);
        EXPECT_EQ(j["metadata"], json::parse(x.metadata));
        EXPECT_EQ(j["owner"], "00000000000a11ce");
        EXPECT_EQ(j["incarnation"], x.incarnation);
        EXPECT_EQ(j["ttl"], x.ttl_s);
        EXPECT_EQ(j["ver"], std::to_string(rank.stamp.value));
        EXPECT_EQ(row.address(), x.address);
        EXPECT_EQ(row.app(), x.app_name);
        EXPECT_EQ(row.version(), x.version);
        EXPECT_EQ(row.zone(), x.zone);
        EXPECT_EQ(row.state(), state);
        EXPECT_EQ(row.rank(), rank);
        EXPECT_EQ(row.owner(), kAlice);
    };
    check(State::draining);
    for (std::size_t i = 0; i < kStates; ++i) {
        row.set_state(static_cast<State>(i));
        check(static_cast<State>(i));
    }
}

TEST(EffectiveState, FollowsThePhaseWhileTheOwnerIsAlive) {
    ViewBuilder builder;
    builder.apply(node(kAlice, MemberState::alive));
    const std::vector<std::pair<Phase, State>> expected{{Phase::starting, State::starting},
                                                        {Phase::running, State::up},
                                                        {Phase::stopping, State::draining},
                                                        {Phase::stopped, State::stopped}};
    std::uint64_t ms = 0;
    for (const auto& [phase, state] : expected) {
        Instance x = sample();
        x.phase = phase;
        builder.apply(record(x, {.ms = ++ms}));
        EXPECT_EQ(state_at(builder, 0), state);
    }
    EXPECT_FALSE(builder.next_deadline());
}

// Consent to be stopped is for whoever scales down; idle servers give it and still take clients.
TEST(EffectiveState, ReadyToCloseDoesNotChangeIt) {
    ViewBuilder builder;
    builder.apply(node(kAlice, MemberState::alive));
    Instance x = sample();
    x.ready_to_close = true;
    builder.apply(record(x));
    EXPECT_EQ(state_at(builder, 0), State::up);
}

TEST(EffectiveState, ALapsedLeaseBeatsEverything) {
    ViewBuilder builder;
    builder.apply(node(kAlice, MemberState::suspect));
    builder.apply(record(sample(), {.expired = true}));
    EXPECT_EQ(state_at(builder, 0), State::expired);
}

TEST(EffectiveState, AnUnknownOwnerMeansUnreachableUntilItIsHeardOf) {
    ViewBuilder builder;
    builder.apply(record(sample()));
    EXPECT_EQ(state_at(builder, 0), State::unreachable);
    EXPECT_FALSE(builder.next_deadline());
    builder.apply(node(kAlice, MemberState::alive));
    EXPECT_EQ(state_at(builder, 1), State::up);
    builder.remove(node(kAlice, MemberState::alive));
    EXPECT_EQ(state_at(builder, 2), State::unreachable);
}

TEST(EffectiveState, ASuspectOwnerMakesItsRowsSuspectUntilItRefutes) {
    ViewBuilder builder;
    builder.apply(node(kAlice, MemberState::alive, 5));
    builder.apply(node(kBob, MemberState::alive, 5));
    builder.apply(record(sample()));
    Instance other = sample("10.0.0.2:7777");
    other.owner = kBob;
    builder.apply(record(other));
    EXPECT_EQ(state_at(builder, 0), State::up);

    builder.apply(node(kAlice, MemberState::suspect, 5));
    const auto view = builder.publish(at_second(1));
    EXPECT_EQ(view->find("10.0.0.1:7777")->state(), State::suspect);
    EXPECT_EQ(view->find("10.0.0.2:7777")->state(), State::up);

    builder.apply(node(kAlice, MemberState::alive, 6));
    EXPECT_EQ(state_at(builder, 2), State::up);
    builder.apply(node(kAlice, MemberState::suspect, 5));  // an old rumour
    EXPECT_EQ(state_at(builder, 3), State::up);
}

TEST(EffectiveState, ADeadOwnersRowsExpireOneTtlAfterItWasSeenToGo) {
    for (const MemberState gone : {MemberState::dead, MemberState::left}) {
        ViewBuilder builder;
        builder.apply(node(kAlice, MemberState::alive));
        builder.apply(record(sample()));
        EXPECT_EQ(state_at(builder, 50), State::up);
        builder.apply(node(kAlice, gone));
        EXPECT_EQ(state_at(builder, 100), State::unreachable);
        EXPECT_EQ(builder.next_deadline(), at_second(130).mono);
        const auto waiting = builder.publish(at_second(129));
        EXPECT_EQ(waiting, builder.publish(at_second(129)));
        EXPECT_EQ(state_at(builder, 130), State::expired);
        EXPECT_FALSE(builder.next_deadline());
        EXPECT_GT(builder.publish(at_second(130))->revision(), waiting->revision());

        builder.apply(node(kAlice, MemberState::alive, 2));
        EXPECT_EQ(state_at(builder, 131), State::up);
        EXPECT_FALSE(builder.next_deadline());
    }
}

TEST(EffectiveState, WhatIsBelievedOfANodeOutweighsItsRecordUntilTheNext) {
    ViewBuilder builder;
    builder.apply(node(kAlice, MemberState::alive, 5));
    builder.apply(record(sample()));
    builder.apply(node(kAlice, MemberState::dead, 5));
    builder.believe(kAlice, MemberState::alive);
    EXPECT_EQ(state_at(builder, 1), State::up);
    EXPECT_EQ(builder.publish(at_second(1))->nodes()[0].state, MemberState::alive);
    builder.believe(kAlice, MemberState::dead);
    EXPECT_EQ(state_at(builder, 2), State::unreachable);
    builder.believe(kAlice, MemberState::alive);
    builder.apply(node(kAlice, MemberState::dead, 5));  // a copy is no news
    EXPECT_EQ(state_at(builder, 3), State::up);
    builder.apply(node(kAlice, MemberState::dead, 6));
    EXPECT_EQ(state_at(builder, 4), State::unreachable);
    builder.believe(kBob, MemberState::alive);  // nobody knows it
    EXPECT_EQ(builder.publish(at_second(5))->nodes().size(), 1U);
}

TEST(EffectiveState, ThatADeadNodeLeftDoesNotGiveItsRowsMoreTime) {
    ViewBuilder builder;
    builder.apply(record(sample()));
    builder.apply(node(kAlice, MemberState::dead));
    EXPECT_EQ(state_at(builder, 100), State::unreachable);
    builder.apply(node(kAlice, MemberState::left));
    EXPECT_EQ(state_at(builder, 120), State::unreachable);
    EXPECT_EQ(state_at(builder, 130), State::expired);
}

TEST(EffectiveState, AnotherNodeThatTakesTheRowOverBringsItBack) {
    ViewBuilder builder;
    builder.apply(node(kAlice, MemberState::dead));
    builder.apply(node(kBob, MemberState::alive));
    builder.apply(record(sample()));
    EXPECT_EQ(state_at(builder, 0), State::unreachable);
    Instance x = sample();
    x.owner = kBob;
    builder.apply(record(x, {.ms = 2}));
    EXPECT_EQ(state_at(builder, 1), State::up);
}

TEST(Versions, WithinATurnTheGreatestCountsInWhateverOrder) {
    Instance older = sample();
    older.version = "old";
    Instance newer = sample();
    newer.version = "new";
    const gossip::Record first = record(older, {.ms = 1});
    const gossip::Record second = record(newer, {.ms = 2});
    const gossip::Record deleted = record(newer, {.ms = 3, .tombstone = true});
    {
        ViewBuilder builder;
        builder.apply(second);
        builder.apply(first);
        builder.touch(first, 1'763'709'999);
        const auto view = builder.publish(at_second(0));
        EXPECT_EQ(view->find(older.address)->version(), "new");
        EXPECT_EQ(view->find(older.address)->last_update(), newer.last_update);
    }
    {
        ViewBuilder builder;
        builder.apply(deleted);
        builder.apply(second);
        EXPECT_EQ(builder.publish(at_second(0))->size(), 0U);
    }
    {
        ViewBuilder builder;
        builder.remove(first);
        builder.apply(second);
        EXPECT_EQ(builder.publish(at_second(0))->size(), 1U);
    }
}

TEST(Versions, ATombstoneAndTheHorizonRemoveARow) {
    ViewBuilder builder;
    const gossip::Record live = record(sample(), {.ms = 1});
    builder.apply(live);
    EXPECT_EQ(builder.publish(at_second(0))->size(), 1U);
    builder.apply(record(sample(), {.ms = 2, .tombstone = true}));
    EXPECT_EQ(builder.publish(at_second(0))->size(), 0U);
    builder.apply(record(sample(), {.ms = 3}));
    EXPECT_EQ(builder.publish(at_second(0))->size(), 1U);
    builder.remove(live);  // of an older version: the row is not meant
    EXPECT_EQ(builder.publish(at_second(0))->size(), 1U);
    builder.remove(record(sample(), {.ms = 3}));
    EXPECT_EQ(builder.publish(at_second(0))->size(), 0U);
}

TEST(Versions, ATouchRaisesLastUpdateAndNeverLowersIt) {
    ViewBuilder builder;
    const gossip::Record live = record(sample());
    builder.apply(live);
    builder.touch(live, 1'763'700'020);
    builder.touch(live, 1'763'700'010);
    auto view = builder.publish(at_second(0));
    EXPECT_EQ(view->find(sample().address)->last_update(), 1'763'700'020U);
    EXPECT_EQ(json::parse(view->find(sample().address)->fragment())["last_update"], 1'763'700'020U);
    builder.touch(live, 1'763'700'015);
    EXPECT_EQ(builder.publish(at_second(0)), view);
    builder.touch(live, 1'763'700'030);
    EXPECT_EQ(builder.publish(at_second(0))->find(sample().address)->last_update(), 1'763'700'030U);
}

TEST(Versions, WhatCannotBeDecodedIsCountedAndNotListed) {
    gossip::RecordFields fields;
    fields.stamp = gossip::Stamp::at_ms(2);
    fields.key = "10.0.0.1:7777";
    fields.value = "\x07 of a later release";
    const gossip::Record strange = gossip::Record::make(fields, testing::kKey);
    fields.kind = gossip::RecordKind::node;
    const gossip::Record strange_node = gossip::Record::make(fields, testing::kKey);
    fields.kind = gossip::RecordKind::app;
    const gossip::Record app = gossip::Record::make(fields, testing::kKey);
    fields.kind = gossip::RecordKind{200};
    const gossip::Record later = gossip::Record::make(fields, testing::kKey);

    ViewBuilder builder;
    builder.apply(record(sample(), {.ms = 1}));
    builder.apply(record(sample("10.0.0.2:7777"), {.ms = 1}));
    EXPECT_EQ(builder.publish(at_second(0))->size(), 2U);
    builder.apply(strange);
    builder.apply(strange_node);
    builder.apply(app);
    builder.apply(later);
    const auto view = builder.publish(at_second(0));
    EXPECT_EQ(view->size(), 1U);
    EXPECT_EQ(view->find("10.0.0.1:7777"), nullptr);
    EXPECT_THAT(view->nodes(), IsEmpty());
    EXPECT_THAT(view->apps(), ::testing::SizeIs(1)) << "of the row that is there";
    EXPECT_EQ(builder.undecodable(), 3U) << "a kind of a later release is none of ours";
}

TEST(Revision, RisesByOneAndOnlyWhenSomethingDiffers) {
    ViewBuilder builder{41};
    const auto empty = builder.publish(at_second(0));
    EXPECT_EQ(empty->revision(), 41U);
    builder.apply(record(sample()));
    const auto first = builder.publish(at_second(0));
    EXPECT_EQ(first->revision(), 42U);
    builder.apply(record(sample()));  // the same again
    builder.remove(record(sample("10.9.9.9")));
    EXPECT_EQ(builder.publish(at_second(9)), first);
    builder.apply(node(kBob, MemberState::alive));
    EXPECT_EQ(builder.publish(at_second(0))->revision(), 43U);
    builder.apply(node(kBob, MemberState::alive));
    EXPECT_EQ(builder.publish(at_second(0))->revision(), 43U);
    builder.clear();
    const auto cleared = builder.publish(at_second(0));
    EXPECT_EQ(cleared->revision(), 44U);
    EXPECT_EQ(cleared->size(), 0U);
    EXPECT_THAT(cleared->nodes(), IsEmpty());
    builder.clear();
    EXPECT_EQ(builder.publish(at_second(0)), cleared);
}

TEST(Nodes, AreListedByIdWithTheirStateAndEndpoints) {
    ViewBuilder builder;
    builder.apply(node(kAlice, MemberState::alive, 1'763'700'000'000));
    builder.apply(node(kBob, MemberState::left, 5));
    const auto view = builder.publish(at_second(0));
    std::string out;
    view->append_nodes(out);
    EXPECT_EQ(out, R"([{"id":"0000000000000b0b","name":"node-2827","state":"left",)"
                   R"("gossip":"10.1.2.3:7701","http":"10.1.2.3:7700","incarnation":5,)"
                   R"("protocol":{"min":1,"max":1}},)"
                   R"({"id":"00000000000a11ce","name":"node-659918","state":"alive",)"
                   R"("gossip":"10.1.2.3:7701","http":"10.1.2.3:7700","incarnation":1763700000000,)"
                   R"("protocol":{"min":1,"max":1}}])");
    builder.remove(node(kBob, MemberState::left, 5));
    EXPECT_EQ(builder.publish(at_second(0))->nodes().size(), 1U);
    EXPECT_EQ(view->nodes().size(), 2U);
}

TEST(Endpoints, AreWrittenAsPeopleWriteThem) {
    EXPECT_EQ(to_text(gossip::Endpoint::v4(127, 0, 0, 1, 7701)), "127.0.0.1:7701");
    gossip::Endpoint v6;
    v6.ip = {0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
    v6.port = 80;
    EXPECT_EQ(to_text(v6), "[2001:db8::1]:80");
    EXPECT_EQ(to_text({}), "[::]:0");
}

class Queries : public ::testing::Test {
  protected:
    Queries() {
        builder_.apply(node(kAlice, MemberState::alive));
        add("e:1", "chat", "v1", "eu");
        add("d:1", "chat", "v2", "eu");
        add("c:1", "chat", "v1", "us");
        add("b:1", "chat", "v2", "us");
        add("a:1", "game", "v1", "eu", Phase::starting);
        add("f:1", "cha", "v9", "eu");
        view_ = builder_.publish(at_second(0));
    }
    void add(const std::string& address, const std::string& app, const std::string& version,
             const std::string& zone, Phase phase = Phase::running) {
        Instance x = sample(address);
        x.app_name = app;
        x.version = version;
        x.zone = zone;
        x.phase = phase;
        builder_.apply(record(x));
    }
    std::vector<std::string> query(const Filter& filter) const {
        return addresses(view_->select(filter));
    }

    ViewBuilder builder_;
    std::shared_ptr<const View> view_;
};

TEST_F(Queries, SelectByEveryField) {
    EXPECT_THAT(query({}), ElementsAre("a:1", "b:1", "c:1", "d:1", "e:1", "f:1"));
    EXPECT_THAT(query({.app = "chat"}), ElementsAre("b:1", "c:1", "d:1", "e:1"));
    EXPECT_THAT(query({.app = "chat", .version = "v1"}), ElementsAre("c:1", "e:1"));
    EXPECT_THAT(query({.version = "v1"}), ElementsAre("a:1", "c:1", "e:1"));
    EXPECT_THAT(query({.state = State::starting}), ElementsAre("a:1"));
    EXPECT_THAT(query({.state = State::up, .zone = "eu"}), ElementsAre("d:1", "e:1", "f:1"));
    EXPECT_THAT(query({.app = "chat", .zone = "us"}), ElementsAre("b:1", "c:1"));
    EXPECT_THAT(query({.app = "nobody"}), IsEmpty());
    EXPECT_THAT(query({.app = "chat", .version = "v3"}), IsEmpty());
}

TEST_F(Queries, PagesFollowEachOtherInOrderOfAddress) {
    EXPECT_THAT(query({.limit = 2}), ElementsAre("a:1", "b:1"));
    EXPECT_THAT(query({.after = "b:1", .limit = 2}), ElementsAre("c:1", "d:1"));
    EXPECT_THAT(query({.after = "bb"}), ElementsAre("c:1", "d:1", "e:1", "f:1"));
    EXPECT_THAT(query({.app = "chat", .limit = 3}), ElementsAre("b:1", "c:1", "d:1"));
    EXPECT_THAT(query({.app = "chat", .after = "d:1", .limit = 3}), ElementsAre("e:1"));
    EXPECT_THAT(query({.app = "chat", .version = "v1", .after = "c:1"}), ElementsAre("e:1"));
    EXPECT_THAT(query({.state = State::up, .after = "d:1"}), ElementsAre("e:1", "f:1"));
    EXPECT_THAT(query({.limit = 0}), IsEmpty());
    EXPECT_THAT(query({.after = "f:1"}), IsEmpty());
}

TEST_F(Queries, ForEachStartsAfterAnAddressAndStopsWhenTold) {
    std::vector<std::string> seen;
    view_->for_each("b:1", [&seen](const Row& row) {
        seen.emplace_back(row.address());
        return seen.size() < 2;
    });
    EXPECT_THAT(seen, ElementsAre("c:1", "d:1"));
}

TEST_F(Queries, CountsAreByAppVersionAndState) {
    const std::vector<VersionCount> counts = view_->counts();
    ASSERT_EQ(counts.size(), 4U);
    EXPECT_EQ(counts[0].app, "cha");
    EXPECT_EQ(counts[1].app, "chat");
    EXPECT_EQ(counts[1].version, "v1");
    EXPECT_EQ(counts[1].by_state[static_cast<std::size_t>(State::up)], 2U);
    EXPECT_EQ(counts[3].app, "game");
    EXPECT_EQ(counts[3].by_state[static_cast<std::size_t>(State::starting)], 1U);
    EXPECT_EQ(view_->count(State::up), 5U);
    EXPECT_EQ(view_->count(State::starting), 1U);
}

TEST_F(Queries, RowsAreWrittenAsAnArray) {
    std::string out;
    append_rows(out, view_->select({.app = "chat", .limit = 2}));
    const json array = json::parse(out);
    ASSERT_EQ(array.size(), 2U);
    EXPECT_EQ(array[1]["address"], "c:1");
}

}  // namespace
}  // namespace registry
