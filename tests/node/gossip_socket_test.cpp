#include "node/gossip_socket.h"

#include <gmock/gmock.h>

#include <asio/read.hpp>
#include <asio/write.hpp>
#include <map>

#include "gossip/bytes.h"
#include "node/stream_transport.h"

namespace {

using namespace std::chrono_literals;
using asio::ip::tcp;
using gossip::Bytes;
using gossip::Endpoint;
using gossip::Errc;
using gossip::StreamAction;
using gossip::StreamId;
using node::GossipSocket;
using node::StreamTransport;
using testing::ElementsAre;
using testing::HasSubstr;

const Endpoint kAnyPort = Endpoint::v4(127, 0, 0, 1, 0);

// Writes down what it hears.
struct Ear final : node::GossipSink {
    void datagram(const Endpoint& from, Bytes bytes) override {
        datagrams.emplace_back(from, gossip::as_text(bytes));
    }
    void datagrams_read(bool) override {}
    void refused(const Endpoint& by) override { refusals.push_back(by); }
    void accepted(StreamId id, const Endpoint&) override { accepted_ids.push_back(id); }
    void received(StreamId id, Bytes frame) override {
        frames[id].emplace_back(gossip::as_text(frame));
    }
    void drained(StreamId id) override { ++drained_count[id]; }
    void closed(StreamId id) override { ++closed_count[id]; }

    std::vector<std::pair<Endpoint, std::string>> datagrams;
    std::vector<Endpoint> refusals;
    std::vector<StreamId> accepted_ids;
    std::map<StreamId, std::vector<std::string>> frames;
    std::map<StreamId, int> drained_count;
    std::map<StreamId, int> closed_count;
};

template <class Predicate>
bool run_until(asio::io_context& io, Predicate holds) {
    const auto deadline = std::chrono::steady_clock::now() + 20s;
    while (!holds() && std::chrono::steady_clock::now() < deadline) {
        io.restart();
        io.run_one_for(20ms);
    }
    return holds();
}

std::unique_ptr<node::GossipPorts> bound(asio::io_context& io, const Endpoint& at = kAnyPort) {
    auto ports = node::bind_gossip(io, at);
    EXPECT_TRUE(ports) << ports.error().message;
    return std::move(ports).value();
}

// ---- datagrams

struct Datagrams : testing::Test {
    asio::io_context io;
    Ear ear_a, ear_b;
    std::unique_ptr<node::GossipPorts> ports_a = bound(io), ports_b = bound(io);
    GossipSocket a{std::move(ports_a->udp), ear_a}, b{std::move(ports_b->udp), ear_b};
};

TEST_F(Datagrams, ArriveWithTheAddressOfTheirSender) {
    b.start();
    a.send(ports_b->local, gossip::as_bytes("hello"));
    ASSERT_TRUE(run_until(io, [&] { return !ear_b.datagrams.empty(); }));
    EXPECT_EQ(ear_b.datagrams[0].first, ports_a->local);
    EXPECT_EQ(ear_b.datagrams[0].second, "hello");
    EXPECT_EQ(a.stats().sent, 1U);
    EXPECT_EQ(b.stats().received, 1U);
}

TEST_F(Datagrams, ABurstIsReadInBatchesSoThatOthersRunInBetween) {
    for (int i = 0; i < 200; ++i) a.send(ports_b->local, gossip::as_bytes(std::to_string(i)));
    b.start();
    std::size_t largest = 0;
    std::size_t before = 0;
    ASSERT_TRUE(run_until(io, [&] {
        largest = std::max(largest, ear_b.datagrams.size() - before);
        before = ear_b.datagrams.size();
        return before == 200;
    }));
    EXPECT_GT(largest, 1U);
    EXPECT_LE(largest, GossipSocket::kBatch);
    EXPECT_EQ(ear_b.datagrams[199].second, "199");
}

TEST_F(Datagrams, ARefusalNamesTheAddressAndCostsNoOtherDatagram) {
    a.start();
    b.start();
    const Endpoint gone = ports_b->local;
    b.stop();
    auto ports_c = bound(io);
    Ear ear_c;
    GossipSocket c{std::move(ports_c->udp), ear_c};
    c.start();
    for (int i = 0; i < 10; ++i) {
        a.send(gone, gossip::as_bytes("lost"));
        a.send(ports_c->local, gossip::as_bytes(std::to_string(i)));
        c.send(ports_a->local, gossip::as_bytes("back"));
    }
    ASSERT_TRUE(run_until(io, [&] {
        return ear_c.datagrams.size() == 10 && ear_a.datagrams.size() == 10 &&
               !ear_a.refusals.empty();
    }));
    for (const Endpoint& by : ear_a.refusals) EXPECT_EQ(by, gone);
    EXPECT_EQ(a.stats().refused, ear_a.refusals.size());
    EXPECT_EQ(a.stats().send_dropped, 0U);
}

TEST_F(Datagrams, DrainReadsWithoutWaitingForAWakeUp) {
    b.start();
    for (int i = 0; i < 100; ++i) a.send(ports_b->local, gossip::as_bytes("x"));
    b.drain(1000);
    EXPECT_EQ(ear_b.datagrams.size(), 100U);
}

TEST_F(Datagrams, WhatTheSocketCannotReachIsCountedNotThrown) {
    Endpoint v6;
    v6.ip[15] = 1;
    v6.port = 9;
    a.send(v6, gossip::as_bytes("x"));
    a.send(ports_b->local, gossip::as_bytes(std::string(100'000, 'x')));
    EXPECT_EQ(a.stats().send_dropped, 2U);
    EXPECT_EQ(a.stats().sent, 0U);
}

TEST_F(Datagrams, NothingIsHeardAfterStop) {
    b.start();
    a.send(ports_b->local, gossip::as_bytes("x"));
    b.stop();
    io.restart();
    io.run_for(20ms);
    EXPECT_TRUE(ear_b.datagrams.empty());
}

TEST(BindGossip, TakesTheSamePortOfUdpAndTcp) {
    asio::io_context io;
    const auto ports = bound(io);
    EXPECT_NE(ports->local.port, 0);
    EXPECT_EQ(ports->udp.local_endpoint().port(), ports->local.port);
    EXPECT_EQ(ports->tcp.local_endpoint().port(), ports->local.port);
}

TEST(BindGossip, SaysThatAnAddressIsTaken) {
    asio::io_context io;
    const auto first = bound(io);
    const auto second = node::bind_gossip(io, first->local);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, Errc::unavailable);
    EXPECT_EQ(second.error().message,
              "cannot gossip at 127.0.0.1:" + std::to_string(first->local.port) +
                  ": address already in use");
}

TEST(BindGossip, SaysThatUdpAloneIsTaken) {
    asio::io_context io;
    asio::ip::udp::socket udp{io, {asio::ip::address_v4::loopback(), 0}};
    const auto taken =
        node::bind_gossip(io, Endpoint::v4(127, 0, 0, 1, udp.local_endpoint().port()));
    ASSERT_FALSE(taken);
    EXPECT_THAT(taken.error().message, HasSubstr("address already in use"));
}

TEST(BindGossip, SaysThatAnAddressIsNotOurs) {
    asio::io_context io;
    const auto foreign = node::bind_gossip(io, Endpoint::v4(192, 0, 2, 1, 0));
    ASSERT_FALSE(foreign);
    EXPECT_THAT(foreign.error().message, HasSubstr("192.0.2.1:0"));
}

// ---- streams

constexpr StreamId kFirst{1};

StreamAction open_action(StreamId id, const Endpoint& to) {
    return {StreamAction::Kind::open, id, to, {}};
}
StreamAction send_action(StreamId id, std::string frame) {
    return {StreamAction::Kind::send, id, {}, std::move(frame)};
}
StreamAction close_action(StreamId id) {
    return {StreamAction::Kind::close, id, {}, {}};
}

struct Streams : testing::Test {
    explicit Streams(StreamTransport::Limits limits = {})
        : b{io, std::move(ports_b->tcp), ear_b, limits} {
        a.start();
        b.start();
    }
    // A stream from a to b; gives b's number of it.
    StreamId connect() {
        a.apply(open_action(kFirst, ports_b->local));
        EXPECT_TRUE(run_until(io, [&] {
            return ear_a.drained_count[kFirst] == 1 && ear_b.accepted_ids.size() == 1;
        }));
        return ear_b.accepted_ids.at(0);
    }
    // A foreigner at b's port.
    tcp::socket stranger() {
        tcp::socket socket{io};
        socket.connect({asio::ip::address_v4::loopback(), ports_b->local.port});
        return socket;
    }

    asio::io_context io;
    Ear ear_a, ear_b;
    std::unique_ptr<node::GossipPorts> ports_a = bound(io), ports_b = bound(io);
    StreamTransport a{io, std::move(ports_a->tcp), ear_a, StreamTransport::Limits{}};
    StreamTransport b;
};

TEST_F(Streams, OpeningReportsThatThereIsRoomAndAcceptingGivesAHighNumber) {
    const StreamId id = connect();
    EXPECT_GE(id.value, gossip::kAcceptedStreams);
    EXPECT_TRUE(ear_a.accepted_ids.empty());
}

TEST_F(Streams, CarryFramesWholeAndInOrderBothWays) {
    const StreamId at_b = connect();
    const std::string big(gossip::kMaxFrame, 'b');
    for (const auto& frame : {std::string{"one"}, std::string{}, big, std::string{"four"}}) {
        a.apply(send_action(kFirst, frame));
    }
    b.apply(send_action(at_b, "back"));
    ASSERT_TRUE(run_until(
        io, [&] { return ear_b.frames[at_b].size() == 4 && !ear_a.frames[kFirst].empty(); }));
    EXPECT_THAT(ear_b.frames[at_b], ElementsAre("one", "", big, "four"));
    EXPECT_THAT(ear_a.frames[kFirst], ElementsAre("back"));
}

TEST_F(Streams, ReportRoomAgainWhenEverythingWasSent) {
    const StreamId at_b = connect();
    for (int i = 0; i < 100; ++i) a.apply(send_action(kFirst, std::string(60'000, 'x')));
    ASSERT_TRUE(run_until(io, [&] { return ear_b.frames[at_b].size() == 100; }));
    ASSERT_TRUE(run_until(io, [&] { return ear_a.drained_count[kFirst] >= 2; }));
    EXPECT_LE(ear_a.drained_count[kFirst], 3);  // once open, and not once per frame
}

TEST_F(Streams, FramesSentWhileConnectingArrive) {
    a.apply(open_action(kFirst, ports_b->local));
    a.apply(send_action(kFirst, "early"));
    ASSERT_TRUE(run_until(io, [&] { return !ear_b.frames.empty(); }));
    EXPECT_THAT(ear_b.frames.begin()->second, ElementsAre("early"));
}

TEST_F(Streams, ClosingDeliversWhatWasSentAndTellsOnlyThePeer) {
    const StreamId at_b = connect();
    for (int i = 0; i < 50; ++i) a.apply(send_action(kFirst, std::string(60'000, 'x')));
    a.apply(close_action(kFirst));
    a.apply(send_action(kFirst, "too late"));
    ASSERT_TRUE(run_until(io, [&] { return ear_b.closed_count[at_b] == 1; }));
    EXPECT_EQ(ear_b.frames[at_b].size(), 50U);
    ASSERT_TRUE(run_until(io, [&] { return a.connections() == 0 && b.connections() == 0; }));
    EXPECT_EQ(ear_a.closed_count[kFirst], 0);
    EXPECT_EQ(ear_b.closed_count[at_b], 1);
}

TEST_F(Streams, AStreamNobodyAcceptsIsClosedOnce) {
    asio::io_context other;
    const Endpoint nobody = bound(other)->local;  // free again at once
    a.apply(open_action(kFirst, nobody));
    EXPECT_EQ(ear_a.closed_count[kFirst], 0);  // never from within apply()
    ASSERT_TRUE(run_until(io, [&] { return ear_a.closed_count[kFirst] == 1; }));
    a.apply(send_action(kFirst, "x"));
    a.apply(close_action(kFirst));
    io.restart();
    io.run_for(10ms);
    EXPECT_EQ(ear_a.closed_count[kFirst], 1);
    EXPECT_EQ(ear_a.drained_count[kFirst], 0);
}

TEST_F(Streams, AnUnreachableFamilyIsClosedFromAHandlerOfItsOwn) {
    Endpoint v6;
    v6.ip[15] = 1;
    v6.port = 9;
    a.apply(open_action(kFirst, v6));
    EXPECT_EQ(ear_a.closed_count[kFirst], 0);
    ASSERT_TRUE(run_until(io, [&] { return ear_a.closed_count[kFirst] == 1; }));
}

TEST_F(Streams, AFrameAboveTheLimitEndsTheConnection) {
    tcp::socket foreign = stranger();
    std::string length;
    gossip::Writer{length}.u32(gossip::kMaxFrame + 1);
    asio::write(foreign, asio::buffer(length));
    ASSERT_TRUE(run_until(io, [&] { return !ear_b.closed_count.empty(); }));
    EXPECT_TRUE(ear_b.frames.empty());
    EXPECT_EQ(b.connections(), 0U);
}

TEST_F(Streams, APeerThatVanishesIsReportedOnce) {
    {
        const tcp::socket foreign = stranger();
        ASSERT_TRUE(run_until(io, [&] { return ear_b.accepted_ids.size() == 1; }));
    }
    const StreamId id = ear_b.accepted_ids[0];
    ASSERT_TRUE(run_until(io, [&] { return ear_b.closed_count[id] == 1; }));
    EXPECT_EQ(b.connections(), 0U);
}

TEST_F(Streams, StoppingIsSilent) {
    const StreamId at_b = connect();
    b.stop();
    ASSERT_TRUE(run_until(io, [&] { return ear_a.closed_count[kFirst] == 1; }));
    EXPECT_EQ(ear_b.closed_count[at_b], 0);
    EXPECT_EQ(b.connections(), 0U);
}

struct ImpatientStreams : Streams {
    ImpatientStreams() : Streams({.idle = 50ms, .connections = 2}) {}
};

TEST_F(ImpatientStreams, SomeoneWhoNeverCompletesAFrameIsCutOff) {
    tcp::socket foreign = stranger();
    asio::write(foreign, asio::buffer("\x08\0", 2));
    ASSERT_TRUE(run_until(io, [&] { return !ear_b.closed_count.empty(); }));
    EXPECT_EQ(b.connections(), 0U);
}

TEST_F(ImpatientStreams, ConnectionsBeyondTheLimitAreRefused) {
    const tcp::socket first = stranger();
    const tcp::socket second = stranger();
    tcp::socket third = stranger();
    ASSERT_TRUE(run_until(io, [&] { return b.refused() == 1; }));
    EXPECT_EQ(ear_b.accepted_ids.size(), 2U);
}

}  // namespace
