#include "node/sqlite_store.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <sqlite3.h>

#include <vector>

#include "node/data_dir.h"
#include "node/log.h"
#include "node/readable.h"

namespace node {
namespace {

using gossip::Errc;
using gossip::Error;
using gossip::Mono;
using gossip::Output;
using gossip::Record;
using gossip::Result;
using gossip::Wall;

// WITHOUT ROWID: the rows are the primary key's tree, so a row costs 134 B instead of 165 B, and
// reading all of them is one pass. The view says what a list of the API says, as far as records
// alone can tell: a node that is gone leaves its instances unreachable, and expired once their
// lease has passed since. Renewals are not written: last_update is that of the last change.
constexpr const char* kCreate = R"sql(
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE records (
    kind INTEGER NOT NULL,         -- 1 node, 2 instance, 3 app
    key BLOB NOT NULL,
    stamp INTEGER NOT NULL,        -- milliseconds << 16 | counter
    owner INTEGER NOT NULL,        -- the node that watches the lease
    flags INTEGER NOT NULL,        -- 1 deleted, 2 expired
    last_update INTEGER NOT NULL,  -- Unix seconds
    ttl INTEGER NOT NULL,          -- seconds
    name TEXT, version TEXT, zone TEXT, state TEXT, gossip TEXT, http TEXT,
    bytes BLOB NOT NULL,           -- the record itself; the columns above repeat parts of it
    noted INTEGER,                 -- of a node: when this one learnt its state, Unix seconds
    PRIMARY KEY (kind, key)
) WITHOUT ROWID;
)sql";

constexpr const char* kViews = R"sql(
CREATE VIEW nodes AS
SELECT printf('%016x', owner) AS id, name, state, gossip, http,
       strftime('%Y-%m-%dT%H:%M:%SZ', stamp / 65536000, 'unixepoch') AS since
FROM records WHERE kind = 1 AND flags & 1 = 0;
CREATE VIEW registry AS
SELECT CAST(i.key AS TEXT) AS address, i.name AS app_name, i.version AS version,
       CASE WHEN i.flags & 2 THEN 'expired'
            WHEN n.state IS NULL THEN 'unreachable'
            WHEN n.state IN ('dead', 'left') THEN
                CASE WHEN i.ttl > 0 AND n.noted + i.ttl <= CAST(strftime('%s', 'now') AS INTEGER)
                     THEN 'expired' ELSE 'unreachable' END
            WHEN n.state = 'suspect' THEN 'suspect'
            ELSE i.state END AS state,
       i.last_update AS last_update, i.ttl AS ttl, i.zone AS zone, n.name AS node,
       printf('%016x', i.owner) AS owner
FROM records i LEFT JOIN (SELECT owner, name, state, noted FROM records WHERE kind = 1) n
     ON n.owner = i.owner
WHERE i.kind = 2 AND i.flags & 1 = 0
ORDER BY address;
)sql";

// From schema 1, which did not know when a node went.
constexpr const char* kUpgradeFrom1 = R"sql(
ALTER TABLE records ADD COLUMN noted INTEGER;
UPDATE records SET noted = CAST(strftime('%s', 'now') AS INTEGER) WHERE kind = 1;
DROP VIEW registry;
DROP VIEW nodes;
)sql";

constexpr const char* kUpsert =
    "INSERT INTO records VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, "
    "CASE ?1 WHEN 1 THEN CAST(strftime('%s', 'now') AS INTEGER) END) "
    "ON CONFLICT (kind, key) DO UPDATE SET stamp = ?3, owner = ?4, flags = ?5, last_update = ?6, "
    "ttl = ?7, name = ?8, version = ?9, zone = ?10, state = ?11, gossip = ?12, http = ?13, "
    "bytes = ?14, "
    "noted = CASE WHEN state IN ('dead', 'left') AND ?11 IN ('dead', 'left') THEN noted "
    "ELSE excluded.noted END";

// Only the version that was removed: a newer one may have come meanwhile.
constexpr const char* kRemove = "DELETE FROM records WHERE kind = ?1 AND key = ?2 AND stamp <= ?3";

constexpr const char* kSetFact =
    "INSERT INTO meta VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = ?2";

constexpr const char* kHorizon = "horizon_ms";
constexpr std::int64_t kHorizonStepMs = 60'000;

bool corrupt(const SQLite::Exception& problem) {
    const int code = problem.getErrorCode();
    return code == SQLITE_CORRUPT || code == SQLITE_NOTADB;
}

Error open_error(const std::filesystem::path& file, const SQLite::Exception& problem) {
    if (corrupt(problem)) {
        return {Errc::malformed,
                "the database '" + file.string() + "' is corrupt: " + problem.what() +
                    "; move it away and the node fetches the table from its peers"};
    }
    return {Errc::unavailable,
            "the database '" + file.string() + "' cannot be opened: " + problem.what()};
}

int schema_of(SQLite::Database& db) {
    return db.execAndGet("PRAGMA user_version").getInt();
}

void make_schema(SQLite::Database& db, int from) {
    SQLite::Transaction transaction(db);
    db.exec(from == 0 ? kCreate : kUpgradeFrom1);
    db.exec(kViews);
    db.exec("PRAGMA user_version = " + std::to_string(SqliteStore::kSchema));
    transaction.commit();
}

// Unused columns stay NULL, which costs a byte and reads better than an empty text.
void bind_text(SQLite::Statement& statement, int index, const std::string& text) {
    if (text.empty()) {
        statement.bind(index);
    } else {
        statement.bindNoCopy(index, text);
    }
}

void bind_blob(SQLite::Statement& statement, int index, std::string_view bytes) {
    statement.bindNoCopy(index, static_cast<const void*>(bytes.data()),
                         static_cast<int>(bytes.size()));
}

}  // namespace

struct SqliteStore::Database {
    Database(std::shared_ptr<const DataDir> directory, const std::filesystem::path& file)
        : dir(std::move(directory)),
          db(file.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE | SQLite::OPEN_NOMUTEX,
             kBusyMs) {}

    // Somebody who looks with sqlite3 never blocks us; somebody who writes may, this long.
    static constexpr int kBusyMs = 2000;

    void prepare() {
        upsert.emplace(db, kUpsert);
        remove.emplace(db, kRemove);
        write_fact.emplace(db, kSetFact);
        begin.emplace(db, "BEGIN IMMEDIATE");
        commit.emplace(db, "COMMIT");
    }

    static void run(SQLite::Statement& statement) {
        statement.exec();
        statement.reset();
    }

    void put(const Record& record) {
        const gossip::RecordFields fields = record.fields();
        const Readable readable = describe(fields);
        SQLite::Statement& s = *upsert;
        s.bind(1, static_cast<std::int64_t>(fields.kind));
        bind_blob(s, 2, fields.key);
        s.bind(3, static_cast<std::int64_t>(fields.stamp.value));
        s.bind(4, static_cast<std::int64_t>(fields.owner.value));
        s.bind(5, (fields.tombstone ? Record::kTombstone : 0) |
                      (fields.expired ? Record::kExpired : 0));
        s.bind(6, static_cast<std::int64_t>(fields.last_update));
        s.bind(7, static_cast<std::int64_t>(fields.ttl_s));
        bind_text(s, 8, readable.name);
        bind_text(s, 9, readable.version);
        bind_text(s, 10, readable.zone);
        bind_text(s, 11, readable.state);
        bind_text(s, 12, readable.gossip);
        bind_text(s, 13, readable.http);
        bind_blob(s, 14, gossip::as_text(record.bytes()));
        run(s);
        ++stats.rows_written;
    }

    void erase(const Record& record) {
        const std::string_view key = record.key();
        remove->bind(1, static_cast<std::int64_t>(record.kind()));
        bind_blob(*remove, 2, key);
        remove->bind(3, static_cast<std::int64_t>(record.stamp().value));
        run(*remove);
        ++stats.rows_removed;
    }

    void put_fact(std::string_view name, std::string_view value) {
        write_fact->bind(1, std::string{name});
        write_fact->bind(2, std::string{value});
        run(*write_fact);
    }

    // One transaction: the queue, then `durable`, each in the order in which it came.
    void write(const std::vector<Record>& durable, bool wiped) {
        try {
            run(*begin);
            if (wiped) db.exec("DELETE FROM records");
            for (const Record& record : behind) put(record);
            for (const Record& record : removed) erase(record);
            for (const Record& record : durable) put(record);
            if (horizon_ms >= stored_horizon_ms + kHorizonStepMs ||
                (!removed.empty() && horizon_ms > stored_horizon_ms)) {
                put_fact(kHorizon, std::to_string(horizon_ms));
                stored_horizon_ms = horizon_ms;
            }
            run(*commit);
        } catch (const SQLite::Exception& problem) {
            forget_queue();  // the process ends: peers still have what was queued
            throw failed(problem);
        }
        ++stats.transactions;
        forget_queue();
    }

    [[nodiscard]] PersistFailed failed(const SQLite::Exception& problem) const {
        return PersistFailed("writing to '" + db.getFilename() + "' failed: " + problem.what());
    }

    void forget_queue() {
        behind.clear();
        removed.clear();
        queued_since.reset();
    }

    std::shared_ptr<const DataDir> dir;
    SQLite::Database db;
    std::optional<SQLite::Statement> upsert, remove, write_fact, begin, commit;
    std::vector<Record> behind;
    std::vector<Record> removed;
    std::optional<Mono::time_point> queued_since;
    std::int64_t horizon_ms = 0;
    std::int64_t stored_horizon_ms = 0;
    Stats stats;
};

SqliteStore::SqliteStore(std::unique_ptr<Database> database) : database_(std::move(database)) {}

SqliteStore::~SqliteStore() {
    try {
        flush();
    } catch (const PersistFailed& problem) {
        log(LogLevel::error, "persist_failed", {{"error", problem.what()}});
    }
}

Result<std::unique_ptr<SqliteStore>> SqliteStore::open(const std::filesystem::path& path) {
    Result<std::shared_ptr<const DataDir>> dir = DataDir::open(path);
    if (!dir) return dir.error();
    const std::filesystem::path file = path / "hearsay.db";
    try {
        auto database = std::make_unique<Database>(std::move(dir).value(), file);
        SQLite::Database& db = database->db;
        const int schema = schema_of(db);
        if (schema > kSchema) {
            return Error{Errc::invalid, "the database '" + file.string() + "' has schema " +
                                            std::to_string(schema) +
                                            ", written by a later release; this one knows up to " +
                                            std::to_string(kSchema)};
        }
        db.exec("PRAGMA journal_mode = WAL");
        db.exec("PRAGMA synchronous = FULL");
        db.exec("PRAGMA journal_size_limit = 8388608");  // what a snapshot took, it gives back
        if (schema < kSchema) make_schema(db, schema);
        database->prepare();
        std::unique_ptr<SqliteStore> store{new SqliteStore{std::move(database)}};
        if (const auto horizon = store->fact(kHorizon)) {
            Database& d = *store->database_;
            d.stored_horizon_ms = d.horizon_ms = std::atoll(horizon->c_str());
        }
        return store;
    } catch (const SQLite::Exception& problem) {
        return open_error(file, problem);
    }
}

Result<std::uint64_t> SqliteStore::load(const std::function<void(gossip::Bytes)>& row) {
    try {
        SQLite::Statement query(database_->db, "SELECT bytes FROM records");
        std::uint64_t count = 0;
        for (; query.executeStep(); ++count) {
            const SQLite::Column column = query.getColumn(0);
            row({static_cast<const std::uint8_t*>(column.getBlob()),
                 static_cast<std::size_t>(column.getBytes())});
        }
        return count;
    } catch (const SQLite::Exception& problem) {
        return open_error(database_->db.getFilename(), problem);
    }
}

void SqliteStore::forget_until(Wall::time_point horizon) {
    const auto last = gossip::Stamp::at(horizon, UINT16_MAX);
    try {
        SQLite::Statement query(database_->db, "DELETE FROM records WHERE stamp <= ?");
        query.bind(1, static_cast<std::int64_t>(last.value));
        database_->stats.rows_removed += static_cast<std::uint64_t>(query.exec());
    } catch (const SQLite::Exception& problem) {
        throw database_->failed(problem);
    }
}

std::optional<std::string> SqliteStore::fact(std::string_view name) const {
    SQLite::Statement query(database_->db, "SELECT value FROM meta WHERE name = ?");
    query.bind(1, std::string{name});
    if (!query.executeStep()) return std::nullopt;
    return query.getColumn(0).getString();
}

void SqliteStore::set_fact(std::string_view name, std::string_view value) {
    try {
        database_->put_fact(name, value);
    } catch (const SQLite::Exception& problem) {
        throw database_->failed(problem);
    }
}

void SqliteStore::persist(const Output& out) {
    if (out.wiped) database_->forget_queue();
    database_->write(out.durable, out.wiped);
}

void SqliteStore::write_behind(const Output& out, Mono::time_point now) {
    Database& d = *database_;
    for (const Record& record : out.behind) {
        if (!out.overwritten(record)) d.behind.push_back(record);
    }
    d.removed.insert(d.removed.end(), out.removed.begin(), out.removed.end());
    if (!d.queued_since) d.queued_since = now;
    if (d.behind.size() + d.removed.size() >= kBehindRows) flush();
}

std::optional<Mono::time_point> SqliteStore::flush_due() const {
    if (!database_->queued_since) return std::nullopt;
    return *database_->queued_since + kBehindDelay;
}

void SqliteStore::flush() {
    if (!database_->behind.empty() || !database_->removed.empty()) database_->write({}, false);
}

void SqliteStore::note_horizon(Wall::time_point horizon) {
    const std::int64_t ms = horizon.time_since_epoch().count();
    if (ms > database_->horizon_ms) database_->horizon_ms = ms;
}

Wall::time_point SqliteStore::horizon() const {
    return Wall::time_point{std::chrono::milliseconds{database_->stored_horizon_ms}};
}

const SqliteStore::Stats& SqliteStore::stats() const {
    return database_->stats;
}

}  // namespace node
