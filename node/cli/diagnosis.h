#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "gossip/ids.h"
#include "node/cli/gossip_probe.h"
#include "node/cli/local_checks.h"

// What measurements mean, and what to do about it. Pure: every sentence of `hearsay doctor` can be
// had without the trouble that it is about.
namespace node::cli {

enum class Status : std::uint8_t {
    ok,
    warn,  // works, with less room or comfort than it should have
    fail,  // something does not work, or will end the node
};

// One thing that was examined. `-o json` prints these members under these names: a contract.
struct Finding {
    std::string check;   // which: udp, tcp, reach, mtu, clock, name, agent, data, disk, ...
    std::string target;  // of what: an address, a directory, this machine
    Status status = Status::ok;
    std::string value;      // what was seen
    std::string why;        // why that matters; empty if ok
    std::string next_step;  // what to do about it; empty if ok
};
using Findings = std::vector<Finding>;

// A name of a seed, and what the resolver made of it.
struct NameState {
    std::string name;
    std::vector<gossip::Endpoint> addresses;
    std::string error;     // empty: there are addresses
    bool literal = false;  // an address in numbers: nobody was asked
};

// An address that was probed.
struct Peer {
    std::string target;             // "10.0.0.5:7701 (node-2)"
    bool alive = true;              // false: the cluster itself holds it for suspect or dead
    bool ours = false;              // a member of the very cluster that the probe spoke for
    bool foreign_protocol = false;  // it announced versions that we do not speak
    PeerMeasurement seen;
};

// What the node at --node says.
struct AgentState {
    enum class Outcome : std::uint8_t { healthy, absent, hangs, unwell };
    struct Member {
        std::string name;
        std::string state;
        std::string gossip;
        bool foreign_protocol = false;
    };

    std::string url;
    bool named = false;  // by --node or HEARSAY_NODE: then it has to answer
    Outcome outcome = Outcome::absent;
    std::string problem;  // of an unwell one, in its own words
    std::string name;
    std::string cluster;
    std::optional<gossip::NodeId> id;
    unsigned nodes = 0;
    unsigned agreeing = 0;
    bool partition_suspected = false;
    std::chrono::milliseconds clock_offset{0};
    std::vector<Member> members;  // without itself
};

constexpr std::chrono::milliseconds kClockDoubtful{500};    // nodes correct their stamps
constexpr std::chrono::milliseconds kClockRefused{10'000};  // nodes do not compare tables
constexpr unsigned kLeastMtu = 1280;                        // IPv6's, and the protocol's
constexpr std::uint64_t kDiskDoubtful = std::uint64_t{1} << 30U;
constexpr std::uint64_t kDiskFull = std::uint64_t{64} << 20U;
constexpr std::uint64_t kDiskPart = 20;  // less than one of so many parts free is doubtful, too
constexpr std::uint64_t kFewInodes = 1000;
constexpr std::uint64_t kFewFiles = 4096;
// The receive buffer that Linux allows by default does for small clusters; what an agent asks for
// takes the bursts of many nodes.
constexpr std::uint64_t kDefaultBuffer = 212'992;
constexpr std::uint64_t kWantedBuffer = std::uint64_t{4} << 20U;
constexpr unsigned kManyNodes = 50;

void judge_agent(const AgentState& agent, Findings& findings);
void judge_name(const NameState& name, Findings& findings);
// `cluster` is the name of the cluster that the probe spoke for.
void judge_peer(const Peer& peer, const std::string& cluster, Findings& findings);
// Whose clock is wrong: the median of ours and the peers' is taken for the time. `self` is the
// agent of this machine, which has our clock.
void judge_clocks(const std::vector<Peer>& peers, std::optional<gossip::NodeId> self,
                  Findings& findings);
void judge_data_dir(const DataDirState& state, bool agent_answers, Findings& findings);
void judge_limits(const FileLimit& files, std::optional<std::uint64_t> receive_buffer,
                  unsigned nodes, Findings& findings);

// True unless something fails. A warning is for people: a deployment that stopped because a
// twentieth of a disk is left would soon be made to ignore us.
[[nodiscard]] bool all_well(const Findings& findings);
// Problems first: fail, warn, ok; otherwise in the order of examination.
void sort_by_weight(Findings& findings);
[[nodiscard]] const char* name_of(Status status);

// "1.5 GiB".
[[nodiscard]] std::string bytes_text(std::uint64_t bytes);

}  // namespace node::cli
