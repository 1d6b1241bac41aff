#include "examples/arena/crowd.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <exception>
#include <utility>

namespace arena {
namespace {

using namespace std::chrono_literals;

constexpr auto kStartPeriod = 20ms;  // of new sessions: those that are due start together
constexpr auto kProgressPeriod = 1s;
constexpr auto kGoodbyes = 10s;  // for all to leave once they are told to

std::string in_words(const Tally& t) {
    return std::to_string(t.joined) + " joined, " + std::to_string(t.left) + " left, " +
           std::to_string(t.gone) + " gone, " + std::to_string(t.dismissed) + " dismissed, " +
           std::to_string(t.nowhere) + " nowhere; connections: " + std::to_string(t.broken) +
           " broken, " + std::to_string(t.cut) + " cut, " + std::to_string(t.resumed) +
           " resumed; " + std::to_string(t.answers) + " answers";
}

}  // namespace

Crowd::Crowd(asio::io_context& io, CrowdOptions options, Log& log)
    : io_(io),
      options_(std::move(options)),
      log_(log),
      finder_(options_.nodes, options_.app),
      random_(options_.seed),
      signals_(io, SIGTERM, SIGINT, SIGUSR1),
      start_(io),
      flush_(io),
      progress_(io),
      patience_(io) {
    signals_.add(SIGUSR2);
}

void Crowd::start() {
    begin_ = Clock::now();
    await_signal();
    flush();
    if (options_.progress) show_progress();
    start_due();
}

void Crowd::start_due() {
    if (leaving_) return;
    const std::chrono::duration<double> elapsed = Clock::now() - begin_;
    const auto due = static_cast<std::uint64_t>(elapsed.count() * options_.rate) + 1;
    for (; started_ < std::min(due, options_.sessions); ++started_) start_one();
    if (started_ >= options_.sessions) return;
    start_.expires_after(kStartPeriod);
    start_.async_wait([this](const asio::error_code& cancelled) {
        if (!cancelled) start_due();
    });
}

void Crowd::start_one() {
    const double part = std::generate_canonical<double, 53>(random_);
    const auto shortest = static_cast<double>(options_.shortest.count());
    const auto longest = static_cast<double>(options_.longest.count());
    const double length = shortest * std::pow(longest / shortest, part);  // log-uniform
    BotOptions bot{"bot-" + std::to_string(++names_),
                   std::chrono::milliseconds{static_cast<std::int64_t>(length)}, options_.every,
                   options_.storm};
    auto one = std::make_shared<Bot>(io_, std::move(bot), random_(), finder_, log_, tally_);
    bots_.insert(one);
    asio::co_spawn(io_, one->live(), [this, one](const std::exception_ptr& problem) {
        if (problem) std::rethrow_exception(problem);
        ended(one);
    });
}

void Crowd::ended(const std::shared_ptr<Bot>& bot) {
    bots_.erase(bot);
    if (options_.until_stopped && !leaving_) start_one();
    const bool all = leaving_ || started_ >= options_.sessions;
    if (all && bots_.empty()) io_.stop();
}

void Crowd::await_signal() {
    signals_.async_wait([this](const asio::error_code& failed, int number) {
        if (failed) return;
        obey(number);
        await_signal();
    });
}

void Crowd::obey(int number) {
    if (number == SIGUSR1) {
        for (const auto& bot : bots_) bot->cut();
    } else if (number == SIGUSR2) {
        finder_.forget();
    } else {
        leave();
    }
}

void Crowd::leave() {
    if (leaving_) return;
    leaving_ = true;
    const auto bots = bots_;  // some end at once
    for (const auto& bot : bots) bot->leave();
    if (bots_.empty()) io_.stop();
    patience_.expires_after(kGoodbyes);
    patience_.async_wait([this](const asio::error_code& cancelled) {
        if (!cancelled) io_.stop();
    });
}

void Crowd::flush() {
    log_.flush();
    flush_.expires_after(kFlushPeriod);
    flush_.async_wait([this](const asio::error_code& cancelled) {
        if (!cancelled) flush();
    });
}

void Crowd::show_progress() {
    const bool terminal = ::isatty(STDERR_FILENO) != 0;
    std::fprintf(stderr, terminal ? "\r\x1b[K%llu playing; %s" : "%llu playing; %s\n",
                 static_cast<unsigned long long>(tally_.playing), in_words(tally_).c_str());
    std::fflush(stderr);
    progress_.expires_after(kProgressPeriod);
    progress_.async_wait([this](const asio::error_code& cancelled) {
        if (!cancelled) show_progress();
    });
}

void Crowd::print_summary() const {
    const bool terminal = options_.progress && ::isatty(STDERR_FILENO) != 0;
    std::fprintf(stderr, "%sarena-bots: %llu sessions: %s\n", terminal ? "\r\x1b[K" : "",
                 static_cast<unsigned long long>(tally_.started), in_words(tally_).c_str());
    if (!bots_.empty()) {
        std::fprintf(stderr, "arena-bots: %zu did not get to say goodbye\n", bots_.size());
    }
}

int Crowd::exit_code() const {
    if (leaving_) return bots_.empty() ? 0 : 1;
    return tally_.gone + tally_.dismissed == 0 ? 0 : 1;
}

}  // namespace arena
