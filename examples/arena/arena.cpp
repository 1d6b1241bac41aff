#include "examples/arena/arena.h"

#include <cstdio>
#include <optional>
#include <utility>
#include <vector>

namespace arena {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kPoolThreads = 8;  // each waits for the node
constexpr std::size_t kStrangers = 512;  // connections without a seat; the kernel queues more
constexpr auto kIntroduction = 10s;      // until a stranger has said who he is
constexpr auto kSilence = 5min;          // of a player: then his connection counts as broken
constexpr auto kNodeRetry = 500ms;       // of a registration
constexpr auto kAcceptRetry = 100ms;     // after an error, such as no descriptor left
constexpr auto kLastWords = 500ms;       // for goodbyes to be sent

std::string no(const std::string& verdict, const std::string& reason) {
    return to_line(No{verdict, reason});
}

const char* explain(const std::string& verdict) {
    if (verdict == "full") return "every seat is taken";
    if (verdict == "draining") return "this server takes no new clients";
    if (verdict == "moved") return "that life of this server is over";
    if (verdict == "spent") return "the ticket was used before";
    if (verdict == "stale") return "the ticket is too old";
    if (verdict == "invalid") return "no ticket of this server, nor a token of a session here";
    return "try again soon";
}

}  // namespace

Arena::Arena(asio::io_context& io, ArenaOptions options, Log& log)
    : io_(io),
      pool_(kPoolThreads),
      acceptor_(io, options.listen),
      retry_(io),
      flush_(io),
      last_words_(io),
      options_([&] {
          if (options.registration.address.empty()) {
              const auto local = acceptor_.local_endpoint();
              options.registration.address =
                  options.listen.address().to_string() + ":" + std::to_string(local.port());
          }
          options.registration.on_instruction = [this](const std::string& instruction) {
              asio::post(io_, [this, instruction] { instructed(instruction); });
          };
          return std::move(options);
      }()),
      log_(log),
      world_(rules_of(options_.registration.version)),
      server_(options_.registration) {}

void Arena::start() {
    asio::co_spawn(io_, enroll(), asio::detached);
    flush();
}

asio::awaitable<void> Arena::enroll() {
    const std::string& node = options_.registration.node;
    std::string said;
    while (!ending_) {
        std::string problem;
        bool refused = false;
        const auto work = [this, &problem, &refused] {
            try {
                server_.start();
            } catch (const hearsay::Refused& e) {
                problem = e.what();
                refused = true;
            } catch (const std::exception& e) {
                problem = e.what();
            }
            return problem.empty();
        };
        const bool registered = co_await on_pool(pool_, work);
        if (registered) break;
        if (problem != said) std::fprintf(stderr, "arena: %s\n", problem.c_str());
        if (refused) {
            std::fprintf(stderr, "arena: %s refuses this registration\n", node.c_str());
            exit_code_ = 1;
            io_.stop();
            co_return;
        }
        if (said.empty()) std::fprintf(stderr, "arena: asks again until it answers\n");
        said = problem;
        retry_.expires_after(kNodeRetry);
        co_await retry_.async_wait(asio::use_awaitable);
    }
    if (ending_) co_return;
    note("registered address=" + options_.registration.address +
         " version=" + options_.registration.version +
         " incarnation=" + std::to_string(server_.options().incarnation) + " node=" + node);
    asio::co_spawn(io_, accept(), asio::detached);
}

asio::awaitable<void> Arena::accept() {
    while (!ending_) {
        asio::error_code failed;
        auto token = asio::redirect_error(asio::use_awaitable, failed);
        asio::ip::tcp::socket socket = co_await acceptor_.async_accept(token);
        if (failed == asio::error::operation_aborted) co_return;
        if (failed) {
            retry_.expires_after(kAcceptRetry);
            co_await retry_.async_wait(asio::use_awaitable);
            continue;
        }
        auto link = std::make_shared<Connection>(std::move(socket));
        if (strangers_.size() >= kStrangers) {
            link->send_last(no("not_ready", "too many wait for a seat, try again soon"));
            continue;
        }
        strangers_[link.get()] = link;
        asio::co_spawn(io_, serve(std::move(link)), asio::detached);
    }
}

asio::awaitable<void> Arena::serve(Link link) {
    const std::string session = co_await let_in(link);
    strangers_.erase(link.get());
    if (!session.empty()) co_await play(link, session);
}

// The name of the session that the connection belongs to from now on; "" if it was sent away.
asio::awaitable<std::string> Arena::let_in(Link link) {
    const std::optional<std::string> line = co_await link->read_line(kIntroduction);
    if (!line) {
        link->send_last(no("invalid", "no line, or one that is too long"));
        co_return "";
    }
    const std::optional<Command> command = parse_command(*line);
    const Join* join = command ? std::get_if<Join>(&*command) : nullptr;
    const Resume* resume = command ? std::get_if<Resume>(&*command) : nullptr;
    if (!join && !resume) {
        link->send_last(no("invalid", "say: join TICKET NAME, or: resume TOKEN"));
        co_return "";
    }
    hearsay::Server::Seated seated;
    const auto work = [this, join, resume, &seated] {
        try {
            seated = join ? server_.seat(join->ticket) : server_.resume(resume->token);
        } catch (const std::exception&) {
            seated.verdict = "unreachable";
        }
        return 0;
    };
    co_await on_pool(pool_, work);
    // A player whose window closed while we asked for him has no world to come back to.
    if (seated && seated.returning && !world_.find(seated.session)) seated.verdict = "invalid";
    if (!seated) {
        const bool silent = seated.verdict == "unreachable";
        link->send_last(no(seated.verdict, silent ? "the node of this server does not answer"
                                                  : explain(seated.verdict)));
        note("refused verdict=" + seated.verdict);
        co_return "";
    }
    if (join && (ending_ || link->gone())) {  // nobody was told: nobody can come back
        server_.end(seated.session);
        co_return "";
    }
    const Player& player =
        join ? world_.enter(seated.session, join->name) : *world_.find(seated.session);
    Session& session = sessions_[seated.session];
    if (session.link) session.link->close();  // he is here a second time: this one counts
    session.link = link;
    session.window.reset();
    note(std::string{join ? "joined" : "resumed"} + " session=" + seated.session +
         " name=" + player.name + " counter=" + std::to_string(player.counter));
    link->send(to_line(Welcome{seated.session, options_.registration.version,
                               server_.options().incarnation, player.counter, seated.token}));
    if (instruction_ == "draining") link->send(to_line(Notice{server_.until()}));
    co_return seated.session;
}

asio::awaitable<void> Arena::play(Link link, std::string session) {
    for (;;) {
        const std::optional<std::string> line = co_await link->read_line(kSilence);
        const auto found = sessions_.find(session);
        if (found == sessions_.end() || found->second.link != link) co_return;  // replaced
        if (ending_) co_return;
        if (!line) {
            link->close();
            co_return lose(session);
        }
        const std::optional<Command> command = parse_command(*line);
        if (!command) {
            link->send_last(no("invalid", "say: move N, E, S or W, hit, or leave"));
            co_return lose(session);
        }
        if (!obey(link, session, *command)) co_return;
    }
}

bool Arena::obey(const Link& link, const std::string& session, const Command& command) {
    if (std::holds_alternative<Leave>(command)) {
        link->send_last(to_line(Bye{"until next time"}));
        finish(session, "left");
        return false;
    }
    if (const Move* move = std::get_if<Move>(&command)) {
        world_.move(session, move->direction);
        answer(link, session);
    } else if (std::holds_alternative<Hit>(command)) {
        world_.hit(session);
        answer(link, session);
    }  // else a second introduction: a client that is here need not say who it is
    return true;
}

void Arena::answer(const Link& link, const std::string& session) {
    const Player& player = *world_.find(session);
    You you{player.counter, player.x, player.y, player.score, player.ghost, ""};
    for (const std::string& news : world_.take_news(session)) {
        you.happened += (you.happened.empty() ? "" : ", ") + news;
    }
    link->send(to_line(you));
}

void Arena::lose(const std::string& session) {
    Session& lost = sessions_[session];
    lost.link.reset();
    server_.lose(session);
    note("lost session=" + session);
    lost.window = std::make_unique<asio::steady_timer>(io_, options_.resume_window);
    lost.window->async_wait([this, session](const asio::error_code& cancelled) {
        const auto found = sessions_.find(session);
        // One that came back at the last moment is no longer lost.
        if (!cancelled && found != sessions_.end() && !found->second.link) {
            finish(session, "given-up");
        }
    });
}

void Arena::finish(const std::string& session, const char* event) {
    note(std::string{event} + " session=" + session +
         " counter=" + std::to_string(world_.find(session)->counter));
    sessions_.erase(session);
    world_.leave(session);
    server_.end(session);
}

void Arena::instructed(const std::string& instruction) {
    instruction_ = instruction;
    note("instruction value=" + instruction);
    if (instruction == "draining") {
        const std::string notice = to_line(Notice{server_.until()});
        for (const auto& [name, session] : sessions_) {
            if (session.link) session.link->send(notice);
        }
    }
    if (instruction == "cut") {
        std::vector<std::string> names;
        for (const auto& [name, session] : sessions_) {
            if (session.link)
                session.link->send_last(to_line(Bye{"the time of this version is up"}));
            names.push_back(name);
        }
        for (const std::string& name : names) finish(name, "cut");
    }
    if (!server_.closed()) return;
    note("closed");
    for (const auto& [stranger, weak] : strangers_) {
        if (const auto link = weak.lock()) link->send_last(no("moved", explain("moved")));
    }
    stop_soon();
}

void Arena::end() {
    if (ending_) return;
    note("ended-by-operator");
    for (const auto& [name, session] : sessions_) {
        if (session.link) session.link->send_last(to_line(Bye{"the operator ends this server"}));
    }
    stop_soon();
}

// What was sent last is still under way.
void Arena::stop_soon() {
    ending_ = true;
    asio::error_code ignored;
    acceptor_.close(ignored);
    last_words_.expires_after(kLastWords);
    last_words_.async_wait([this](const asio::error_code& /*cancelled*/) { io_.stop(); });
}

void Arena::leave() {
    server_.stop();
    pool_.join();
    log_.flush();
}

void Arena::flush() {
    log_.flush();
    flush_.expires_after(kFlushPeriod);
    flush_.async_wait([this](const asio::error_code& cancelled) {
        if (!cancelled) flush();
    });
}

}  // namespace arena
