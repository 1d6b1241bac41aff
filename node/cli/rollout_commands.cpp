#include "node/cli/program.h"
#include "node/duration.h"

// The commands of operators who roll out.

namespace node {
namespace {

using gossip::Errc;
using gossip::Error;
using gossip::Result;
using std::chrono::milliseconds;

// A verb of `hearsay rollout`. Returns it, for what only some of them take.
CLI::App* add_verb(Program& program, CLI::App* rollout, const char* verb, const char* sentence,
                   const char* examples) {
    auto& options = program.texts.rollout;
    CLI::App* command = rollout->add_subcommand(verb, sentence);
    command->footer(examples);
    command->add_option("app", options.app, "the application")->required();
    command->add_flag("--dry-run", options.dry_run, "show what would become of it, change nothing");
    command->add_option("--if-epoch", options.if_epoch,
                        "only if nobody has decided since: the epoch that `rollout status` shows");
    command->add_option("--author", options.author, "who decides, for the others")
        ->envname("HEARSAY_AUTHOR");
    add_query(program, command, [&options, verb](const cli::Session& session) {
        options.verb = verb;
        return cli::change_rollout(session, options);
    });
    return command;
}

// What waits has a limit of its own.
Result<int> with_patience(const Program& program,
                          const std::function<int(const cli::Session&, milliseconds)>& run) {
    const auto limit = parse_duration(program.texts.patience);
    if (!limit) return Error{Errc::invalid, "--timeout: " + limit.error().message};
    const auto session = session_of(program.texts);
    if (!session) return session.error();
    return run(*session, *limit);
}

void add_version_drain(Program& program, CLI::App* rollout) {
    auto& options = program.texts.rollout;
    CLI::App* drain =
        add_verb(program, rollout, "drain",
                 "Takes a version out, or says by when the sessions of draining ones end.",
                 "  hearsay rollout drain chat v1\n"
                 "  hearsay rollout drain chat --within 2h --notify-in 90m\n"
                 "  hearsay rollout drain chat v1 --within 10m --hard\n"
                 "  hearsay rollout drain chat --within never\n");
    drain->add_option("version", options.version, "one of its versions");
    drain
        ->add_option("--within", options.within,
                     "its sessions end in this time; never: by themselves")
        ->type_name("DURATION|never");
    drain->add_option("--notify-in", options.notify_in, "servers tell their clients then (at once)")
        ->type_name("DURATION");
    drain->add_flag("--hard", options.hard, "sessions that are left then are cut");
}

}  // namespace

void add_rollout(Program& program) {
    auto& options = program.texts.rollout;
    CLI::App* rollout =
        add(program, "rollout", "Says which versions of an application accept new clients.",
            "  hearsay rollout status chat\n"
            "  hearsay rollout promote chat v2 --dry-run\n"
            "  hearsay rollout split chat v1=80 v2=20\n");
    rollout->require_subcommand(1);
    CLI::App* status = rollout->add_subcommand("status", "Shows what each version does, and why.");
    status->footer(
        "  hearsay rollout status chat\n"
        "  hearsay rollout status chat -o json\n");
    status->add_option("app", options.app, "the application")->required();
    add_query(program, status, [&options](const cli::Session& session) {
        return cli::show_rollout(session, options.app);
    });
    const auto version = [&options](CLI::App* command) {
        return command->add_option("version", options.version, "one of its versions");
    };
    const auto force = [&options](CLI::App* command) {
        command->add_flag("--force", options.force, "also if no instance of it is known yet");
    };
    CLI::App* promote = add_verb(program, rollout, "promote", "All new clients go to one version.",
                                 "  hearsay rollout promote chat v2\n"
                                 "  hearsay rollout promote chat v2 --dry-run\n");
    version(promote)->required();
    force(promote);
    CLI::App* split =
        add_verb(program, rollout, "split", "Versions share new clients in proportion.",
                 "  hearsay rollout split chat v1=95 v2=5\n");
    split->add_option("weights", options.weights, "VERSION=PARTS for each")->required();
    force(split);
    version(add_verb(program, rollout, "rollback",
                     "Back to what was before the last decision, or to a version.",
                     "  hearsay rollout rollback chat\n"
                     "  hearsay rollout rollback chat v1\n"));
    add_verb(program, rollout, "pause", "Nothing that is empty is told to close.",
             "  hearsay rollout pause chat\n");
    add_verb(program, rollout, "resume", "Ends a pause.", "  hearsay rollout resume chat\n");
    CLI::App* quarantine = add_verb(program, rollout, "quarantine",
                                    "A version takes no new clients, whatever else is said.",
                                    "  hearsay rollout quarantine chat v2\n");
    version(quarantine)->required();
    force(quarantine);
    version(add_verb(program, rollout, "release", "Ends a quarantine.",
                     "  hearsay rollout release chat v2\n"))
        ->required();

    add_version_drain(program, rollout);

    CLI::App* apps = add(program, "apps", "Lists the applications and which versions accept.",
                         "  hearsay apps\n  hearsay apps -o json\n");
    add_query(program, apps, [](const cli::Session& session) { return cli::list_apps(session); });
    CLI::App* why = add(program, "why", "Says why an instance takes new clients, or does not.",
                        "  hearsay why 10.0.0.7:9000\n");
    why->add_option("address", program.texts.address, "host:port of the instance")->required();
    add_query(program, why, [&program](const cli::Session& session) {
        return cli::explain_instance(session, program.texts.address);
    });
}

void add_waiting(Program& program) {
    auto& texts = program.texts;
    CLI::App* wait = add(program, "wait", "Waits until something is so, for scripts.",
                         "  hearsay wait --nodes 5\n"
                         "  hearsay wait --converged --app chat --timeout 30s\n"
                         "  hearsay wait --empty chat@v1 --timeout 2h\n");
    wait->add_option("--nodes", texts.wait.nodes, "so many live nodes, all of one mind")
        ->type_name("N");
    wait->add_flag("--converged", texts.wait.converged, "all live nodes hold the same table");
    wait->add_option("--app", texts.wait.app, "instead: follow the same plan for this application");
    wait->add_option("--empty", texts.wait.empty, "no session is left on a version")
        ->type_name("APP@VERSION");
    CLI::App* drain =
        add(program, "drain", "An instance takes no new clients and keeps those it has.",
            "  hearsay drain 10.0.0.7:9000\n"
            "  hearsay drain 10.0.0.7:9000 --wait --timeout 2h\n"
            "  hearsay drain --self --wait   before this node's machine is stopped\n");
    CLI::App* which = drain->add_option_group("Which");
    which->add_option("address", texts.address, "host:port of the instance");
    which->add_flag("--self", texts.self, "all instances that are registered at this node");
    which->require_option(1);
    drain->add_flag("--wait", texts.until_empty, "until its last session has ended");
    for (CLI::App* command : {wait, drain}) {
        command->add_option("--timeout", texts.patience, "how long to wait (5m)")
            ->type_name("DURATION");
        add_node(program, command);
        add_output(program, command);
    }
    program.commands.emplace_back(wait, [&program]() {
        return with_patience(program, [&program](const cli::Session& session, milliseconds limit) {
            cli::WaitOptions options = program.texts.wait;
            options.limit = limit;
            return cli::wait_for(session, options);
        });
    });
    program.commands.emplace_back(drain, [&program]() {
        return with_patience(program, [&program](const cli::Session& session, milliseconds limit) {
            return cli::drain(session, program.texts.address, program.texts.until_empty, limit);
        });
    });
}

}  // namespace node
