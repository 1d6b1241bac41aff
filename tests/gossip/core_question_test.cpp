#include <gtest/gtest.h>

#include "tests/gossip/loopback.h"

// Questions between the shells of two nodes.

namespace gossip {
namespace {

using namespace std::chrono_literals;

class CoreQuestions : public testing::Test {
  protected:
    CoreQuestions() {
        net_.start_all();
        net_.run_for(3s);
        for (const auto& node : net_.nodes) node->says = "answer to ";
    }
    std::uint32_t ask(std::size_t i, NodeId whom, std::string_view question) {
        const std::uint32_t number =
            net_.core(i).ask(whom, as_bytes(question), net_.now(), net_.nodes[i]->out);
        net_.finish(i);
        return number;
    }
    NodeId id(std::size_t i) { return net_.core(i).self().id; }

    Loopback net_{3};
};

TEST_F(CoreQuestions, AreAnsweredByTheOneWhoWasAsked) {
    const std::uint32_t number = ask(0, id(1), "two seats");
    ASSERT_NE(number, 0U);
    net_.deliver();
    ASSERT_EQ(net_.nodes[0]->answered.size(), 1U);
    EXPECT_EQ(net_.nodes[0]->answered[0].question, number);
    EXPECT_EQ(net_.nodes[0]->answered[0].answer, "answer to two seats");
    EXPECT_TRUE(net_.nodes[2]->answered.empty());
}

TEST_F(CoreQuestions, ToOneselfAreAnsweredAtOnceAndSendNothing) {
    const std::size_t before = net_.sent.size();
    const std::uint32_t number = ask(0, id(0), "q");
    ASSERT_EQ(net_.nodes[0]->answered.size(), 1U);
    EXPECT_EQ(net_.nodes[0]->answered[0].question, number);
    EXPECT_EQ(net_.nodes[0]->answered[0].answer, "answer to q");
    EXPECT_EQ(net_.sent.size(), before);
}

TEST_F(CoreQuestions, GoToLivingMembersOnlyAndAreShort) {
    EXPECT_EQ(ask(0, NodeId{12345}, "q"), 0U);
    EXPECT_EQ(ask(0, id(1), ""), 0U);
    EXPECT_EQ(ask(0, id(1), std::string(kMaxQuestion + 1, 'x')), 0U);
    EXPECT_NE(ask(0, id(1), std::string(kMaxQuestion, 'x')), 0U);
}

TEST_F(CoreQuestions, StrangersGetNoAnswerAndGiveNone) {
    const auto datagram = [&](MessageType type, NodeId from, std::string_view body) {
        Header header;
        header.type = type;
        header.cluster = cluster_tag(net_.core(0).config().key);
        header.from = from;
        std::string bytes;
        begin_datagram(bytes, header);
        bytes += body;
        finish_datagram(bytes, 0);
        return bytes;
    };
    Output out;
    const Endpoint stranger = Endpoint::v4(10, 9, 9, 9, 1);
    net_.core(0).receive(stranger, as_bytes(datagram(MessageType::question, {99}, "q")), net_.now(),
                         out);
    net_.core(0).receive(stranger, as_bytes(datagram(MessageType::question, id(1), "q")),
                         net_.now(), out);
    EXPECT_TRUE(out.asked.empty()) << "a member's name from another address";

    const std::uint32_t number = ask(0, id(1), "q");
    net_.sent.clear();
    std::string forged(4, '\0');
    for (unsigned i = 0; i < 4; ++i) forged[i] = static_cast<char>(number >> (8 * i));
    forged += "mine";
    out.clear();
    net_.core(0).receive(stranger, as_bytes(datagram(MessageType::reply, id(2), forged)),
                         net_.now(), out);
    EXPECT_TRUE(out.answered.empty()) << "somebody else was asked";
    net_.core(0).receive(stranger, as_bytes(datagram(MessageType::reply, id(1), forged)),
                         net_.now(), out);
    EXPECT_EQ(out.answered.size(), 1U);
    net_.core(0).receive(stranger, as_bytes(datagram(MessageType::reply, id(1), forged)),
                         net_.now(), out);
    EXPECT_EQ(out.answered.size(), 1U) << "a copy";
}

TEST_F(CoreQuestions, WhoHasNothingToSaySaysNothing) {
    net_.nodes[1]->says.clear();
    ASSERT_NE(ask(0, id(1), "q"), 0U);
    net_.deliver();
    EXPECT_TRUE(net_.nodes[0]->answered.empty());
}

}  // namespace
}  // namespace gossip
