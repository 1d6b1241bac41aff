#include "sim/checkers.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "gossip/wire.h"
#include "sim/clock.h"

// The checkers are told lies, one each, and have to notice every one of them.

namespace sim {
namespace {

using gossip::Output;
using gossip::Record;
using gossip::RecordKind;

constexpr std::uint64_t kNow = Clock::kWallStart;
const gossip::Config kConfig;

Record make(std::string_view key, std::uint64_t ms, bool tombstone = false) {
    gossip::RecordFields fields;
    fields.key = key;
    fields.stamp = gossip::Stamp::at_ms(kNow + ms);
    fields.tombstone = tombstone;
    return Record::make(fields, kConfig.key);
}

gossip::Wall::time_point wall() {
    return gossip::Wall::time_point{std::chrono::milliseconds{Clock::kWallStart + 10'000}};
}

gossip::Table table_of(const std::vector<Record>& records) {
    gossip::TableLimits limits;
    limits.sketch_cells = 64;
    limits.key = kConfig.key;
    gossip::Table table{limits};
    for (const Record& record : records) table.merge(record, wall());
    return table;
}

class CheckersTest : public ::testing::Test {
  protected:
    void write(const Record& record) { checkers.written(record, kNow); }
    void merge(std::uint32_t node, const std::vector<Record>& changed, const gossip::Table& table) {
        Output out;
        out.behind = changed;
        checkers.merged(node, Time{1}, out, table);
    }
    void send(std::uint32_t node, Time at, std::uint32_t to, const Record& record,
              gossip::PutMode mode = gossip::PutMode::flood) {
        std::string datagram;
        gossip::Header header;
        header.type = gossip::MessageType::put;
        header.cluster = gossip::cluster_tag(kConfig.key);
        header.from = gossip::NodeId{100 + node};
        gossip::begin_datagram(datagram, header);
        datagram.push_back(static_cast<char>(mode));
        gossip::append_record(datagram, record);
        gossip::finish_datagram(datagram, 0);
        checkers.sent(node, at, to, gossip::as_bytes(datagram));
    }
    // Which invariants were reported, in order.
    [[nodiscard]] std::vector<unsigned> found() const {
        std::vector<unsigned> numbers;
        for (const Violation& violation : checkers.violations()) {
            numbers.push_back(violation.invariant);
        }
        return numbers;
    }
    using Numbers = std::vector<unsigned>;

    Checkers checkers{kConfig, 4};
};

TEST_F(CheckersTest, AcceptGrowingVersions) {
    const Record first = make("a:1", 1);
    const Record second = make("a:1", 2);
    write(first);
    write(second);
    merge(0, {first}, table_of({first}));
    merge(0, {second}, table_of({second}));
    EXPECT_EQ(found(), Numbers{});
}

TEST_F(CheckersTest, NoticeAVersionThatGoesBack) {
    const Record first = make("a:1", 1);
    const Record second = make("a:1", 2);
    write(first);
    write(second);
    merge(0, {second}, table_of({second}));
    merge(0, {first}, table_of({second}));
    EXPECT_EQ(found(), Numbers{2});
    EXPECT_NE(describe(checkers.violations()[0]).find("instance a:1"), std::string::npos);
}

TEST_F(CheckersTest, NoticeTheSameVersionTwice) {
    const Record record = make("a:1", 1);
    write(record);
    merge(0, {record}, table_of({record}));
    merge(0, {record}, table_of({record}));
    EXPECT_EQ(found(), Numbers{2});
}

TEST_F(CheckersTest, NoticeARowThatIsReportedButNotStored) {
    const Record record = make("a:1", 1);
    write(record);
    merge(0, {record}, table_of({}));
    EXPECT_EQ(found(), Numbers{2});
}

TEST_F(CheckersTest, RememberVersionsOfADiskButNotOfALostMemory) {
    const Record old = make("a:1", 1);
    const Record lost = make("a:1", 2);
    write(old);
    write(lost);
    merge(0, {lost}, table_of({lost}));
    checkers.started(0, {{row_key(old), old}});
    merge(0, {lost}, table_of({lost}));  // learned again
    EXPECT_EQ(found(), Numbers{});
    checkers.started(0, {{row_key(lost), lost}});
    merge(0, {old}, table_of({lost}));
    EXPECT_EQ(found(), Numbers{2});
}

TEST_F(CheckersTest, NoticeARowThatNobodyWrote) {
    const Record invented = make("a:1", 1);
    merge(2, {invented}, table_of({invented}));
    EXPECT_EQ(found(), Numbers{7});
    EXPECT_EQ(checkers.violations()[0].node, 2U);
}

TEST_F(CheckersTest, NoticeASketchThatIsNotThatOfTheRows) {
    const gossip::Table table = table_of({make("a:1", 1), make("b:1", 2)});
    std::vector<std::uint64_t> digests = digests_of(table);
    checkers.sketch(0, Time{1}, table.sketch().cells(), digests);
    EXPECT_EQ(found(), Numbers{});
    digests.pop_back();
    checkers.sketch(0, Time{1}, table.sketch().cells(), digests);
    EXPECT_EQ(found(), Numbers{3});
}

TEST_F(CheckersTest, NoticeEqualFingerprintsOfDifferentTables) {
    const auto a = summary_of(0, table_of({make("a:1", 1)}));
    const auto b = summary_of(1, table_of({make("b:1", 1)}));
    auto same = a;
    same.node = 2;
    checkers.fingerprints(Time{1}, {a, b, same});
    EXPECT_EQ(found(), Numbers{});
    auto lie = b;
    lie.fingerprint = a.fingerprint;
    checkers.fingerprints(Time{1}, {a, lie});
    EXPECT_EQ(found(), Numbers{4});
    lie = a;
    lie.fingerprint = b.fingerprint;
    checkers.fingerprints(Time{1}, {a, lie});
    EXPECT_EQ(found(), (Numbers{4, 4}));
}

TEST_F(CheckersTest, NoticeARowThatIsMissingOrOldAfterPeace) {
    const Record old = make("a:1", 1);
    const Record newest = make("a:1", 2);
    write(old);
    write(newest);
    checkers.settled(0, Time{1}, table_of({newest}), true);
    EXPECT_EQ(found(), Numbers{});
    checkers.settled(0, Time{1}, table_of({old}), true);
    checkers.settled(0, Time{1}, table_of({}), true);
    EXPECT_EQ(found(), (Numbers{5, 5}));
}

TEST_F(CheckersTest, AllowARowToBeForgottenBelowTheHorizon) {
    write(make("a:1", 1));
    gossip::Table table = table_of({});
    std::vector<Record> removed;
    table.raise_horizon(kNow + 5, removed);
    checkers.settled(0, Time{1}, table, true);
    EXPECT_EQ(found(), Numbers{});
}

TEST_F(CheckersTest, NoticeADeletedRowThatIsAliveAgain) {
    const Record row = make("a:1", 1);
    write(row);
    write(make("a:1", 2, true));
    checkers.settled(0, Time{1}, table_of({row}), false);
    EXPECT_EQ(found(), Numbers{6});
    const Record again = make("a:1", 3);  // registered anew: that is no resurrection
    write(again);
    checkers.settled(0, Time{1}, table_of({again}), false);
    EXPECT_EQ(found(), Numbers{6});
}

TEST_F(CheckersTest, IgnoreADeletionFromAFarFuture) {
    const Record row = make("a:1", 1);
    write(row);
    write(make("a:1", 3'600'000, true));
    checkers.settled(0, Time{1}, table_of({row}), true);
    EXPECT_EQ(found(), Numbers{});
}

TEST_F(CheckersTest, NoticeAVersionThatIsForwardedAgain) {
    const Record record = make("a:1", 1);
    send(0, Time{5}, 1, record);
    send(0, Time{5}, 2, record);
    send(1, Time{9}, 2, record);  // another node
    send(0, Time{9}, 3, record, gossip::PutMode::repair);
    EXPECT_EQ(found(), Numbers{});
    EXPECT_EQ(checkers.copies(record.digest()), 3U);
    send(0, Time{6}, 3, record);
    EXPECT_EQ(found(), Numbers{10});
}

TEST_F(CheckersTest, NoticeMoreFloodTargetsThanAllowed) {
    const Record record = make("a:1", 1);
    for (std::uint32_t i = 0; i < kConfig.origin_fanout; ++i) send(0, Time{5}, i, record);
    EXPECT_EQ(found(), Numbers{});
    send(0, Time{5}, 99, record);
    EXPECT_EQ(found(), Numbers{10});
}

TEST_F(CheckersTest, NoticeWhatIsHeldBeyondItsBound) {
    Held held{1, 1, kConfig.streams_out, kConfig.streams_in};
    checkers.holds(0, Time{1}, held);
    EXPECT_EQ(found(), Numbers{});
    held.rows = kConfig.max_rows + 1;
    held.members = kConfig.max_members + 1;
    ++held.streams_opened;
    ++held.streams_accepted;
    checkers.holds(0, Time{1}, held);
    EXPECT_EQ(found(), (Numbers{11, 11, 11, 11}));
}

TEST_F(CheckersTest, NoticeDatagramsThatAreTooLargeOrMakeNoSense) {
    const std::string noise(40, 'x');
    checkers.sent(0, Time{1}, 1, gossip::as_bytes(noise));
    EXPECT_EQ(found(), Numbers{12});
    const std::string large(gossip::kMaxDatagram + 1, 'x');
    checkers.sent(0, Time{1}, 1, gossip::as_bytes(large));
    EXPECT_EQ(found(), (Numbers{12, 12, 12}));
    checkers.sent_frame(0, Time{1}, gossip::kMaxFrame);
    EXPECT_EQ(found().size(), 3U);
    checkers.sent_frame(0, Time{1}, gossip::kMaxFrame + 1);
    EXPECT_EQ(found().size(), 4U);
}

TEST_F(CheckersTest, KeepTheFirstTenViolations) {
    for (int i = 0; i < 100; ++i) checkers.fail({2, 0, Time{i}, "", "again"});
    EXPECT_EQ(checkers.violations().size(), 10U);
    EXPECT_EQ(checkers.violations().front().at, Time{0});
}

}  // namespace
}  // namespace sim
