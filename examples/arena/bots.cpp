#include <unistd.h>

#include <cstdio>

#include "examples/arena/crowd.h"
#include "examples/arena/options.h"

namespace {

constexpr int kFailed = 1;
constexpr int kUsage = 2;

int run(const arena::CrowdOptions& options, const std::string& log_path) {
    arena::allow_many_connections();
    arena::Log log(log_path);
    asio::io_context io(1);
    arena::Crowd crowd(io, options, log);
    crowd.start();
    io.run();
    log.flush();
    crowd.print_summary();
    return crowd.exit_code();
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app{
        "arena-bots: players of the arena. SIGUSR1 cuts their connections, SIGTERM lets all "
        "leave."};
    arena::CrowdOptions options;
    options.nodes = {"http://127.0.0.1:7700"};
    std::string log;
    std::int64_t shortest = options.shortest.count();
    std::int64_t longest = options.longest.count();
    std::int64_t every = options.every.count();
    app.add_option("--node", options.nodes, "a node to ask; may be given several times");
    app.add_option("--app", options.app, "name of the application (arena)");
    app.add_option("--sessions", options.sessions, "how many (1000)")->check(CLI::PositiveNumber);
    app.add_option("--rate", options.rate, "new ones per second (50)")->check(CLI::PositiveNumber);
    app.add_option("--min", shortest, "the shortest (10s)")->transform(arena::duration());
    app.add_option("--max", longest, "the longest (10m)")->transform(arena::duration());
    app.add_option("--every", every, "between two moves of one (1s)")->transform(arena::duration());
    app.add_option("--seed", options.seed, "of all that is random (1)");
    app.add_option("--log", log, "file for what they see; - is stdout");
    app.add_flag("--storm", options.storm, "who is told three times that all is full gives up");
    app.add_flag("--until-stopped", options.until_stopped,
                 "a session that ends is followed by another");
    app.add_flag("--progress", options.progress, "a line each second, also if this is no terminal");
    try {
        app.parse(argc, argv);
        if (shortest < 1 || longest < shortest || every < 1) {
            throw CLI::ValidationError("--min, --max, --every", "1ms <= min <= max, 1ms <= every");
        }
    } catch (const CLI::ParseError& problem) {
        return app.exit(problem) == 0 ? 0 : kUsage;
    }
    options.shortest = std::chrono::milliseconds{shortest};
    options.longest = std::chrono::milliseconds{longest};
    options.every = std::chrono::milliseconds{every};
    options.progress = options.progress || ::isatty(STDERR_FILENO) != 0;
    try {
        return run(options, log);
    } catch (const std::exception& problem) {
        std::fprintf(stderr, "arena-bots: %s\n", problem.what());
        return kFailed;
    }
}
