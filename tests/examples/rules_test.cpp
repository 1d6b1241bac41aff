#include "examples/arena/rules.h"

#include <gtest/gtest.h>

#include <set>
#include <utility>

namespace {

using arena::Direction;
using arena::rules_of;
using arena::World;

std::deque<std::string> news(World& world, const std::string& session) {
    return world.take_news(session);
}

// Puts the second player onto the first one's cell.
void meet(World& world, const std::string& session, const std::string& other) {
    const auto* to = world.find(other);
    const auto* who = world.find(session);
    while (who->x < to->x) world.move(session, Direction::east);
    while (who->x > to->x) world.move(session, Direction::west);
    while (who->y < to->y) world.move(session, Direction::south);
    while (who->y > to->y) world.move(session, Direction::north);
}

TEST(ArenaRules, EveryMoveAndEveryHitIsOneAnswer) {
    World world(rules_of("v1"));
    EXPECT_EQ(world.enter("a", "ann").counter, 0U);
    world.move("a", Direction::north);
    world.hit("a");
    EXPECT_EQ(world.find("a")->counter, 2U);
}

TEST(ArenaRules, WallsStopWhoWalksOn) {
    World world(rules_of("v1"));
    world.enter("a", "ann");
    for (int i = 0; i < 100; ++i) world.move("a", Direction::west);
    for (int i = 0; i < 100; ++i) world.move("a", Direction::north);
    EXPECT_EQ(world.find("a")->x, 0);
    EXPECT_EQ(world.find("a")->y, 0);
    for (int i = 0; i < 100; ++i) world.move("a", Direction::east);
    for (int i = 0; i < 100; ++i) world.move("a", Direction::south);
    EXPECT_EQ(world.find("a")->x, arena::kWidth - 1);
    EXPECT_EQ(world.find("a")->y, arena::kHeight - 1);
}

TEST(ArenaRules, PlayersBeginInDifferentPlaces) {
    World world(rules_of("v1"));
    std::set<std::pair<int, int>> places;
    for (int i = 0; i < arena::kWidth * arena::kHeight; ++i) {
        const auto& player = world.enter("s" + std::to_string(i), "name");
        places.emplace(player.x, player.y);
    }
    EXPECT_EQ(places.size(), world.size());
}

TEST(ArenaRules, InVersionOneTheDeadBeginAgain) {
    World world(rules_of("v1"));
    world.enter("a", "ann");
    world.enter("b", "ben");
    meet(world, "a", "b");
    world.hit("a");
    EXPECT_EQ(world.find("a")->score, 1);
    EXPECT_FALSE(world.find("b")->ghost);
    EXPECT_EQ(news(world, "a"), (std::deque<std::string>{"killed ben"}));
    EXPECT_EQ(news(world, "b"), (std::deque<std::string>{"killed-by ann", "respawned"}));
    EXPECT_TRUE(news(world, "b").empty()) << "told once";
    EXPECT_EQ(world.find("b")->counter, 0U) << "he has not been answered yet";
}

TEST(ArenaRules, LaterTheyStayAsGhostsWhoMoveAndCannotHit) {
    World world(rules_of("v2"));
    world.enter("a", "ann");
    world.enter("b", "ben");
    meet(world, "a", "b");
    world.hit("a");
    EXPECT_TRUE(world.find("b")->ghost);
    world.move("b", Direction::east);
    world.hit("b");
    EXPECT_EQ(world.find("b")->counter, 2U);
    EXPECT_EQ(news(world, "b"), (std::deque<std::string>{"killed-by ann", "ghosts-cannot-hit"}));
    world.hit("a");
    EXPECT_EQ(world.find("a")->score, 1) << "a ghost is not killed again";
}

TEST(ArenaRules, AHitReachesTheNearestOrNobody) {
    World world(rules_of("v2"));
    world.enter("a", "ann");
    world.enter("b", "ben");
    world.enter("c", "cid");
    meet(world, "b", "a");
    meet(world, "c", "a");
    world.move("b", Direction::east);
    world.move("b", Direction::east);
    world.hit("a");
    EXPECT_TRUE(world.find("c")->ghost);
    EXPECT_FALSE(world.find("b")->ghost);
    world.leave("c");
    EXPECT_EQ(world.find("c"), nullptr);
    world.move("b", Direction::east);
    world.move("b", Direction::south);
    world.move("b", Direction::south);
    news(world, "a");
    world.hit("a");
    EXPECT_EQ(news(world, "a"), (std::deque<std::string>{"missed"}));
}

TEST(ArenaRules, WhoDoesNotAskIsToldOnlyTheLastNews) {
    World world(rules_of("v1"));
    world.enter("a", "ann");
    for (int i = 0; i < 100; ++i) world.hit("a");
    EXPECT_EQ(news(world, "a").size(), arena::kMostNews);
}

}  // namespace
