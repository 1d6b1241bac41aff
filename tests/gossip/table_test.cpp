#include "gossip/table.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <map>

#include "tests/gossip/sample_records.h"

namespace gossip {
namespace {

constexpr std::int64_t kNowMs = 1'000'000;
const Wall::time_point kNow = wall_ms(kNowMs);

TableLimits limits(std::uint32_t max_rows = 1000) {
    return {.sketch_cells = 128, .max_rows = max_rows, .max_ahead_ms = 60'000, .key = kTestKey};
}

using Key = std::pair<RecordKind, std::string>;
Key key_of(const Record& record) {
    return {record.kind(), std::string{record.key()}};
}

// The rows of a table, found by iteration; nothing may be there twice.
std::map<Key, Record> rows_of(const Table& table) {
    std::map<Key, Record> rows;
    for (std::uint32_t slot = 0; slot < table.slots(); ++slot) {
        const Record* record = table.at(slot);
        if (record) {
            EXPECT_TRUE(rows.emplace(key_of(*record), *record).second) << record->key();
        }
    }
    return rows;
}

Sketch rebuilt(const std::map<Key, Record>& rows, std::uint32_t cells) {
    Sketch sketch{cells};
    for (const auto& row : rows) sketch.toggle(row.second.digest());
    return sketch;
}

// What a table is, in the plainest way.
struct Model {
    TableLimits limits;
    std::map<Key, Record> rows;
    std::uint64_t horizon_ms = 0;

    Merge merge(const Record& record, std::uint64_t now_ms) {
        if (record.stamp().ms() <= horizon_ms) return Merge::below_horizon;
        if (record.stamp().ms() > now_ms + limits.max_ahead_ms) return Merge::from_future;
        const auto row = rows.find(key_of(record));
        if (row == rows.end()) {
            if (rows.size() >= limits.max_rows) return Merge::full;
            rows.emplace(key_of(record), record);
            return Merge::fresh;
        }
        if (rank(row->second) >= rank(record)) return Merge::known;
        row->second = record;
        return Merge::fresh;
    }
    void raise_horizon(std::uint64_t ms) {
        horizon_ms = std::max(horizon_ms, ms);
        std::erase_if(rows, [&](const auto& row) { return row.second.stamp().ms() <= horizon_ms; });
    }
};

void expect_equal(const Table& table, const Model& model) {
    ASSERT_EQ(table.size(), model.rows.size());
    ASSERT_EQ(table.horizon_ms(), model.horizon_ms);
    ASSERT_EQ(rows_of(table), model.rows);
    ASSERT_EQ(table.sketch(), rebuilt(model.rows, model.limits.sketch_cells));
    for (const auto& row : model.rows) {
        const Record* by_key = table.find(row.first.first, row.first.second);
        ASSERT_TRUE(by_key);
        ASSERT_EQ(*by_key, row.second);
        ASSERT_EQ(table.find_digest(row.second.digest()), by_key);
    }
}

// Few keys, few stamps and few values, so that versions meet, tie and repeat.
Record random_record(Rng& rng, std::uint64_t around_ms) {
    const std::string key = std::string{"host-"} + std::to_string(rng.below(40));
    const std::string value(1, static_cast<char>('a' + rng.below(3)));
    std::uint64_t ms = around_ms + rng.below(200);
    if (rng.below(50) == 0) ms += 1'000'000;
    return sample_record(key, Stamp::at_ms(ms, static_cast<std::uint16_t>(rng.below(2))), value,
                         static_cast<RecordKind>(1 + rng.below(3)));
}

// Random operations on the table and on the model; `now_ms` says how time passes.
void run(Table& table, Model& model, Rng& rng, int steps, std::uint64_t& now_ms) {
    std::vector<Record> ever;
    for (int step = 0; step < steps; ++step) {
        now_ms += rng.below(20);
        if (rng.below(40) == 0) {
            const std::uint64_t ms = now_ms - 150 + rng.below(100);
            const auto before = model.rows;
            std::vector<Record> removed;
            model.raise_horizon(ms);
            table.raise_horizon(ms, removed);
            ASSERT_EQ(removed.size(), before.size() - model.rows.size());
            for (const Record& record : removed) {
                ASSERT_TRUE(before.contains(key_of(record)));
                ASSERT_FALSE(model.rows.contains(key_of(record)));
            }
        } else {
            const Record record = random_record(rng, now_ms - 180);
            ever.push_back(record);
            const auto current = model.rows.find(key_of(record));
            const Record expected = current == model.rows.end() ? Record{} : current->second;
            const Merge considered =
                table.consider(record.fields(), record.digest(), wall_ms(std::int64_t(now_ms)));
            Record replaced;
            const Merge merged = table.merge(record, wall_ms(std::int64_t(now_ms)), &replaced);
            ASSERT_EQ(merged, model.merge(record, now_ms));
            ASSERT_EQ(considered, merged);
            if (merged == Merge::fresh) {
                ASSERT_EQ(replaced, expected);
            }
        }
        if (step % 20 == 0) expect_equal(table, model);
    }
    expect_equal(table, model);
    for (const Record& record : ever) {  // a superseded digest leads nowhere
        const auto row = model.rows.find(key_of(record));
        const bool current = row != model.rows.end() && row->second == record;
        ASSERT_EQ(table.find_digest(record.digest()) != nullptr, current);
    }
}

TEST(Table, BehavesLikeAMap) {
    for (std::uint64_t seed = 1; seed <= 60; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        Rng rng{seed};
        const auto max_rows = static_cast<std::uint32_t>(seed % 3 == 0 ? 30 : 1000);
        Table table{limits(max_rows)};
        Model model{limits(max_rows), {}, 0};
        std::uint64_t now_ms = kNowMs;
        run(table, model, rng, 600, now_ms);
    }
}

TEST(Table, WithABaseBehavesLikeAMapThatStartedWithTheBasesRows) {
    for (std::uint64_t seed = 1; seed <= 60; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        Rng rng{seed};
        auto base = std::make_shared<Table>(limits());
        Model model{limits(), {}, 0};
        std::uint64_t now_ms = kNowMs;
        run(*base, model, rng, 150, now_ms);
        const auto base_rows = rows_of(*base);

        Table first{limits(), base};
        Table second{limits(), base};
        expect_equal(first, model);
        Model first_model = model;
        std::uint64_t later_ms = now_ms;
        run(first, first_model, rng, 400, later_ms);
        // Neither the base nor its other users notice.
        EXPECT_EQ(rows_of(*base), base_rows);
        expect_equal(second, model);
        run(second, model, rng, 400, now_ms);
        expect_equal(first, first_model);
        for (const auto& row : base_rows) {  // what replaced a row of the base hides it
            const auto current = first_model.rows.find(row.first);
            const bool kept = current != first_model.rows.end() && current->second == row.second;
            EXPECT_EQ(first.find_digest(row.second.digest()) != nullptr, kept);
        }
    }
}

TEST(Table, ASlotKeepsItsKeyUntilTheRowIsRemoved) {
    auto base = std::make_shared<Table>(limits());
    for (int i = 0; i < 10; ++i) {
        base->merge(sample_record("base-" + std::to_string(i), Stamp::at_ms(kNowMs)), kNow);
    }
    Table table{limits(), base};
    for (int i = 0; i < 5; ++i) {
        table.merge(sample_record("own-" + std::to_string(i), Stamp::at_ms(kNowMs + i)), kNow);
    }
    std::vector<std::string> keys;
    for (std::uint32_t slot = 0; slot < table.slots(); ++slot) {
        ASSERT_TRUE(table.at(slot));
        keys.emplace_back(table.at(slot)->key());
    }
    const auto expect_keys = [&](std::uint32_t except) {
        for (std::uint32_t slot = 0; slot < keys.size(); ++slot) {
            if (slot == except) continue;
            ASSERT_TRUE(table.at(slot)) << slot;
            EXPECT_EQ(table.at(slot)->key(), keys[slot]);
        }
    };
    table.merge(sample_record("base-3", Stamp::at_ms(kNowMs + 10)), kNow);
    table.merge(sample_record("own-2", Stamp::at_ms(kNowMs + 10)), kNow);
    for (const int i : {0, 1, 2, 4, 5, 6, 7, 8}) {
        table.merge(sample_record("base-" + std::to_string(i), Stamp::at_ms(kNowMs + 10)), kNow);
    }
    expect_keys(UINT32_MAX);

    std::vector<Record> removed;  // takes base-9 away, which only the base has
    table.raise_horizon(kNowMs, removed);
    ASSERT_EQ(removed.size(), 2U);  // and own-0
    EXPECT_EQ(table.size(), 13U);
    for (std::uint32_t slot = 0; slot < keys.size(); ++slot) {
        if (keys[slot] == "base-9" || keys[slot] == "own-0") {
            EXPECT_FALSE(table.at(slot));
        } else {
            ASSERT_TRUE(table.at(slot));
            EXPECT_EQ(table.at(slot)->key(), keys[slot]);
        }
    }
}

// ---- the laws of merge

std::vector<Record> versions_of_some_keys() {
    std::vector<Record> records;
    const auto count = *rc::gen::inRange<std::size_t>(0, 40);
    for (std::size_t i = 0; i < count; ++i) {
        const std::string key(1, static_cast<char>('a' + *rc::gen::inRange(0, 4)));
        const std::string value(1, static_cast<char>('a' + *rc::gen::inRange(0, 3)));
        const auto ms = static_cast<std::uint64_t>(kNowMs + *rc::gen::inRange(0, 4));
        records.push_back(sample_record(key, Stamp::at_ms(ms), value));
    }
    return records;
}

Table merged(const std::vector<Record>& records) {
    Table table{limits()};
    for (const Record& record : records) table.merge(record, kNow);
    return table;
}

RC_GTEST_PROP(TableMerge, TheOrderDoesNotMatter, ()) {
    const std::vector<Record> records = versions_of_some_keys();
    std::vector<Record> shuffled = records;
    Rng rng{*rc::gen::arbitrary<std::uint64_t>()};
    rng.shuffle(shuffled);
    const Table a = merged(records);
    const Table b = merged(shuffled);
    RC_ASSERT(a.sketch() == b.sketch());
    RC_ASSERT(rows_of(a) == rows_of(b));
}

RC_GTEST_PROP(TableMerge, TheGroupingDoesNotMatter, ()) {
    const std::vector<Record> left = versions_of_some_keys();
    const std::vector<Record> right = versions_of_some_keys();
    Table one_by_one = merged(left);
    for (const Record& record : right) one_by_one.merge(record, kNow);
    Table table_by_table = merged(left);
    for (const auto& row : rows_of(merged(right))) table_by_table.merge(row.second, kNow);
    RC_ASSERT(rows_of(one_by_one) == rows_of(table_by_table));
}

RC_GTEST_PROP(TableMerge, ARepeatedRecordChangesNothing, ()) {
    const std::vector<Record> records = versions_of_some_keys();
    Table table = merged(records);
    const auto rows = rows_of(table);
    for (const Record& record : records) {
        RC_ASSERT(table.merge(record, kNow) == Merge::known);
    }
    RC_ASSERT(rows_of(table) == rows);
}

RC_GTEST_PROP(TableMerge, KeepsTheGreatestRankOfEachKey, ()) {
    const std::vector<Record> records = versions_of_some_keys();
    std::map<Key, Rank> greatest;
    for (const Record& record : records) {
        Rank& best = greatest[key_of(record)];
        best = std::max(best, rank(record));
    }
    const auto rows = rows_of(merged(records));
    RC_ASSERT(rows.size() == greatest.size());
    for (const auto& row : rows) RC_ASSERT(rank(row.second) == greatest.at(row.first));
}

// ---- limits

TEST(Table, RefusesAStampFromTheFuture) {
    Table table{limits()};
    EXPECT_EQ(table.merge(sample_record("k", Stamp::at_ms(kNowMs + 60'001)), kNow),
              Merge::from_future);
    EXPECT_EQ(table.size(), 0U);
    EXPECT_EQ(table.merge(sample_record("k", Stamp::at_ms(kNowMs + 60'000)), kNow), Merge::fresh);
}

TEST(Table, AClockBefore1970RefusesRatherThanWraps) {
    Table table{limits()};
    EXPECT_EQ(table.merge(sample_record("k", Stamp::at_ms(60'001)), wall_ms(-5)),
              Merge::from_future);
}

TEST(Table, RefusesANewKeyWhenFullAndStillUpdatesOldOnes) {
    Table table{limits(2)};
    table.merge(sample_record("a", Stamp::at_ms(kNowMs)), kNow);
    table.merge(sample_record("b", Stamp::at_ms(kNowMs)), kNow);
    EXPECT_EQ(table.merge(sample_record("c", Stamp::at_ms(kNowMs)), kNow), Merge::full);
    EXPECT_EQ(table.merge(sample_record("a", Stamp::at_ms(kNowMs + 1)), kNow), Merge::fresh);
    EXPECT_EQ(table.size(), 2U);
}

TEST(Table, TheHorizonNeverGoesBackAndADeletionCannotBeUndoneFromBelowIt) {
    Table table{limits()};
    const Record live = sample_record("k", Stamp::at_ms(kNowMs));
    RecordFields fields = live.fields();
    fields.tombstone = true;
    fields.stamp = Stamp::at_ms(kNowMs + 5);
    table.merge(live, kNow);
    table.merge(Record::make(fields, kTestKey), kNow);
    std::vector<Record> removed;
    table.raise_horizon(kNowMs + 5, removed);
    ASSERT_EQ(removed.size(), 1U);
    EXPECT_TRUE(removed[0].tombstone());
    EXPECT_TRUE(table.fingerprint().empty());
    table.raise_horizon(1, removed);
    EXPECT_EQ(table.horizon_ms(), std::uint64_t{kNowMs + 5});
    EXPECT_EQ(table.merge(live, kNow), Merge::below_horizon);
}

TEST(Table, WhatIsForgottenCanComeAgainWithALowerStamp) {
    auto base = std::make_shared<Table>(limits());
    base->merge(sample_record("k", Stamp::at_ms(kNowMs - 9)), kNow);
    base->merge(sample_record("other", Stamp::at_ms(kNowMs - 9)), kNow);
    Table table{limits(), base};
    table.merge(sample_record("k", Stamp::at_ms(kNowMs + 9)), kNow);
    table.forget(RecordKind::instance, "nobody");
    EXPECT_EQ(table.size(), 2U);
    table.forget(RecordKind::instance, "k");
    EXPECT_FALSE(table.find(RecordKind::instance, "k")) << "nor that of the base";
    EXPECT_TRUE(table.find(RecordKind::instance, "other"));
    EXPECT_EQ(table.size(), 1U);
    EXPECT_EQ(table.merge(sample_record("k", Stamp::at_ms(kNowMs - 10)), kNow), Merge::fresh);
    table.forget(RecordKind::instance, "k");
    table.forget(RecordKind::instance, "other");
    EXPECT_TRUE(table.fingerprint().empty());
    EXPECT_EQ(base->size(), 2U);
}

TEST(Table, KindsDoNotShareKeys) {
    Table table{limits()};
    table.merge(sample_record("k", Stamp::at_ms(kNowMs), "i", RecordKind::instance), kNow);
    table.merge(sample_record("k", Stamp::at_ms(kNowMs), "a", RecordKind::app), kNow);
    EXPECT_EQ(table.size(), 2U);
    EXPECT_EQ(table.find(RecordKind::instance, "k")->fields().value, "i");
    EXPECT_EQ(table.find(RecordKind::app, "k")->fields().value, "a");
    EXPECT_FALSE(table.find(RecordKind::node, "k"));
}

TEST(Table, ClearForgetsRowsAndKeepsTheHorizon) {
    auto base = std::make_shared<Table>(limits());
    base->merge(sample_record("b", Stamp::at_ms(kNowMs)), kNow);
    Table table{limits(), base};
    table.merge(sample_record("k", Stamp::at_ms(kNowMs)), kNow);
    std::vector<Record> removed;
    table.raise_horizon(77, removed);
    table.clear();
    EXPECT_EQ(table.size(), 0U);
    EXPECT_EQ(table.slots(), 0U);
    EXPECT_TRUE(table.fingerprint().empty());
    EXPECT_EQ(table.horizon_ms(), 77U);
    EXPECT_FALSE(table.find(RecordKind::instance, "b"));
    EXPECT_EQ(base->size(), 1U);
    EXPECT_EQ(table.merge(sample_record("k", Stamp::at_ms(kNowMs)), kNow), Merge::fresh);
}

}  // namespace
}  // namespace gossip
