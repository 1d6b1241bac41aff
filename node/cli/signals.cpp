#include "node/cli/signals.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <ctime>

namespace node::cli {
namespace {

sigset_t stop_set() {
    sigset_t set;
    sigemptyset(&set);
    for (const int number : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&set, number);
    return set;
}

}  // namespace

StopSignals::StopSignals() {
    const sigset_t set = stop_set();
    pthread_sigmask(SIG_BLOCK, &set, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
}

bool StopSignals::wait(std::chrono::milliseconds time) {
    using std::chrono::steady_clock;
    const sigset_t set = stop_set();
    const auto end = steady_clock::now() + time;
    while (!stopped_) {
        const auto left = std::chrono::duration_cast<std::chrono::nanoseconds>(
            std::max(end - steady_clock::now(), steady_clock::duration::zero()));
        const timespec limit{.tv_sec = static_cast<std::time_t>(left.count() / 1'000'000'000),
                             .tv_nsec = static_cast<long>(left.count() % 1'000'000'000)};
        stopped_ = ::sigtimedwait(&set, nullptr, &limit) > 0;
        // A debugger, or SIGCONT, interrupts the wait: then there is time left.
        if (!stopped_ && errno != EINTR) break;
    }
    return stopped_;
}

}  // namespace node::cli
