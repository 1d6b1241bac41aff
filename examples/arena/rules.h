#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>

// The game. Pure: no sockets, no clock, nothing random.
namespace arena {

constexpr int kWidth = 16;
constexpr int kHeight = 16;
constexpr int kReach = 2;             // of a hit, in steps
constexpr std::size_t kMostNews = 4;  // that are kept for a player who does not ask

// What a version decides: the reason why a session has to stay on the version that it began on.
struct Rules {
    bool respawn = true;  // whoever is killed begins again elsewhere; else he stays as a ghost
};
[[nodiscard]] Rules rules_of(std::string_view version);

enum class Direction : std::uint8_t { north, east, south, west };

struct Player {
    std::string name;
    int x = 0;
    int y = 0;
    int score = 0;
    bool ghost = false;
    std::uint64_t counter = 0;     // of the answers that he was given
    std::deque<std::string> news;  // what happened to him since the last one
};

class World {
  public:
    explicit World(Rules rules) : rules_(rules) {}

    // Requires that the session is not there yet.
    const Player& enter(const std::string& session, const std::string& name);
    void leave(const std::string& session);
    // nullptr if there is no such player.
    [[nodiscard]] const Player* find(const std::string& session) const;
    [[nodiscard]] std::size_t size() const { return players_.size(); }

    // Both count as one answer. Require the player.
    void move(const std::string& session, Direction direction);  // stops at the walls
    // Kills the nearest other living player within reach; of several the one of the first session.
    void hit(const std::string& session);
    // What happened to the player since it was last taken.
    std::deque<std::string> take_news(const std::string& session);

  private:
    void put_somewhere(Player& player);
    void kill(Player& victim, Player& killer);

    Rules rules_;
    std::map<std::string, Player> players_;  // by session
    unsigned entries_ = 0;                   // spreads the places where players begin
};

}  // namespace arena
