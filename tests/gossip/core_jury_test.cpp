#include <gtest/gtest.h>

#include "tests/gossip/loopback.h"

// Who is alive: what a cluster makes of silence, refusals and claims.

namespace gossip {
namespace {

using namespace std::chrono_literals;

// A cluster in which all know all.
struct Formed : Loopback {
    explicit Formed(std::size_t count) : Loopback(count) {
        start_all();
        run_for(3s);
        for (std::size_t i = 0; i < count; ++i) {
            EXPECT_EQ(core(i).members().count(MemberState::alive), count) << i;
        }
    }
};

// A claim of `state` about the current life of node `about`, delivered to node `at`.
void claim(Loopback& net, std::size_t at, std::size_t about, MemberState state) {
    std::string key;
    Writer{key}.u64(Loopback::id(about).value);
    const Record* known = net.core(at).table().find(RecordKind::node, key);
    ASSERT_TRUE(known);
    NodeRecord node = decode_node(known->fields()).value();
    node.state = state;
    std::string datagram;
    Header header;
    header.type = MessageType::put;
    header.cluster = cluster_tag(Loopback::small().key);
    header.from = {999};
    begin_datagram(datagram, header);
    datagram.push_back(static_cast<char>(PutMode::flood));
    append_record(datagram, encode(node, Loopback::small().key));
    finish_datagram(datagram, 0);
    net.core(at).receive(Loopback::endpoint(900), as_bytes(datagram), net.now(),
                         net.nodes[at]->out);
    net.finish(at);
}

TEST(CoreJury, ANodeThatNobodyHearsIsDeadToAllWithinSixSeconds) {
    Formed net{8};
    net.silent[3] = true;
    net.run_for(6s);
    for (std::size_t i = 0; i < 8; ++i) {
        if (i == 3) continue;
        EXPECT_EQ(net.state(i, 3), MemberState::dead) << i;
    }
}

TEST(CoreJury, ANodeThatHearsNobodyAccusesNobody) {
    Formed net{8};
    net.cut[3] = true;
    net.run_for(30s);
    EXPECT_EQ(net.core(3).members().count(MemberState::alive), 8U);
    EXPECT_GT(net.core(3).counters().trials, 10U);
    EXPECT_EQ(net.core(3).counters().convictions, 0U);
    EXPECT_FALSE(net.core(3).partition_suspected(net.now()));
    for (std::size_t i = 0; i < 8; ++i) {
        if (i == 3) continue;
        EXPECT_EQ(net.state(i, 3), MemberState::dead) << i;
    }
    net.cut.clear();
    net.run_for(15s);
    for (std::size_t i = 0; i < 8; ++i) EXPECT_EQ(net.state(i, 3), MemberState::alive) << i;
    EXPECT_TRUE(net.agree());
}

TEST(CoreJury, ARefusalNeedsNoSilence) {
    Formed net{8};
    net.gone[3] = true;
    // The next exchange of some node is at most two periods away, and the refutation 0.5 s.
    net.run_for(2900ms);
    std::uint64_t votes = 0;
    for (std::size_t i = 0; i < 8; ++i) {
        if (i == 3) continue;
        EXPECT_EQ(net.state(i, 3), MemberState::dead) << i;
        votes += net.core(i).counters().votes;
    }
    EXPECT_GE(votes, 2U);
}

TEST(CoreJury, AStreamThatBreaksOffIsLookedAfterAtOnce) {
    Formed net{8};
    std::string hello(1, static_cast<char>(FrameType::hello));
    encode(Hello{1, cluster_tag(Loopback::small().key), Loopback::id(3), StreamRequest::sync},
           hello);
    const StreamId stream{kAcceptedStreams | 77};
    Core& core = net.core(0);
    Output& out = net.nodes[0]->out;
    core.stream_accepted(stream, Loopback::endpoint(3), net.now(), out);
    core.stream_received(stream, as_bytes(hello), net.now(), out);
    net.finish(0);
    const std::uint64_t trials = core.counters().trials;
    net.gone[3] = true;
    core.stream_closed(stream, net.now(), out);
    net.finish(0);
    net.deliver();
    EXPECT_EQ(core.counters().trials, trials + 1) << "the ping is refused, and jurors are asked";
    net.run_for(1s);
    for (std::size_t i = 0; i < 8; ++i) {
        if (i == 3) continue;
        EXPECT_EQ(net.state(i, 3), MemberState::dead) << i;
    }
}

TEST(CoreJury, OneLostRefusalIsNoDeath) {
    Formed net{8};
    // A forged one: the node itself is well, and so are its jurors.
    for (int i = 0; i < 20; ++i) {
        net.core(0).refused(Loopback::endpoint(3), net.now(), net.nodes[0]->out);
        net.finish(0);
        net.run_for(100ms);
    }
    net.run_for(5s);
    for (std::size_t i = 0; i < 8; ++i) EXPECT_EQ(net.state(i, 3), MemberState::alive) << i;
    EXPECT_GT(net.core(0).counters().trials, 0U);
    EXPECT_EQ(net.core(0).counters().convictions, 0U);
}

TEST(CoreJury, OfTwoNodesEachHasItsOwnEvidenceOnly) {
    Formed net{2};
    net.silent[1] = true;
    net.run_for(6s);
    EXPECT_EQ(net.state(0, 1), MemberState::dead);
}

TEST(CoreJury, TwoOfFiveThatFailTogetherAreFound) {
    Formed net{5};
    net.silent[3] = net.silent[4] = true;
    net.run_for(12s);
    for (const std::size_t i : {0U, 1U, 2U}) {
        EXPECT_EQ(net.state(i, 3), MemberState::dead) << i;
        EXPECT_EQ(net.state(i, 4), MemberState::dead) << i;
    }
}

TEST(CoreJury, ASuspectRefutesAndIsGivenMoreTimeFromThenOn) {
    Formed net{5};
    claim(net, 0, 3, MemberState::suspect);
    net.run_for(1s);
    for (std::size_t i = 0; i < 5; ++i) EXPECT_EQ(net.state(i, 3), MemberState::alive) << i;
    EXPECT_EQ(net.core(3).counters().refutations, 1U);
    EXPECT_EQ(net.core(0).members().find(Loopback::id(3))->patience, 2);
    for (int i = 0; i < 5; ++i) {
        claim(net, 0, 3, MemberState::suspect);
        net.run_for(1s);
    }
    EXPECT_EQ(net.core(0).members().find(Loopback::id(3))->patience, kMaxPatience);
    net.run_for(7min, 10ms);
    EXPECT_EQ(net.core(0).members().find(Loopback::id(3))->patience, 1) << "well for long";
    EXPECT_TRUE(net.agree());
}

TEST(CoreJury, APatientNodeIsSilentForLongerBeforeItIsDead) {
    Formed net{5};
    for (int i = 0; i < 2; ++i) {
        claim(net, 0, 3, MemberState::suspect);
        net.run_for(1s);
    }
    ASSERT_EQ(net.core(0).members().find(Loopback::id(3))->patience, 4);
    net.silent[3] = true;
    net.run_for(8s);
    EXPECT_NE(net.state(0, 3), MemberState::dead);
    net.run_for(4s);
    EXPECT_EQ(net.state(0, 3), MemberState::dead);
}

TEST(CoreJury, WhoWasHeardJustNowIsAliveUntilItCouldRefute) {
    Formed net{2};  // two nodes hear each other every second
    net.silent[1] = true;
    claim(net, 0, 1, MemberState::dead);
    EXPECT_EQ(net.state(0, 1), MemberState::alive);
    net.run_for(100ms);
    EXPECT_EQ(net.state(0, 1), MemberState::alive);
    net.run_for(2s);
    EXPECT_EQ(net.state(0, 1), MemberState::dead);

    Formed live{2};
    claim(live, 0, 1, MemberState::dead);
    live.run_for(500ms);
    EXPECT_EQ(live.state(0, 1), MemberState::alive);
    EXPECT_EQ(live.core(1).counters().refutations, 1U) << "it was told at once";
    for (const Event& event : live.nodes[0]->events) {
        EXPECT_NE(event.kind, Event::Kind::member_dead);
    }
}

TEST(CoreJury, WhoHasNotBeenHeardOfIsDeadOnAClaim) {
    Formed net{3};
    net.silent[2] = true;
    net.run_for(2500ms);  // its last answer is older than that
    claim(net, 0, 2, MemberState::dead);
    EXPECT_EQ(net.state(0, 2), MemberState::dead);
}

TEST(CoreJury, AStallOfThisNodeIsNoSilenceOfOthers) {
    Formed net{5};
    claim(net, 0, 3, MemberState::suspect);
    net.cut[3] = true;
    net.run_for(100ms);
    net.silent[0] = true;  // node 0 is stopped for a minute; the others bury node 3 and dig it out
    net.run_for(1min, 10ms);
    net.cut.clear();
    net.silent.clear();
    net.nodes[0]->events.clear();
    net.run_for(15s);
    for (std::size_t i = 0; i < 5; ++i) {
        for (std::size_t j = 0; j < 5; ++j) {
            EXPECT_EQ(net.state(i, j), MemberState::alive) << i << " about " << j;
        }
    }
    for (const Event& event : net.nodes[0]->events) {
        EXPECT_NE(event.kind, Event::Kind::member_suspect) << event.node.value;
    }
    EXPECT_EQ(net.core(0).counters().convictions, 0U);
}

TEST(CoreJury, ALossOfMoreThanHalfIsReportedAsAPartition) {
    Formed net{9};
    EXPECT_FALSE(net.core(0).partition_suspected(net.now()));
    for (std::size_t i = 4; i < 9; ++i) net.gone[i] = true;
    net.run_for(20s);
    for (std::size_t i = 0; i < 4; ++i) {
        EXPECT_EQ(net.core(i).members().count(MemberState::dead), 5U) << i;
        EXPECT_TRUE(net.core(i).partition_suspected(net.now())) << i;
    }
    net.gone.clear();
    net.run_for(2min, 10ms);
    EXPECT_FALSE(net.core(0).partition_suspected(net.now()));
    EXPECT_EQ(net.core(0).members().count(MemberState::alive), 9U) << "nobody was purged";
}

TEST(CoreJury, NoNodeAccusesMoreThanTenInTenSeconds) {
    Config config = Loopback::small();
    config.peers = 8;  // many exchanges per period: this node meets all the dead by itself
    Loopback net{40, config};
    net.start_all();
    net.run_for(3s);
    for (std::size_t i = 20; i < 40; ++i) net.gone[i] = true;
    net.run_for(8s);
    for (std::size_t i = 0; i < 20; ++i) {
        EXPECT_LE(net.core(i).counters().convictions, 10U) << i;
    }
}

TEST(CoreJury, AJurorPingsOnlyWhereItKnowsTheSubject) {
    Formed net{3};
    const auto judged_by = [&](NodeId accuser, std::size_t from, NodeId subject) {
        std::string datagram;
        Header header;
        header.type = MessageType::judge;
        header.cluster = cluster_tag(Loopback::small().key);
        header.from = accuser;
        begin_datagram(datagram, header);
        encode(Judge{5, subject, 1, Evidence::silence}, datagram);
        finish_datagram(datagram, 0);
        net.core(0).receive(Loopback::endpoint(from), as_bytes(datagram), net.now(),
                            net.nodes[0]->out);
        const std::size_t sent = net.nodes[0]->out.datagrams.size();
        net.finish(0);
        net.sent.clear();
        return sent;
    };
    EXPECT_EQ(judged_by({777}, 1, Loopback::id(2)), 0U) << "a stranger";
    EXPECT_EQ(judged_by(Loopback::id(1), 2, Loopback::id(2)), 0U) << "from another address";
    EXPECT_EQ(judged_by(Loopback::id(1), 1, {777}), 0U) << "an unknown subject";
    EXPECT_GE(judged_by(Loopback::id(1), 1, Loopback::id(2)), 1U);
}

TEST(CoreJury, AnotherNodeAtTheSameAddressEndsTheFormer) {
    Formed net{5};
    // Node 3 is started anew without its disk: another id at the same place.
    net.nodes[3]->core = std::make_unique<Core>(
        Loopback::small(), Identity{{555}, "new", Loopback::endpoint(3), "127.0.0.1:80"}, 9,
        net.now());
    net.core(3).set_seeds({Loopback::endpoint(0)}, net.now());
    net.start(3);
    net.run_for(6s);
    for (const std::size_t i : {0U, 1U, 2U, 4U}) {
        EXPECT_EQ(net.state(i, 3), MemberState::dead) << i;
        EXPECT_EQ(net.core(i).members().find({555})->state, MemberState::alive) << i;
    }
}

}  // namespace
}  // namespace gossip
