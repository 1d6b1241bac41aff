#include "sim/network.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "sim/streams.h"

namespace sim {
namespace {

using gossip::StreamAction;
using gossip::StreamId;

// Writes down what the network tells a machine.
class Recorder final : public Host {
  public:
    explicit Recorder(Events& events) : events_(events) {}
    [[nodiscard]] bool running() const override { return up; }
    [[nodiscard]] bool powered() const override { return power; }
    void refused(const gossip::Endpoint& by) override {
        note("refused by " + std::to_string(node_at(by)));
    }
    void datagram(const gossip::Endpoint& from, std::string bytes) override {
        note("datagram from " + std::to_string(node_at(from)) + " " + bytes);
    }
    void stream_accepted(StreamId id, const gossip::Endpoint&) override {
        accepted = id;
        note("accepted");
    }
    void stream_received(StreamId, std::string frame) override {
        note("frame " + frame.substr(0, 8));
    }
    void stream_drained(StreamId) override { note("drained"); }
    void stream_closed(StreamId) override { note("closed"); }

    bool up = true;
    bool power = true;
    StreamId accepted;
    std::vector<std::string> log;
    std::vector<Time> times;

  private:
    void note(std::string what) {
        log.push_back(std::move(what));
        times.push_back(events_.now());
    }
    Events& events_;
};

class NetworkTest : public ::testing::Test {
  protected:
    using Log = std::vector<std::string>;

    void run(Time end = Time{10'000'000}) {
        while (events.step(events.now() + end)) {
        }
    }
    void send(std::uint32_t from, std::uint32_t to, const std::string& text) {
        network.send(from, endpoint_of(to), gossip::as_bytes(text));
    }
    void act(std::uint32_t node, StreamAction::Kind kind, StreamId id, std::string frame = {}) {
        streams.perform(node, {kind, id, endpoint_of(1), std::move(frame)});
    }
    // Opens a stream from machine 0 to machine 1.
    void open() {
        act(0, StreamAction::Kind::open, {1});
        run();
        a.log.clear();
        b.log.clear();
        b.times.clear();
    }

    Events events;
    Links links{{}, 2, 7};
    Recorder a{events};
    Recorder b{events};
    std::vector<Host*> hosts{&a, &b};
    Network network{{}, events, links, hosts};
    Streams streams{events, links, hosts};
};

TEST_F(NetworkTest, DelaysAreLognormalAroundTheHop) {
    std::vector<std::int64_t> delays;
    for (int i = 0; i < 100'000; ++i) delays.push_back(links.delay().count());
    std::ranges::sort(delays);
    EXPECT_NEAR(static_cast<double>(delays[50'000]), 500, 10);
    EXPECT_NEAR(static_cast<double>(delays[84'134]), 500 * 1.587, 15);  // e^0.462
    EXPECT_NEAR(static_cast<double>(delays[15'866]), 500 / 1.587, 10);
    EXPECT_NEAR(static_cast<double>(delays[99'000]), 1464, 60);
    EXPECT_GT(delays.front(), 50);
    EXPECT_LT(delays.back(), 5000);
}

TEST_F(NetworkTest, DelaysAreTheSameOnEveryPlatform) {
    Links fresh{{}, 2, 1};
    std::vector<std::int64_t> delays;
    for (int i = 0; i < 5; ++i) delays.push_back(fresh.delay().count());
    EXPECT_EQ(delays, (std::vector<std::int64_t>{443, 453, 704, 723, 392}));
}

TEST_F(NetworkTest, CarriesADatagramAndCountsIt) {
    send(0, 1, "....hello");
    run();
    EXPECT_EQ(b.log, Log{"datagram from 0 ....hello"});
    EXPECT_EQ(network.traffic().all().datagrams, 1U);
    EXPECT_EQ(network.traffic(0).all().bytes, 9U);
    EXPECT_EQ(network.traffic(1).all().bytes, 0U);
}

TEST_F(NetworkTest, LosesTheShareThatItIsTold) {
    links.faults.loss_ppm = 250'000;
    for (int i = 0; i < 10'000; ++i) send(0, 1, "x");
    run();
    EXPECT_NEAR(static_cast<double>(b.log.size()), 7500, 150);
}

TEST_F(NetworkTest, DoublesWhatItIsToldTo) {
    links.faults.duplicate_ppm = 1'000'000;
    send(0, 1, "x");
    run();
    EXPECT_EQ(b.log.size(), 2U);
}

TEST_F(NetworkTest, BabblesBesidesWhatWasSent) {
    links.faults.babble_ppm = 1'000'000;
    send(0, 1, "a sentence of some length");
    run();
    EXPECT_EQ(b.log.size(), 2U);
    EXPECT_EQ(std::ranges::count(b.log, "datagram from 0 a sentence of some length"), 1);
}

TEST_F(NetworkTest, CarriesNothingBetweenIslands) {
    links.put_on_island(1, 1);
    send(0, 1, "x");
    send(1, 0, "x");
    run();
    EXPECT_TRUE(a.log.empty() && b.log.empty());
    links.heal();
    send(0, 1, "x");
    run();
    EXPECT_EQ(b.log.size(), 1U);
}

TEST_F(NetworkTest, LosesWhatIsUnderWayWhenALinkIsCut) {
    send(0, 1, "x");
    send(1, 0, "x");
    links.cut(0, 1);
    run();
    EXPECT_TRUE(b.log.empty());
    EXPECT_EQ(a.log.size(), 1U) << "the other direction works";
}

TEST_F(NetworkTest, TellsNothingToAMachineThatIsDown) {
    b.up = false;
    b.power = false;
    send(0, 1, "x");
    run();
    EXPECT_TRUE(b.log.empty());
    EXPECT_TRUE(a.log.empty());
}

TEST_F(NetworkTest, AKernelWithoutTheProcessRefuses) {
    b.up = false;
    send(0, 1, "x");
    run();
    EXPECT_TRUE(b.log.empty());
    EXPECT_EQ(a.log, Log{"refused by 1"});
    links.cut(1, 0);
    send(0, 1, "x");
    run();
    EXPECT_EQ(a.log.size(), 1U) << "the refusal needs a way back";
}

TEST_F(NetworkTest, AStreamKeepsOrderAndTakesTheTimeOfItsBytes) {
    open();
    for (const char* frame : {"one", "two"}) act(0, StreamAction::Kind::send, {1}, frame);
    act(0, StreamAction::Kind::send, {1}, std::string(1'000'000, 'x'));
    const Time start = events.now();
    run();
    EXPECT_EQ(b.log, (Log{"frame one", "frame two", "frame xxxxxxxx"}));
    EXPECT_GE(b.times.back() - start, Time{10'000}) << "1 MB at 100 MB/s";
    EXPECT_EQ(a.log, Log{"drained"}) << "once, when all has left";
}

TEST_F(NetworkTest, AStreamLosesNothingButTime) {
    links.faults.loss_ppm = 500'000;
    open();
    for (int i = 0; i < 50; ++i) act(0, StreamAction::Kind::send, {1}, std::to_string(i));
    run();
    ASSERT_EQ(b.log.size(), 50U);
    for (int i = 0; i < 50; ++i)
        EXPECT_EQ(b.log[static_cast<std::size_t>(i)], "frame " + std::to_string(i));
}

TEST_F(NetworkTest, AStreamDeliversWhatWasSentBeforeItsEnd) {
    open();
    act(0, StreamAction::Kind::send, {1}, "last");
    act(0, StreamAction::Kind::close, {1});
    run();
    EXPECT_EQ(b.log, (Log{"frame last", "closed"}));
    EXPECT_EQ(std::ranges::count(a.log, "closed"), 0) << "it has closed it itself";
    EXPECT_EQ(streams.opened_by(0) + streams.accepted_by(1), 0U);
}

TEST_F(NetworkTest, AnAnswerComesBackOnTheSameStream) {
    open();
    act(1, StreamAction::Kind::send, b.accepted, "answer");
    run();
    EXPECT_EQ(a.log, Log{"frame answer"});
}

TEST_F(NetworkTest, ACrashClosesTheOtherEndSoon) {
    open();
    b.up = false;
    streams.crashed(1);
    run(Time{20'000});
    EXPECT_EQ(a.log, Log{"closed"});
    EXPECT_TRUE(b.log.empty());
}

TEST_F(NetworkTest, APartitionClosesBothEndsAfterAWhile) {
    open();
    links.put_on_island(1, 1);
    streams.links_changed();
    run(Time{1'000'000});
    EXPECT_TRUE(a.log.empty());
    run();
    EXPECT_EQ(a.log, Log{"closed"});
    EXPECT_EQ(b.log, Log{"closed"});
}

TEST_F(NetworkTest, AMachineThatIsDownRefusesStreams) {
    b.up = false;
    act(0, StreamAction::Kind::open, {1});
    run();
    EXPECT_EQ(a.log, Log{"closed"});
}

}  // namespace
}  // namespace sim
