#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <optional>

#include "tests/support/cluster.h"
#include "tests/support/fake_peer.h"
#include "tests/support/raw_connection.h"
#include "tests/support/text.h"

// `hearsay doctor` against real agents and real trouble: closed ports, firewalls, small MTUs and
// full disks, which are made in namespaces of their own.

namespace {

using namespace std::chrono_literals;
using test::Agent;
using test::Cluster;
using test::contains;
using test::eventually;
using test::FakePeer;
using test::json;
using test::next_address;
using test::Ran;
using test::ScratchDir;

constexpr int kOk = 0;
constexpr int kFailed = 1;
constexpr int kUsage = 2;
constexpr int kUnreachable = 4;
constexpr int kNoNamespace = 90;  // what a script says whose trouble could not be made

// What `hearsay doctor -o json` said.
struct Diagnosis {
    int code = -1;
    json body;
    std::string all;  // for the message of a failed expectation

    // The finding of a check about a target that contains `target`; null if there is none.
    [[nodiscard]] json find(const std::string& check, const std::string& target = "") const {
        for (const auto& finding : body.at("findings")) {
            if (finding.at("check") == check &&
                contains(finding.at("target").get<std::string>(), target)) {
                return finding;
            }
        }
        return {};
    }
    [[nodiscard]] std::string status(const std::string& check,
                                     const std::string& target = "") const {
        const json finding = find(check, target);
        return finding.is_object() ? finding.at("status").get<std::string>() : "";
    }
};

Diagnosis diagnosis_of(const Ran& ran) {
    Diagnosis found{ran.code, json::parse(ran.out, nullptr, false), ran.out + ran.err};
    if (!found.body.is_object()) found.body = {{"findings", json::array()}};
    return found;
}

Diagnosis examine(std::vector<std::string> arguments,
                  const std::map<std::string, std::string>& environment = {}) {
    arguments.insert(arguments.begin(), {"doctor", "-o", "json"});
    return diagnosis_of(test::run(arguments, environment));
}

// Every finding has all members of the contract, and what is wrong is explained.
void expect_contract(const Diagnosis& found) {
    ASSERT_TRUE(found.body.contains("ok")) << found.all;
    bool fails = false;
    for (const auto& finding : found.body.at("findings")) {
        ASSERT_EQ(finding.size(), 6U) << finding;
        const std::string status = finding.at("status");
        fails |= status == "fail";
        EXPECT_TRUE(status == "ok" || status == "warn" || status == "fail") << finding;
        EXPECT_NE(finding.at("value"), "") << finding;
        EXPECT_EQ(finding.at("why") == "", status == "ok") << finding;
        EXPECT_EQ(finding.at("next_step") == "", status == "ok") << finding;
    }
    EXPECT_EQ(found.body.at("ok"), !fails) << found.all;
    if (found.code != kUnreachable) {
        EXPECT_EQ(found.code, fails ? kFailed : kOk);
    }
}

class Doctor : public testing::Test {
  protected:
    // Where no agent listens, unless a test says otherwise.
    std::string nowhere_ = "127.0.0.1:1";
    ScratchDir directory_{"hearsay-test"};

    [[nodiscard]] std::string data() const { return directory_.path().string(); }
    // Without an agent.
    Diagnosis examine_seeds(const std::vector<std::string>& seeds) {
        std::vector<std::string> arguments{"--data", data()};
        for (const auto& seed : seeds) arguments.insert(arguments.end(), {"--seed", seed});
        return examine(arguments, {{"HEARSAY_HTTP", nowhere_}});
    }

    // Runs a shell script as root of namespaces of its own, which end with it: a network with
    // nothing but a loopback interface that is down, mounts, and processes. `$H` is the program,
    // `$D` an empty directory, and `agent` starts one on the default addresses.
    Ran in_namespaces(const std::string& script) {
        const std::string prelude =
            "PATH=$PATH:/usr/sbin:/sbin\n"
            "agent() { \"$H\" agent --data \"$D/data\" 2>\"$D/log\" &\n"
            "  for _ in $(seq 200); do \"$H\" status --quiet 2>\"$D/why\" && return; sleep 0.05; "
            "done; cat \"$D/log\" \"$D/why\" >&2; exit 91; }\n"
            "trouble() { \"$@\" >&2 || { echo \"cannot make the trouble: $*\" >&2; exit 90; }; }\n";
        const ScratchDir scratch("hearsay-test");
        const auto out = scratch.path() / "out";
        const auto err = scratch.path() / "err";
        // Whoever may make a user namespace needs no other right; root may not need one.
        const std::string start =
            "unshare --map-root-user true 2>/dev/null && user=--map-root-user\n"
            "exec unshare $user --net --mount --pid --fork --kill-child /bin/sh -c \"$0\"";
        // A leak checker in the program looks into /proc, which is not that of its new namespace.
        auto child = test::Child::spawn({.argv = {"/bin/sh", "-c", start, prelude + script},
                                         .out = out,
                                         .err = err,
                                         .environment = {{"H", test::tested_binary()},
                                                         {"D", scratch.path().string()},
                                                         {"ASAN_OPTIONS", "detect_leaks=0"}}})
                         .value();
        const auto code = child.wait(30s);
        child.kill();
        const Ran ran{code.value_or(-1), test::content_of(out), test::content_of(err)};
        EXPECT_FALSE(contains(ran.err, "unshare") || ran.code == 127)
            << "this test needs util-linux, and a kernel that lets it make namespaces (network, "
               "mount, "
               "process; and user, without root); in a container: --privileged, or --security-opt "
               "seccomp=unconfined: "
            << ran.err;
        EXPECT_NE(ran.code, kNoNamespace)
            << "this test needs iproute2, iptables, and the rights to use them: " << ran.err;
        return ran;
    }
    Diagnosis examine_in_namespaces(const std::string& script) {
        return diagnosis_of(in_namespaces(script));
    }
};

TEST_F(Doctor, FindsNothingWrongWithAHealthyCluster) {
    Cluster cluster(3);
    ASSERT_TRUE(cluster.start()) << cluster.logs();
    const auto found = examine({"--node", cluster[0].url(), "--seed", cluster[1].gossip(), "--data",
                                cluster[0].data().string()});
    EXPECT_EQ(found.code, kOk) << found.all;
    expect_contract(found);
    EXPECT_EQ(found.status("agent"), "ok") << found.all;
    EXPECT_EQ(found.status("data"), "ok") << found.all;
    EXPECT_NE(found.status("disk"), "") << found.all;
    EXPECT_NE(found.status("files"), "") << found.all;
    EXPECT_EQ(found.status("clock", "this machine"), "ok") << found.all;
    for (const char* check : {"udp", "tcp", "mtu", "clock"}) {
        for (const std::size_t peer : {1U, 2U}) {
            EXPECT_EQ(found.status(check, cluster[peer].gossip()), "ok") << check << found.all;
        }
        // The agent that told of the others is not its own peer.
        EXPECT_EQ(found.status(check, cluster[0].gossip()), "") << check << found.all;
    }

    // It was a look and nothing else: no member has come, no datagram was dropped.
    for (std::size_t i = 0; i < cluster.size(); ++i) {
        const json status = cluster[i].get("/v1/status");
        EXPECT_EQ(status.at("agreement").at("nodes"), 3);
        EXPECT_EQ(status.at("rows"), 3);
        for (const auto& [reason, count] : status.at("dropped").items()) EXPECT_EQ(count, 0);
        EXPECT_EQ(cluster[i].get("/v1/nodes").at("nodes").size(), 3U);
    }
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(cluster[0].data()), {}),
              std::distance(std::filesystem::directory_iterator(cluster[1].data()), {}))
        << "a file of the trial was left behind";
}

TEST_F(Doctor, SaysOfADeadMemberWhatItsAddressDoes) {
    Cluster cluster(3);
    ASSERT_TRUE(cluster.start()) << cluster.logs();
    cluster[2].process().kill();
    ASSERT_TRUE(eventually([&] { return cluster[0].node_state("c") == "dead"; }));
    const auto found = examine({"--node", cluster[0].url(), "--data", cluster[0].data().string()});
    EXPECT_EQ(found.code, kOk) << found.all;  // the cluster knows, and does without it
    expect_contract(found);
    EXPECT_TRUE(contains(found.find("members").dump(), "1 dead or suspect: c")) << found.all;
    EXPECT_EQ(found.status("reach", cluster[2].gossip() + " (c)"), "warn") << found.all;
    EXPECT_EQ(found.status("udp", cluster[1].gossip() + " (b)"), "ok") << found.all;
}

TEST_F(Doctor, ReportsASeedThatNobodyListensAtAndANameThatDoesNotResolve) {
    const auto closed = next_address();
    const auto found = examine_seeds({closed, "no-such-host.invalid:7701"});
    EXPECT_EQ(found.code, kFailed) << found.all;
    expect_contract(found);
    EXPECT_EQ(found.status("reach", closed), "fail") << found.all;
    EXPECT_TRUE(contains(found.find("reach", closed).at("why"), "no node listens")) << found.all;
    EXPECT_EQ(found.status("name", "no-such-host.invalid:7701"), "fail") << found.all;
    EXPECT_EQ(found.status("agent"), "warn") << found.all;  // it may not have been started yet
}

TEST_F(Doctor, ReportsUdpThatIsBlockedWhileTcpWorks) {
    const auto address = next_address();
    const FakePeer mute(address, 1, {.mute = true});
    ASSERT_TRUE(mute.ok());
    const auto found = examine_seeds({address});
    EXPECT_EQ(found.code, kFailed) << found.all;
    expect_contract(found);
    const json udp = found.find("udp", address);
    ASSERT_EQ(udp.value("status", ""), "fail") << found.all;
    EXPECT_TRUE(contains(udp.at("why"), "UDP is blocked while TCP works")) << udp;
    EXPECT_TRUE(contains(udp.at("next_step"), address.substr(address.rfind(':') + 1))) << udp;
}

TEST_F(Doctor, ReportsAFirewallThatDropsDatagrams) {
    const std::string doctor = "\"$H\" doctor --data \"$D/data\" --seed 127.0.0.1:7701 -o json\n";
    const auto firewall = [&](const std::string& rule) {
        return examine_in_namespaces(
            "trouble mount -t tmpfs none /run\n"  // where iptables keeps its lock
            "trouble ip link set lo up\nagent\ntrouble iptables -A " +
            rule + "\n" + doctor);
    };
    const auto blocked = firewall("INPUT -p udp --dport 7701 -j DROP");
    EXPECT_EQ(blocked.code, kFailed) << blocked.all;
    EXPECT_EQ(blocked.status("agent"), "ok") << blocked.all;
    EXPECT_TRUE(contains(blocked.find("udp").dump(), "UDP is blocked while TCP")) << blocked.all;

    const auto streams = firewall("INPUT -p tcp --dport 7701 -j DROP");
    EXPECT_EQ(streams.code, kFailed) << streams.all;
    EXPECT_EQ(streams.status("udp"), "ok") << streams.all;
    EXPECT_EQ(streams.status("tcp"), "fail") << streams.all;

    // A real agent's answers of full size, and a path that loses them without a word.
    const auto back = firewall("INPUT -p udp --sport 7701 -m length --length 1201: -j DROP");
    EXPECT_EQ(back.code, kFailed) << back.all;
    EXPECT_TRUE(contains(back.find("mtu").dump(), "on the path back")) << back.all;
}

TEST_F(Doctor, ReportsAnMtuBelow1280) {
    const auto script = [](int mtu) {
        return "trouble ip link set lo mtu " + std::to_string(mtu) +
               " up\nagent\n\"$H\" doctor --data \"$D/data\" --seed 127.0.0.1:7701 -o json\n";
    };
    const auto small = examine_in_namespaces(script(1200));
    EXPECT_EQ(small.code, kFailed) << small.all;
    expect_contract(small);
    const json mtu = small.find("mtu", "127.0.0.1:7701");
    ASSERT_TRUE(mtu.is_object()) << small.all;
    EXPECT_EQ(mtu.at("status"), "fail");
    EXPECT_TRUE(contains(mtu.at("value"), "MTU below 1,280")) << mtu;
    EXPECT_TRUE(contains(mtu.at("value"), "largest packet that passed: 1200 B")) << mtu;
    EXPECT_TRUE(contains(mtu.at("next_step"), "mtu 1280")) << mtu;

    const auto enough = examine_in_namespaces(script(1280));
    EXPECT_EQ(enough.code, kOk) << enough.all;
    EXPECT_EQ(enough.status("mtu"), "ok") << enough.all;
}

TEST_F(Doctor, ReportsADiskThatIsFull) {
    const auto found = examine_in_namespaces(
        "trouble ip link set lo up\nmkdir \"$D/small\"\n"
        "trouble mount -t tmpfs -o size=1m none \"$D/small\"\n"
        "head -c 2000000 /dev/zero >\"$D/small/fill\" 2>\"$D/why\"\n"
        "\"$H\" doctor --data \"$D/small\" --seed 127.0.0.1:7701 -o json\n");
    EXPECT_EQ(found.code, kFailed) << found.all;
    expect_contract(found);
    EXPECT_EQ(found.status("disk"), "fail") << found.all;
    EXPECT_EQ(found.find("disk").at("value"), "0 B of 1.0 MiB free") << found.all;
    EXPECT_TRUE(contains(found.find("disk").at("next_step"), "--data")) << found.all;
    EXPECT_EQ(found.status("data"), "fail") << found.all;
    EXPECT_TRUE(contains(found.find("data").at("value"), "No space left")) << found.all;
}

TEST_F(Doctor, ReportsADataDirectoryThatCannotBeMade) {
    const auto found = examine({"--data", "/proc/hearsay", "--seed", next_address()});
    EXPECT_EQ(found.status("data", "/proc/hearsay"), "fail") << found.all;
    EXPECT_EQ(found.code, kFailed);
}

TEST_F(Doctor, ReportsThePeerWhoseClockIsWrong) {
    Cluster cluster(2);
    ASSERT_TRUE(cluster.start()) << cluster.logs();
    const auto address = next_address();
    const FakePeer late(address, 1, {.clock = -20s});
    ASSERT_TRUE(late.ok());
    const auto found = examine_seeds({cluster[0].gossip(), cluster[1].gossip(), address});
    EXPECT_EQ(found.code, kFailed) << found.all;
    expect_contract(found);
    const json clock = found.find("clock", address);
    EXPECT_EQ(clock.value("status", ""), "fail") << found.all;
    EXPECT_TRUE(contains(clock.dump(), "ms behind")) << found.all;
    EXPECT_TRUE(contains(clock.dump(), "timedatectl")) << found.all;
    EXPECT_EQ(found.status("clock", "this machine"), "ok") << found.all;
    EXPECT_EQ(found.status("clock", cluster[0].gossip()), "ok") << found.all;
}

TEST_F(Doctor, ReportsThatOurClockIsWrong) {
    const std::vector<std::string> addresses{next_address(), next_address(), next_address()};
    std::vector<std::unique_ptr<FakePeer>> peers;
    for (std::size_t i = 0; i < addresses.size(); ++i) {
        peers.push_back(
            std::make_unique<FakePeer>(addresses[i], i + 1, test::FakeFaults{.clock = 3s}));
        ASSERT_TRUE(peers.back()->ok());
    }
    const auto found = examine_seeds(addresses);
    expect_contract(found);
    EXPECT_EQ(found.code, kOk) << found.all;  // nodes correct so much
    EXPECT_EQ(found.status("clock", "this machine"), "warn") << found.all;
    EXPECT_TRUE(contains(found.find("clock").dump(), "ms behind the median of 4")) << found.all;
    for (const auto& address : addresses) EXPECT_EQ(found.status("clock", address), "ok");
}

TEST_F(Doctor, MentionsTheClusterToWhichAPeerMayBelong) {
    Agent agent(directory_.path(), "a");
    agent.start({}, {"--cluster", "blue"});
    ASSERT_TRUE(eventually([&] { return agent.answers(); })) << agent.log();
    const auto wrong = examine_seeds({agent.gossip()});
    EXPECT_EQ(wrong.code, kFailed) << wrong.all;
    EXPECT_TRUE(contains(wrong.find("udp").dump(), "another cluster than 'hearsay'")) << wrong.all;
    // Told by a flag, or by the agent itself.
    const auto told = examine({"--data", data(), "--seed", agent.gossip(), "--cluster", "blue"},
                              {{"HEARSAY_HTTP", nowhere_}});
    EXPECT_EQ(told.code, kOk) << told.all;
    const auto asked = examine({"--data", data(), "--seed", agent.gossip(), "--node", agent.url()});
    EXPECT_EQ(asked.status("udp", agent.gossip()), "ok") << asked.all;
}

TEST_F(Doctor, ReportsAnAgentThatHangs) {
    Agent agent(directory_.path(), "a");
    agent.start();
    ASSERT_TRUE(eventually([&] { return agent.answers(); })) << agent.log();
    agent.process().signal(SIGSTOP);
    const auto found = examine({"--data", data(), "--node", agent.url()});
    EXPECT_EQ(found.code, kFailed) << found.all;
    EXPECT_TRUE(contains(found.find("agent").dump(), "does not answer")) << found.all;
}

TEST_F(Doctor, ReadsTheSettingsOfTheAgent) {
    Cluster cluster(1);
    ASSERT_TRUE(cluster.start()) << cluster.logs();
    const auto file = directory_.path() / "hearsay.toml";
    std::ofstream(file) << "seed = [\"" << cluster[0].gossip() << "\"]\n"
                        << "data = \"" << cluster[0].data().string() << "\"\n";
    const std::map<std::string, std::string> environment{{"HEARSAY_HTTP", cluster[0].http()}};
    const auto found = examine({"--config", file.string()}, environment);
    EXPECT_EQ(found.code, kOk) << found.all;
    EXPECT_EQ(found.status("agent", cluster[0].http()), "ok") << found.all;
    EXPECT_EQ(found.status("udp", cluster[0].gossip()), "ok") << found.all;
    EXPECT_EQ(found.status("data", cluster[0].data().string()), "ok") << found.all;

    EXPECT_EQ(examine({"--seed", "nonsense"}).code, kUsage);
    EXPECT_EQ(examine({"--node", "ftp://x"}).code, kUsage);
    EXPECT_EQ(examine({}, {{"HEARSAY_CLUSTER", "no good name"}}).code, kUsage);
}

TEST_F(Doctor, SaysWhenThereIsNobodyToExamine) {
    const auto found = examine_seeds({});
    EXPECT_EQ(found.code, kUnreachable) << found.all;
    EXPECT_EQ(found.status("agent"), "warn") << found.all;
    EXPECT_NE(found.status("disk"), "") << found.all;  // this machine is examined nevertheless
    EXPECT_TRUE(contains(found.all, "--seed")) << found.all;
}

TEST_F(Doctor, ExaminesSoManyAddressesAndSaysHowManyItLeftOut) {
    std::vector<std::string> seeds;
    for (int i = 1; i <= 70; ++i) seeds.push_back(test::loopback() + ":" + std::to_string(i));
    const auto found = examine_seeds(seeds);
    expect_contract(found);
    EXPECT_TRUE(contains(found.find("sample").dump(), "6 addresses were left out")) << found.all;
}

TEST_F(Doctor, TellsPeopleTheProblemsFirst) {
    const auto closed = next_address();
    const Ran ran =
        test::run({"doctor", "--data", data(), "--seed", closed}, {{"HEARSAY_HTTP", nowhere_}});
    EXPECT_EQ(ran.code, kFailed);
    EXPECT_EQ(ran.err, "");
    EXPECT_LT(ran.out.find("fail    reach"), ran.out.find("warn    agent")) << ran.out;
    EXPECT_LT(ran.out.find("warn    agent"), ran.out.find("ok ")) << ran.out;
    EXPECT_TRUE(contains(ran.out, "-> start the node")) << ran.out;
    EXPECT_TRUE(contains(ran.out, "1 problem and ")) << ran.out;
    EXPECT_FALSE(contains(ran.out, "\x1b")) << "colour, but stdout is no terminal";

    Cluster cluster(1);
    ASSERT_TRUE(cluster.start()) << cluster.logs();
    const Ran well =
        test::run({"doctor", "--node", cluster[0].url(), "--data", cluster[0].data().string()});
    EXPECT_EQ(well.code, kOk) << well.out;
    EXPECT_TRUE(contains(well.out, "All is well: ") || contains(well.out, "Nothing fails; "))
        << well.out;
}

}  // namespace
