#include "node/cli/doctor.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <future>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <random>
#include <thread>
#include <utility>

#include "gossip/hash.h"
#include "gossip/wire.h"
#include "node/address.h"
#include "node/cli/commands.h"
#include "node/cli/diagnosis.h"
#include "node/cli/http_client.h"
#include "node/cli/json_text.h"
#include "node/cli/text_table.h"
#include "node/config.h"
#include "node/exit_codes.h"
#include "node/seeds.h"
#include "registry/json.h"

namespace node::cli {
namespace {

using gossip::Endpoint;
using gossip::Result;
using nlohmann::json;
using std::chrono::milliseconds;

constexpr milliseconds kAgentLimit{1500};    // for each of three questions
constexpr milliseconds kResolveLimit{2000};  // for all names together
constexpr std::size_t kShownOk = 5;          // of one check, in the table
constexpr std::size_t kWrap = 76;            // columns of an explanation

// ---- the agent

std::string agent_url(const AgentConfig& config) {
    HostPort http = config.http;
    if (const auto literal = literal_endpoint(http); literal && is_wildcard(*literal)) {
        http.host = http.host.find(':') == std::string::npos ? "127.0.0.1" : "::1";
    }
    return "http://" + to_string(http);
}

gossip::ProtocolRange protocol_of(const json& row) {
    const auto found = row.is_object() ? row.find("protocol") : row.end();
    if (!row.is_object() || found == row.end()) return gossip::kProtocol;
    return {static_cast<std::uint8_t>(number_of(*found, "min")),
            static_cast<std::uint8_t>(number_of(*found, "max"))};
}

std::optional<gossip::NodeId> id_of(const std::string& hex) {
    const std::optional<std::uint64_t> value = registry::parse_hex(hex);
    return value ? std::optional{gossip::NodeId{*value}} : std::nullopt;
}

void read_status(const json& status, AgentState& agent) {
    agent.name = text_of(status, "name");
    agent.cluster = text_of(status, "cluster");
    agent.id = id_of(text_of(status, "id"));
    agent.partition_suspected = text_of(status, "partition_suspected") == "true";
    agent.clock_offset = milliseconds{number_of(status, "clock_offset_ms")};
    if (!status.is_object() || !status.contains("agreement")) return;
    agent.nodes = static_cast<unsigned>(number_of(status["agreement"], "nodes"));
    agent.agreeing = static_cast<unsigned>(number_of(status["agreement"], "agreeing"));
}

AgentState ask_agent(const std::string& url, bool named) {
    AgentState agent;
    agent.url = url;
    agent.named = named;
    HttpClient client(url, kAgentLimit);
    const HttpAnswer health = client.get("/v1/health");
    if (!health.answered()) {
        const bool hangs = health.outcome == HttpAnswer::Outcome::timed_out;
        agent.outcome = hangs ? AgentState::Outcome::hangs : AgentState::Outcome::absent;
        return agent;
    }
    const HttpAnswer status = health.ok() ? client.get("/v1/status") : health;
    const HttpAnswer nodes = status.ok() ? client.get("/v1/nodes") : status;
    if (!nodes.ok()) {
        agent.outcome = AgentState::Outcome::unwell;
        const std::string error = text_of(parse_json(nodes.body), "error");
        agent.problem = "answers with status " + std::to_string(nodes.status) +
                        (error.empty() ? "" : ": " + error);
        return agent;
    }
    agent.outcome = AgentState::Outcome::healthy;
    read_status(parse_json(status.body), agent);
    const json body = parse_json(nodes.body);
    for (const auto& row : rows_of(body, "nodes")) {
        if (id_of(text_of(row, "id")) == agent.id) continue;
        agent.members.push_back({text_of(row, "name"), text_of(row, "state"),
                                 text_of(row, "gossip"),
                                 !gossip::spoken(gossip::kProtocol, protocol_of(row))});
    }
    return agent;
}

// ---- addresses

NameState look_up(const HostPort& seed, bool v6) {
    auto found = resolve(seed, v6);
    if (!found) return {to_string(seed), {}, found.error().message};
    return {to_string(seed), std::move(found).value(), {}};
}

// All names at the same time. A resolver that takes too long is left behind: nothing can stop it.
std::vector<NameState> look_up_all(const std::vector<HostPort>& seeds, bool v6) {
    std::vector<std::future<NameState>> pending;
    for (const HostPort& seed : seeds) {
        std::packaged_task<NameState()> task([seed, v6] {
            if (const auto literal = literal_endpoint(seed)) {
                return NameState{to_string(seed), {*literal}, "", true};
            }
            return look_up(seed, v6);
        });
        pending.push_back(task.get_future());
        std::thread(std::move(task)).detach();
    }
    const auto deadline = std::chrono::steady_clock::now() + kResolveLimit;
    std::vector<NameState> states;
    for (std::size_t i = 0; i < seeds.size(); ++i) {
        const bool done = pending[i].wait_until(deadline) == std::future_status::ready;
        states.push_back(done ? pending[i].get()
                              : NameState{to_string(seeds[i]),
                                          {},
                                          "does not resolve: the resolver gave no answer in 2 s"});
    }
    return states;
}

// The addresses to examine: every seed's first, then members, those that are lost first.
class Targets {
  public:
    // Gives the peer of an address, an old one or a new one; none if there are enough.
    Peer* add(const Endpoint& endpoint, const std::string& called) {
        const auto known = std::find_if(peers_.begin(), peers_.end(), [&](const Peer& peer) {
            return peer.seen.address == endpoint;
        });
        if (known != peers_.end()) return &*known;
        if (!endpoint.valid() || peers_.size() >= kMaxProbes) {
            ++left_out_;
            return nullptr;
        }
        const std::string address = to_string(host_port(endpoint));
        Peer peer;
        peer.target = called == address ? address : address + " (" + called + ")";
        peer.seen.address = endpoint;
        return &peers_.emplace_back(std::move(peer));
    }

    // `ours`: the probe speaks for their cluster. A seed counts on being there, whatever the
    // cluster thinks of it.
    void add_members(std::vector<AgentState::Member> members, bool ours) {
        std::erase_if(members, [](const auto& member) { return member.state == "left"; });
        std::stable_partition(members.begin(), members.end(),
                              [](const auto& member) { return member.state != "alive"; });
        const std::size_t examined = std::min(members.size(), DoctorOptions::kMaxMembers);
        left_out_ += members.size() - examined;
        members.resize(examined);
        const std::size_t seeds = peers_.size();
        for (const auto& member : members) {
            const auto address = parse_host_port(member.gossip, false);
            if (!address) continue;
            const auto endpoint = literal_endpoint(*address);
            if (!endpoint) continue;
            Peer* const peer = add(*endpoint, member.name);
            if (peer == nullptr) continue;
            peer->ours = ours;
            peer->foreign_protocol = member.foreign_protocol;
            if (peer >= peers_.data() + seeds) peer->alive = member.state == "alive";
        }
    }

    std::vector<Peer> probed(const std::string& cluster) && {
        std::vector<Endpoint> addresses;
        addresses.reserve(peers_.size());
        for (const Peer& peer : peers_) addresses.push_back(peer.seen.address);
        ProbeOptions options;
        options.cluster = gossip::cluster_tag(gossip::derive_key(cluster));
        std::random_device random;
        options.self.value = (std::uint64_t{random()} << 32U | random()) | 1U;
        auto seen = probe_all(addresses, options);
        for (std::size_t i = 0; i < seen.size(); ++i) peers_[i].seen = std::move(seen[i]);
        return std::move(peers_);
    }
    [[nodiscard]] std::size_t size() const { return peers_.size(); }
    [[nodiscard]] std::size_t left_out() const { return left_out_; }

  private:
    std::vector<Peer> peers_;
    std::size_t left_out_ = 0;
};

bool from_default(const AgentConfig& config, const std::string& key) {
    return std::any_of(config.origins.begin(), config.origins.end(), [&](const auto& origin) {
        return origin.key == key && origin.from == "default";
    });
}

// ---- what is printed

std::vector<std::string> wrapped(const std::string& text) {
    std::vector<std::string> lines;
    for (std::size_t begin = 0; begin < text.size();) {
        std::size_t end = text.size();
        if (end - begin > kWrap) {
            const auto blank = text.rfind(' ', begin + kWrap);
            end = blank == std::string::npos || blank <= begin ? text.find(' ', begin) : blank;
            end = std::min(end, text.size());
        }
        lines.push_back(text.substr(begin, end - begin));
        begin = end + 1;
    }
    return lines;
}

Paint paint_of(Status status) {
    if (status == Status::ok) return Paint::good;
    return status == Status::warn ? Paint::doubtful : Paint::bad;
}

void add_rows(TextTable& table, const Finding& finding) {
    const auto values = wrapped(finding.value);
    for (std::size_t i = 0; i < values.size(); ++i) {
        if (i > 0) {
            table.add({{}, {}, {}, {values[i]}});
            continue;
        }
        table.add({{name_of(finding.status), paint_of(finding.status)},
                   {finding.check},
                   {finding.target},
                   {values[i]}});
    }
    if (finding.status == Status::ok) return;
    for (const auto& line : wrapped(finding.why)) {
        table.add({{}, {}, {}, {line, Paint::faint}});
    }
    for (const auto& line : wrapped("-> " + finding.next_step)) table.add({{}, {}, {}, {line}});
}

std::string table_text(const Findings& findings, bool colour) {
    TextTable table({"STATUS", "CHECK", "TARGET", "SEEN"});
    std::map<std::string, std::size_t> fine;
    for (const Finding& finding : findings) {
        if (finding.status != Status::ok || ++fine[finding.check] <= kShownOk) {
            add_rows(table, finding);
        }
    }
    for (const auto& [check, count] : fine) {
        if (count <= kShownOk) continue;
        table.add({{"ok", Paint::good},
                   {check},
                   {"and " + std::to_string(count - kShownOk) + " more"},
                   {}});
    }
    return table.to_string(colour);
}

std::string counted(std::size_t count, const char* noun) {
    return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

std::string summary(const Findings& findings, std::size_t addresses, bool colour) {
    const auto count = [&](Status status) {
        return static_cast<std::size_t>(
            std::count_if(findings.begin(), findings.end(),
                          [status](const Finding& f) { return f.status == status; }));
    };
    const auto fails = count(Status::fail);
    const auto warnings = count(Status::warn);
    const std::string of = counted(findings.size(), "check") + " of this machine and " +
                           std::to_string(addresses) + (addresses == 1 ? " address" : " addresses");
    if (fails + warnings == 0) return painted("All is well: ", Paint::good, colour) + of + ".\n";
    if (fails == 0) {
        return painted("Nothing fails; " + counted(warnings, "warning"), Paint::doubtful, colour) +
               " in " + of + ".\n";
    }
    return painted(counted(fails, "problem") + " and " + counted(warnings, "warning"), Paint::bad,
                   colour) +
           " in " + of + ".\n";
}

void print(const Findings& findings, std::size_t addresses, bool as_json) {
    std::string out;
    if (as_json) {
        nlohmann::ordered_json rows = nlohmann::ordered_json::array();
        for (const Finding& f : findings) {
            rows.push_back({{"check", f.check},
                            {"target", f.target},
                            {"status", name_of(f.status)},
                            {"value", f.value},
                            {"why", f.why},
                            {"next_step", f.next_step}});
        }
        const nlohmann::ordered_json body = {{"ok", all_well(findings)}, {"findings", rows}};
        out = body.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
    } else {
        const bool colour = wants_colour(stdout);
        out = table_text(findings, colour) + "\n" + summary(findings, addresses, colour);
    }
    std::fwrite(out.data(), 1, out.size(), stdout);
}

// One line on a terminal, gone when the object dies.
class Progress {
  public:
    explicit Progress(const std::string& text) : shown_(is_terminal(stderr)) {
        if (shown_) std::fprintf(stderr, "%s", text.c_str());
    }
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;
    ~Progress() {
        if (shown_) std::fprintf(stderr, "\r\x1b[K");
    }

  private:
    bool shown_;
};

}  // namespace

Result<int> run_doctor(const DoctorOptions& options) {
    const auto config = load_config(options.settings, hearsay_environment());
    if (!config) return config.error();
    const auto url =
        options.node.empty() ? Result<std::string>(agent_url(*config)) : normalised(options.node);
    if (!url) return gossip::Error{gossip::Errc::invalid, "--node: " + url.error().message};

    Findings findings;
    AgentState agent;
    {
        const Progress progress("asking " + *url + " ...");
        agent = ask_agent(*url, !options.node.empty());
    }
    judge_agent(agent, findings);
    const bool answers = agent.outcome == AgentState::Outcome::healthy;
    const std::string cluster =
        answers && from_default(*config, "cluster") ? agent.cluster : config->cluster;

    const auto data = examine_data_dir(config->data);
    judge_data_dir(data, answers, findings);
    judge_limits(file_limit(data.holder), receive_buffer_limit(), agent.nodes, findings);

    Targets targets;
    {
        const Progress progress("looking up " + counted(config->seeds.size(), "seed") + " ...");
        const auto gossip_at = literal_endpoint(config->gossip);
        const bool v6 = gossip_at && !mapped_v4(*gossip_at);
        for (const auto& name : look_up_all(config->seeds, v6)) {
            if (!name.literal) judge_name(name, findings);
            for (const Endpoint& address : name.addresses) {
                (void)targets.add(address, name.name);
            }
        }
    }
    targets.add_members(std::move(agent.members), cluster == agent.cluster);
    const std::size_t addresses = targets.size();
    if (targets.left_out() > 0) {
        findings.push_back({"sample", "this machine", Status::ok,
                            std::to_string(targets.left_out()) +
                                " addresses were left out: it examines at most " +
                                std::to_string(DoctorOptions::kMaxMembers) + " members, and " +
                                std::to_string(kMaxProbes) + " addresses",
                            "", ""});
    }
    {
        const Progress progress("examining " + counted(addresses, "node") +
                                ", about 3 s at most ...");
        const auto peers = std::move(targets).probed(cluster);
        for (const Peer& peer : peers) judge_peer(peer, cluster, findings);
        judge_clocks(peers, agent.id, findings);
    }
    sort_by_weight(findings);
    print(findings, addresses, options.json);
    const bool nobody = agent.outcome == AgentState::Outcome::absent && config->seeds.empty();
    if (nobody) {
        complain("no node was examined: start one with `hearsay agent`, or name one with --seed");
        return kNodeUnreachable;
    }
    return all_well(findings) ? kOk : kFailed;
}

}  // namespace node::cli
