#include "gossip/member.h"

#include <gtest/gtest.h>

#include "tests/gossip/sample_records.h"

namespace gossip {
namespace {

NodeRecord sample_node() {
    NodeRecord node;
    node.id = {0x1122334455667788};
    node.incarnation_ms = 1'700'000'000'000;
    node.state = MemberState::suspect;
    node.info.gossip = Endpoint::v4(10, 0, 0, 1, 7701);
    node.info.protocol = {1, 3};
    node.info.name = "rack-4/node-7";
    node.info.http = "10.0.0.1:7700";
    node.info.trailing = std::string("later\0fields", 12);
    return node;
}

std::string reason(const RecordFields& fields) {
    const auto node = decode_node(fields);
    EXPECT_FALSE(node);
    if (node) return "";
    EXPECT_EQ(node.error().code, Errc::malformed);
    return node.error().message;
}

TEST(NodeRecord, ComesBackAsItWasEncodedWithUnknownFields) {
    for (const MemberState state :
         {MemberState::alive, MemberState::suspect, MemberState::dead, MemberState::left}) {
        NodeRecord node = sample_node();
        node.state = state;
        const auto decoded = decode_node(encode(node, kTestKey).fields());
        ASSERT_TRUE(decoded);
        EXPECT_EQ(*decoded, node);
    }
}

TEST(NodeRecord, OfOneIncarnationTheWorseClaimWinsAndANewIncarnationBeatsAll) {
    NodeRecord node = sample_node();
    Rank last{};
    for (const MemberState state :
         {MemberState::alive, MemberState::suspect, MemberState::dead, MemberState::left}) {
        node.state = state;
        EXPECT_LT(last, rank(encode(node, kTestKey)));
        last = rank(encode(node, kTestKey));
    }
    node.state = MemberState::alive;
    ++node.incarnation_ms;
    EXPECT_LT(last, rank(encode(node, kTestKey)));
}

TEST(NodeRecord, ConcurrentAccusationsAreOneRecord) {
    EXPECT_EQ(encode(sample_node(), kTestKey), encode(sample_node(), kTestKey));
}

TEST(NodeRecord, IsRefusedWithTheReason) {
    const Record record = encode(sample_node(), kTestKey);
    const RecordFields good = record.fields();
    ASSERT_TRUE(decode_node(good));

    RecordFields bad = good;
    bad.kind = RecordKind::instance;
    EXPECT_NE(reason(bad).find("another kind"), std::string::npos);
    bad = good;
    bad.tombstone = true;
    EXPECT_NE(reason(bad).find("deleted"), std::string::npos);
    bad = good;
    bad.key = "short";
    EXPECT_NE(reason(bad).find("5 B instead of 8"), std::string::npos);
    bad = good;
    bad.owner = {99};
    EXPECT_NE(reason(bad).find("owned by 99"), std::string::npos);
    bad = good;
    bad.stamp = Stamp::at_ms(good.stamp.ms(), 4);
    EXPECT_NE(reason(bad).find("state 4"), std::string::npos);

    NodeRecord node = sample_node();
    node.info.gossip.port = 0;
    EXPECT_NE(reason(encode(node, kTestKey).fields()).find("port 0"), std::string::npos);
    node = sample_node();
    node.info.protocol = {3, 2};
    EXPECT_NE(reason(encode(node, kTestKey).fields()).find("3 to 2"), std::string::npos);
    node = sample_node();
    node.id = {};
    EXPECT_NE(reason(encode(node, kTestKey).fields()).find("id 0"), std::string::npos);
}

TEST(NodeRecord, EveryCutOfAValueIsRefusedOrLosesOnlyUnknownFields) {
    const NodeRecord node = sample_node();
    const Record record = encode(node, kTestKey);
    const RecordFields whole = record.fields();
    const std::size_t needed = whole.value.size() - node.info.trailing.size();
    for (std::size_t size = 0; size < whole.value.size(); ++size) {
        RecordFields cut = whole;
        cut.value = whole.value.substr(0, size);
        EXPECT_EQ(decode_node(cut).has_value(), size >= needed) << size;
    }
}

TEST(NodeRecord, DecodingIsTotalOnArbitraryValues) {
    const Record record = encode(sample_node(), kTestKey);
    Rng rng{1};
    for (int round = 0; round < 20'000; ++round) {
        const std::string value = random_text(rng, 60);
        RecordFields fields = record.fields();
        fields.value = value;
        const auto node = decode_node(fields);
        if (!node) continue;
        // What decodes, encodes to what it was.
        const Record again = encode(*node, kTestKey);
        EXPECT_EQ(decode_node(again.fields()).has_value(), true);
        EXPECT_EQ(*decode_node(again.fields()), *node);
    }
}

// Nodes of every platform and release have to agree on this.
TEST(NodeRecord, HasThisDigest) {
    EXPECT_EQ(encode(sample_node(), kTestKey).digest(), 17805990647316246227U);
}

TEST(MemberState, HasTheNamesOfTheApi) {
    EXPECT_EQ(name(MemberState::alive), "alive");
    EXPECT_EQ(name(MemberState::suspect), "suspect");
    EXPECT_EQ(name(MemberState::dead), "dead");
    EXPECT_EQ(name(MemberState::left), "left");
}

}  // namespace
}  // namespace gossip
