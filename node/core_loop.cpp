#include "node/core_loop.h"

#include <algorithm>
#include <asio/post.hpp>

#include "gossip/jury.h"
#include "node/clock.h"
#include "node/event_log.h"
#include "node/log.h"

namespace node {

using gossip::Bytes;
using gossip::Endpoint;
using gossip::Mono;
using gossip::Output;
using gossip::StreamId;
using std::chrono::duration_cast;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

// While a snapshot arrives, making Views takes at most this share of the time, and readers see
// new rows at most this late.
constexpr int kPublishShare = 8;
constexpr milliseconds kPublishDelay{50};
// An Output that has grown beyond this (by a snapshot) gives its memory back.
constexpr std::size_t kKeptRows = 4096;

// Rises over restarts, so that a client's ETag of an earlier life never fits.
std::uint64_t first_revision() {
    return static_cast<std::uint64_t>(read_clocks().wall.time_since_epoch().count());
}

}  // namespace

namespace {

// Two periods until somebody pings a node that is gone, its silence, the jury, and its time to
// refute.
std::uint32_t detection_seconds(const gossip::Config& c) {
    const auto longest = 2 * c.interval + c.interval / 5 + c.ping_tries * c.ping_retry +
                         gossip::Jury::kSilenceRound + c.suspicion;
    return static_cast<std::uint32_t>(std::chrono::ceil<std::chrono::seconds>(longest).count());
}

}  // namespace

CoreLoop::CoreLoop(asio::io_context& io, Parts parts, GossipPorts ports)
    : io_(io),
      core_(parts.core),
      store_(parts.store),
      view_(parts.view),
      rows_(std::move(parts.rows)),
      builder_(first_revision(), detection_seconds(parts.core.config())),
      socket_(std::move(ports.udp), *this),
      streams_(io, std::move(ports.tcp), *this, StreamTransport::Limits{}),
      timer_(io) {}

CoreLoop::~CoreLoop() = default;

void CoreLoop::start() {
    const gossip::Table& table = core_.table();
    for (std::uint32_t slot = 0; slot < table.slots(); ++slot) {
        if (const gossip::Record* record = table.at(slot)) builder_.apply(*record);
    }
    for (RowListener* listener : rows_) listener->restored(core_);
    open_turn();
    core_.start(now_, output_);
    end_turn();
    socket_.start();
    streams_.start();
}

void CoreLoop::leave(std::function<void()> gone) {
    gone_ = std::move(gone);
    begin_turn();
    core_.leave(now_, output_);
}

void CoreLoop::stop() {
    stopping_ = true;
    socket_.stop();
    streams_.stop();
    timer_.cancel();
    store_.flush();
}

// ---- inputs

bool CoreLoop::submit(Work work, Done done) {
    if (stopping_) return false;
    if (queued_.fetch_add(1) >= kMaxQueued) {
        queued_.fetch_sub(1);
        return false;
    }
    asio::post(io_, [this, work = std::move(work), done = std::move(done)]() mutable {
        run_work(work, std::move(done));
    });
    return true;
}

void CoreLoop::run_work(const Work& work, Done done) {
    queued_.fetch_sub(1);
    if (stopping_) return;
    begin_turn();
    work(core_, now_, output_);
    dones_.push_back(std::move(done));
}

void CoreLoop::datagram(const Endpoint& from, Bytes bytes) {
    open_turn();
    core_.receive(from, bytes, now_, output_);
}

void CoreLoop::datagrams_read(bool last) {
    if (!turn_open_) return;
    if (last) {
        end_turn_if_alone();
    } else {
        begin_turn();
    }
}

void CoreLoop::refused(const Endpoint& by) {
    begin_turn();
    core_.refused(by, now_, output_);
}

void CoreLoop::accepted(StreamId id, const Endpoint& from) {
    begin_turn();
    core_.stream_accepted(id, from, now_, output_);
}

void CoreLoop::received(StreamId id, Bytes frame) {
    begin_turn();
    core_.stream_received(id, frame, now_, output_);
}

void CoreLoop::drained(StreamId id) {
    begin_turn();
    core_.stream_drained(id, now_, output_);
}

void CoreLoop::closed(StreamId id) {
    begin_turn();
    core_.stream_closed(id, now_, output_);
}

// ---- the turn

void CoreLoop::open_turn() {
    if (turn_open_) return;
    turn_open_ = true;
    turn_began_ = steady_clock::now();
    now_ = read_clocks();
}

void CoreLoop::begin_turn() {
    open_turn();
    if (end_posted_) return;
    end_posted_ = true;
    asio::post(io_, [this] {
        end_posted_ = false;
        end_turn();
    });
}

void CoreLoop::end_turn_if_alone() {
    if (end_posted_ || queued_.load() > 0) {
        begin_turn();
    } else {
        end_turn();
    }
}

void CoreLoop::end_turn() {
    if (!turn_open_ || stopping_) return;
    core_.tick(now_, output_);
    hear_questions();
    store_.note_horizon(core_.horizon());
    offset_ms_.store(core_.clock_offset().count(), std::memory_order_relaxed);
    gossip::perform(output_, *this);
    if (const auto due = store_.flush_due(); due && *due <= now_.mono) store_.flush();
    const auto deadline = builder_.next_deadline();
    if ((publish_due_ && *publish_due_ <= now_.mono) || (deadline && *deadline <= now_.mono)) {
        publish_now();
    }
    finish_output();

    turn_open_ = false;
    std::vector<Done> dones;
    dones.swap(dones_);  // a done may begin the next turn
    for (const Done& done : dones) done();
    if (dones_.empty()) {
        dones.clear();
        dones_.swap(dones);  // keeps the capacity
    }
    arm();

    const auto took = duration_cast<microseconds>(steady_clock::now() - turn_began_);
    ++turns_.turns;
    turns_.total += took;
    turns_.longest = std::max(turns_.longest, took);
    if (gone_ && core_.left(now_)) {
        const std::function<void()> gone = std::move(gone_);
        gone_ = nullptr;
        gone();
    }
}

// Before anything of this turn is sent; a question to ourselves has its answer in the same turn.
void CoreLoop::hear_questions() {
    QuestionListener* listener = listener_.load();
    if (listener == nullptr) return;
    for (const gossip::Asked& asked : output_.asked) {
        listener->asked(asked, core_, now_, output_);
    }
    for (const Output::Answered& answer : output_.answered) listener->answered(answer);
}

void CoreLoop::finish_output() {
    for (const gossip::Event& event : output_.events) log_event(event, core_.table());
    if (output_.behind.capacity() > kKeptRows) {
        output_ = Output{};
    } else {
        output_.clear();
    }
}

Mono::time_point CoreLoop::next_due() const {
    Mono::time_point next = core_.next_wakeup();
    if (const auto due = store_.flush_due()) next = std::min(next, *due);
    if (const auto due = builder_.next_deadline()) next = std::min(next, *due);
    if (publish_due_) next = std::min(next, *publish_due_);
    return next;
}

// A turn that postpones what is due a little leaves the timer where it is: an idle wake-up now and
// then is cheaper than a system call per turn. An ack that makes a repetition needless postpones it
// by most of a period: that is worth the call.
void CoreLoop::arm() {
    const Mono::time_point due = next_due();
    if (armed_ && *armed_ <= due && due - *armed_ < kWorthRearming) return;
    armed_ = due;
    timer_.expires_at(steady(due));
    timer_.async_wait([this, when = steady(due)](std::error_code problem) {
        if (!problem && !stopping_) timer_fired(when);
    });
}

void CoreLoop::timer_fired(SteadyTime due) {
    armed_.reset();
    if (steady_clock::now() - due > kStall) {
        ++turns_.stalls;
        socket_.drain(kStallDatagrams);
    }
    open_turn();
    end_turn_if_alone();
}

// ---- effects

void CoreLoop::persist(const Output& out) {
    store_.persist(out);
}

void CoreLoop::write_behind(const Output& out) {
    store_.write_behind(out, now_.mono);
}

void CoreLoop::send(const Endpoint& to, Bytes datagram) {
    socket_.send(to, datagram);
}

void CoreLoop::stream(const gossip::StreamAction& action) {
    streams_.apply(action);
}

void CoreLoop::publish(const Output& out) {
    for (RowListener* listener : rows_) listener->changed(out, core_);
    builder_.apply(out);

    // Somebody waits for his own write: now. Else Views may pause in proportion to their cost.
    const auto pause =
        std::min<std::chrono::nanoseconds>(publish_cost_ * kPublishShare, kPublishDelay);
    const auto earliest = published_at_ + pause;
    if (dones_.empty() && pause > milliseconds{1} && steady_clock::now() < earliest) {
        if (!publish_due_) {
            publish_due_ = now_.mono + duration_cast<milliseconds>(pause);
        }
        return;
    }
    publish_now();
}

// Tells the core what to answer peers that ask what this node makes of an app. Both lists are in
// order of name, and share what has not changed.
void CoreLoop::answer_polls(const registry::AppRows& before, const registry::AppRows& after) {
    if (&before == &after) return;
    auto old = before.begin();
    for (const auto& row : after) {
        for (; old != before.end() && (*old)->app.name < row->app.name; ++old) {
            core_.set_answer(registry::topic_of((*old)->app.name), {});
        }
        const bool known = old != before.end() && (*old)->app.name == row->app.name;
        if (!known || *old != row) {
            core_.set_answer(registry::topic_of(row->app.name), {row->epoch, row->plan.hash});
        }
        if (known) ++old;
    }
    for (; old != before.end(); ++old) core_.set_answer(registry::topic_of((*old)->app.name), {});
}

void CoreLoop::publish_now() {
    publish_due_.reset();
    const SteadyTime begin = steady_clock::now();
    const std::shared_ptr<const registry::View> before = view_.load();
    auto view = builder_.publish(now_);
    static const registry::AppRows kNone;
    answer_polls(before ? before->apps() : kNone, view->apps());
    view_.store(std::move(view));
    published_at_ = steady_clock::now();
    publish_cost_ = published_at_ - begin;
}

}  // namespace node
