#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "examples/arena/rules.h"

// The lines that both sides speak, without their ends. Pure. README.md has them in a table.
namespace arena {

constexpr std::size_t kLongestLine = 2048;  // bytes; a ticket or a token has at most 1,024
constexpr std::size_t kLongestName = 64;

// ---- of a client

struct Join {
    std::string ticket;
    std::string name;
};
struct Resume {
    std::string token;
};
struct Move {
    Direction direction;
};
struct Hit {};
struct Leave {};
using Command = std::variant<Join, Resume, Move, Hit, Leave>;

// nullopt for anything else. A name is 1 to kLongestName printable ASCII characters, no blank.
[[nodiscard]] std::optional<Command> parse_command(std::string_view line);

// ---- of a server

struct Welcome {
    std::string session;
    std::string version;
    std::uint64_t incarnation = 0;
    std::uint64_t counter = 0;  // of the last answer in this session
    std::string token;
};
struct You {
    std::uint64_t counter = 0;
    int x = 0;
    int y = 0;
    int score = 0;
    bool ghost = false;
    std::string happened;  // "killed-by ann, respawned"
};
struct Notice {
    std::uint64_t until = 0;  // Unix seconds; 0: whenever the last session ends
};
struct No {
    std::string verdict;
    std::string reason;
};
struct Bye {
    std::string reason;
};
using Answer = std::variant<Welcome, You, Notice, No, Bye>;

[[nodiscard]] std::string to_line(const Answer& answer);
[[nodiscard]] std::optional<Answer> parse_answer(std::string_view line);

}  // namespace arena
