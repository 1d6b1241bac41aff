#include <gtest/gtest.h>

#include <algorithm>

#include "gossip/hash.h"
#include "gossip/wire.h"
#include "node/address.h"
#include "node/cli/diagnosis.h"
#include "node/cli/ports.h"
#include "tests/support/fake_peer.h"
#include "tests/support/loopback.h"
#include "tests/support/text.h"

// What measurements mean, and whether they are taken right from peers that lie about one thing.

namespace {

using namespace node::cli;
using namespace std::chrono_literals;
using gossip::NodeId;
using test::contains;
using test::FakeFaults;
using test::FakePeer;

// ---- measurements, made up

Peer healthy(std::uint64_t id = 1, std::chrono::milliseconds ahead = 0ms) {
    Peer peer;
    peer.target = "10.0.0." + std::to_string(id) + ":7701";
    peer.seen.address = gossip::Endpoint::v4(10, 0, 0, static_cast<std::uint8_t>(id), 7701);
    peer.seen.udp.reach = peer.seen.tcp.reach = Reach::answered;
    peer.seen.id = NodeId{id};
    peer.seen.rtt = 300us;
    peer.seen.ahead = ahead;
    peer.seen.there = {true, true, 1260, 1260};
    peer.seen.back = {true, true, 1234, 1234};
    peer.seen.link_mtu = 1500;
    return peer;
}

// The finding of a check about a target; the default one if there is none.
Finding find(const Findings& findings, const std::string& check, const std::string& target = "") {
    for (const Finding& finding : findings) {
        if (finding.check == check && (target.empty() || finding.target == target)) return finding;
    }
    return {};
}

Findings judged(const Peer& peer) {
    Findings findings;
    judge_peer(peer, "blue", findings);
    return findings;
}

Findings clocks(const std::vector<Peer>& peers, std::optional<NodeId> self = {}) {
    Findings findings;
    judge_clocks(peers, self, findings);
    return findings;
}

DataDirState roomy() {
    DataDirState state;
    state.path = state.examined = "/var/lib/hearsay";
    state.exists = state.space_known = true;
    state.free_bytes = std::uint64_t{50} << 30U;
    state.all_bytes = std::uint64_t{100} << 30U;
    state.free_inodes = 1'000'000;
    return state;
}

Findings judged(const DataDirState& state, bool agent_answers = false) {
    Findings findings;
    judge_data_dir(state, agent_answers, findings);
    return findings;
}

// Whatever is wrong comes with what was seen, why it matters, and what to do.
void expect_explained(const Findings& findings) {
    for (const Finding& finding : findings) {
        EXPECT_FALSE(finding.check.empty() || finding.target.empty() || finding.value.empty());
        const bool fine = finding.status == Status::ok;
        EXPECT_EQ(finding.why.empty(), fine) << finding.check << ": " << finding.value;
        EXPECT_EQ(finding.next_step.empty(), fine) << finding.check << ": " << finding.value;
    }
}

// ---- reach

TEST(DoctorJudgesPeers, OneThatAnswersEverythingIsFine) {
    const auto findings = judged(healthy());
    EXPECT_TRUE(all_well(findings));
    for (const char* check : {"udp", "tcp", "mtu"}) {
        EXPECT_EQ(find(findings, check).value.empty(), false) << check;
        EXPECT_EQ(find(findings, check).status, Status::ok) << check;
    }
    expect_explained(findings);
}

TEST(DoctorJudgesPeers, WhatAnswersTellsWhatIsBlocked) {
    struct Row {
        Reach udp;
        Reach tcp;
        const char* check;
        const char* word;
    };
    for (const auto& [udp, tcp, check, word] :
         {Row{Reach::silent, Reach::answered, "udp", "UDP is blocked while TCP works"},
          {Reach::refused, Reach::answered, "udp", "UDP is blocked while TCP works"},
          {Reach::failed, Reach::answered, "udp", "own firewall"},
          {Reach::answered, Reach::silent, "tcp", "allow TCP port 7701"},
          {Reach::answered, Reach::refused, "tcp", "allow TCP port 7701"},
          {Reach::refused, Reach::refused, "reach", "no node listens there"},
          {Reach::silent, Reach::refused, "reach", "no node listens there"},
          {Reach::silent, Reach::silent, "reach", "drops everything"},
          {Reach::failed, Reach::failed, "reach", "ip route get"}}) {
        Peer peer = healthy();
        peer.seen.udp = {udp, udp == Reach::failed ? "Operation not permitted" : ""};
        peer.seen.tcp = {tcp, tcp == Reach::failed ? "No route to host" : ""};
        const auto findings = judged(peer);
        const auto found = find(findings, check);
        EXPECT_EQ(found.status, Status::fail) << word;
        EXPECT_TRUE(contains(found.why + found.next_step, word)) << found.why << found.next_step;
        EXPECT_FALSE(all_well(findings));
        expect_explained(findings);

        peer.alive = false;  // the cluster has told everybody
        EXPECT_EQ(find(judged(peer), check).status, Status::warn) << word;
    }
}

TEST(DoctorJudgesPeers, SilenceMayBeAnotherClusterOrAnotherRelease) {
    Peer peer = healthy();
    peer.seen.udp.reach = Reach::silent;
    EXPECT_TRUE(contains(find(judged(peer), "udp").why, "another cluster than 'blue'"));
    peer.ours = true;  // the agent knows it as a member
    EXPECT_FALSE(contains(find(judged(peer), "udp").why, "another cluster"));
    peer.foreign_protocol = true;
    EXPECT_TRUE(contains(find(judged(peer), "udp").why, "protocol version"));
}

TEST(DoctorJudgesPeers, TheSizesThatPassTellTheMtu) {
    struct Row {
        PathSize there;
        PathSize back;
        unsigned link;
        Status status;
        const char* value;
    };
    constexpr PathSize kThere{true, true, 1260, 1260};
    constexpr PathSize kBack{true, true, 1234, 1234};
    constexpr PathSize kUnknown{false, false, 0, 1234};
    for (const auto& [there, back, link, status, value] :
         {Row{kThere, kBack, 1500, Status::ok, "1260 B there, 1234 B back"},
          {kThere, kUnknown, 1500, Status::ok, "1260 B there"},
          {kThere, kBack, 0, Status::ok, "1260 B there"},
          {{true, false, 1200, 1260}, kBack, 1500, Status::fail, "that passed: 1200 B of 1260"},
          {{true, false, 1200, 1260}, kBack, 1200, Status::fail, "MTU for it is 1200"},
          {kThere, {true, false, 850, 1234}, 1500, Status::fail, "that came: 850 B of 1234"},
          {kThere, kBack, 1279, Status::warn, "MTU below 1,280 (1279"},
          {kThere, kBack, 1280, Status::ok, "1260 B there"},
          {{false, false, 77, 1260}, kUnknown, 1500, Status::warn, "fell silent"}}) {
        Peer peer = healthy();
        peer.seen.there = there;
        peer.seen.back = back;
        peer.seen.link_mtu = link;
        const auto findings = judged(peer);
        EXPECT_EQ(find(findings, "mtu").status, status) << value;
        EXPECT_TRUE(contains(find(findings, "mtu").value, value)) << find(findings, "mtu").value;
        expect_explained(findings);
    }
}

// ---- clocks

TEST(DoctorJudgesClocks, TheMedianSaysWhoseIsWrong) {
    const auto ours = clocks({healthy(1, -20s), healthy(2, -20s), healthy(3, -20s + 40ms)});
    EXPECT_EQ(find(ours, "clock", "this machine").status, Status::fail);
    EXPECT_TRUE(contains(find(ours, "clock", "this machine").value, "20000 ms ahead"));
    EXPECT_EQ(find(ours, "clock", "10.0.0.1:7701").status, Status::ok);

    const auto theirs = clocks({healthy(1, 0ms), healthy(2, 1700ms), healthy(3, -3ms)});
    EXPECT_EQ(find(theirs, "clock", "this machine").status, Status::ok);
    EXPECT_EQ(find(theirs, "clock", "10.0.0.2:7701").status, Status::warn);
    EXPECT_TRUE(contains(find(theirs, "clock", "10.0.0.2:7701").next_step, "timedatectl"));
    EXPECT_TRUE(all_well(theirs));
    expect_explained(ours);
    expect_explained(theirs);
}

TEST(DoctorJudgesClocks, TwoClocksCannotTellWhoseIsWrong) {
    const auto findings = clocks({healthy(1, 11s)});
    EXPECT_EQ(find(findings, "clock", "this machine").target, "");
    const auto found = find(findings, "clock", "10.0.0.1:7701");
    EXPECT_EQ(found.status, Status::fail);
    EXPECT_TRUE(contains(found.value, "cannot tell")) << found.value;
    expect_explained(findings);
}

TEST(DoctorJudgesClocks, OnlyWhatIsBeyondTheErrorOfTheMeasurementCounts) {
    Peer slow = healthy(1, 900ms);
    EXPECT_EQ(find(clocks({slow}), "clock", slow.target).status, Status::warn);
    slow.seen.rtt = 900ms;  // may be wrong by 450 ms
    EXPECT_EQ(find(clocks({slow}), "clock", slow.target).status, Status::ok);
    EXPECT_EQ(find(clocks({healthy(1, 500ms)}), "clock", "this machine").status, Status::ok);
}

TEST(DoctorJudgesClocks, ANodeCountsOnceAndOurAgentNotAtAll) {
    // Seen by two addresses, it would outvote us.
    Peer again = healthy(1, 11s);
    again.target = "192.0.2.1:7701";
    EXPECT_TRUE(contains(find(clocks({healthy(1, 11s), again}), "clock").value, "cannot tell"));
    EXPECT_TRUE(clocks({healthy(1, 11s)}, NodeId{1}).empty());
    Peer silent = healthy(2, 11s);
    silent.seen.udp.reach = Reach::silent;
    EXPECT_TRUE(clocks({silent}).empty());
}

// ---- this machine

TEST(DoctorJudgesTheDisk, ByWhatIsFreeAndWhetherItCanBeWritten) {
    struct Row {
        std::uint64_t free;
        std::uint64_t all;
        Status status;
    };
    constexpr auto kMiB = std::uint64_t{1} << 20U;
    for (const auto& [free, all, status] : {Row{50'000 * kMiB, 100'000 * kMiB, Status::ok},
                                            {1024 * kMiB, 20'000 * kMiB, Status::ok},
                                            {1023 * kMiB, 2048 * kMiB, Status::warn},
                                            {4999 * kMiB, 100'000 * kMiB, Status::warn},
                                            {64 * kMiB, 100'000 * kMiB, Status::warn},
                                            {63 * kMiB, 100'000 * kMiB, Status::fail}}) {
        DataDirState state = roomy();
        state.free_bytes = free;
        state.all_bytes = all;
        EXPECT_EQ(find(judged(state), "disk").status, status) << free;
        expect_explained(judged(state));
    }
    DataDirState state = roomy();
    state.write_error = "No space left on device";
    EXPECT_EQ(find(judged(state), "data").status, Status::fail);
    state.holder = 7;  // the agent's user may be allowed what we are not
    EXPECT_EQ(find(judged(state, true), "data").status, Status::warn);
    state.free_bytes = 0;
    EXPECT_EQ(find(judged(state, true), "data").status, Status::fail);
    state = roomy();
    state.free_inodes = 3;
    EXPECT_EQ(find(judged(state), "inodes").status, Status::warn);
    expect_explained(judged(state));
    state.free_inodes.reset();
    EXPECT_EQ(find(judged(state), "inodes").target, "");
}

TEST(DoctorJudgesTheDisk, ADirectoryThatIsNotThereIsFineBeforeTheFirstStart) {
    DataDirState state = roomy();
    state.exists = false;
    EXPECT_EQ(find(judged(state, false), "data").status, Status::ok);
    EXPECT_EQ(find(judged(state, true), "data").status, Status::warn);  // it is elsewhere
    state.write_error = "Permission denied";
    EXPECT_EQ(find(judged(state, false), "data").status, Status::fail);
    expect_explained(judged(state, true));
}

TEST(DoctorJudgesLimits, ByTheSizeOfTheCluster) {
    const auto limits = [](std::uint64_t files, std::optional<std::uint64_t> buffer,
                           unsigned nodes) {
        Findings findings;
        judge_limits({files, false}, buffer, nodes, findings);
        expect_explained(findings);
        return findings;
    };
    EXPECT_EQ(find(limits(4096, 212'992, 3), "files").status, Status::ok);
    EXPECT_EQ(find(limits(4095, 212'992, 3), "files").status, Status::warn);
    EXPECT_EQ(find(limits(4096, 212'992, 3), "buffers").status, Status::ok);
    EXPECT_EQ(find(limits(4096, 212'992, 50), "buffers").status, Status::warn);
    EXPECT_EQ(find(limits(4096, 4U << 20U, 50), "buffers").status, Status::ok);
    EXPECT_EQ(find(limits(4096, 65'536, 3), "buffers").status, Status::warn);
    EXPECT_EQ(find(limits(4096, {}, 3), "buffers").target, "");
}

TEST(DoctorJudgesTheAgent, ByWhatItSays) {
    const auto said = [](const AgentState& agent) {
        Findings findings;
        judge_agent(agent, findings);
        expect_explained(findings);
        return findings;
    };
    AgentState agent;
    agent.url = "http://127.0.0.1:7700";
    EXPECT_EQ(find(said(agent), "agent").status, Status::warn);  // perhaps not started yet
    agent.named = true;
    EXPECT_EQ(find(said(agent), "agent").status, Status::fail);
    agent.outcome = AgentState::Outcome::hangs;
    EXPECT_EQ(find(said(agent), "agent").status, Status::fail);
    agent.outcome = AgentState::Outcome::unwell;
    agent.problem = "answers with status 503";
    EXPECT_EQ(find(said(agent), "agent").value, agent.problem);

    agent.outcome = AgentState::Outcome::healthy;
    agent.name = "a";
    agent.nodes = agent.agreeing = 3;
    agent.members = {{"b", "alive", "10.0.0.2:7701", false}, {"c", "left", "10.0.0.3:7701", false}};
    EXPECT_EQ(said(agent).size(), 2U);
    EXPECT_TRUE(all_well(said(agent)));
    agent.agreeing = 2;
    EXPECT_EQ(find(said(agent), "agreement").status, Status::warn);
    agent.clock_offset = -600ms;
    EXPECT_EQ(find(said(agent), "clock").status, Status::warn);
    agent.clock_offset = 11s;
    EXPECT_EQ(find(said(agent), "clock").status, Status::fail);
    agent.members[0].state = "dead";
    EXPECT_TRUE(contains(find(said(agent), "members").value, "1 dead or suspect: b"));
    agent.partition_suspected = true;
    EXPECT_EQ(find(said(agent), "partition").status, Status::fail);
}

TEST(DoctorSorts, ProblemsFirst) {
    Findings findings{{"a", "x", Status::ok, "v", "", ""},
                      {"b", "x", Status::warn, "v", "w", "n"},
                      {"c", "x", Status::ok, "v", "", ""},
                      {"d", "x", Status::fail, "v", "w", "n"}};
    EXPECT_FALSE(all_well(findings));
    sort_by_weight(findings);
    std::string order;
    for (const auto& finding : findings) order += finding.check;
    EXPECT_EQ(order, "dbac");
}

// ---- measuring

class GossipProbe : public testing::Test {
  protected:
    PeerMeasurement probe_peer(FakeFaults faults) {
        const auto port = node::cli::free_port(test::loopback(), 23'000);
        const node::HostPort at{test::loopback(), port};
        const FakePeer peer(to_string(at), 42, faults);
        EXPECT_TRUE(peer.ok());
        ProbeOptions options;
        options.cluster = gossip::cluster_tag(gossip::derive_key("hearsay"));
        return probe(*literal_endpoint(at), options);
    }
};

TEST_F(GossipProbe, MeasuresAHealthyPeer) {
    const auto seen = probe_peer({});
    EXPECT_EQ(seen.udp.reach, Reach::answered);
    EXPECT_EQ(seen.tcp.reach, Reach::answered);
    EXPECT_EQ(seen.id, NodeId{42});
    EXPECT_TRUE(seen.there.known && seen.there.full && seen.back.known && seen.back.full);
    EXPECT_EQ(seen.there.largest, 1260U);
    EXPECT_EQ(seen.back.largest, 1234U);
    EXPECT_GE(seen.link_mtu, 1280U);
    EXPECT_LE(std::chrono::abs(seen.ahead), std::chrono::ceil<std::chrono::milliseconds>(seen.rtt));
}

TEST_F(GossipProbe, MeasuresTheClockOfThePeer) {
    for (const auto ahead :
         {std::chrono::milliseconds{-3600s}, std::chrono::milliseconds{12'345}}) {
        const auto seen = probe_peer({.clock = ahead});
        EXPECT_TRUE(seen.back.known) << "we asked for a difference with a clock too far from its";
        EXPECT_LE(std::chrono::abs(seen.ahead - ahead),
                  std::chrono::ceil<std::chrono::milliseconds>(seen.rtt) + 1ms);
    }
}

TEST_F(GossipProbe, FindsTheLargestSizeThatPassesEitherWay) {
    const auto there = probe_peer({.loses_longer_than = 1130});
    EXPECT_TRUE(there.there.known);
    EXPECT_FALSE(there.there.full);
    EXPECT_EQ(there.there.largest, 1150U);  // the next would be 1,200, of 1,172 B
    EXPECT_TRUE(there.back.full);

    const auto back = probe_peer({.cuts_longer_than = 1000});
    EXPECT_TRUE(back.there.full);
    EXPECT_TRUE(back.back.known);
    EXPECT_FALSE(back.back.full);
    EXPECT_EQ(back.back.largest, 54U + 64 * 12 + 28);
}

TEST_F(GossipProbe, ADifferenceThatIsNotGrantedSaysNothingAboutSizes) {
    const auto seen = probe_peer({.grants = false});
    EXPECT_TRUE(seen.there.full);
    EXPECT_FALSE(seen.back.known);
}

TEST_F(GossipProbe, TellsSilenceFromRefusal) {
    const auto mute = probe_peer({.mute = true});
    EXPECT_EQ(mute.udp.reach, Reach::silent);
    EXPECT_EQ(mute.tcp.reach, Reach::answered);
    const auto datagrams = probe_peer({.tcp = false});
    EXPECT_EQ(datagrams.udp.reach, Reach::answered);
    EXPECT_EQ(datagrams.tcp.reach, Reach::refused);
}

}  // namespace
