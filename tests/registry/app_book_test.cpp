#include "registry/app_book.h"

#include <gmock/gmock.h>

#include <map>
#include <random>

#include "registry/view_builder.h"
#include "tests/registry/samples.h"

// Apps in the View: the sums that plans are made of, and the plans.

namespace registry {
namespace {

using testing::at_second;
using testing::sample;

// Writes whatever it is told with rising stamps.
struct Writer {
    ViewBuilder builder;
    std::uint64_t ms = 1000;

    Writer() { builder.apply(testing::node(testing::kAlice, gossip::MemberState::alive)); }
    gossip::Record record(const gossip::LocalWrite& write, bool tombstone = false) {
        gossip::RecordFields fields = testing::fields_of(write);
        fields.stamp = gossip::Stamp::at_ms(++ms);
        fields.tombstone = tombstone;
        if (write.kind == gossip::RecordKind::app) fields.last_update = fields.stamp.value;
        return gossip::Record::make(fields, testing::kKey);
    }
    void put(std::string address, std::string version, std::uint32_t sessions = 0,
             Phase phase = Phase::running) {
        Instance x = sample(std::move(address));
        x.version = std::move(version);
        x.sessions = sessions;
        x.phase = phase;
        builder.apply(testing::record(x, {.ms = ++ms}));
    }
    void remove(std::string address) {
        builder.apply(testing::record(sample(std::move(address)), {.ms = ++ms, .tombstone = true}));
    }
    std::shared_ptr<const View> view() { return builder.publish(at_second(0)); }
};

App promoted(const std::string& version) {
    App app;
    app.name = "chat";
    app.rollout.weights = {{version, 100}};
    return app;
}

std::string roles(const View& view) {
    std::string text;
    const AppRow* app = view.app("chat");
    if (!app) return "none";
    for (const VersionPlan& v : app->plan.versions) {
        if (!text.empty()) text += ", ";
        text += v.version + " " + std::string{name(v.role)};
    }
    return text;
}

TEST(Apps, AreListedWhileThereIsAnythingOfThem) {
    Writer w;
    EXPECT_EQ(roles(*w.view()), "none");
    w.put("a:1", "v1");
    EXPECT_EQ(roles(*w.view()), "v1 accepting");
    w.remove("a:1");
    EXPECT_EQ(roles(*w.view()), "none");
    w.builder.apply(w.record(encode(promoted("v1"))));
    EXPECT_EQ(roles(*w.view()), "v1 warming") << "decided, though nothing is there";
    w.builder.apply(w.record(encode(promoted("v1")), true));
    EXPECT_EQ(roles(*w.view()), "none");
}

TEST(Apps, BirthsDecideWhichVersionIsTheNewest) {
    Writer w;
    w.builder.apply(w.record(encode(Birth{"chat", "v1", 100})));
    w.builder.apply(w.record(encode(Birth{"chat", "v2", 200})));
    w.put("b:1", "v2");
    w.put("a:1", "v1");
    EXPECT_EQ(roles(*w.view()), "v2 accepting, v1 closing");
    w.put("a:2", "v1");  // a scale-up of v1, registered last
    EXPECT_EQ(roles(*w.view()), "v2 accepting, v1 closing");
    w.builder.apply(w.record(encode(Birth{"chat", "v2", 200}), true));
    w.builder.remove(w.record(encode(Birth{"chat", "v1", 100})));
    EXPECT_EQ(roles(*w.view()), "v2 accepting, v1 closing") << "by name, when nothing is known";
}

TEST(Apps, TheGreatestEpochCountsInWhateverOrderItComes) {
    Writer w;
    w.put("a:1", "v1", 3);
    w.put("b:1", "v2", 3);
    const gossip::Record first = w.record(encode(promoted("v1")));
    const gossip::Record second = w.record(encode(promoted("v2")));
    w.builder.apply(second);
    w.builder.apply(first);
    EXPECT_EQ(roles(*w.view()), "v2 accepting, v1 draining");
    EXPECT_EQ(w.view()->app("chat")->epoch, second.stamp().value);
}

TEST(Apps, AreVoidWhenTheTableIs) {
    Writer w;
    w.put("a:1", "v1");
    w.builder.apply(w.record(encode(promoted("v1"))));
    EXPECT_EQ(w.view()->apps().size(), 1U);
    w.builder.clear();
    EXPECT_EQ(w.view()->apps().size(), 0U);
}

// The sums, counted anew.
std::map<std::string, VersionFacts> recount(const View& view) {
    std::map<std::string, VersionFacts> sums;
    view.for_each_of("chat", [&sums](const Row& row) {
        VersionFacts& f = sums[std::string{row.version()}];
        f.version = row.version();
        ++f.by_state[static_cast<std::size_t>(row.state())];
        if (row.state() != State::expired && row.state() != State::stopped) {
            f.sessions += row.sessions();
            ++f.acked;  // there is no decision
        }
        if (row.state() != State::up) return;
        f.capacity += row.capacity();
        if (row.capacity() == 0) ++f.unlimited;
    });
    return sums;
}

TEST(AppLaws, TheSumsAreThoseOfTheRowsAfterAnyOperations) {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        std::mt19937_64 random{seed};
        const auto draw = [&random](std::uint64_t limit) { return random() % limit; };
        Writer w;
        for (int step = 0; step < 300; ++step) {
            const std::string address = "h" + std::to_string(draw(30)) + ":1";
            switch (draw(8)) {
                case 0:
                    w.remove(address);
                    break;
                case 1:
                    w.builder.believe(testing::kAlice, draw(2) == 0 ? gossip::MemberState::suspect
                                                                    : gossip::MemberState::alive);
                    break;
                case 2:
                    if (draw(20) == 0) w.builder.clear();
                    w.builder.apply(testing::node(testing::kAlice, gossip::MemberState::alive,
                                                  static_cast<std::uint64_t>(step) + 2));
                    break;
                default:
                    w.put(address, "v" + std::to_string(draw(3)),
                          static_cast<std::uint32_t>(draw(5)), static_cast<Phase>(draw(4)));
            }
            if (draw(3) != 0) continue;
            const auto view = w.view();
            const auto sums = recount(*view);
            const AppRow* app = view->app("chat");
            ASSERT_EQ(app ? app->versions.size() : 0, sums.size()) << "seed " << seed;
            for (const auto& entry : sums) ASSERT_EQ(*app->facts(entry.first), entry.second);
            if (app) {
                EXPECT_EQ(app->plan, make_plan(nullptr, 0, app->versions));
            }
        }
    }
}

}  // namespace
}  // namespace registry
