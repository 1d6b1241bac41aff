#include "registry/selection.h"

#include <gmock/gmock.h>

#include <cmath>
#include <map>
#include <random>

#include "gossip/time.h"
#include "registry/view_builder.h"
#include "tests/registry/samples.h"

namespace registry {
namespace {

using testing::sample;
using Outcome = Choice::Outcome;

std::vector<VersionPlan> accepting(const std::vector<Weight>& weights) {
    std::vector<VersionPlan> versions;
    for (const Weight& w : weights) {
        VersionPlan v;
        v.version = w.version;
        v.parts = w.parts;
        v.role = Role::accepting;
        versions.push_back(v);
    }
    return versions;
}

std::string version_of(int client, const std::vector<VersionPlan>& versions) {
    return versions[rank_versions("client-" + std::to_string(client), 0, versions).front()].version;
}

TEST(Rendezvous, SharesClientsByWeight) {
    const auto versions = accepting({{"v1", 80}, {"v2", 15}, {"v3", 5}});
    std::map<std::string, int> share;
    for (int i = 0; i < 20'000; ++i) ++share[version_of(i, versions)];
    EXPECT_NEAR(share["v1"], 16'000, 250);
    EXPECT_NEAR(share["v2"], 3'000, 200);
    EXPECT_NEAR(share["v3"], 1'000, 130);
}

TEST(Rendezvous, RaisingAWeightMovesClientsToThatVersionOnly) {
    std::vector<VersionPlan> versions = accepting({{"v1", 100}, {"v2", 50}, {"v3", 1}});
    std::vector<std::string> before;
    for (int i = 0; i < 3000; ++i) before.push_back(version_of(i, versions));
    for (const std::uint32_t parts : {5U, 20U, 100U, 1000U}) {
        versions[2].parts = parts;
        int moved = 0;
        for (int i = 0; i < 3000; ++i) {
            const std::string after = version_of(i, versions);
            if (after == before[static_cast<std::size_t>(i)]) continue;
            EXPECT_EQ(after, "v3");
            before[static_cast<std::size_t>(i)] = after;
            ++moved;
        }
        EXPECT_GT(moved, 0) << parts;
    }
}

TEST(Rendezvous, RanksAllThatAcceptAndNoOther) {
    std::vector<VersionPlan> versions = accepting({{"v1", 1}, {"v2", 1}, {"v3", 1}});
    versions[1].role = Role::draining;
    const auto ranked = rank_versions("me", 0, versions);
    EXPECT_THAT(ranked, ::testing::UnorderedElementsAre(0U, 2U));
    EXPECT_EQ(ranked, rank_versions("me", 99, versions)) << "a client's version is no chance";
}

// ---- instances

struct World {
    ViewBuilder builder;
    std::uint64_t ms = 1000;

    World() { builder.apply(testing::node(testing::kAlice, gossip::MemberState::alive)); }
    void put(std::string address, std::string version, std::uint32_t capacity,
             std::uint32_t sessions, std::uint32_t protocol = 0) {
        Instance x = sample(std::move(address));
        x.app_name = "chat";
        x.version = std::move(version);
        x.capacity = capacity;
        x.sessions = sessions;
        x.protocol = protocol;
        x.phase = Phase::running;
        put(x);
    }
    void put(const Instance& x) {
        builder.apply(testing::record(x, {.ms = ++ms}));
        birth(x.version);
    }
    void birth(const std::string& version) {
        const gossip::LocalWrite write = encode(Birth{"chat", version, 10});
        gossip::RecordFields fields = testing::fields_of(write);
        fields.stamp = gossip::Stamp::at_ms(++ms);
        builder.apply(gossip::Record::make(fields, testing::kKey));
    }
    void decide(const App& app) {
        const gossip::LocalWrite write = encode(app);
        gossip::RecordFields fields = testing::fields_of(write);
        fields.stamp = gossip::Stamp::at_ms(++ms);
        fields.last_update = fields.stamp.value;
        builder.apply(gossip::Record::make(fields, testing::kKey));
    }
    SeatMap seats() { return {builder.publish({}), "chat"}; }
};

App weights(std::vector<Weight> shares) {
    App app;
    app.name = "chat";
    app.rollout.weights = std::move(shares);
    return app;
}

TEST(Seats, AreOfferedInProportionToWhatIsFree) {
    World world;
    world.put("a:1", "v1", 100, 90);  // 10 free
    world.put("b:1", "v1", 100, 70);  // 30
    world.put("c:1", "v1", 100, 40);  // 60
    world.put("d:1", "v1", 100, 100);
    const SeatMap seats = world.seats();
    std::map<std::string, int> first;
    std::mt19937_64 random{1};
    for (int i = 0; i < 20'000; ++i) {
        const Choice choice = seats.choose({"", {}, random()});
        ASSERT_EQ(choice.outcome, Outcome::go);
        ASSERT_EQ(choice.candidates.size(), 3U);
        ++first[std::string{choice.candidates[0]->address()}];
        EXPECT_NE(choice.candidates[0], choice.candidates[1]);
        EXPECT_NE(choice.candidates[1], choice.candidates[2]);
        EXPECT_NE(choice.candidates[0], choice.candidates[2]);
    }
    EXPECT_NEAR(first["a:1"], 2'000, 200);
    EXPECT_NEAR(first["b:1"], 6'000, 300);
    EXPECT_NEAR(first["c:1"], 12'000, 350);
    EXPECT_EQ(first.count("d:1"), 0U) << "it is full";
}

TEST(Seats, PackedFillsTheFullestFirst) {
    World world;
    App app = weights({{"v1", 1}});
    app.policy.pick = Pick::packed;
    world.decide(app);
    world.put("a:1", "v1", 100, 10);
    world.put("b:1", "v1", 100, 99);
    world.put("c:1", "v1", 100, 100);
    world.put("d:1", "v1", 100, 60);
    const Choice choice = world.seats().choose({});
    std::vector<std::string> order;
    for (const Row* row : choice.candidates) order.emplace_back(row->address());
    EXPECT_THAT(order, ::testing::ElementsAre("b:1", "d:1", "a:1"));
}

TEST(Seats, OnlyWhatIsUpTakesClients) {
    World world;
    world.put("a:1", "v1", 0, 5);
    Instance x = sample("b:1");
    x.app_name = "chat";
    x.version = "v1";
    for (const Phase phase : {Phase::starting, Phase::stopping, Phase::stopped}) {
        x.phase = phase;
        world.put(x);
        for (std::uint64_t i = 0; i < 50; ++i) {
            const Choice choice = world.seats().choose({"", {}, i});
            ASSERT_EQ(choice.candidates.size(), 1U) << name(phase);
            EXPECT_EQ(choice.candidates[0]->address(), "a:1");
        }
    }
}

TEST(Seats, AnswersSayWhyThereIsNone) {
    World world;
    EXPECT_EQ(world.seats().choose({}).outcome, Outcome::unknown_app);
    world.put("a:1", "v1", 10, 10, 3);
    EXPECT_EQ(world.seats().choose({}).outcome, Outcome::full);
    world.put("a:1", "v1", 10, 9, 3);
    EXPECT_EQ(world.seats().choose({"", ProtocolRange{1, 2}, 0}).outcome, Outcome::no_protocol);
    EXPECT_EQ(world.seats().choose({"", ProtocolRange{1, 3}, 0}).outcome, Outcome::go);
    Instance x = sample("a:1");
    x.app_name = "chat";
    x.version = "v1";
    x.phase = Phase::starting;
    world.put(x);
    EXPECT_EQ(world.seats().choose({}).outcome, Outcome::no_version);
}

TEST(Seats, AClientGetsAVersionThatSpeaksItsProtocol) {
    World world;
    world.decide(weights({{"v1", 1}, {"v2", 1}}));
    world.put("a:1", "v1", 10, 0, 1);
    world.put("b:1", "v2", 10, 0, 2);
    world.put("c:1", "v2", 10, 0);
    for (int i = 0; i < 100; ++i) {
        const std::string client = std::to_string(i);
        const Choice one = world.seats().choose({client, ProtocolRange{2, 2}, 0});
        ASSERT_EQ(one.outcome, Outcome::go);
        EXPECT_EQ(one.candidates[0]->version(), "v2");
    }
}

TEST(Seats, WhenAllAreFullTheOlderVersionHelpsOutIfItMay) {
    World world;
    App app = weights({{"v2", 1}});
    world.decide(app);
    world.put("a:1", "v1", 10, 5);
    world.put("b:1", "v2", 10, 10);
    EXPECT_EQ(world.seats().choose({}).outcome, Outcome::full);
    app.policy.on_full = OnFull::older;
    world.decide(app);
    const Choice choice = world.seats().choose({});
    EXPECT_EQ(choice.outcome, Outcome::go);
    EXPECT_TRUE(choice.older);
    EXPECT_EQ(choice.candidates[0]->address(), "a:1");
    app.rollout.quarantine = {"v1"};
    world.decide(app);
    EXPECT_EQ(world.seats().choose({}).outcome, Outcome::full) << "not from quarantine";
}

// The figures of rollout.md: 16 routers with views that are a second old, 39 nearly full servers
// and a fresh one. Offers to full servers per arrival.
TEST(Seats, StaleViewsHardlySendClientsToFullServers) {
    constexpr int kServers = 40;
    constexpr int kArrivals = 100;  // in one second, while nobody hears of the others' choices
    World world;
    std::vector<int> free;
    for (int i = 0; i < kServers; ++i) {
        const std::uint32_t sessions = i + 1 < kServers ? 99 : 0;
        world.put("10.0.0." + std::to_string(i) + ":1", "v1", 100, sessions);
    }
    std::map<std::string, int> left;
    for (int i = 0; i < kServers; ++i) {
        left["10.0.0." + std::to_string(i) + ":1"] = i + 1 < kServers ? 1 : 100;
    }
    const SeatMap seats = world.seats();
    std::mt19937_64 random{5};
    int refused = 0;
    for (int i = 0; i < kArrivals; ++i) {
        for (const Row* row : seats.choose({"", {}, random()}).candidates) {
            int& seat = left[std::string{row->address()}];
            if (seat > 0) {
                --seat;
                break;
            }
            ++refused;
        }
    }
    EXPECT_LE(refused, 30) << "0.11 per arrival were measured; the most free one first: 0.80";
}

}  // namespace
}  // namespace registry
