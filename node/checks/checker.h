#pragma once

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <atomic>
#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "node/checks/counters.h"
#include "node/checks/policy.h"
#include "node/checks/probe.h"
#include "node/checks/watchlist.h"
#include "node/core_handle.h"

namespace node {

// Asks the applications that cannot heartbeat, on a thread of its own. Each check first runs at a
// random moment within its interval, then about once per interval, so that a thousand servers that
// were registered together are not asked together. What it finds out goes to the core in batches,
// of which one is under way at a time: a busy core makes batches larger, not the queue longer.
class Checker {
  public:
    static constexpr std::size_t kMaxRunning = 256;  // tries at a time: sockets
    // Of these, by checks that missed last time: servers that hang leave room for those that work.
    static constexpr std::size_t kMaxDoubtful = kMaxRunning / 2;
    static constexpr std::size_t kBatch = 1'000;          // findings per turn of the core: 1 ms
    static constexpr std::size_t kMaxFindings = 100'000;  // that wait; more are dropped
    static constexpr int kJitterPercent = 10;             // of the interval, either way

    explicit Checker(CheckPolicy policy);
    ~Checker();  // stops
    Checker(const Checker&) = delete;
    Checker& operator=(const Checker&) = delete;

    // What the core has to tell; only for its thread.
    [[nodiscard]] RowListener& rows() { return watchlist_; }
    // Findings go to `core`, which must not run works any more once the checker is destroyed.
    void start(CoreHandle& core);
    // Joins the thread, at once. What is under way is dropped. May be called twice.
    void stop();
    // A name is being resolved, which Asio cannot interrupt: destroying the checker waits for it.
    [[nodiscard]] bool looking_up() const { return lookups_ > 0; }
    [[nodiscard]] const CheckCounters& counters() const { return counters_; }

  private:
    using SteadyTime = std::chrono::steady_clock::time_point;
    struct Entry;
    using EntryPtr = std::shared_ptr<Entry>;
    using Schedule = std::multimap<SteadyTime, EntryPtr>;

    struct Entry {
        std::string address;
        registry::Check check;
        int misses = 0;  // in a row
        bool gone = false;
        bool told_refused = false;  // each is logged once
        bool told_odd = false;
        SteadyTime began;          // the try that runs, or ran last
        Schedule::iterator due{};  // while it waits for its time
        bool waits = false;
    };

    void watch(std::vector<Watchlist::Change> changes);
    void forget(const std::string& address);
    void schedule(const EntryPtr& entry, SteadyTime due);
    void timer_fired();
    void arm();
    void run_ready();
    void run_some(std::deque<EntryPtr>& ready, std::size_t& running, std::size_t limit);
    void run(const EntryPtr& entry, std::size_t& running);
    void finished(const EntryPtr& entry, const Probed& probed);
    void refused(Entry& entry, const std::string& why);
    void report(const Entry& entry, Finding finding);
    void submit();

    CheckPolicy policy_;
    CheckCounters counters_;
    std::atomic<int> lookups_{0};
    Watchlist watchlist_;
    CoreHandle* core_ = nullptr;

    asio::io_context io_{1};
    asio::executor_work_guard<asio::io_context::executor_type> work_{io_.get_executor()};
    asio::steady_timer timer_{io_};
    std::minstd_rand random_{std::random_device{}()};
    std::map<std::string, EntryPtr> entries_;
    Schedule schedule_;
    std::deque<EntryPtr> ready_;     // due; of those that are well
    std::deque<EntryPtr> doubtful_;  // due; of those that missed last time
    std::size_t running_ = 0;        // well
    std::size_t running_doubtful_ = 0;
    std::vector<Finding> findings_;
    bool submitted_ = false;  // a batch is on its way through the core
    std::thread thread_;
};

}  // namespace node
