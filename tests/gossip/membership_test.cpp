#include "gossip/membership.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "gossip/hash.h"

namespace gossip {
namespace {

NodeRecord node(std::uint64_t id, MemberState state = MemberState::alive) {
    NodeRecord record;
    record.id = {id};
    record.incarnation_ms = 1000 + id;
    record.state = state;
    record.info.gossip = Endpoint::v4(10, 0, static_cast<std::uint8_t>(id >> 8),
                                      static_cast<std::uint8_t>(id), 7701);
    return record;
}

Membership cluster(std::uint64_t size) {
    Membership members;
    for (std::uint64_t id = 1; id <= size; ++id) members.apply(node(id));
    return members;
}

// ---- against a sorted map

using Model = std::map<std::uint64_t, std::pair<std::uint64_t, MemberState>>;  // position -> id

std::uint64_t naive_neighbour(const Model& model, std::uint64_t id, bool forward) {
    std::vector<std::uint64_t> ring;  // reachable ids, from just after `id` all the way round
    for (const auto& entry : model) {
        if (entry.first > mix64(id)) ring.push_back(entry.first);
    }
    for (const auto& entry : model) {
        if (entry.first < mix64(id)) ring.push_back(entry.first);
    }
    if (!forward) std::ranges::reverse(ring);
    for (const std::uint64_t position : ring) {
        if (model.at(position).second <= MemberState::suspect) return model.at(position).first;
    }
    return 0;
}

void expect_equal(const Membership& members, const Model& model) {
    ASSERT_EQ(members.all().size(), model.size());
    auto expected = model.begin();
    std::size_t counts[4] = {};
    for (const Member& member : members.all()) {
        ASSERT_EQ(member.position, expected->first);
        ASSERT_EQ(member.id.value, expected->second.first);
        ASSERT_EQ(member.state, expected->second.second);
        ++counts[static_cast<std::size_t>(member.state)];
        ++expected;
    }
    for (std::size_t i = 0; i < 4; ++i) {
        ASSERT_EQ(members.count(static_cast<MemberState>(i)), counts[i]);
    }
    ASSERT_EQ(members.reachable(), counts[0] + counts[1]);
    for (std::uint64_t id = 1; id <= 40; ++id) {  // of members, and of who is not one
        const Member* next = members.successor({id});
        const Member* previous = members.predecessor({id});
        ASSERT_EQ(next ? next->id.value : 0, naive_neighbour(model, id, true)) << id;
        ASSERT_EQ(previous ? previous->id.value : 0, naive_neighbour(model, id, false)) << id;
        ASSERT_EQ(members.find({id}) != nullptr, model.contains(mix64(id)));
    }
}

TEST(Membership, BehavesLikeASortedMap) {
    for (std::uint64_t seed = 1; seed <= 30; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        Rng rng{seed};
        Membership members;
        Model model;
        for (int step = 0; step < 300; ++step) {
            const std::uint64_t id = 1 + rng.below(40);
            if (rng.below(4) == 0) {
                members.remove({id});
                model.erase(mix64(id));
            } else {
                const auto state = static_cast<MemberState>(rng.below(4));
                members.apply(node(id, state));
                model[mix64(id)] = {id, state};
            }
            expect_equal(members, model);
        }
    }
}

TEST(Membership, TheRingOfReachableMembersIsOneCircle) {
    Membership members = cluster(500);
    for (std::uint64_t id = 1; id <= 500; id += 3) members.apply(node(id, MemberState::dead));
    std::set<std::uint64_t> visited;
    NodeId at{2};
    do {
        EXPECT_TRUE(visited.insert(at.value).second);
        const Member* next = members.successor(at);
        ASSERT_TRUE(next);
        EXPECT_EQ(members.predecessor(next->id)->id, at);
        at = next->id;
    } while (at != NodeId{2});
    EXPECT_EQ(visited.size(), members.reachable());
}

TEST(Membership, AloneThereAreNoNeighbours) {
    Membership members;
    EXPECT_FALSE(members.successor({1}));
    members.apply(node(1));
    EXPECT_FALSE(members.successor({1}));
    EXPECT_FALSE(members.predecessor({1}));
    members.apply(node(2, MemberState::left));
    EXPECT_FALSE(members.successor({1}));
    EXPECT_EQ(members.successor({2})->id, NodeId{1});
}

TEST(Membership, IsFoundByEndpointWhileReachable) {
    Membership members = cluster(20);
    EXPECT_EQ(members.at(node(7).info.gossip)->id, NodeId{7});
    members.apply(node(7, MemberState::dead));
    EXPECT_FALSE(members.at(node(7).info.gossip));
    EXPECT_FALSE(members.at(Endpoint::v4(1, 2, 3, 4, 5)));
}

TEST(Membership, CopiesShareTheirMembersUntilOneChanges) {
    const Membership original = cluster(100);
    Membership copy = original;
    EXPECT_EQ(&copy.all(), &original.all());
    copy.apply(node(5, MemberState::dead));
    EXPECT_NE(&copy.all(), &original.all());
    EXPECT_EQ(original.find({5})->state, MemberState::alive);
    EXPECT_EQ(original.count(MemberState::dead), 0U);
    EXPECT_EQ(copy.find({5})->state, MemberState::dead);
    Membership cleared = copy;
    cleared.clear();
    EXPECT_TRUE(cleared.all().empty());
    EXPECT_EQ(copy.all().size(), 100U);
}

// ---- samples

std::vector<const Member*> sample(const Membership& members, std::uint64_t seed, std::size_t count,
                                  std::uint64_t self) {
    Rng rng{seed};
    std::vector<const Member*> out;
    members.sample(rng, count, {self}, out);
    return out;
}

TEST(MembershipSample, GivesAsManyDifferentReachableOthersAsThereAre) {
    for (std::uint64_t seed = 0; seed < 2000; ++seed) {
        Rng rng{seed};
        const std::uint64_t size = 1 + rng.below(12);
        Membership members;
        for (std::uint64_t id = 1; id <= size; ++id) {
            members.apply(node(id, static_cast<MemberState>(rng.below(4))));
        }
        const std::uint64_t self = 1 + rng.below(size);
        std::vector<const Member*> out;
        if (const Member* next = members.successor({self})) out.push_back(next);
        const std::size_t before = out.size();
        const std::size_t count = rng.below(6);
        members.sample(rng, count, {self}, out);

        std::set<const Member*> distinct;
        for (const Member* member : out) {
            EXPECT_TRUE(member->reachable());
            EXPECT_NE(member->id.value, self);
            EXPECT_TRUE(distinct.insert(member).second);
        }
        const std::size_t others =
            members.reachable() - (members.find({self})->reachable() ? 1 : 0);
        EXPECT_EQ(out.size(), before + std::min(count, others - before)) << "seed " << seed;
    }
}

TEST(MembershipSample, IsTheSameForTheSameSeed) {
    const Membership members = cluster(1000);
    EXPECT_EQ(sample(members, 1, 6, 1), sample(members, 1, 6, 1));
    EXPECT_NE(sample(members, 1, 6, 1), sample(members, 2, 6, 1));
}

TEST(MembershipSample, TakesEveryMemberEquallyOften) {
    const Membership members = cluster(50);
    std::map<std::uint64_t, int> drawn;
    for (std::uint64_t seed = 0; seed < 20'000; ++seed) {
        for (const Member* member : sample(members, seed * 7919, 2, 1)) ++drawn[member->id.value];
    }
    EXPECT_EQ(drawn.size(), 49U);
    for (const auto& entry : drawn) {
        EXPECT_NEAR(entry.second, 40'000 / 49, 150) << "node " << entry.first;
    }
}

}  // namespace
}  // namespace gossip
