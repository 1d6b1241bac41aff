#include "examples/arena/rules.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace arena {
namespace {

// Coprime with the number of cells: each place comes once before the first one comes again.
constexpr unsigned kStride = 101;

void tell(Player& player, std::string what) {
    if (player.news.size() == kMostNews) player.news.pop_front();
    player.news.push_back(std::move(what));
}

int distance(const Player& a, const Player& b) {
    return std::abs(a.x - b.x) + std::abs(a.y - b.y);
}

}  // namespace

Rules rules_of(std::string_view version) {
    return {.respawn = version == "v1"};
}

const Player& World::enter(const std::string& session, const std::string& name) {
    Player& player = players_[session];
    player.name = name;
    put_somewhere(player);
    return player;
}

void World::leave(const std::string& session) {
    players_.erase(session);
}

const Player* World::find(const std::string& session) const {
    const auto found = players_.find(session);
    return found == players_.end() ? nullptr : &found->second;
}

void World::move(const std::string& session, Direction direction) {
    Player& player = players_.at(session);
    ++player.counter;
    switch (direction) {
        case Direction::north:
            player.y = std::max(player.y - 1, 0);
            break;
        case Direction::east:
            player.x = std::min(player.x + 1, kWidth - 1);
            break;
        case Direction::south:
            player.y = std::min(player.y + 1, kHeight - 1);
            break;
        case Direction::west:
            player.x = std::max(player.x - 1, 0);
            break;
    }
}

void World::hit(const std::string& session) {
    Player& player = players_.at(session);
    ++player.counter;
    if (player.ghost) return tell(player, "ghosts-cannot-hit");
    Player* nearest = nullptr;
    for (auto& [other, candidate] : players_) {
        const bool target =
            other != session && !candidate.ghost && distance(player, candidate) <= kReach;
        if (!target) continue;
        if (!nearest || distance(player, candidate) < distance(player, *nearest)) {
            nearest = &candidate;
        }
    }
    if (!nearest) return tell(player, "missed");
    kill(*nearest, player);
}

std::deque<std::string> World::take_news(const std::string& session) {
    return std::exchange(players_.at(session).news, {});
}

void World::put_somewhere(Player& player) {
    const unsigned cell = entries_++ * kStride % (kWidth * kHeight);
    player.x = static_cast<int>(cell % kWidth);
    player.y = static_cast<int>(cell / kWidth);
}

void World::kill(Player& victim, Player& killer) {
    ++killer.score;
    tell(killer, "killed " + victim.name);
    tell(victim, "killed-by " + killer.name);
    if (rules_.respawn) {
        put_somewhere(victim);
        tell(victim, "respawned");
    } else {
        victim.ghost = true;
    }
}

}  // namespace arena
