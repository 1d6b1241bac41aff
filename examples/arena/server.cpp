#include <csignal>
#include <cstdio>

#include "examples/arena/arena.h"
#include "examples/arena/options.h"

namespace {

constexpr int kFailed = 1;
constexpr int kUsage = 2;

int run(arena::ArenaOptions options, const std::string& log_path) {
    arena::allow_many_connections();
    asio::io_context io(1);
    arena::Log log(log_path);
    arena::Arena game(io, std::move(options), log);
    asio::signal_set operators(io, SIGTERM, SIGINT);
    operators.async_wait([&](const asio::error_code& failed, int /*number*/) {
        if (!failed) game.end();
    });
    game.start();
    io.run();
    game.leave();
    return game.exit_code();
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app{
        "arena: a game server that keeps its players through a rollout of the next version"};
    std::string listen;
    std::string log = "-";
    std::int64_t ttl_ms = 5000;
    std::int64_t window_ms = 30'000;
    arena::ArenaOptions options;
    auto& registration = options.registration;
    registration.app = "arena";
    registration.capacity = 40;
    app.add_option("--listen", listen, "where to listen, HOST:PORT")->required();
    app.add_option("--address", registration.address,
                   "where clients reach it (what --listen says)");
    app.add_option("--app", registration.app, "name of the application (arena)");
    app.add_option("--version", registration.version, "its version; v1 respawns the dead")
        ->required();
    app.add_option("--capacity", registration.capacity, "seats (40)");
    app.add_option("--ttl", ttl_ms, "its lease (5s)")->transform(arena::duration());
    app.add_option("--node", registration.node, "the node of this machine");
    app.add_option("--log", log, "file for its events (- for stdout)");
    app.add_option("--resume-window", window_ms, "how long a seat is kept for a lost client (30s)")
        ->transform(arena::duration());
    try {
        app.parse(argc, argv);
        const auto endpoint = arena::endpoint_of(listen);
        if (!endpoint) throw CLI::ValidationError("--listen", listen + " is no HOST:PORT");
        if (registration.address.empty() && endpoint->address().is_unspecified()) {
            throw CLI::ValidationError("--address", "say which of this machine's clients reach");
        }
        if (ttl_ms < 1000 || ttl_ms % 1000 != 0) {
            throw CLI::ValidationError("--ttl", "whole seconds, at least 1s");
        }
        options.listen = *endpoint;
    } catch (const CLI::ParseError& problem) {
        return app.exit(problem) == 0 ? 0 : kUsage;
    }
    registration.ttl_s = static_cast<std::uint32_t>(ttl_ms / 1000);
    options.resume_window = std::chrono::milliseconds{window_ms};
    try {
        return run(std::move(options), log);
    } catch (const std::exception& problem) {
        std::fprintf(stderr, "arena: %s\n", problem.what());
        return kFailed;
    }
}
