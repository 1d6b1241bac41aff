#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace node::cli {

// Which node a command talks to, and how it answers: data on stdout, talk on stderr.
struct Session {
    std::string url;    // as normalised() gives it
    bool json = false;  // the node's own JSON, a contract; else a table for people
};

struct ListFilter {  // empty: any
    std::string app;
    std::string version;
    std::string state;
};

struct Registration {
    std::string address;
    std::string app;
    std::string version;
    std::string zone;
    std::string metadata;  // a JSON object, or empty
    std::optional<std::uint32_t> capacity;
    std::optional<std::uint32_t> ttl_s;  // lease; the node's default without it
    std::string check;                   // http://... or tcp://host:port; empty: it heartbeats
    std::string check_interval;          // as in "5s"; the node's default without it
    std::string check_timeout;
};

// Each runs one command, and gives the process's exit code (node/exit_codes.h).
[[nodiscard]] int list_instances(const Session& session, const ListFilter& filter);
[[nodiscard]] int register_instance(const Session& session, const Registration& registration);
// Registers, renews the lease three times per ttl until Ctrl-C or SIGTERM, and deregisters. A node
// that is away is waited for; a registration that no node would take ends it.
[[nodiscard]] int keep_registered(const Session& session, const Registration& registration);
// Registers, holds a connection open until Ctrl-C or SIGTERM, and deregisters. The node renews the
// lease meanwhile, and lists the instance as expired as soon as this process is gone. Waits for a
// node that is away; ends when somebody else deregisters or takes over the instance.
[[nodiscard]] int attach_registered(const Session& session, const Registration& registration);
[[nodiscard]] int deregister_instance(const Session& session, const std::string& address);
[[nodiscard]] int list_nodes(const Session& session);
// `quiet` prints nothing unless it fails: for health checks.
[[nodiscard]] int show_status(const Session& session, bool quiet);

// One line on stderr.
void complain(const std::string& message);

}  // namespace node::cli
