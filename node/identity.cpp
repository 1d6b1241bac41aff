#include "node/identity.h"

#include <unistd.h>

#include <fstream>
#include <optional>
#include <random>

#include "registry/json.h"

namespace node {
namespace {

constexpr std::string_view kNodeId = "node_id";
constexpr std::string_view kMachineId = "machine_id";
constexpr std::string_view kAdvertised = "advertised";

std::string first_line(const char* path) {
    std::ifstream file(path);
    std::string line;
    std::getline(file, line);
    return line;
}

std::optional<gossip::NodeId> parse_id(const std::optional<std::string>& text) {
    const auto value = text ? registry::parse_hex(*text) : std::nullopt;
    if (!value || *value == 0) return std::nullopt;
    return gossip::NodeId{*value};
}

gossip::NodeId draw_id() {
    std::random_device device;
    std::uint64_t value = 0;
    while (value == 0) value = (std::uint64_t{device()} << 32) | device();
    return {value};
}

// Why what is on disk is not ours; empty if it is.
std::string mismatch(const SqliteStore& store, std::string_view machine,
                     std::string_view advertised) {
    const std::string was_machine = store.fact(kMachineId).value_or("");
    const std::string was_advertised = store.fact(kAdvertised).value_or("");
    if (was_machine != machine) return "the data directory comes from another machine";
    if (was_advertised != advertised) return "the advertised address was " + was_advertised;
    return {};
}

}  // namespace

std::string machine_id() {
    for (const char* path : {"/etc/machine-id", "/var/lib/dbus/machine-id"}) {
        std::string id = first_line(path);
        if (!id.empty() && id != "uninitialized") return id;
    }
    char host[256] = {};
    if (gethostname(host, sizeof host - 1) != 0) return "unknown";
    return std::string{"host:"} + host;
}

Named settle_identity(SqliteStore& store, std::string_view machine, std::string_view advertised) {
    Named named;
    const std::optional<gossip::NodeId> stored = parse_id(store.fact(kNodeId));
    if (stored) {
        named.why = mismatch(store, machine, advertised);
        if (named.why.empty()) return {*stored, false, {}};
    } else {
        named.why = "the data directory is new";
    }
    named.id = draw_id();
    named.minted = true;
    // The id last: a crash in between leaves a mismatch, which mints again.
    store.set_fact(kMachineId, machine);
    store.set_fact(kAdvertised, advertised);
    std::string id;
    registry::append_hex(id, named.id.value);
    store.set_fact(kNodeId, id);
    return named;
}

}  // namespace node
