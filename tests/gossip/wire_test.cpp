#include "gossip/wire.h"

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <string>

#include "gossip/random.h"

namespace gossip {
namespace {

std::string hex(std::string_view bytes) {
    static constexpr char kDigits[] = "0123456789abcdef";
    std::string text;
    for (const char c : bytes) {
        text.push_back(kDigits[static_cast<std::uint8_t>(c) >> 4]);
        text.push_back(kDigits[static_cast<std::uint8_t>(c) & 15]);
    }
    return text;
}

const HashKey kKey{1, 2};

Record sample_record() {
    RecordFields f;
    f.stamp = Stamp::at_ms(1'700'000'000'123, 7);
    f.owner = {0x1122334455667788};
    f.last_update = 1'700'000'000;
    f.ttl_s = 30;
    f.key = "10.0.0.1:7000";
    f.value = "value";
    f.trailing = "later";
    return Record::make(f, kKey);
}

Digest sample_digest() {
    return {1'700'000'000'123, 42, Cell{0x01020304, 0x05060708, 0x090a0b0c}};
}

// One of every message, by name.
std::map<std::string, std::string> samples() {
    std::map<std::string, std::string> all;
    Header header;
    header.type = MessageType::put;
    header.cluster = 0xcafef00d;
    header.from = {0x0123456789abcdef};
    header.seq = 99;
    std::string& datagram = all["put_datagram"];
    begin_datagram(datagram, header);
    datagram.push_back(static_cast<char>(PutMode::flood));
    append_record(datagram, sample_record());
    finish_datagram(datagram, 0);
    encode(Ping{sample_digest(), true, true}, 3, all["ping"]);
    encode(Ack{99, sample_digest(), AckStatus::same, {}, {}}, all["ack_same"]);
    encode(Ack{99, sample_digest(), AckStatus::diff, {Cell{1, 2, 3}, Cell{4, 5, 6}}, {}},
           all["ack_diff"]);
    encode(Ack{99, sample_digest(), AckStatus::snapshot, {}, {}}, all["ack_snapshot"]);
    encode(Ack{99, sample_digest(), AckStatus::busy, {}, Endpoint::v4(10, 0, 0, 2, 7701)},
           all["ack_busy"]);
    const std::uint64_t digests[] = {1, 0xffffffffffffffff};
    encode_digests(digests, all["want"]);
    encode(Renew{0x1111, 1'700'000'000}, all["renew"]);
    encode(Judge{0xaabbccdd, {7}, 1'700'000'000'123, Evidence::refusal}, all["judge"]);
    encode(Ballot{0xaabbccdd, {7}, Vote::refused}, all["vote"]);
    const TouchEntry touches[] = {{0x1111, 1'700'000'000, 250}};
    encode(touches, all["touches"]);
    encode(Hello{1, 0xcafef00d, {7}, StreamRequest::snapshot}, all["hello"]);
    const Cell cells[] = {{1, 2, 3}};
    encode_cells(cells, all["cells"]);
    const NodeRecord node{
        {7},
        1'700'000'000'123,
        MemberState::suspect,
        {Endpoint::v4(10, 0, 0, 2, 7701), {1, 1}, "name", "10.0.0.2:7700", 4, ""}};
    all["node_record"] = std::string{as_text(encode(node, kKey).bytes())};
    return all;
}

TEST(WireGolden, TheBytesOfEveryMessageAreThoseOfTheFirstRelease) {
    std::map<std::string, std::string> golden;
    std::ifstream file{std::string{SOURCE_DIR} + "/tests/golden/wire.txt"};
    for (std::string message, bytes; file >> message >> bytes;) golden[message] = bytes;
    for (const auto& [message, bytes] : samples()) {
        EXPECT_EQ(hex(bytes), golden[message]) << message << " " << hex(bytes);
    }
    EXPECT_EQ(golden.size(), samples().size());
}

TEST(Wire, EveryMessageSurvivesTheTrip) {
    const auto all = samples();
    const auto ping = decode_ping(as_bytes(all.at("ping")));
    ASSERT_TRUE(ping);
    EXPECT_EQ(ping->digest.rows, 42U);
    EXPECT_TRUE(ping->census && ping->wide);
    const auto diff = decode_ack(as_bytes(all.at("ack_diff")));
    ASSERT_TRUE(diff);
    ASSERT_EQ(diff->cells.size(), 2U);
    EXPECT_EQ(diff->cells[1], (Cell{4, 5, 6}));
    const auto busy = decode_ack(as_bytes(all.at("ack_busy")));
    ASSERT_TRUE(busy);
    EXPECT_EQ(busy->redirect, Endpoint::v4(10, 0, 0, 2, 7701));
    EXPECT_EQ(decode_digests(as_bytes(all.at("want"))).at(1), 0xffffffffffffffff);
    EXPECT_EQ(decode_renew(as_bytes(all.at("renew")))->last_update, 1'700'000'000U);
    const auto judge = decode_judge(as_bytes(all.at("judge")));
    ASSERT_TRUE(judge);
    EXPECT_EQ(judge->nonce, 0xaabbccddU);
    EXPECT_EQ(judge->incarnation_ms, 1'700'000'000'123U);
    EXPECT_EQ(judge->evidence, Evidence::refusal);
    const auto ballot = decode_ballot(as_bytes(all.at("vote")));
    ASSERT_TRUE(ballot);
    EXPECT_EQ(ballot->subject, NodeId{7});
    EXPECT_EQ(ballot->vote, Vote::refused);
    EXPECT_EQ(decode_touches(as_bytes(all.at("touches")))->at(0).age_ms, 250U);
    EXPECT_EQ(decode_hello(as_bytes(all.at("hello")))->request, StreamRequest::snapshot);
    EXPECT_EQ(decode_cells(as_bytes(all.at("cells"))).at(0), (Cell{1, 2, 3}));
}

TEST(Wire, ADatagramComesApartAsItWasPutTogether) {
    const std::string datagram = samples().at("put_datagram");
    Header header;
    Bytes body;
    ASSERT_EQ(decode_header(as_bytes(datagram), 0xcafef00d, header, body), HeaderFault::none);
    EXPECT_EQ(header.type, MessageType::put);
    EXPECT_EQ(header.from, NodeId{0x0123456789abcdef});
    EXPECT_EQ(header.seq, 99U);
    Reader r{body};
    EXPECT_EQ(r.u8(), static_cast<std::uint8_t>(PutMode::flood));
    std::size_t records = 0;
    EXPECT_TRUE(for_each_record(r.rest(), [&](Bytes bytes) {
        ++records;
        EXPECT_EQ(as_text(bytes), as_text(sample_record().bytes()));
    }));
    EXPECT_EQ(records, 1U);
}

TEST(Wire, AHeaderThatIsNotOursIsRefusedWithItsReason) {
    const std::string good = samples().at("put_datagram");
    Header header;
    Bytes body;
    const auto fault = [&](std::size_t at, char value) {
        std::string bytes = good;
        bytes[at] = value;
        return decode_header(as_bytes(bytes), 0xcafef00d, header, body);
    };
    EXPECT_EQ(fault(0, 'X'), HeaderFault::malformed);
    EXPECT_EQ(fault(2, 2), HeaderFault::foreign_version);
    EXPECT_EQ(fault(4, 0), HeaderFault::foreign_cluster);
    EXPECT_EQ(fault(20, 1), HeaderFault::malformed) << "a length that lies";
    EXPECT_EQ(fault(22, kFlagSealed), HeaderFault::malformed) << "sealed, and we have no key";
    const std::string huge(kMaxDatagram + 1, 'x');
    EXPECT_EQ(decode_header(as_bytes(huge), 1, header, body), HeaderFault::malformed);
}

TEST(Wire, EveryCutOfEveryMessageIsDecodedOrRefusedNeverMore) {
    for (const auto& [message, bytes] : samples()) {
        for (std::size_t size = 0; size <= bytes.size(); ++size) {
            const Bytes cut = as_bytes(std::string_view{bytes}.substr(0, size));
            Header header;
            Bytes body;
            (void)decode_header(cut, 0xcafef00d, header, body);
            (void)decode_ping(cut);
            (void)decode_ack(cut);
            (void)decode_renew(cut);
            (void)decode_touches(cut);
            (void)decode_hello(cut);
            EXPECT_LE(decode_digests(cut).size(), size / 8);
            EXPECT_LE(decode_cells(cut).size(), size / kCellBytes);
            (void)for_each_record(cut, [&](Bytes record) { EXPECT_LE(record.size(), size); });
        }
    }
}

TEST(Wire, BodiesOfALaterReleaseMayBeLonger) {
    const auto longer = [](const char* message) { return samples().at(message) + "more fields"; };
    EXPECT_TRUE(decode_ping(as_bytes(longer("ping"))));
    EXPECT_TRUE(decode_ack(as_bytes(longer("ack_same"))));
    EXPECT_TRUE(decode_ack(as_bytes(longer("ack_busy"))));
    EXPECT_TRUE(decode_renew(as_bytes(longer("renew"))));
    EXPECT_TRUE(decode_hello(as_bytes(longer("hello"))));
}

TEST(Wire, AFullDifferenceFitsOneDatagramWithRoomForATag) {
    std::string datagram;
    begin_datagram(datagram, {});
    Ack ack;
    ack.status = AckStatus::diff;
    ack.cells.resize(kMaxDiffCells);
    encode(ack, datagram);
    finish_datagram(datagram, 0);
    EXPECT_LE(datagram.size() + kTagRoom, kMaxDatagram);
}

TEST(Wire, TheLargestRecordFitsOneDatagram) {
    EXPECT_LE(1 + varint_size(kMaxRecordBytes) + kMaxRecordBytes, kMaxBody);
}

TEST(Negotiation, TheHighestVersionThatBothKnowIsSpoken) {
    EXPECT_EQ(spoken({1, 1}, {1, 1}), 1);
    EXPECT_EQ(spoken({1, 3}, {2, 5}), 3);
    EXPECT_EQ(spoken({2, 5}, {1, 3}), 3);
    EXPECT_EQ(spoken({1, 2}, {3, 4}), std::nullopt);
    EXPECT_EQ(spoken({3, 4}, {1, 2}), std::nullopt);
}

}  // namespace
}  // namespace gossip
