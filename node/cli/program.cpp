#include "node/cli/program.h"

#include "node/cli/http_client.h"

namespace node {

using gossip::Errc;
using gossip::Error;
using gossip::Result;

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

}  // namespace node
