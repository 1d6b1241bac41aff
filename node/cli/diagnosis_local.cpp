#include <array>
#include <cstdio>
#include <limits>
#include <utility>

#include "node/cli/diagnosis.h"

// The part of the diagnosis that is about this machine and its agent.

namespace node::cli {
namespace {

constexpr const char* kMachine = "this machine";

void judge_space(const DataDirState& state, Findings& findings) {
    Finding finding{"disk", state.path.string(), Status::ok, "", "", ""};
    const auto free = state.free_bytes;
    finding.value = bytes_text(free) + " of " + bytes_text(state.all_bytes) + " free";
    if (free < kDiskFull) {
        finding.status = Status::fail;
    } else if (free < kDiskDoubtful || free < state.all_bytes / kDiskPart) {
        finding.status = Status::warn;
    }
    if (finding.status != Status::ok) {
        finding.why =
            "a node whose disk refuses a write ends (exit code 15) rather than "
            "acknowledge what is not durable";
        finding.next_step = "free space there (`du -xh " + state.examined.string() +
                            " | sort -h | tail`), or stop the agent, move its directory and name "
                            "it with --data";
    }
    findings.push_back(std::move(finding));
}

void judge_inodes(const DataDirState& state, Findings& findings) {
    if (!state.free_inodes) return;
    Finding finding{"inodes",   state.path.string(),
                    Status::ok, std::to_string(*state.free_inodes) + " free",
                    "",         ""};
    if (*state.free_inodes < kFewInodes) {
        finding.status = Status::warn;
        finding.why = "without a free inode SQLite cannot make the files beside its database";
        finding.next_step =
            "remove small files from that file system: `df -i " + state.examined.string() + "`";
    }
    findings.push_back(std::move(finding));
}

void judge_writing(const DataDirState& state, bool agent_answers, Findings& findings) {
    Finding finding{"data", state.path.string(), Status::ok, "", "", ""};
    if (!state.write_error.empty()) {
        // What the agent's own user may do, we do not know.
        const bool held = state.holder.has_value() && agent_answers;
        finding.status = held && state.free_bytes >= kDiskFull ? Status::warn : Status::fail;
        finding.value =
            (state.exists ? "a file cannot be written: " : "cannot be made: ") + state.write_error;
        finding.why = "an agent needs to write there, and ends when it cannot (exit codes 11, 15)";
        finding.next_step =
            "make room or give its user the right to write; and run this as the "
            "user that the agent runs as";
    } else if (!state.exists && agent_answers) {
        finding.status = Status::warn;
        finding.value = "does not exist, and an agent runs";
        finding.why = "the agent keeps its state elsewhere, on a disk that was not examined";
        finding.next_step = "name its directory with --data DIR";
    } else if (!state.exists) {
        finding.value = "does not exist yet; an agent can make it";
    } else {
        finding.value = "writable, database " + bytes_text(state.database_bytes);
        if (state.holder) finding.value += ", held by process " + std::to_string(*state.holder);
    }
    findings.push_back(std::move(finding));
}

void judge_members(const AgentState& agent, Findings& findings) {
    std::string lost;
    std::size_t count = 0;
    for (const auto& member : agent.members) {
        if (member.state != "dead" && member.state != "suspect") continue;
        ++count;
        constexpr std::size_t kNamed = 5;
        if (count <= kNamed) lost += (lost.empty() ? "" : ", ") + member.name;
        if (count == kNamed + 1) lost += ", ...";
    }
    if (count == 0) return;
    findings.push_back({"members", agent.url, Status::warn,
                        std::to_string(count) + " dead or suspect: " + lost,
                        "what is registered at them is listed as unreachable, then as expired",
                        "see what is said of their addresses here; nodes that are gone for good "
                        "are forgotten after 24 hours"});
}

void judge_cluster(const AgentState& agent, Findings& findings) {
    Finding agreement{"agreement",
                      agent.url,
                      Status::ok,
                      std::to_string(agent.agreeing) + " of " + std::to_string(agent.nodes) +
                          " nodes hold the same table",
                      "",
                      ""};
    if (agent.agreeing < agent.nodes) {
        agreement.status = Status::warn;
        agreement.why = "normal for a moment after changes; when it stays, exchanges fail";
        agreement.next_step =
            "run this again; if it stays, look at what is said of udp, mtu and "
            "clock";
    }
    findings.push_back(std::move(agreement));
    if (agent.partition_suspected) {
        findings.push_back({"partition", agent.url, Status::fail,
                            "more than half of the members died within a minute",
                            "rather this node or its network is cut off than all of them dead",
                            "look at the network of this machine first, then at what is said of "
                            "its peers here"});
    }
    if (std::chrono::abs(agent.clock_offset) > kClockDoubtful) {
        const bool far = std::chrono::abs(agent.clock_offset) > kClockRefused;
        findings.push_back({"clock", agent.url, far ? Status::fail : Status::warn,
                            "the agent corrects its clock by " +
                                std::to_string(agent.clock_offset.count()) + " ms",
                            "its machine's clock is off by as much, and everything else on it goes "
                            "by that clock",
                            "run a time service on that machine: `timedatectl set-ntp true` "
                            "(systemd-timesyncd) or chrony"});
    }
    judge_members(agent, findings);
}

}  // namespace

void judge_agent(const AgentState& agent, Findings& findings) {
    Finding finding{"agent", agent.url, Status::fail, "", "", ""};
    switch (agent.outcome) {
        case AgentState::Outcome::healthy:
            finding.status = Status::ok;
            finding.value = "answers: " + agent.name + ", cluster " + agent.cluster;
            findings.push_back(std::move(finding));
            judge_cluster(agent, findings);
            return;
        case AgentState::Outcome::absent:
            if (!agent.named) finding.status = Status::warn;
            finding.value = "no agent answers";
            finding.why = "applications of this machine have nowhere to register";
            finding.next_step =
                "start one with `hearsay agent`, or name where it listens with "
                "--node URL";
            break;
        case AgentState::Outcome::hangs:
            finding.value = "accepts connections, but does not answer";
            finding.why = "a node that hangs is declared dead by the others";
            finding.next_step =
                "look at its log and its CPU, and at what is said of the disk "
                "here; restart it";
            break;
        case AgentState::Outcome::unwell:
            finding.value = agent.problem;
            finding.why = "it is overloaded, or it is no Hearsay node";
            finding.next_step = "look at its log, or name another with --node URL";
            break;
    }
    findings.push_back(std::move(finding));
}

void judge_data_dir(const DataDirState& state, bool agent_answers, Findings& findings) {
    judge_writing(state, agent_answers, findings);
    if (state.space_known) judge_space(state, findings);
    judge_inodes(state, findings);
}

void judge_limits(const FileLimit& files, std::optional<std::uint64_t> receive_buffer,
                  unsigned nodes, Findings& findings) {
    const bool unlimited = files.most > std::numeric_limits<std::uint32_t>::max();
    Finding finding{
        "files",    files.of_agent ? "the agent" : kMachine,
        Status::ok, (unlimited ? "any number" : std::to_string(files.most)) + " may be open",
        "",         ""};
    if (files.most < kFewFiles) {
        finding.status = Status::warn;
        finding.why =
            "every client that keeps its connection takes one: the agent turns away "
            "those that do not fit";
        finding.next_step =
            "raise the hard limit: LimitNOFILE=65536 in a systemd unit, --ulimit "
            "nofile=65536 for a container, or /etc/security/limits.conf";
    }
    findings.push_back(std::move(finding));

    if (!receive_buffer) return;
    Finding buffer{"buffers",  kMachine,
                   Status::ok, "net.core.rmem_max is " + std::to_string(*receive_buffer),
                   "",         ""};
    const bool many = nodes >= kManyNodes;
    if (*receive_buffer < (many ? kWantedBuffer : kDefaultBuffer)) {
        buffer.status = Status::warn;
        buffer.why = "bursts of datagrams that do not fit are lost, and have to be repaired";
        buffer.next_step =
            "`sysctl -w net.core.rmem_max=4194304`, kept in /etc/sysctl.d/hearsay.conf";
    }
    findings.push_back(std::move(buffer));
}

std::string bytes_text(std::uint64_t bytes) {
    constexpr std::array kUnits{"B", "KiB", "MiB", "GiB", "TiB"};
    auto amount = static_cast<double>(bytes);
    std::size_t unit = 0;
    for (; amount >= 1024 && unit + 1 < kUnits.size(); ++unit) amount /= 1024;
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), unit == 0 ? "%.0f %s" : "%.1f %s", amount,
                  kUnits[unit]);
    return text.data();
}

}  // namespace node::cli
