#include "node/cli/diagnosis.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <tuple>
#include <utility>

namespace node::cli {
namespace {

using std::chrono::milliseconds;

constexpr const char* kMachine = "this machine";

std::string rtt_text(std::chrono::microseconds rtt) {
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%.2f ms", static_cast<double>(rtt.count()) / 1000);
    return text.data();
}

// What one transport did, as a half sentence.
std::string contact_text(const char* transport, const Contact& contact) {
    switch (contact.reach) {
        case Reach::answered:
            return std::string{transport} + " answers";
        case Reach::refused:
            return std::string{transport} + " is refused";
        case Reach::silent:
            return std::string{transport} + " gets no answer";
        case Reach::failed:
            return std::string{transport} + ": " + contact.error;
    }
    return transport;
}

std::string ports_text(const Peer& peer) {
    return "port " + std::to_string(peer.seen.address.port);
}

// A member that the cluster holds for dead is a known loss, and no failure of this machine.
Status loss(const Peer& peer) {
    return peer.alive ? Status::fail : Status::warn;
}

void judge_unreachable(const Peer& peer, Findings& findings) {
    const auto& seen = peer.seen;
    Finding finding{"reach", peer.target, loss(peer), "", "", ""};
    finding.value = contact_text("UDP", seen.udp) + ", " + contact_text("TCP", seen.tcp);
    const bool refused = seen.udp.reach == Reach::refused || seen.tcp.reach == Reach::refused;
    if (refused) {
        finding.why =
            "the machine is up, but no node listens there: it is down, or gossips at "
            "another address";
        finding.next_step =
            "start the node, or correct the seed; `hearsay nodes` at a node that "
            "works lists the addresses";
    } else if (seen.udp.reach == Reach::failed && seen.tcp.reach == Reach::failed) {
        finding.why = "this machine cannot send there";
        finding.next_step =
            "look at its routes and its own firewall: `ip route get ADDRESS`, "
            "`nft list ruleset`, `iptables -S OUTPUT`";
    } else {
        finding.why = "the machine is down, or a firewall drops everything";
        finding.next_step = "see whether it is up; then allow UDP and TCP " + ports_text(peer) +
                            " to it (firewall, security group, NetworkPolicy)";
    }
    if (!peer.alive) finding.why += "; the cluster no longer counts on it";
    findings.push_back(std::move(finding));
}

void judge_udp_blocked(const Peer& peer, const std::string& cluster, Findings& findings) {
    Finding finding{"udp", peer.target, loss(peer), "", "", ""};
    finding.value = contact_text("UDP", peer.seen.udp) + ", TCP connects";
    if (peer.foreign_protocol) {
        finding.why =
            "it announced a protocol version that this program does not speak, and such "
            "nodes ignore each other";
        finding.next_step = "run releases that share a version: `hearsay version` on both";
        findings.push_back(std::move(finding));
        return;
    }
    finding.why =
        "UDP is blocked while TCP works, and nodes that exchange no datagrams hold each "
        "other for dead";
    if (peer.seen.udp.reach == Reach::failed) {
        finding.next_step = "let this machine's own firewall send UDP to " + ports_text(peer) +
                            ": `nft list ruleset`, `iptables -S OUTPUT`";
    } else {
        finding.next_step = "allow UDP " + ports_text(peer) +
                            " both ways (firewall, security group, Kubernetes NetworkPolicy, /udp "
                            "of a published container port)";
        if (!peer.ours) {
            finding.why +=
                "; or it is a node of another cluster than '" + cluster + "', which ignores us";
            finding.next_step += "; or name its cluster with --cluster";
        }
    }
    findings.push_back(std::move(finding));
}

void judge_tcp(const Peer& peer, Findings& findings) {
    const auto& tcp = peer.seen.tcp;
    if (tcp.reach == Reach::answered) {
        findings.push_back({"tcp", peer.target, Status::ok, "connects", "", ""});
        return;
    }
    findings.push_back({"tcp", peer.target, loss(peer), "UDP answers, " + contact_text("TCP", tcp),
                        "large differences and whole tables go over TCP: a node that joins a big "
                        "cluster will not catch up",
                        "allow TCP " + ports_text(peer) + " to it, as UDP already is"});
}

std::string size_text(const char* what, const PathSize& size) {
    return std::to_string(size.full ? size.attempted : size.largest) + " B " + what;
}

void judge_mtu(const Peer& peer, Findings& findings) {
    const auto& [there, back, link] = std::tie(peer.seen.there, peer.seen.back, peer.seen.link_mtu);
    const bool link_small = link > 0 && link < kLeastMtu;
    Finding finding{"mtu", peer.target, Status::ok, "", "", ""};
    const std::string route =
        link_small ? "; our kernel's MTU for it is " + std::to_string(link) : "";
    if (there.known && !there.full) {
        finding.status = Status::fail;
        finding.value = "MTU below 1,280 on the path to it (largest packet that passed: " +
                        size_text("of", there) + " " + std::to_string(there.attempted) + ")" +
                        route;
    } else if (back.known && !back.full) {
        finding.status = Status::fail;
        finding.value =
            "MTU below 1,280 on the path back (largest answer that came: " + size_text("of", back) +
            " " + std::to_string(back.attempted) + ")" + route;
    } else if (link_small) {
        finding.status = Status::warn;
        finding.value = "MTU below 1,280 (" + std::to_string(link) + " to it)";
        finding.why = "the datagrams of today fit, but IPv6 needs 1,280";
    } else if (!there.known) {
        finding.status = Status::warn;
        finding.value = "unknown: it fell silent while sizes were tried";
        finding.why = "the path loses much, or the node is overloaded";
        finding.next_step = "run this again";
        findings.push_back(std::move(finding));
        return;
    } else {
        finding.value = "packets of " + size_text("there", there) +
                        (back.known ? ", " + size_text("back", back) : "");
        findings.push_back(std::move(finding));
        return;
    }
    if (finding.why.empty()) {
        finding.why =
            "small pings pass, but large datagrams are cut up or lost: the node looks "
            "alive, while changes and repairs do not arrive";
    }
    finding.next_step =
        "raise the MTU of the VPN, tunnel or overlay between to at least 1,280, at "
        "both ends: `ip link set dev X mtu 1280` (`ip route get ADDRESS` names X)";
    findings.push_back(std::move(finding));
}

// ---- clocks

struct ClockSample {
    const Peer* peer = nullptr;  // none: ours
    milliseconds ahead{0};       // of ours
    milliseconds slack{0};       // by which the measurement may be wrong
};

milliseconds beyond(milliseconds difference, milliseconds slack) {
    return std::max(milliseconds{0}, std::chrono::abs(difference) - slack);
}

Status clock_status(milliseconds difference, milliseconds slack) {
    const auto sure = beyond(difference, slack);
    if (sure > kClockRefused) return Status::fail;
    return sure > kClockDoubtful ? Status::warn : Status::ok;
}

Finding clock_finding(std::string target, Status status, std::string value) {
    Finding finding{"clock", std::move(target), status, std::move(value), "", ""};
    if (status == Status::ok) return finding;
    finding.why = status == Status::fail
                      ? "nodes that are more than 10 s apart do not compare their tables: what a "
                        "lost datagram left out stays out"
                      : "a node that is off by more than 500 ms corrects its stamps by its peers', "
                        "which helps only while most of them are right";
    finding.next_step =
        "run a time service on the machine that is wrong: `timedatectl set-ntp "
        "true` (systemd-timesyncd) or chrony; `timedatectl` and `chronyc tracking` "
        "show it";
    return finding;
}

std::string ahead_text(milliseconds difference) {
    const char* side = difference.count() < 0 ? " ms behind " : " ms ahead of ";
    return std::to_string(std::chrono::abs(difference).count()) + side;
}

// Ours and one of each peer, the most behind first.
std::vector<ClockSample> clocks_of(const std::vector<Peer>& peers,
                                   std::optional<gossip::NodeId> self) {
    std::vector<ClockSample> clocks{{}};
    for (const Peer& peer : peers) {
        const auto& seen = peer.seen;
        if (seen.udp.reach != Reach::answered || seen.id == self) continue;
        const bool known = std::any_of(clocks.begin(), clocks.end(), [&](const ClockSample& c) {
            return c.peer != nullptr && c.peer->seen.id == seen.id;  // by another address
        });
        if (known) continue;
        const auto slack = std::chrono::ceil<milliseconds>(seen.rtt / 2);
        clocks.push_back({&peer, seen.ahead, slack});
    }
    std::stable_sort(clocks.begin(), clocks.end(),
                     [](const auto& a, const auto& b) { return a.ahead < b.ahead; });
    return clocks;
}

}  // namespace

void judge_name(const NameState& name, Findings& findings) {
    if (!name.error.empty()) {
        findings.push_back({"name", name.name, Status::fail, name.error,
                            "a node that knows no other seed cannot start with it (exit code 14)",
                            "correct the seed, or the DNS: `getent ahosts NAME` shows what this "
                            "machine gets"});
        return;
    }
    const auto count = name.addresses.size();
    findings.push_back({"name", name.name, Status::ok,
                        std::to_string(count) + (count == 1 ? " address" : " addresses"), "", ""});
}

void judge_peer(const Peer& peer, const std::string& cluster, Findings& findings) {
    const auto& seen = peer.seen;
    if (seen.udp.reach == Reach::answered) {
        findings.push_back(
            {"udp", peer.target, Status::ok, "answers in " + rtt_text(seen.rtt), "", ""});
        judge_tcp(peer, findings);
        judge_mtu(peer, findings);
    } else if (seen.tcp.reach == Reach::answered) {
        judge_udp_blocked(peer, cluster, findings);
    } else {
        judge_unreachable(peer, findings);
    }
}

void judge_clocks(const std::vector<Peer>& peers, std::optional<gossip::NodeId> self,
                  Findings& findings) {
    const auto clocks = clocks_of(peers, self);
    if (clocks.size() < 2) return;
    const ClockSample& low = clocks[(clocks.size() - 1) / 2];
    const ClockSample& high = clocks[clocks.size() / 2];
    const bool torn = clock_status(high.ahead - low.ahead, high.slack + low.slack) != Status::ok;
    if (torn) {  // half of the clocks says one thing, half another
        for (const auto& [peer, ahead, slack] : clocks) {
            if (peer == nullptr) continue;
            const Status status = clock_status(ahead, slack);
            std::string value = ahead_text(ahead) + "this machine";
            if (status != Status::ok) {
                value +=
                    "; whose is wrong, " + std::to_string(clocks.size()) + " clocks cannot tell";
            }
            findings.push_back(clock_finding(peer->target, status, std::move(value)));
        }
        return;
    }
    const ClockSample& middle = low;
    const std::string median = "the median of " + std::to_string(clocks.size()) + " clocks";
    for (const auto& [peer, ahead, slack] : clocks) {
        const auto off = ahead - middle.ahead;
        findings.push_back(clock_finding(peer == nullptr ? kMachine : peer->target,
                                         clock_status(off, slack + middle.slack),
                                         ahead_text(off) + median));
    }
}

bool all_well(const Findings& findings) {
    return std::none_of(findings.begin(), findings.end(),
                        [](const Finding& f) { return f.status == Status::fail; });
}

void sort_by_weight(Findings& findings) {
    std::stable_sort(findings.begin(), findings.end(),
                     [](const Finding& a, const Finding& b) { return a.status > b.status; });
}

const char* name_of(Status status) {
    switch (status) {
        case Status::ok:
            return "ok";
        case Status::warn:
            return "warn";
        case Status::fail:
            return "fail";
    }
    return "";
}

}  // namespace node::cli
