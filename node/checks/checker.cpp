#include "node/checks/checker.h"

#include <algorithm>
#include <asio/post.hpp>
#include <iterator>
#include <utility>

#include "node/log.h"

namespace node {
namespace {

using registry::Check;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

}  // namespace

Checker::Checker(CheckPolicy policy)
    : policy_(std::move(policy)), watchlist_([this](std::vector<Watchlist::Change> changes) {
          asio::post(io_,
                     [this, changes = std::move(changes)]() mutable { watch(std::move(changes)); });
      }) {}

Checker::~Checker() {
    stop();
}

void Checker::start(CoreHandle& core) {
    core_ = &core;
    thread_ = std::thread([this] { io_.run(); });
}

void Checker::stop() {
    io_.stop();
    if (thread_.joinable()) thread_.join();
}

// ---- what there is to check

void Checker::watch(std::vector<Watchlist::Change> changes) {
    for (Watchlist::Change& change : changes) {
        forget(change.address);
        if (!change.check) continue;
        auto entry = std::make_shared<Entry>();
        entry->address = change.address;
        entry->check = *std::move(change.check);
        std::uniform_int_distribution<std::int64_t> phase{0, entry->check.interval_ms};
        schedule(entry, steady_clock::now() + milliseconds{phase(random_)});
        entries_.emplace(std::move(change.address), std::move(entry));
    }
    counters_.known = entries_.size();
    arm();
}

void Checker::forget(const std::string& address) {
    const auto found = entries_.find(address);
    if (found == entries_.end()) return;
    Entry& entry = *found->second;
    entry.gone = true;  // if it runs or is ready, it ends there
    if (entry.waits) schedule_.erase(entry.due);
    entries_.erase(found);
}

// ---- when

void Checker::schedule(const EntryPtr& entry, SteadyTime due) {
    entry->due = schedule_.emplace(due, entry);
    entry->waits = true;
}

void Checker::arm() {
    if (schedule_.empty()) return;
    timer_.expires_at(schedule_.begin()->first);
    timer_.async_wait([this](std::error_code problem) {
        if (!problem) timer_fired();
    });
}

void Checker::timer_fired() {
    const auto end = schedule_.upper_bound(steady_clock::now());
    for (auto at = schedule_.begin(); at != end; ++at) {
        at->second->waits = false;
        (at->second->misses > 0 ? doubtful_ : ready_).push_back(at->second);
    }
    schedule_.erase(schedule_.begin(), end);
    run_ready();
    arm();
}

void Checker::run_ready() {
    run_some(ready_, running_, kMaxRunning - running_doubtful_);
    run_some(doubtful_, running_doubtful_, std::min(kMaxDoubtful, kMaxRunning - running_));
    counters_.running = running_ + running_doubtful_;
}

void Checker::run_some(std::deque<EntryPtr>& ready, std::size_t& running, std::size_t limit) {
    while (!ready.empty() && running < limit) {
        const EntryPtr entry = std::move(ready.front());
        ready.pop_front();
        if (!entry->gone) run(entry, running);
    }
}

// ---- one try

void Checker::run(const EntryPtr& entry, std::size_t& running) {
    const Check& check = entry->check;
    entry->began = steady_clock::now();
    ++running;
    ++counters_.runs;
    const auto done = [this, entry, &running](const Probed& probed) {
        --running;
        if (!entry->gone) finished(entry, probed);
        run_ready();
    };
    // Every time: the row may have come from the disk of an agent with other settings.
    if (const auto refusal = policy_.refusal(entry->address, check)) {
        asio::post(io_, [done, why = refusal->message] {
            done({Probed::Outcome::refused, why, {}});
        });
        return;
    }
    const auto target = registry::parse_target(check.kind, check.target);
    probe(io_, {check.kind, *target, milliseconds{check.timeout_ms}}, policy_, lookups_, done);
}

void Checker::finished(const EntryPtr& entry, const Probed& probed) {
    switch (probed.outcome) {
        case Probed::Outcome::up: {
            entry->misses = 0;
            const HealthBody health = parse_health(probed.body);
            if (health.odd) {
                ++counters_.odd;
                if (!std::exchange(entry->told_odd, true)) {
                    log(LogLevel::warn, "check_odd_answer", {{"address", entry->address}});
                }
            }
            report(*entry, {entry->address, entry->check, true, health});
            break;
        }
        case Probed::Outcome::down:
            ++counters_.missed;
            // Every further miss is told, too: the application may have registered again.
            if (++entry->misses >= registry::kMissesToExpire) {
                report(*entry, {entry->address, entry->check, false, {}, probed.why});
            }
            break;
        case Probed::Outcome::refused:
            refused(*entry, probed.why);
            break;
        case Probed::Outcome::unknown:
            ++counters_.dropped;
            break;
    }
    const std::int64_t interval = entry->check.interval_ms;
    const std::int64_t spread = interval * kJitterPercent / 100;
    std::uniform_int_distribution<std::int64_t> pause{interval - spread, interval + spread};
    schedule(entry, std::max(entry->began + milliseconds{pause(random_)}, steady_clock::now()));
    if (schedule_.begin()->second == entry) arm();
}

void Checker::refused(Entry& entry, const std::string& why) {
    ++counters_.refused;
    if (std::exchange(entry.told_refused, true)) return;
    log(LogLevel::warn, "check_refused", {{"address", entry.address}, {"why", why}});
}

// ---- to the core

void Checker::report(const Entry& entry, Finding finding) {
    if (findings_.size() >= kMaxFindings) {
        ++counters_.dropped;
        log(LogLevel::debug, "check_dropped", {{"address", entry.address}});
        return;
    }
    findings_.push_back(std::move(finding));
    submit();
}

void Checker::submit() {
    if (submitted_ || findings_.empty()) return;
    const std::size_t size = std::min(kBatch, findings_.size());
    const auto end = findings_.begin() + static_cast<std::ptrdiff_t>(size);
    auto batch = std::make_shared<std::vector<Finding>>(std::make_move_iterator(findings_.begin()),
                                                        std::make_move_iterator(end));
    findings_.erase(findings_.begin(), end);
    submitted_ = core_->submit(
        [this, batch](gossip::Core& core, gossip::Now now, gossip::Output& out) {
            for (const Finding& finding : *batch) watchlist_.apply(finding, core, now, out);
        },
        [this] {
            asio::post(io_, [this] {
                submitted_ = false;
                submit();
            });
        });
    // The next results of these checks say the same.
    if (!submitted_) counters_.dropped += size;
}

}  // namespace node
