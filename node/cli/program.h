#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "gossip/result.h"
#include "node/cli/commands.h"
#include "node/cli/demo.h"
#include "node/cli/doctor.h"
#include "node/cli/rollout.h"
#include "node/cli/toy.h"
#include "node/cli/wait.h"

// The command line's parser, for the two files that add commands to it and nobody else: CLI11 takes
// seconds to compile. What is declared here is in cli.cpp, unless it is about rollouts.
namespace node {

// The texts of the command line as CLI11 splits it. What they mean is found out afterwards, so
// that every message and exit code is ours.
struct Texts {
    struct {
        std::vector<std::string> seeds;
        std::string data;
        std::string cluster;
        std::string config;
    } doctor_settings;
    std::string node = "http://127.0.0.1:7700";
    std::string output = "table";
    std::string address;
    std::string limit;
    bool keep = false;
    bool attach = false;
    std::string ttl;
    std::string every = "10s";
    bool quiet = false;
    cli::ListFilter filter;
    cli::Registration registration;
    cli::RolloutOptions rollout;
    cli::WaitOptions wait;
    std::string patience = "5m";
    bool until_empty = false;
    bool self = false;
    cli::DemoOptions demo;
    cli::ToyOptions toy;
    cli::DoctorOptions doctor;
};

using Run = std::function<gossip::Result<int>()>;  // an Error is a wrong use of the command

// The parser, and what each of its commands does.
struct Program {
    CLI::App app{
        "Hearsay is a service registry without a master: applications register at any "
        "node, and every node gives the same list.",
        "hearsay"};
    Texts texts;
    std::vector<std::pair<CLI::App*, Run>> commands;
};

// A command, its one sentence and its examples.
CLI::App* add(Program& program, const char* name, const char* sentence, const char* examples);
// -o and --node.
void add_output(Program& program, CLI::App* command);
void add_node(Program& program, CLI::App* command);
[[nodiscard]] gossip::Result<cli::Session> session_of(const Texts& texts);
// A command that talks to a node.
void add_query(Program& program, CLI::App* command,
               const std::function<int(const cli::Session&)>& run);

// rollout, apps, why; wait and drain.
void add_rollout(Program& program);
void add_waiting(Program& program);

}  // namespace node
