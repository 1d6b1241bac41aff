#include "sim/rollout/game_server.h"

#include <algorithm>
#include <utility>

namespace sim {

using registry::Hosting;

namespace {

constexpr Time kLeastPause{100'000};          // between heartbeats, however often sessions change
constexpr Time kAgain{1'000'000};             // when the node does not take the registration
constexpr std::uint64_t kLinger = 1'500'000;  // us, at most: from the fence to the exit

}  // namespace

GameServer::GameServer(Company company, ServerSetup setup)
    : company_(company), setup_(std::move(setup)) {}

void GameServer::start() {
    CHECK(!alive_);
    ++life_;
    alive_ = true;
    closed_ = false;
    enrolled_ = told_ = false;
    beating_ = false;
    changed_ = false;
    seats_.clear();
    seq_ = 0;
    open_.clear();
    wake_at_ = Time{0};
    incarnation_ = static_cast<std::uint64_t>(Clock::kWallStart) +
                   static_cast<std::uint64_t>(company_.world.now().count() / 1000);
    company_.witness.lives(setup_.address, incarnation_, setup_.version, setup_.capacity);
    running_ = setup_.warm_up == Time{0};
    if (!running_) {
        company_.world.events().after(setup_.warm_up, in_this_life([this] {
                                          running_ = true;
                                          if (!beating_) enroll();
                                      }));
    }
    enroll();
}

void GameServer::kill() {
    if (!alive_) return;
    ++life_;
    alive_ = false;
    seats_.clear();
    company_.witness.killed(setup_.address);
}

registry::Heartbeat GameServer::state() const {
    registry::Heartbeat beat;
    const auto here = std::ranges::count_if(seats_, [](const auto& seat) { return seat.second; });
    beat.sessions = static_cast<std::uint32_t>(here);
    beat.resuming = static_cast<std::uint32_t>(seats_.size()) - *beat.sessions;
    beat.seq = counted();
    beat.incarnation = incarnation_;
    return beat;
}

void GameServer::enroll() {
    beating_ = true;
    registry::Instance x;
    x.address = setup_.address;
    x.app_name = kGame;
    x.version = setup_.version;
    x.incarnation = incarnation_;
    x.phase = running_ ? registry::Phase::running : registry::Phase::starting;
    x.capacity = setup_.capacity;
    x.sessions = static_cast<std::uint32_t>(seats_.size());
    x.ttl_s = setup_.ttl_s;
    company_.witness.registers(setup_.version);
    company_.calls.ask<bool>(
        setup_.node, [x](NodeApi& api) { return api.enroll(x); },
        in_this_life([this, running = running_](const std::optional<bool>& taken) {
            beating_ = false;
            if (!taken || !*taken) return wake_in(kAgain);
            enrolled_ = true;
            company_.witness.registered(setup_.version);
            told_ = running;
            beat();
        }));
}

void GameServer::beat() {
    if (beating_) return;
    if (!enrolled_ || told_ != running_) return enroll();
    beating_ = true;
    changed_ = false;
    company_.calls.ask<NodeApi::Obeyed>(
        setup_.node,
        [address = setup_.address, beat = state()](NodeApi& api) {
            return api.heartbeat(address, beat);
        },
        in_this_life([this, before = redeems_, known = seq_,
                      quiet = open_.empty()](const std::optional<NodeApi::Obeyed>& said) {
            if (!said) return done_beating();
            // Also when the node has heard again of an earlier life.
            const bool lost = said->status == Hosting::Status::unknown ||
                              said->status == Hosting::Status::another_life;
            if (lost) return enroll();
            if (said->status != Hosting::Status::done) return done_beating();
            learn(said->seq, known, quiet && before == redeems_);
            obey(*said);
        }));
}

void GameServer::obey(const NodeApi::Obeyed& said) {
    if (said.admission == registry::Admission::closed && !closed_) return ask_for_fence();
    done_beating();
}

// Granted only if nobody has come meanwhile.
void GameServer::ask_for_fence() {
    struct Fenced {
        Hosting::Status status;
        std::uint64_t process;
    };
    company_.calls.ask<Fenced>(
        setup_.node,
        [address = setup_.address, beat = state()](NodeApi& api) {
            const std::uint64_t process = api.process();
            return Fenced{api.fence(address, beat), process};
        },
        in_this_life([this](const std::optional<Fenced>& said) {
            if (!said || said->status != Hosting::Status::done) return done_beating();
            closed_ = true;
            company_.witness.fenced(setup_.address, {setup_.node, said->process});
            const Time linger{static_cast<std::int64_t>(company_.dice.below(kLinger))};
            company_.world.events().after(linger, in_this_life([this] { leave(); }));
            done_beating();
        }));
}

// Its last word comes last, not before an answer that is still to come.
void GameServer::leave() {
    if (beating_) {
        company_.world.events().after(kLeastPause, in_this_life([this] { leave(); }));
        return;
    }
    ++life_;
    alive_ = false;
    company_.witness.ended(setup_.address);
    company_.calls.ask<bool>(
        setup_.node,
        [address = setup_.address](NodeApi& api) {
            api.remove(address);
            return true;
        },
        [](const std::optional<bool>&) {});
}

void GameServer::done_beating() {
    beating_ = false;
    wake_in(changed_ ? kLeastPause : Time{std::chrono::seconds{setup_.ttl_s}} / 3);
}

void GameServer::changed() {
    changed_ = true;
    if (!beating_) wake_in(kLeastPause);
}

// The earliest wake-up counts.
void GameServer::wake_in(Time delay) {
    const Time at = company_.world.now() + delay;
    if (wake_at_ > company_.world.now() && wake_at_ <= at) return;
    wake_at_ = at;
    company_.world.events().at(at, in_this_life([this, wake = ++wake_] {
                                   if (wake != wake_) return;
                                   wake_at_ = Time{0};
                                   beat();
                               }));
}

void GameServer::redeem(const std::string& token, const Seated& then) {
    if (!alive_ || !enrolled_) return then(std::nullopt);
    const std::uint64_t call = ++redeems_;
    open_[call] = {seq_, false};
    company_.calls.ask<NodeApi::Seat>(
        setup_.node,
        [address = setup_.address, token](NodeApi& api) { return api.redeem(address, token); },
        [this, call, life = life_, then](const std::optional<NodeApi::Seat>& seat) {
            if (life != life_) return then(std::nullopt);
            const bool stale = open_.extract(call).mapped().stale;
            if (seat && seat->accepted() && (stale || !admit(*seat))) return then(std::nullopt);
            then(seat);
        });
}

// Answers overtake each other, and some never come. What may still be under way has not been
// counted, or its seat would be given away twice.
std::uint64_t GameServer::counted() const {
    std::uint64_t seq = seq_;
    for (const auto& [call, redeeming] : open_) seq = std::min(seq, redeeming.before);
    return seq;
}

// What the node has accepted so far. If nothing was under way meanwhile, all of that is counted,
// also what nobody heard of. Less than was known when it was asked: the node has begun anew, and
// has forgotten the seats that are still on their way from its last life.
void GameServer::learn(std::uint64_t seq, std::uint64_t known, bool calm) {
    if (calm && seq_ != seq) {
        seq_ = seq;
        changed_ = true;  // the node waits for it before it gives seats away
    }
    if (seq >= known) return;
    seq_ = seq;
    for (auto& [call, redeeming] : open_) redeeming = {std::min(redeeming.before, seq), true};
}

// A session of which the server knows nothing any more is over.
bool GameServer::admit(const NodeApi::Seat& seat) {
    const std::uint64_t session = seat.token.nonce;
    if (seat.token.kind == registry::Token::Kind::resume) {
        const auto held = seats_.find(session);
        const bool ours = seat.token.incarnation == incarnation_;
        if (held != seats_.end() || !ours) {
            company_.witness.resumed(setup_.address, incarnation_, seat.token);
        }
        if (held == seats_.end()) return false;
        held->second = true;
    } else {
        seq_ = std::max(seq_, seat.seq);
        seats_[session] = true;
        company_.witness.joined(setup_.address, incarnation_, seat);
    }
    changed();
    return true;
}

void GameServer::lose(std::uint64_t session) {
    const auto held = seats_.find(session);
    if (held == seats_.end()) return;
    held->second = false;
    changed();
}

void GameServer::end(std::uint64_t session) {
    if (seats_.erase(session) > 0) changed();
}

}  // namespace sim
