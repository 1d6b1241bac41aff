#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "gossip/output.h"
#include "gossip/record.h"
#include "gossip/time.h"

namespace sim {

using RowKey = std::pair<gossip::RecordKind, std::string>;
inline RowKey row_key(const gossip::Record& record) {
    return {record.kind(), std::string{record.key()}};
}

// What a node finds again after a crash. Local writes are there at once, and what came before them;
// foreign rows, and the removal of forgotten ones, are in memory until flush() and lost by crash().
// As SQLite it compares no versions: the last that is written stays.
class Disk {
  public:
    using Rows = std::map<RowKey, gossip::Record>;

    void persist(const gossip::Output& out);
    void write_behind(const gossip::Output& out, gossip::Wall::time_point horizon);
    void flush();
    void crash() { pending_.clear(); }
    void lose() { *this = Disk{}; }  // a new machine under the old name

    [[nodiscard]] bool dirty() const { return !pending_.empty(); }
    [[nodiscard]] const Rows& rows() const { return rows_; }
    [[nodiscard]] gossip::Wall::time_point horizon() const { return horizon_; }

  private:
    struct Change {
        gossip::Record record;
        bool removal = false;
    };

    Rows rows_;
    std::vector<Change> pending_;
    gossip::Wall::time_point horizon_{};
    gossip::Wall::time_point next_horizon_{};
};

}  // namespace sim
