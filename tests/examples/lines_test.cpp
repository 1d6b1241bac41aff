#include "examples/arena/lines.h"

#include <gtest/gtest.h>

namespace {

using arena::Answer;
using arena::parse_answer;
using arena::parse_command;
using arena::to_line;

TEST(ArenaLines, CommandsAreReadAsTheyAreDocumented) {
    const auto join = parse_command("join TICKET ann");
    ASSERT_TRUE(join && std::holds_alternative<arena::Join>(*join));
    EXPECT_EQ(std::get<arena::Join>(*join).ticket, "TICKET");
    EXPECT_EQ(std::get<arena::Join>(*join).name, "ann");
    const auto resume = parse_command("resume TOKEN\r");
    ASSERT_TRUE(resume && std::holds_alternative<arena::Resume>(*resume));
    EXPECT_EQ(std::get<arena::Resume>(*resume).token, "TOKEN");
    const auto move = parse_command("move W");
    ASSERT_TRUE(move && std::holds_alternative<arena::Move>(*move));
    EXPECT_EQ(std::get<arena::Move>(*move).direction, arena::Direction::west);
    EXPECT_TRUE(std::holds_alternative<arena::Hit>(*parse_command("hit")));
    EXPECT_TRUE(std::holds_alternative<arena::Leave>(*parse_command("leave")));
}

TEST(ArenaLines, AnythingElseIsNoCommand) {
    for (const char* line :
         {"", " ", "join", "join TICKET", "join  ann", "join TICKET ann ben", "join TICKET a\tb",
          "resume", "resume A B", "move", "move X", "move n", "move N N", "hit me", "leave now",
          "JOIN TICKET ann", "\r", "welcome"}) {
        EXPECT_FALSE(parse_command(line)) << line;
    }
    EXPECT_FALSE(parse_command("join TICKET " + std::string(arena::kLongestName + 1, 'a')));
    EXPECT_TRUE(parse_command("join TICKET " + std::string(arena::kLongestName, 'a')));
}

TEST(ArenaLines, WhatAServerSaysComesBackAsItWasMeant) {
    for (const char* line :
         {"welcome s1 v2 1795296990611 7 TOKEN", "you 8 3 15 -1 alive", "you 9 0 0 2 ghost",
          "you 1 2 3 4 alive killed-by ann, respawned", "notice draining",
          "notice draining 1795296990", "no full every seat is taken", "no full", "bye",
          "bye until next time"}) {
        const auto answer = parse_answer(line);
        ASSERT_TRUE(answer) << line;
        EXPECT_EQ(to_line(*answer), line);
    }
    const auto welcome = std::get<arena::Welcome>(*parse_answer("welcome s1 v2 5 7 TOKEN"));
    EXPECT_EQ(welcome.incarnation, 5U);
    EXPECT_EQ(welcome.counter, 7U);
    const auto no = std::get<arena::No>(*parse_answer("no moved that life is over"));
    EXPECT_EQ(no.verdict, "moved");
    EXPECT_EQ(no.reason, "that life is over");
}

TEST(ArenaLines, AServerThatSaysNonsenseIsNotUnderstood) {
    for (const char* line :
         {"", "welcome", "welcome s v x 1 T", "welcome s v 1 x T", "welcome s v 1 1",
          "welcome s v 1 1 T more", "you", "you 1 2 3 4", "you 1 2 3 4 dead", "you -1 2 3 4 alive",
          "notice", "notice closing", "notice draining soon", "no", "HTTP/1.1 400 Bad Request"}) {
        EXPECT_FALSE(parse_answer(line)) << line;
    }
}

}  // namespace
