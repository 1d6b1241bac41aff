#include <gtest/gtest.h>

#include "tests/gossip/loopback.h"

// What nodes answer about a topic, and how many agree.

namespace gossip {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kTopic = 0xabc;

Polled poll(Loopback& net, std::size_t i) {
    net.core(i).poll(kTopic, net.now(), net.nodes[i]->out);
    net.finish(i);
    net.deliver();
    return net.core(i).polled(kTopic);
}

TEST(CorePolls, CountWhoAnswersTheSame) {
    Loopback net{4};
    net.start_all();
    net.run_for(3s);
    for (std::size_t i = 0; i < 4; ++i) net.core(i).set_answer(kTopic, {7, 1});
    Polled all = poll(net, 0);
    EXPECT_EQ(all.nodes, 4U);
    EXPECT_EQ(all.agreeing, 4U);
    EXPECT_EQ(all.unheard, 0U);
    EXPECT_EQ(all.oldest_epoch, 7U);
    net.core(2).set_answer(kTopic, {6, 1});
    net.core(3).set_answer(kTopic, {});
    all = poll(net, 0);
    EXPECT_EQ(all.agreeing, 2U);
    EXPECT_EQ(all.unheard, 0U) << "to know nothing of it is an answer";
    EXPECT_EQ(all.oldest_epoch, 0U);
    EXPECT_EQ(net.core(0).polled(kTopic + 1).unheard, 3U) << "nobody was asked";
}

TEST(CorePolls, WhoIsSilentIsNotCountedAsAgreeing) {
    Loopback net{3};
    net.start_all();
    net.run_for(3s);
    for (std::size_t i = 0; i < 3; ++i) net.core(i).set_answer(kTopic, {7, 1});
    net.silent[2] = true;
    const Polled all = poll(net, 0);
    EXPECT_EQ(all.nodes, 3U);
    EXPECT_EQ(all.agreeing, 2U);
    EXPECT_EQ(all.unheard, 1U);
    EXPECT_EQ(all.oldest_epoch, 0U);
}

TEST(CorePolls, AskAgainWhoWasNotHeard) {
    Loopback net{4};
    net.start_all();
    net.run_for(3s);
    for (std::size_t i = 0; i < 4; ++i) net.core(i).set_answer(kTopic, {7, 1});
    net.silent[2] = true;
    EXPECT_EQ(poll(net, 0).unheard, 1U);
    net.silent.erase(2);
    net.core(0).ask_again(kTopic, net.now(), net.nodes[0]->out);
    EXPECT_EQ(net.nodes[0]->out.datagrams.size(), 1U) << "the others have answered";
    net.finish(0);
    net.deliver();
    EXPECT_EQ(net.core(0).polled(kTopic).agreeing, 4U);
    net.core(0).ask_again(kTopic, net.now(), net.nodes[0]->out);
    EXPECT_TRUE(net.nodes[0]->out.datagrams.empty());
}

TEST(CorePolls, KeepNoMoreThanSoManyTopics) {
    Loopback net{2};
    net.start_all();
    net.run_for(1s);
    for (std::uint64_t topic = 1; topic <= 1000; ++topic) {
        net.core(1).set_answer(topic, {topic, topic});
        net.core(0).set_answer(topic, {topic, topic});
        net.core(0).poll(topic, net.now(), net.nodes[0]->out);
        net.finish(0);
        net.deliver();
        EXPECT_EQ(net.core(0).polled(topic).agreeing, 2U) << topic;
    }
}

}  // namespace
}  // namespace gossip
