#include "node/cli/cli.h"

#include <cstdio>
#include <string>
#include <tuple>
#include <vector>

#include "node/cli/help.h"
#include "node/cli/http_client.h"
#include "node/cli/program.h"
#include "node/duration.h"
#include "node/exit_codes.h"

namespace node {
namespace {

using gossip::Errc;
using gossip::Error;
using gossip::Result;
using std::chrono::milliseconds;

void add_list(Program& program) {
    CLI::App* list = add(program, "list", "Lists the application instances that a node knows.",
                         "  hearsay list\n"
                         "  hearsay list chat --state up\n"
                         "  hearsay list -o json --node http://10.0.0.5:7700\n");
    auto& filter = program.texts.filter;
    list->add_option("app", filter.app, "only this application");
    list->add_option("--version", filter.version, "only this version");
    list->add_option("--state", filter.state,
                     "only this state: up, starting, draining, suspect, unreachable, expired, "
                     "stopped");
    add_query(program, list, [&filter](const cli::Session& session) {
        return cli::list_instances(session, filter);
    });
}

void add_registration(Program& program) {
    CLI::App* command =
        add(program, "register", "Registers an instance, or renews its lease.",
            "  hearsay register 10.0.0.7:9000 --app chat\n"
            "  hearsay register 10.0.0.7:9000 --app chat --version v2 --attach\n"
            "  hearsay register 10.0.0.8:9000 --app chat --metadata '{\"map\":\"desert\"}' \\\n"
            "                   --check http://10.0.0.8:9000/health/\n");
    auto& texts = program.texts;
    auto& registration = texts.registration;
    command->add_option("address", registration.address, "host:port of the instance")->required();
    command->add_option("--app", registration.app, "the application it belongs to")->required();
    command->add_option("--version", registration.version, "the version it runs");
    command->add_option("--zone", registration.zone, "where it runs");
    command->add_option("--capacity", registration.capacity, "how many sessions it takes");
    command->add_option("--metadata", registration.metadata, "a JSON object, at most 1024 bytes");
    command->add_option("--ttl", texts.ttl, "its lease, 1s to 1h: it expires unless it is renewed");
    auto* check = command->add_option(
        "--check", registration.check,
        "http://HOST[:PORT][/PATH] or tcp://HOST:PORT: the node asks there, and no renewal is "
        "needed");
    command->add_option("--check-interval", registration.check_interval, "between tries (5s)")
        ->needs(check)
        ->type_name("DURATION");
    command->add_option("--check-timeout", registration.check_timeout, "of one try (1s)")
        ->needs(check)
        ->type_name("DURATION");
    command->add_flag("--keep", texts.keep, "stay, renew the lease, and deregister at the end");
    command
        ->add_flag("--attach", texts.attach,
                   "stay, hold a connection open, and deregister at the end: killed, it is listed "
                   "as expired at once")
        ->excludes("--keep");
    add_query(program, command, [&registration, &texts](const cli::Session& session) {
        if (texts.attach) return cli::attach_registered(session, registration);
        return texts.keep ? cli::keep_registered(session, registration)
                          : cli::register_instance(session, registration);
    });
    // The lease first, which is a duration to people and seconds to the node.
    program.commands.back().second = [&texts, run = program.commands.back().second]() {
        if (texts.ttl.empty()) return run();
        const auto ttl = parse_duration(texts.ttl);
        if (!ttl) return Result<int>(Error{Errc::invalid, "--ttl: " + ttl.error().message});
        texts.registration.ttl_s =
            static_cast<std::uint32_t>(std::chrono::ceil<std::chrono::seconds>(*ttl).count());
        return run();
    };
}

void add_deregistration(Program& program) {
    CLI::App* command = add(program, "deregister", "Takes an instance out of the registry.",
                            "  hearsay deregister 10.0.0.7:9000\n"
                            "  hearsay deregister 10.0.0.7:9000 --node http://10.0.0.5:7700\n"
                            "  hearsay deregister game-7.example.org:9000 -o json\n");
    command->add_option("address", program.texts.address, "host:port of the instance")->required();
    add_query(program, command, [&program](const cli::Session& session) {
        return cli::deregister_instance(session, program.texts.address);
    });
}

void add_inspection(Program& program) {
    CLI::App* nodes = add(program, "nodes", "Lists the nodes of the cluster and their states.",
                          "  hearsay nodes\n"
                          "  hearsay nodes -o json\n"
                          "  hearsay nodes --node http://10.0.0.5:7700\n");
    add_query(program, nodes, cli::list_nodes);

    CLI::App* status = add(program, "status", "Says whether a node works and its cluster agrees.",
                           "  hearsay status\n"
                           "  hearsay status -o json --node http://10.0.0.5:7700\n"
                           "  hearsay status --quiet && echo healthy\n");
    status->add_flag("-q,--quiet", program.texts.quiet, "the exit code alone, for health checks");
    add_query(program, status, [&program](const cli::Session& session) {
        return cli::show_status(session, program.texts.quiet);
    });

    CLI::App* version = add(program, "version", "Prints the version of this program.",
                            "  hearsay version\n"
                            "  hearsay version -o json\n"
                            "  hearsay --version\n");
    add_output(program, version);
    program.commands.emplace_back(version, [&program]() -> Result<int> {
        const bool json = program.texts.output == "json";
        std::printf(json ? "{\"version\":\"%s\"}\n" : "hearsay %s\n", HEARSAY_VERSION);
        return kOk;
    });
}

void add_demo(Program& program) {
    CLI::App* demo =
        add(program, "demo",
            "Rolls out a new version of a game under its players, on a cluster of this machine.",
            "  hearsay demo\n"
            "  hearsay demo --nodes 9\n"
            "  hearsay demo --nodes 5 --for 20s\n");
    auto& texts = program.texts;
    demo->add_option("--nodes", texts.demo.nodes, "how many nodes, 3 to 20 (5)")
        ->check(CLI::Range(cli::DemoOptions::kMinNodes, cli::DemoOptions::kMaxNodes))
        ->type_name("N");
    demo->add_option("--for", texts.limit,
                     "end within this time; without it the cluster stays up until Ctrl-C")
        ->type_name("DURATION");
    program.commands.emplace_back(demo, [&texts]() -> Result<int> {
        if (!texts.limit.empty()) {
            const auto limit = parse_duration(texts.limit);
            if (!limit) return Error{Errc::invalid, "--for: " + limit.error().message};
            if (*limit < cli::DemoOptions::kMinLimit) {
                return Error{Errc::invalid, "--for: the story takes at least 15s"};
            }
            texts.demo.limit = *limit;
        }
        return cli::run_demo(texts.demo);
    });
}

void add_doctor(Program& program) {
    CLI::App* command =
        add(program, "doctor",
            "Examines this machine, its agent and the way to its peers, and says what to do about "
            "what is wrong.",
            "  hearsay doctor\n"
            "  hearsay doctor --seed seed.internal:7701 --data /var/lib/hearsay\n"
            "  hearsay doctor -o json | jq -e .ok\n");
    auto& doctor = program.texts.doctor;
    command->add_option("--node", doctor.node, "the agent to ask (where --http says)")
        ->envname("HEARSAY_NODE")
        ->type_name("URL");
    auto& settings = program.texts.doctor_settings;
    command->add_option("--seed", settings.seeds, "a node to examine, as the agent's; repeatable")
        ->allow_extra_args(false)
        ->type_name("HOST:PORT");
    command->add_option("--data", settings.data, "the agent's data directory")->type_name("DIR");
    command->add_option("--cluster", settings.cluster, "the agent's cluster")->type_name("NAME");
    command->add_option("--config", settings.config, "the agent's file of settings")
        ->type_name("FILE");
    add_output(program, command);
    program.commands.emplace_back(command, [&doctor, &settings, &program]() -> Result<int> {
        const auto give = [&doctor](const char* flag, const std::string& text) {
            if (!text.empty()) doctor.settings.insert(doctor.settings.end(), {flag, text});
        };
        for (const std::string& seed : settings.seeds) give("--seed", seed);
        give("--data", settings.data);
        give("--cluster", settings.cluster);
        give("--config", settings.config);
        doctor.json = program.texts.output == "json";
        return cli::run_doctor(doctor);
    });
}

void add_toy(Program& program) {
    CLI::App* command =
        add(program, "toy", "Runs a small application that keeps itself registered at its node.",
            "  hearsay toy --app chat --address 127.0.0.1:9000\n"
            "  hearsay toy --app chat --version v2 --listen 0.0.0.0:9000\n"
            "  hearsay toy --app chat --listen 0.0.0.0:9000 --node http://node:7700 --check\n");
    auto& texts = program.texts;
    auto& toy = texts.toy;
    add_node(program, command);
    command->add_option("--app", toy.app, "its name (toy)");
    command->add_option("--version", toy.version, "its version");
    command->add_option("--address", toy.address,
                        "where its clients reach it; else the IP that its node sees, and the port "
                        "of --listen");
    command->add_option("--listen", toy.listen, "HOST:PORT of its GET /health/");
    command->add_option("--every", texts.every, "time between heartbeats (10s)");
    command->add_flag("--check", toy.check, "be checked at GET /health/ instead of heartbeating");
    program.commands.emplace_back(command, [&texts, &toy]() -> Result<int> {
        const auto session = session_of(texts);
        if (!session) return session.error();
        const auto every = parse_duration(texts.every);
        if (!every) return Error{Errc::invalid, "--every: " + every.error().message};
        if (every->count() < 100) return Error{Errc::invalid, "--every: at least 100ms"};
        if (toy.check && toy.listen.empty()) {
            return Error{Errc::invalid, "--check: there is nothing to check without --listen"};
        }
        toy.node = session->url;
        toy.every = *every;
        return cli::run_toy(toy);
    });
}

void build(Program& program) {
    CLI::App& app = program.app;
    app.formatter(cli::examples_first());  // subcommands inherit it
    app.footer(
        "  hearsay demo --nodes 5\n"
        "  hearsay agent --seed 10.0.0.5:7701\n"
        "  hearsay list\n");
    app.set_version_flag("--version", "hearsay " HEARSAY_VERSION);
    app.require_subcommand(1);
    add(program, "agent", "Runs a node. See `hearsay agent --help`.", "");
    add_demo(program);
    add_list(program);
    add_registration(program);
    add_deregistration(program);
    add_inspection(program);
    add_rollout(program);
    add_waiting(program);
    add_doctor(program);
    add_toy(program);
}

int usage(const Program& program, const std::string& problem) {
    std::string command = "hearsay";
    for (const auto* chosen : program.app.get_subcommands()) command += " " + chosen->get_name();
    std::fprintf(stderr, "%s: %s\nSee `%s --help`.\n", command.c_str(), problem.c_str(),
                 command.c_str());
    return kUsage;
}

}  // namespace

Result<cli::Session> session_of(const Texts& texts) {
    auto url = cli::normalised(texts.node);
    if (!url) return Error{Errc::invalid, "--node: " + url.error().message};
    return cli::Session{std::move(url).value(), texts.output == "json"};
}

CLI::App* add(Program& program, const char* name, const char* sentence, const char* examples) {
    CLI::App* command = program.app.add_subcommand(name, sentence);
    command->footer(examples);
    return command;
}

void add_output(Program& program, CLI::App* command) {
    command->add_option("-o,--output", program.texts.output, "table for people, json for programs")
        ->check(CLI::IsMember({"table", "json"}).description(""))
        ->type_name("table|json");
}

void add_node(Program& program, CLI::App* command) {
    command->add_option("--node", program.texts.node, "the node to ask (http://127.0.0.1:7700)")
        ->envname("HEARSAY_NODE")
        ->type_name("URL");
}

void add_query(Program& program, CLI::App* command,
               const std::function<int(const cli::Session&)>& run) {
    add_node(program, command);
    add_output(program, command);
    program.commands.emplace_back(command, [&program, run]() -> Result<int> {
        const auto session = session_of(program.texts);
        if (!session) return session.error();
        return run(*session);
    });
}

int run_cli(int argc, const char* const* argv) {
    Program program;
    build(program);
    try {
        program.app.parse(argc, argv);
    } catch (const CLI::Success& asked) {  // --help, --version
        return program.app.exit(asked);
    } catch (const CLI::ParseError& problem) {
        return usage(program, problem.what());
    }
    for (const auto& [command, run] : program.commands) {
        if (!command->parsed()) continue;
        const auto code = run();
        return code ? *code : usage(program, code.error().message);
    }
    return usage(program, "no command was given");
}

}  // namespace node
