#include <gmock/gmock.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

#include "gossip/bytes.h"
#include "gossip/member.h"
#include "node/cli/scratch.h"
#include "node/identity.h"
#include "node/sqlite_store.h"
#include "registry/instance.h"

namespace {

using namespace std::chrono_literals;
using gossip::Errc;
using gossip::HashKey;
using gossip::NodeId;
using gossip::Output;
using gossip::Record;
using gossip::RecordFields;
using gossip::Stamp;
using node::SqliteStore;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

constexpr HashKey kKey{1, 2};
constexpr std::uint64_t kNowMs = 1'700'000'000'000;
constexpr gossip::Mono::time_point kStart{std::chrono::milliseconds{1000}};

struct RowSpec {
    std::string address;
    std::uint64_t ms = kNowMs;
    NodeId owner{7};
    bool tombstone = false;
    bool expired = false;
    registry::Phase phase = registry::Phase::running;
};

Record instance(const RowSpec& spec) {
    registry::Instance i;
    i.address = spec.address;
    i.app_name = "chat";
    i.version = "v2";
    i.zone = "eu";
    i.phase = spec.phase;
    const gossip::LocalWrite write = registry::encode(i);
    RecordFields f;
    f.kind = gossip::RecordKind::instance;
    f.key = write.key;
    f.value = spec.tombstone ? std::string_view{} : std::string_view{write.value};
    f.stamp = Stamp::at_ms(spec.ms);
    f.owner = spec.owner;
    f.last_update = 1'700'000'000;
    f.ttl_s = 30;
    f.tombstone = spec.tombstone;
    f.expired = spec.expired;
    return Record::make(f, kKey);
}

Record node_row(NodeId id, gossip::MemberState state) {
    gossip::NodeRecord n;
    n.id = id;
    n.incarnation_ms = kNowMs;
    n.state = state;
    n.info.gossip = gossip::Endpoint::v4(10, 0, 0, 1, 7701);
    n.info.name = "node" + std::to_string(id.value);
    n.info.http = "10.0.0.1:7700";
    return gossip::encode(n, kKey);
}

Output durable(std::vector<Record> records) {
    Output out;
    out.durable = std::move(records);
    return out;
}

Output behind(std::vector<Record> records) {
    Output out;
    out.behind = std::move(records);
    return out;
}

class Store : public testing::Test {
  protected:
    std::unique_ptr<SqliteStore> open() {
        auto store = SqliteStore::open(dir_.path());
        EXPECT_TRUE(store) << store.error().message;
        return store ? std::move(store).value() : nullptr;
    }
    std::vector<std::string> keys(SqliteStore& store) {
        std::vector<std::string> found;
        const auto rows = store.load([&](gossip::Bytes bytes) {
            const auto fields = Record::parse(bytes);
            ASSERT_TRUE(fields);
            found.emplace_back(fields->key);
        });
        EXPECT_TRUE(rows);
        return found;
    }
    // What a person at the sqlite3 prompt sees: rows of columns joined by '|'.
    std::vector<std::string> look(const std::string& sql) {
        std::vector<std::string> rows;
        sqlite3* db = nullptr;
        EXPECT_EQ(sqlite3_open_v2(file().c_str(), &db, SQLITE_OPEN_READWRITE, nullptr), SQLITE_OK);
        const auto row = [](void* out, int count, char** values, char**) {
            std::string text;
            for (int i = 0; i < count; ++i) {
                text += (i > 0 ? "|" : "") + std::string{values[i] ? values[i] : ""};
            }
            static_cast<std::vector<std::string>*>(out)->push_back(text);
            return 0;
        };
        char* problem = nullptr;
        EXPECT_EQ(sqlite3_exec(db, sql.c_str(), row, &rows, &problem), SQLITE_OK) << problem;
        sqlite3_close(db);
        return rows;
    }
    std::string file() { return (dir_.path() / "hearsay.db").string(); }

    node::cli::ScratchDir dir_{"hearsay-store"};
};

TEST_F(Store, GivesBackTheVeryBytes) {
    const Record a = instance({"10.0.0.1:1"});
    open()->persist(durable({a}));
    auto store = open();
    std::vector<std::string> rows;
    ASSERT_TRUE(store->load([&](gossip::Bytes b) { rows.emplace_back(gossip::as_text(b)); }));
    EXPECT_THAT(rows, ElementsAre(std::string{gossip::as_text(a.bytes())}));
}

TEST_F(Store, KeepsOneRowPerKeyAndKind) {
    auto store = open();
    store->persist(durable({instance({"a:1"}), instance({"b:1"})}));
    store->persist(durable({instance({"a:1", kNowMs + 1})}));
    EXPECT_THAT(keys(*store), UnorderedElementsAre("a:1", "b:1"));
    EXPECT_THAT(look("select stamp >> 16 from records where key = cast('a:1' as blob)"),
                ElementsAre(std::to_string(kNowMs + 1)));
}

// The child is killed right after persist() returned: what it acknowledged has to be there.
TEST_F(Store, WhatWasPersistedSurvivesKillNine) {
    const pid_t child = fork();
    if (child == 0) {
        auto store = SqliteStore::open(dir_.path());
        if (!store) _exit(1);
        const auto opened = std::move(store).value();
        for (int i = 0; i < 50; ++i) {
            opened->persist(durable({instance({"a:" + std::to_string(i)})}));
        }
        raise(SIGKILL);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status));
    EXPECT_EQ(keys(*open()).size(), 50U);
}

TEST_F(Store, RowsOfPeersAreWrittenBehindWithinTheDelay) {
    auto store = open();
    EXPECT_FALSE(store->flush_due());
    store->write_behind(behind({instance({"a:1"})}), kStart);
    store->write_behind(behind({instance({"b:1"})}), kStart + 50ms);
    EXPECT_EQ(store->flush_due(), kStart + SqliteStore::kBehindDelay);
    EXPECT_TRUE(keys(*store).empty());
    store->flush();
    EXPECT_FALSE(store->flush_due());
    EXPECT_THAT(keys(*store), UnorderedElementsAre("a:1", "b:1"));
    EXPECT_EQ(store->stats().transactions, 1U);
}

TEST_F(Store, AFullQueueIsWrittenAtOnce) {
    auto store = open();
    std::vector<Record> many;
    for (std::size_t i = 0; i < SqliteStore::kBehindRows; ++i) {
        many.push_back(instance({"a:" + std::to_string(i)}));
    }
    store->write_behind(behind(many), kStart);
    EXPECT_FALSE(store->flush_due());
    EXPECT_EQ(keys(*store).size(), many.size());
}

TEST_F(Store, ALocalWriteTakesTheQueueAlongAndWinsOverIt) {
    auto store = open();
    store->write_behind(behind({instance({"a:1"}), instance({"b:1"})}), kStart);
    store->persist(durable({instance({"a:1", kNowMs + 5})}));
    EXPECT_FALSE(store->flush_due());
    EXPECT_EQ(store->stats().transactions, 1U);
    EXPECT_THAT(look("select cast(key as text), stamp >> 16 from records order by key"),
                ElementsAre("a:1|" + std::to_string(kNowMs + 5), "b:1|" + std::to_string(kNowMs)));
}

TEST_F(Store, WhatATurnHasHeardNeverReplacesWhatItHasWrittenOverThat) {
    auto store = open();
    Output out = durable({instance({"a:1", kNowMs + 5}), instance({"b:1", kNowMs})});
    out.behind = {instance({"a:1", kNowMs + 4}), instance({"b:1", kNowMs + 1})};
    store->persist(out);
    store->write_behind(out, kStart);
    store->flush();
    EXPECT_THAT(
        look("select cast(key as text), stamp >> 16 from records order by key"),
        ElementsAre("a:1|" + std::to_string(kNowMs + 5), "b:1|" + std::to_string(kNowMs + 1)));
}

TEST_F(Store, RemovesOnlyTheVersionThatFellBelowTheHorizon) {
    auto store = open();
    store->persist(durable({instance({"a:1"}), instance({"b:1", kNowMs + 9})}));
    Output out;
    out.removed = {instance({"a:1"}), instance({"b:1"})};
    store->write_behind(out, kStart);
    store->flush();
    EXPECT_THAT(keys(*store), ElementsAre("b:1"));
}

TEST_F(Store, AWipeLeavesOnlyWhatCameWithIt) {
    auto store = open();
    store->persist(durable({instance({"a:1"})}));
    store->write_behind(behind({instance({"b:1"})}), kStart);
    Output out = durable({instance({"c:1"})});
    out.wiped = true;
    store->persist(out);
    store->flush();
    EXPECT_THAT(keys(*store), ElementsAre("c:1"));
}

TEST_F(Store, WritesItsQueueWhenItCloses) {
    open()->write_behind(behind({instance({"a:1"})}), kStart);
    EXPECT_THAT(keys(*open()), ElementsAre("a:1"));
}

TEST_F(Store, ShowsAReadableRegistryWhileItIsOpen) {
    auto store = open();
    store->persist(durable({
        node_row({7}, gossip::MemberState::alive),
        node_row({8}, gossip::MemberState::dead),
        node_row({9}, gossip::MemberState::suspect),
        instance({"a:1"}),
        instance({"b:1", kNowMs, {8}}),
        instance({"c:1", kNowMs, {9}}),
        instance({.address = "d:1", .expired = true}),
        instance({.address = "e:1", .tombstone = true}),
        instance({.address = "f:1", .phase = registry::Phase::starting}),
        instance({.address = "g:1", .phase = registry::Phase::stopping}),
        instance({"h:1", kNowMs, {99}}),
    }));
    EXPECT_THAT(look("select address, state from registry"),
                ElementsAre("a:1|up", "b:1|unreachable", "c:1|suspect", "d:1|expired",
                            "f:1|starting", "g:1|draining", "h:1|unreachable"));
    EXPECT_THAT(
        look("select address, app_name, version, last_update, zone, node, owner from registry "
             "limit 1"),
        ElementsAre("a:1|chat|v2|1700000000|eu|node7|0000000000000007"));
    EXPECT_THAT(look("select name, state, gossip, http from nodes where name = 'node8'"),
                ElementsAre("node8|dead|10.0.0.1:7701|10.0.0.1:7700"));
}

TEST_F(Store, ShowsThatTheInstancesOfANodeThatIsGoneExpireAsTheApiDoes) {
    auto store = open();
    const auto states = [&] { return look("select address, state from registry"); };
    store->persist(
        durable({node_row({8}, gossip::MemberState::dead), instance({"b:1", kNowMs, {8}})}));
    EXPECT_THAT(states(), ElementsAre("b:1|unreachable"));
    look("update records set noted = noted - 29 where kind = 1");
    EXPECT_THAT(states(), ElementsAre("b:1|unreachable"));
    store->persist(durable({node_row({8}, gossip::MemberState::left)}));
    look("update records set noted = noted - 1 where kind = 1");
    EXPECT_THAT(states(), ElementsAre("b:1|expired")) << "that a dead node left gives no time";
    look("update records set state = 'alive' where kind = 1");
    store->persist(durable({node_row({8}, gossip::MemberState::dead)}));
    EXPECT_THAT(states(), ElementsAre("b:1|unreachable")) << "it was back in between";
}

TEST_F(Store, TakesOverADatabaseOfTheFirstSchema) {
    open()->persist(
        durable({node_row({8}, gossip::MemberState::dead), instance({"b:1", kNowMs, {8}})}));
    look("drop view registry");
    look("alter table records drop column noted");
    look("create view registry as select 1");
    look("pragma user_version = 1");
    auto store = open();
    EXPECT_EQ(keys(*store).size(), 2U);
    EXPECT_THAT(look("select address, state from registry"), ElementsAre("b:1|unreachable"));
    EXPECT_THAT(look("pragma user_version"), ElementsAre("2"));
    store->persist(durable({instance({"c:1", kNowMs, {8}})}));
    EXPECT_THAT(look("select address from registry"), ElementsAre("b:1", "c:1"));
}

TEST_F(Store, KeepsWhatItCannotReadForLaterReleases) {
    RecordFields f;
    f.kind = static_cast<gossip::RecordKind>(77);
    f.key = std::string_view("\0\xff", 2);
    f.value = "?";
    f.stamp = Stamp::at_ms(kNowMs);
    open()->persist(durable({Record::make(f, kKey)}));
    EXPECT_EQ(keys(*open()).size(), 1U);
}

TEST_F(Store, IsHeldByOneProcessAtATime) {
    auto store = open();
    const auto second = SqliteStore::open(dir_.path());
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, Errc::unavailable);
    EXPECT_THAT(second.error().message,
                HasSubstr("in use by another agent (process " + std::to_string(getpid()) + ")"));
    store.reset();
    EXPECT_TRUE(SqliteStore::open(dir_.path()));
}

TEST_F(Store, RefusesACorruptFile) {
    std::ofstream(file()) << std::string(8192, 'x');
    const auto store = SqliteStore::open(dir_.path());
    ASSERT_FALSE(store);
    EXPECT_EQ(store.error().code, Errc::malformed);
    EXPECT_THAT(store.error().message, HasSubstr("hearsay.db' is corrupt"));
}

TEST_F(Store, NoticesDamageInTheMiddleWhenItLoads) {
    {
        auto store = open();
        std::vector<Record> many;
        for (int i = 0; i < 2000; ++i) many.push_back(instance({"a:" + std::to_string(i)}));
        store->persist(durable(many));
    }
    {
        std::fstream db(file(), std::ios::in | std::ios::out | std::ios::binary);
        for (int page = 5; page < 60; ++page) {
            db.seekp(page * 4096);
            db << std::string(4096, '\x5a');
        }
    }
    auto store = SqliteStore::open(dir_.path());
    Errc code = Errc::unavailable;
    if (!store) {
        code = store.error().code;
    } else {
        const auto opened = std::move(store).value();
        const auto rows = opened->load([](gossip::Bytes) {});
        ASSERT_FALSE(rows);
        code = rows.error().code;
    }
    EXPECT_EQ(code, Errc::malformed);
}

TEST_F(Store, RefusesTheSchemaOfALaterRelease) {
    open().reset();
    look("pragma user_version = 1000");
    const auto store = SqliteStore::open(dir_.path());
    ASSERT_FALSE(store);
    EXPECT_EQ(store.error().code, Errc::invalid);
    EXPECT_THAT(store.error().message, HasSubstr("schema 1000"));
}

TEST_F(Store, RefusesADirectoryThatIsAFile) {
    const auto path = dir_.path() / "file";
    std::ofstream(path) << "x";
    const auto store = SqliteStore::open(path);
    ASSERT_FALSE(store);
    EXPECT_EQ(store.error().code, Errc::unavailable);
    EXPECT_THAT(store.error().message, HasSubstr(path.string()));
}

TEST_F(Store, AFailedWriteThrows) {
    auto store = open();
    look("create trigger full before insert on records begin select raise(abort, 'disk'); end");
    EXPECT_THROW(store->persist(durable({instance({"a:1"})})), node::PersistFailed);
}

TEST_F(Store, TheHorizonIsKeptAndNeverGoesBack) {
    const gossip::Wall::time_point horizon{std::chrono::milliseconds{kNowMs}};
    {
        auto store = open();
        store->note_horizon(horizon);
        store->note_horizon(horizon - 1h);
        store->persist(durable({instance({"a:1"})}));
        EXPECT_EQ(store->horizon(), horizon);
        store->note_horizon(horizon + 1s);  // not worth a write by itself
        store->persist(durable({instance({"a:1", kNowMs + 1})}));
    }
    auto store = open();
    EXPECT_EQ(store->horizon(), horizon);
    Output out;
    out.removed = {instance({"a:1", kNowMs + 1})};
    store->note_horizon(horizon + 2s);  // but what was deleted for it must not come back
    store->write_behind(out, kStart);
    store->flush();
    store.reset();
    EXPECT_EQ(open()->horizon(), horizon + 2s);
}

TEST_F(Store, ForgetsWhatLiesAtTheHorizonOrBelow) {
    auto store = open();
    store->persist(durable(
        {instance({"a:1", kNowMs - 1}), instance({"b:1", kNowMs}), instance({"c:1", kNowMs + 1})}));
    store->forget_until(gossip::Wall::time_point{std::chrono::milliseconds{kNowMs}});
    EXPECT_THAT(keys(*store), ElementsAre("c:1"));
}

TEST_F(Store, IdentityIsDrawnOnceAndSurvives) {
    const auto first = node::settle_identity(*open(), "machine", "10.0.0.1:7701");
    EXPECT_TRUE(first.minted);
    EXPECT_NE(first.id, NodeId{});
    const auto again = node::settle_identity(*open(), "machine", "10.0.0.1:7701");
    EXPECT_FALSE(again.minted);
    EXPECT_EQ(again.id, first.id);
}

TEST_F(Store, ACloneGetsAnIdentityOfItsOwn) {
    const auto original = node::settle_identity(*open(), "machine", "10.0.0.1:7701");
    const auto moved = node::settle_identity(*open(), "machine", "10.0.0.2:7701");
    EXPECT_TRUE(moved.minted);
    EXPECT_NE(moved.id, original.id);
    EXPECT_THAT(moved.why, HasSubstr("10.0.0.1:7701"));
    const auto copied = node::settle_identity(*open(), "other machine", "10.0.0.2:7701");
    EXPECT_TRUE(copied.minted);
    EXPECT_NE(copied.id, moved.id);
    EXPECT_FALSE(node::settle_identity(*open(), "other machine", "10.0.0.2:7701").minted);
}

TEST(MachineId, IsSomethingAndStaysTheSame) {
    EXPECT_FALSE(node::machine_id().empty());
    EXPECT_EQ(node::machine_id(), node::machine_id());
}

}  // namespace
