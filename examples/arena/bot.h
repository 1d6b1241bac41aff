#pragma once

#include <asio.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <string>

#include "examples/arena/connection.h"
#include "examples/arena/finder.h"
#include "examples/arena/log.h"

namespace arena {

// What all sessions of the process have seen.
struct Tally {
    std::uint64_t started = 0;
    std::uint64_t joined = 0;
    std::uint64_t playing = 0;  // right now
    std::uint64_t answers = 0;
    std::uint64_t cut = 0;     // connections, by ourselves
    std::uint64_t broken = 0;  // connections, by the other side
    std::uint64_t resumed = 0;
    std::uint64_t left = 0;  // the planned end
    std::uint64_t gone = 0;
    std::uint64_t dismissed = 0;
    std::uint64_t nowhere = 0;   // gave up, in a storm
    std::uint64_t unseated = 0;  // were told to leave before they had a seat
    [[nodiscard]] std::uint64_t ended() const {
        return left + gone + dismissed + nowhere + unseated;
    }
};

struct BotOptions {
    std::string name;
    std::chrono::milliseconds length{60'000};  // of the session, once it is seated
    std::chrono::milliseconds every{1'000};
    bool storm = false;  // gives up when told `full` kFullTimes times
};

// One client with one session, from the first question to the end: finds a seat, plays, leaves; and
// comes back to its session whatever happens to its connection.
class Bot : public std::enable_shared_from_this<Bot> {
  public:
    Bot(asio::io_context& io, BotOptions options, std::uint64_t seed, Finder& finder, Log& log,
        Tally& tally)
        : io_(io),
          options_(std::move(options)),
          random_(seed),
          pause_(io),
          step_(io),
          finder_(finder),
          log_(log),
          tally_(tally) {}

    // The whole session.
    asio::awaitable<void> live();
    // The network is lost: no goodbye.
    void cut();
    // Leaves as soon as it can; one that has no seat yet wants none any more.
    void leave();

  private:
    enum class End : std::uint8_t { left, dismissed, lost };
    enum class Try : std::uint8_t { seated, full, refused, broken, over };

    asio::awaitable<bool> find_seat();
    asio::awaitable<bool> come_back();
    asio::awaitable<Try> introduce(std::string server, std::string line);
    asio::awaitable<End> play();
    asio::awaitable<void> rest();
    void plan_step();
    void step();
    void hear(const You& you);
    void note(const std::string& event);
    [[nodiscard]] std::string seat() const;

    asio::io_context& io_;
    BotOptions options_;
    std::mt19937_64 random_;
    asio::steady_timer pause_;
    asio::steady_timer step_;
    Finder& finder_;
    Log& log_;
    Tally& tally_;

    std::shared_ptr<Connection> link_;  // nullptr: none
    std::string server_;
    Welcome welcome_;  // the last one
    std::uint64_t counter_ = 0;
    std::chrono::steady_clock::time_point end_;
    bool asked_ = false;  // an answer is due
    bool seated_ = false;
    bool cut_ = false;
    bool leaving_ = false;
    bool said_leave_ = false;
};

}  // namespace arena
