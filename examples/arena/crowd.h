#pragma once

#include <asio.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "examples/arena/bot.h"

namespace arena {

struct CrowdOptions {
    std::vector<std::string> nodes;
    std::string app = "arena";
    std::uint64_t sessions = 1000;
    double rate = 50;  // new ones per second
    std::chrono::milliseconds shortest{10'000};
    std::chrono::milliseconds longest{600'000};
    std::chrono::milliseconds every{1'000};
    std::uint64_t seed = 1;
    bool storm = false;
    bool until_stopped = false;  // a session that ends is followed by another one
    bool progress = false;
};

// Many bots at once: starts them, passes signals on, and says what they have seen.
class Crowd {
  public:
    Crowd(asio::io_context& io, CrowdOptions options, Log& log);

    // Returns at once. The io_context stops when every session has ended.
    void start();
    // After the io_context has stopped.
    void print_summary() const;
    // 0 if all sessions have ended as planned, or as the operator wanted.
    [[nodiscard]] int exit_code() const;

  private:
    using Clock = std::chrono::steady_clock;

    void start_due();
    void start_one();
    void ended(const std::shared_ptr<Bot>& bot);
    void await_signal();
    void obey(int number);
    void leave();
    void flush();
    void show_progress();

    asio::io_context& io_;
    CrowdOptions options_;
    Log& log_;
    Finder finder_;
    Tally tally_;
    std::mt19937_64 random_;
    asio::signal_set signals_;
    asio::steady_timer start_;
    asio::steady_timer flush_;
    asio::steady_timer progress_;
    asio::steady_timer patience_;
    std::set<std::shared_ptr<Bot>> bots_;
    std::uint64_t names_ = 0;    // given so far
    std::uint64_t started_ = 0;  // of options_.sessions
    Clock::time_point begin_;
    bool leaving_ = false;
};

}  // namespace arena
