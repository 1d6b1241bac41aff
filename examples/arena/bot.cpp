#include "examples/arena/bot.h"

#include <algorithm>
#include <utility>

namespace arena {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto kShortestRest = 100ms;  // before the same question is asked again
constexpr auto kLongestRest = 1000ms;
constexpr auto kConnect = 2s;
constexpr auto kWelcome = 8s;  // the server may have to wait 5 s for its node
constexpr auto kAnswer = 10s;  // of one who plays: then the connection counts as broken
constexpr int kFullTimes = 3;
constexpr unsigned kHitsOneIn = 8;  // steps

}  // namespace

asio::awaitable<void> Bot::live() {
    ++tally_.started;
    const bool found = co_await find_seat();
    if (!found) {
        ++(leaving_ ? tally_.unseated : tally_.nowhere);
        if (!leaving_) note("nowhere");
        co_return;
    }
    end_ = Clock::now() + options_.length;
    note("joined" + seat());
    ++tally_.joined;
    for (;;) {
        ++tally_.playing;
        const End how = co_await play();
        --tally_.playing;
        step_.cancel();
        if (link_) link_->close();
        link_.reset();
        if (how != End::lost) co_return;
        ++(cut_ ? tally_.cut : tally_.broken);
        note("lost server=" + server_ + " incarnation=" + std::to_string(welcome_.incarnation) +
             (cut_ ? " cause=cut" : " cause=broken"));
        cut_ = false;
        const bool back = co_await come_back();
        if (!back) break;
        note("resumed" + seat());
        ++tally_.resumed;
    }
    // It had said that it leaves: then this is the end that it wanted, and only the goodbye is
    // lost.
    if (said_leave_) {
        ++tally_.left;
        note("left" + seat());
    } else {
        ++tally_.gone;
        note("gone server=" + server_ + " incarnation=" + std::to_string(welcome_.incarnation));
    }
}

// False if it gave up.
asio::awaitable<bool> Bot::find_seat() {
    for (int full = 0; !options_.storm || full < kFullTimes;) {
        if (leaving_) co_return false;
        hearsay::PlaceOptions question;
        question.client = options_.name;
        const Finder::Found found = co_await finder_.ask(std::move(question), random_);
        const hearsay::Place& place = found.place;
        note("asked node=" + found.node + " outcome=" + place.outcome +
             (place.version.empty() ? "" : " version=" + place.version));
        bool told_full = place.outcome == "full";
        for (const auto& candidate : place.candidates) {
            if (place.outcome != "go" || leaving_) break;
            const Try result =
                co_await introduce(candidate.value("address", ""),
                                   "join " + candidate.value("ticket", "") + " " + options_.name);
            if (result == Try::seated) co_return true;
            told_full = told_full || result == Try::full;
        }
        if (told_full) ++full;
        co_await rest();
    }
    co_return false;
}

// False once somebody who must know has said that the session is over.
asio::awaitable<bool> Bot::come_back() {
    for (;;) {
        hearsay::PlaceOptions question;
        question.client = options_.name;
        question.token = welcome_.token;
        const Finder::Found found = co_await finder_.ask(std::move(question), random_);
        const hearsay::Place& place = found.place;
        const bool unreachable = place.outcome == "unreachable";
        const std::string& told = place.session;
        const bool known = told == "go" || told == "gone";
        note("asked_back node=" + found.node + " outcome=" +
             (unreachable ? "unreachable"
              : known     ? told
                          : "unknown"));
        if (told == "gone") co_return false;
        if (told == "go") {
            const Try result = co_await introduce(place.address, "resume " + welcome_.token);
            if (result == Try::seated) co_return true;
            if (result == Try::over) co_return false;
        }
        co_await rest();
    }
}

// Connects and says why it comes.
asio::awaitable<Bot::Try> Bot::introduce(std::string server, std::string line) {
    const auto endpoint = endpoint_of(server);
    if (!endpoint) co_return Try::broken;
    const auto link = std::make_shared<Connection>(asio::ip::tcp::socket(io_));
    const bool connected = co_await link->connect(*endpoint, kConnect);
    if (!connected) co_return Try::broken;
    link->send(line);
    const std::optional<std::string> heard = co_await link->read_line(kWelcome);
    const std::optional<Answer> answer = heard ? parse_answer(*heard) : std::nullopt;
    if (answer && std::holds_alternative<Welcome>(*answer)) {
        link_ = link;
        server_ = std::move(server);
        welcome_ = std::get<Welcome>(*answer);
        counter_ = welcome_.counter;
        seated_ = true;
        co_return Try::seated;
    }
    link->close();
    if (!answer || !std::holds_alternative<No>(*answer)) co_return Try::broken;
    const std::string& verdict = std::get<No>(*answer).verdict;
    note("refused server=" + server + " verdict=" + verdict);
    if (verdict == "full") co_return Try::full;
    co_return verdict == "invalid" ? Try::over : Try::refused;
}

asio::awaitable<Bot::End> Bot::play() {
    asked_ = false;
    said_leave_ = false;
    plan_step();
    const std::shared_ptr<Connection> link = link_;
    for (;;) {
        const std::optional<std::string> line = co_await link->read_line(kAnswer + options_.every);
        if (!line) co_return End::lost;
        const std::optional<Answer> answer = parse_answer(*line);
        if (!answer) co_return End::lost;  // whoever this is, it is not our server
        if (const You* you = std::get_if<You>(&*answer)) hear(*you);
        if (!std::holds_alternative<Bye>(*answer)) continue;
        if (said_leave_) {
            ++tally_.left;
            note("left" + seat());
            co_return End::left;
        }
        ++tally_.dismissed;
        std::string reason = std::get<Bye>(*answer).reason;
        std::replace(reason.begin(), reason.end(), ' ', '-');
        note("dismissed server=" + server_ + " reason=" + reason);
        co_return End::dismissed;
    }
}

void Bot::hear(const You& you) {
    counter_ = you.counter;
    asked_ = false;
    ++tally_.answers;
    note("said counter=" + std::to_string(counter_) +
         " incarnation=" + std::to_string(welcome_.incarnation));
    if (leaving_) step();
}

void Bot::plan_step() {
    const auto next = Clock::now() + options_.every;
    step_.expires_at(leaving_ ? Clock::now() : std::min(next, std::max(end_, Clock::now())));
    step_.async_wait([self = shared_from_this()](const asio::error_code& cancelled) {
        if (!cancelled) self->step();
    });
}

void Bot::step() {
    if (!link_ || said_leave_) return;
    leaving_ = leaving_ || Clock::now() >= end_;
    if (asked_) {
        // One question at a time. Who leaves goes on when this one is answered.
        if (!leaving_) plan_step();
        return;
    }
    if (leaving_) {
        said_leave_ = true;
        link_->send("leave");
        return;
    }
    static constexpr const char* kMoves[] = {"move N", "move E", "move S", "move W"};
    link_->send(random_() % kHitsOneIn == 0 ? "hit" : kMoves[random_() % std::size(kMoves)]);
    asked_ = true;
    plan_step();
}

asio::awaitable<void> Bot::rest() {
    if (leaving_ && !seated_) co_return;
    const auto span = static_cast<std::uint64_t>((kLongestRest - kShortestRest).count());
    pause_.expires_after(kShortestRest + std::chrono::milliseconds{random_() % (span + 1)});
    asio::error_code cancelled;
    auto token = asio::redirect_error(asio::use_awaitable, cancelled);
    co_await pause_.async_wait(token);
}

void Bot::cut() {
    if (!link_) return;
    cut_ = true;
    link_->close();
}

void Bot::leave() {
    leaving_ = true;
    if (link_) return step();
    pause_.cancel();
}

void Bot::note(const std::string& event) {
    log_.write("session=" + options_.name + " event=" + event);
}

std::string Bot::seat() const {
    return " server=" + server_ + " version=" + welcome_.version +
           " incarnation=" + std::to_string(welcome_.incarnation) +
           " counter=" + std::to_string(counter_);
}

}  // namespace arena
