#include "registry/plan.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <map>
#include <random>

#include "tests/registry/samples.h"

// Which versions accept and which drain: a table of situations, and laws over random ones.

namespace registry {
namespace {

using testing::facts;

App app(std::vector<Weight> weights) {
    App a;
    a.name = "chat";
    a.rollout.weights = std::move(weights);
    return a;
}

// "v2 accepting, v1 draining"; with the share where there are several.
std::string roles(const Plan& plan) {
    std::string text;
    for (const VersionPlan& v : plan.versions) {
        if (!text.empty()) text += ", ";
        text += v.version + " " + std::string{name(v.role)};
        if (v.parts > 1) text += " " + std::to_string(v.parts);
    }
    return text;
}

std::string roles(const App* decided, const std::vector<VersionFacts>& versions) {
    return roles(make_plan(decided, decided ? 7 : 0, versions));
}

TEST(Plan, WithoutADecisionTheVersionThatWasFirstSeenLastAccepts) {
    EXPECT_EQ(roles(nullptr, {}), "");
    EXPECT_EQ(roles(nullptr, {facts("v1", 10, 2)}), "v1 accepting");
    EXPECT_EQ(roles(nullptr, {facts("v1", 10, 2, 5), facts("v2", 20, 1)}),
              "v2 accepting, v1 draining");
    EXPECT_EQ(roles(nullptr, {facts("v1", 10, 2), facts("v2", 20, 1)}), "v2 accepting, v1 closing");
    EXPECT_EQ(roles(nullptr, {facts("v1", 10, 2), facts("v2", 20, 0)}), "v2 stopped, v1 accepting")
        << "nothing of v2 is alive";
}

TEST(Plan, ARestartOrScaleUpOfAnOldVersionDoesNotMakeItTheNewest) {
    // However many instances of v1 were registered last: its birth is what counts.
    EXPECT_EQ(roles(nullptr, {facts("v1", 10, 50, 5), facts("v2", 20, 1)}),
              "v2 accepting, v1 draining");
    EXPECT_EQ(roles(nullptr, {facts("a", 20, 1), facts("b", 20, 1)}), "b accepting, a closing")
        << "first seen in the same millisecond: by name, alike on every node";
}

TEST(Plan, AVersionThatIsNotReadyWarmsAndTheOldOneGoesOn) {
    VersionFacts young = facts("v2", 20, 0);
    young.by_state[static_cast<std::size_t>(State::starting)] = 3;
    EXPECT_EQ(roles(nullptr, {facts("v1", 10, 2, 5), young}), "v2 warming, v1 accepting");
    App three = app({{"v2", 1}});
    three.rollout.min_ready = 3;
    EXPECT_EQ(roles(&three, {facts("v1", 10, 2, 5), facts("v2", 20, 2)}),
              "v2 warming, v1 accepting");
    EXPECT_EQ(roles(&three, {facts("v1", 10, 2, 5), facts("v2", 20, 3)}),
              "v2 accepting, v1 draining");
}

TEST(Plan, WeightsShareNewClients) {
    const App split = app({{"v1", 80}, {"v2", 20}});
    EXPECT_EQ(roles(&split, {facts("v1", 10, 2, 5), facts("v2", 20, 1)}),
              "v2 accepting 20, v1 accepting 80");
    EXPECT_EQ(roles(&split, {facts("v1", 10, 2, 5)}), "v1 accepting 80");
    EXPECT_EQ(roles(&split, {facts("v1", 10, 2, 5), facts("v2", 20, 1), facts("v3", 30, 1)}),
              "v3 warm, v2 accepting 20, v1 accepting 80")
        << "nobody has promoted v3";
}

TEST(Plan, SomebodyAcceptsWheneverSomebodyCan) {
    const App third = app({{"v3", 1}});
    EXPECT_EQ(roles(&third, {facts("v1", 10, 2), facts("v2", 20, 1), facts("v3", 30, 0)}),
              "v3 warming, v2 accepting, v1 closing")
        << "the newest earlier one";
    EXPECT_EQ(roles(&third, {facts("v2", 20, 0), facts("v4", 40, 1), facts("v3", 30, 0)}),
              "v4 accepting, v3 warming, v2 stopped")
        << "else whatever there is";
    App out = app({{"v3", 1}});
    out.rollout.quarantine = {"v2"};
    EXPECT_EQ(roles(&out, {facts("v1", 10, 2), facts("v2", 20, 1), facts("v3", 30, 0)}),
              "v3 warming, v2 closing, v1 accepting")
        << "never one in quarantine";
}

TEST(Plan, QuarantineTakesAVersionOutWhateverElseIsSaid) {
    App a = app({});
    a.rollout.quarantine = {"v2"};
    EXPECT_EQ(roles(&a, {facts("v1", 10, 1), facts("v2", 20, 1, 3)}), "v2 draining, v1 accepting");
    EXPECT_EQ(roles(&a, {facts("v1", 10, 1), facts("v2", 20, 1)}), "v2 closing, v1 accepting");
    EXPECT_EQ(roles(&a, {facts("v2", 20, 1)}), "v2 closing") << "even when it is the only one";
}

TEST(Plan, StockForARollbackStays) {
    App a = app({{"v3", 1}});
    a.rollout.hold = 2;
    EXPECT_EQ(roles(&a, {facts("v1", 10, 4), facts("v2", 20, 2), facts("v3", 30, 1)}),
              "v3 accepting, v2 warm, v1 closing");
    a.rollout.hold = 3;
    EXPECT_EQ(roles(&a, {facts("v1", 10, 4), facts("v2", 20, 2), facts("v3", 30, 1)}),
              "v3 accepting, v2 warm, v1 warm");
    a.rollout.hold = 0;
    a.rollout.paused = true;
    EXPECT_EQ(roles(&a, {facts("v1", 10, 4), facts("v3", 30, 1)}), "v3 accepting, v1 warm");
}

TEST(Plan, EmptyInstancesOfADrainingVersionCloseUnlessTheyAreStock) {
    App a = app({{"v2", 1}});
    const std::vector<VersionFacts> versions{facts("v1", 10, 2, 5), facts("v2", 20, 1)};
    const auto verdict = [&](std::uint32_t sessions) {
        const Plan plan = make_plan(&a, 1, versions);
        return admission(*plan.find("v1"), {State::up, false, sessions});
    };
    EXPECT_EQ(verdict(3), Admission::draining);
    EXPECT_EQ(verdict(0), Admission::closed);
    a.rollout.hold = 1;
    EXPECT_EQ(verdict(0), Admission::standby);
    a.rollout.hold = 0;
    a.rollout.paused = true;
    EXPECT_EQ(verdict(0), Admission::standby);
    EXPECT_EQ(verdict(3), Admission::draining);
}

TEST(Admission, FollowsRoleStateAndSessions) {
    struct Case {
        Role role;
        Standing standing;
        Admission wanted;
    };
    const VersionPlan blank;
    for (const Case& c : {
             Case{Role::accepting, {State::up, false, 0}, Admission::open},
             Case{Role::accepting, {State::up, false, 9}, Admission::open},
             Case{Role::accepting, {State::starting, false, 0}, Admission::standby},
             Case{Role::accepting, {State::suspect, false, 9}, Admission::standby},
             Case{Role::accepting, {State::draining, false, 9}, Admission::draining},
             Case{Role::accepting, {State::draining, false, 0}, Admission::closed},
             Case{Role::accepting, {State::expired, false, 9}, Admission::closed},
             Case{Role::accepting, {State::up, true, 0}, Admission::closed},
             Case{Role::warming, {State::up, false, 0}, Admission::standby},
             Case{Role::warm, {State::up, false, 0}, Admission::standby},
             Case{Role::warm, {State::up, false, 1}, Admission::draining},
             Case{Role::draining, {State::up, false, 1}, Admission::draining},
             Case{Role::closing, {State::up, false, 0}, Admission::closed},
             Case{Role::closing, {State::up, false, 1}, Admission::draining},
         }) {
        VersionPlan version = blank;
        version.role = c.role;
        EXPECT_EQ(admission(version, c.standing), c.wanted)
            << name(c.role) << ", " << name(c.standing.state) << ", " << c.standing.sessions;
    }
}

// ---- laws

struct Situation {
    App decided;
    std::vector<VersionFacts> versions;
};

Situation random_situation(std::mt19937_64& random) {
    const auto draw = [&random](std::uint64_t limit) { return random() % limit; };
    Situation s;
    s.decided.name = "chat";
    for (std::uint64_t i = 0; i < 1 + draw(5); ++i) {
        VersionFacts f = facts("v" + std::to_string(i), draw(4), 0);
        for (std::uint32_t& count : f.by_state) {
            count = draw(3) == 0 ? static_cast<std::uint32_t>(draw(4)) : 0;
        }
        f.sessions = f.live() > 0 && draw(2) == 0 ? draw(50) : 0;
        s.versions.push_back(f);
    }
    for (const VersionFacts& f : s.versions) {
        const std::uint64_t choice = draw(4);
        if (choice == 0) s.decided.rollout.quarantine.push_back(f.version);
        if (choice == 1) {
            s.decided.rollout.weights.push_back(
                {f.version, 1 + static_cast<std::uint32_t>(draw(9))});
        }
    }
    s.decided.rollout.paused = draw(4) == 0;
    s.decided.rollout.hold = static_cast<std::uint32_t>(draw(3));
    s.decided.rollout.min_ready = 1 + static_cast<std::uint32_t>(draw(2));
    return s;
}

TEST(PlanLaws, EqualViewsGiveEqualPlansInWhateverOrder) {
    std::mt19937_64 random{1};
    for (int i = 0; i < 2000; ++i) {
        Situation s = random_situation(random);
        const Plan plan = make_plan(&s.decided, 5, s.versions);
        std::shuffle(s.versions.begin(), s.versions.end(), random);
        const Plan again = make_plan(&s.decided, 5, s.versions);
        EXPECT_EQ(plan, again);
        EXPECT_EQ(plan.hash, again.hash);
        EXPECT_NE(plan.hash, make_plan(&s.decided, 6, s.versions).hash) << "of another epoch";
    }
}

TEST(PlanLaws, SomebodyAcceptsExactlyIfSomebodyCan) {
    std::mt19937_64 random{2};
    for (int i = 0; i < 5000; ++i) {
        const Situation s = random_situation(random);
        const auto& quarantine = s.decided.rollout.quarantine;
        bool able = false;
        for (const VersionFacts& f : s.versions) {
            const bool out =
                std::find(quarantine.begin(), quarantine.end(), f.version) != quarantine.end();
            able = able || (f.ready() > 0 && !out);
        }
        const Plan plan = make_plan(&s.decided, 1, s.versions);
        std::uint32_t parts = 0;
        for (const VersionPlan& v : plan.versions) {
            parts += v.parts;
            EXPECT_EQ(v.parts > 0, v.role == Role::accepting);
            if (v.role != Role::accepting) continue;
            const auto f = std::find_if(s.versions.begin(), s.versions.end(),
                                        [&](const auto& one) { return one.version == v.version; });
            EXPECT_GT(f->ready(), 0U) << "accepting without an instance that is up";
        }
        EXPECT_EQ(parts > 0, able) << roles(plan);
    }
}

TEST(PlanLaws, NothingWithSessionsIsToldToClose) {
    std::mt19937_64 random{3};
    for (int i = 0; i < 5000; ++i) {
        const Situation s = random_situation(random);
        const Plan plan = make_plan(&s.decided, 1, s.versions);
        for (const VersionFacts& f : s.versions) {
            const Role role = plan.find(f.version)->role;
            if (f.sessions > 0) {
                EXPECT_NE(role, Role::closing);
                EXPECT_NE(role, Role::stopped);
            }
        }
    }
}

TEST(PlanLaws, FullnessNeverChangesARole) {
    std::mt19937_64 random{4};
    for (int i = 0; i < 2000; ++i) {
        Situation s = random_situation(random);
        const Plan plan = make_plan(&s.decided, 1, s.versions);
        for (VersionFacts& f : s.versions) {
            f.capacity = 1;
            if (f.sessions > 0) f.sessions = 1'000'000;
        }
        EXPECT_EQ(plan, make_plan(&s.decided, 1, s.versions));
    }
}

}  // namespace
}  // namespace registry
