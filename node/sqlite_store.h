#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "gossip/output.h"
#include "gossip/result.h"

namespace node {

// The disk refused a write that we would have acknowledged. There is nothing to repair at run
// time: the process ends (kPersistFailed) and restarts from what the disk holds.
class PersistFailed : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

// DIR/hearsay.db: every record of the table, in its canonical bytes and in columns that people can
// read while the node runs:
//
//     sqlite3 hearsay.db 'select * from registry'
//
// One transaction per turn for what was written here (durable when persist() returns: WAL with
// synchronous=FULL); rows heard from peers are queued and ride on the next transaction, at most
// kBehindDelay or kBehindRows later: a crash loses only what any peer has. Not thread-safe: it
// belongs to the core thread, except for open() and load() before that runs.
class SqliteStore {
  public:
    static constexpr int kSchema = 2;
    static constexpr std::size_t kBehindRows = 4000;
    static constexpr std::chrono::milliseconds kBehindDelay{100};

    // Locks the directory and opens or creates the database. Errors: unavailable (cannot be
    // written, or another agent holds it), malformed (corrupt), invalid (a later schema).
    static gossip::Result<std::unique_ptr<SqliteStore>> open(const std::filesystem::path& dir);
    ~SqliteStore();  // writes what is queued, if the disk still lets it
    SqliteStore(const SqliteStore&) = delete;
    SqliteStore& operator=(const SqliteStore&) = delete;

    // Calls `row` with the canonical bytes of every record. malformed when the file is corrupt.
    gossip::Result<std::uint64_t> load(const std::function<void(gossip::Bytes)>& row);

    // Deletes every record stamped at `horizon` or before: after load(), when the core refused
    // some.
    void forget_until(gossip::Wall::time_point horizon);

    // Small named facts beside the records: node id, machine id, cluster.
    [[nodiscard]] std::optional<std::string> fact(std::string_view name) const;
    void set_fact(std::string_view name, std::string_view value);  // durable when it returns

    // out.durable, after deleting everything if out.wiped. Throws PersistFailed.
    void persist(const gossip::Output& out);
    // Queues out.behind and out.removed. Throws PersistFailed if the queue was full and could
    // not be written.
    void write_behind(const gossip::Output& out, gossip::Mono::time_point now);
    // When the queue has to be written; nothing while it is empty.
    [[nodiscard]] std::optional<gossip::Mono::time_point> flush_due() const;
    void flush();

    // The core's horizon, which must never go back, not even over a restart. Rides on the next
    // transaction that deletes rows for it, or when it has moved by a minute.
    void note_horizon(gossip::Wall::time_point horizon);
    [[nodiscard]] gossip::Wall::time_point horizon() const;  // as persisted

    struct Stats {
        std::uint64_t transactions = 0;
        std::uint64_t rows_written = 0;
        std::uint64_t rows_removed = 0;
    };
    [[nodiscard]] const Stats& stats() const;

  private:
    struct Database;
    explicit SqliteStore(std::unique_ptr<Database> database);
    std::unique_ptr<Database> database_;
};

}  // namespace node
