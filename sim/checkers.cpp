#include "sim/checkers.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "gossip/member.h"
#include "gossip/wire.h"

namespace sim {

using gossip::Bytes;
using gossip::Rank;
using gossip::Record;
using gossip::RecordKind;
using gossip::Table;

namespace {

constexpr std::size_t kMaxViolations = 10;  // the first explains the rest

std::string text(const Rank& rank) {
    std::array<char, 64> buffer{};
    std::snprintf(buffer.data(), buffer.size(), "%llu.%u/%016llx",
                  static_cast<unsigned long long>(rank.stamp.ms()), rank.stamp.counter(),
                  static_cast<unsigned long long>(rank.digest));
    return buffer.data();
}

std::string label(const RowKey& key) {
    std::string name = key.first == RecordKind::node       ? "node "
                       : key.first == RecordKind::instance ? "instance "
                                                           : "record ";
    for (const char c : key.second) {
        std::array<char, 4> hex{};
        std::snprintf(hex.data(), hex.size(), "%02x", static_cast<unsigned char>(c));
        name += c >= ' ' && c <= '~' ? std::string{c} : hex.data();
    }
    return name;
}

// A claim about a node, rather than the node's own word.
bool accusation(const Record& record) {
    return record.kind() == RecordKind::node && record.stamp().counter() != 0;
}

}  // namespace

std::string describe(const Violation& v) {
    std::array<char, 96> where{};
    std::snprintf(where.data(), where.size(), "invariant %u at node %lld, %.6f s", v.invariant,
                  v.node == kNobody ? -1LL : static_cast<long long>(v.node),
                  static_cast<double>(v.at.count()) / 1e6);
    return where.data() + (v.key.empty() ? "" : ", " + v.key) + ": " + v.what;
}

Checkers::Checkers(const gossip::Config& config, std::uint32_t nodes)
    : key_(config.key),
      cluster_(gossip::cluster_tag(config.key)),
      most_{config.max_rows, config.max_members, config.streams_out, config.streams_in},
      most_ahead_ms_(static_cast<std::uint64_t>(config.max_ahead.count())),
      most_targets_(std::max(config.fanout, config.origin_fanout)),
      nodes_(nodes) {}

void Checkers::fail(Violation violation) {
    if (violations_.size() < kMaxViolations) violations_.push_back(std::move(violation));
}

void Checkers::started(std::uint32_t node, const Disk::Rows& rows) {
    nodes_[node] = {};
    for (const auto& [key, record] : rows) nodes_[node].floors[key] = rank(record);
}

void Checkers::written(const Record& record, std::uint64_t true_ms) {
    written_.insert(record.digest());
    // By a clock that is far ahead: others refuse it until then, and it may be lost before.
    if (record.stamp().ms() > true_ms + most_ahead_ms_) return;
    Newest& newest = newest_[row_key(record)];
    if (newest.rank < rank(record)) newest = {rank(record), record.tombstone(), newest.deleted};
    if (record.tombstone()) newest.deleted = std::max(newest.deleted, rank(record));
}

void Checkers::merged(std::uint32_t node, Time at, const gossip::Output& out, const Table& table) {
    std::map<RowKey, Rank>& floors = nodes_[node].floors;
    if (out.wiped) nodes_[node] = {};
    // A turn may report several versions of a row, the durable ones first: all are newer than what
    // was there before the turn, and the greatest is there after it.
    for (const auto* records : {&out.durable, &out.behind}) {
        for (const Record& record : *records) check_change(node, at, record);
    }
    for (const auto* records : {&out.durable, &out.behind}) {
        for (const Record& record : *records) {
            Rank& floor = floors[row_key(record)];
            floor = std::max(floor, rank(record));
        }
    }
    for (const auto* records : {&out.durable, &out.behind}) {
        for (const Record& record : *records) check_kept(node, at, record, table);
    }
}

void Checkers::forgotten(std::uint32_t node, Time at, const Record& record,
                         std::uint64_t clock_ms) {
    if (record.kind() != RecordKind::node || record.stamp().ms() <= clock_ms + most_ahead_ms_) {
        fail({2, node, at, label(row_key(record)),
              "has forgotten " + text(rank(record)) + ", which is not from the future"});
    }
    nodes_[node].floors.erase(row_key(record));
    nodes_[node].forgotten.insert(row_key(record));
    newest_.erase(row_key(record));
}

void Checkers::check_change(std::uint32_t node, Time at, const Record& record) {
    const RowKey key = row_key(record);
    const auto floor = nodes_[node].floors.find(key);
    if (floor != nodes_[node].floors.end() && rank(record) <= floor->second) {
        fail({2, node, at, label(key),
              text(rank(record)) + " replaced " + text(floor->second) + ", which is not older"});
    }
    if (!accusation(record) && !written_.contains(record.digest())) {
        fail({7, node, at, label(key),
              "holds " + text(rank(record)) + ", which nobody has written to a disk"});
    }
}

void Checkers::check_kept(std::uint32_t node, Time at, const Record& record, const Table& table) {
    const Record* row = table.find(record.kind(), record.key());
    if (row == nullptr) {
        if (record.stamp().ms() > table.horizon_ms()) {
            fail({2, node, at, label(row_key(record)), "reported as stored, but is not there"});
        }
    } else if (const Rank floor = nodes_[node].floors[row_key(record)]; rank(*row) < floor) {
        fail({2, node, at, label(row_key(record)),
              "is at " + text(rank(*row)) + " after " + text(floor)});
    }
}

void Checkers::sent(std::uint32_t node, Time at, std::uint32_t to, Bytes datagram) {
    if (datagram.size() > gossip::kMaxDatagram) {
        fail({12, node, at, "",
              "sent a datagram of " + std::to_string(datagram.size()) + " B to node " +
                  std::to_string(to)});
    }
    gossip::Header header;
    Bytes body;
    if (decode_header(datagram, cluster_, header, body) != gossip::HeaderFault::none) {
        fail({12, node, at, "", "sent a datagram without a valid header"});
        return;
    }
    if (header.type != gossip::MessageType::put || body.empty()) return;
    const bool flood = body[0] == static_cast<std::uint8_t>(gossip::PutMode::flood);
    const bool repair = body[0] == static_cast<std::uint8_t>(gossip::PutMode::repair);
    if (!flood && !repair) return;
    if (!gossip::for_each_record(body.subspan(1), [&](Bytes r) {
            if (flood) flooded(node, at, header.from, r);
            if (repair) repaired(node, at, r);
        })) {
        fail({12, node, at, "", "sent a PUT whose records end early"});
    }
}

void Checkers::flooded(std::uint32_t node, Time at, gossip::NodeId self, Bytes bytes) {
    const auto fields = Record::parse(bytes);
    if (!fields) {
        fail({12, node, at, "", "flooded a record that does not parse: " + fields.error().message});
        return;
    }
    const std::uint64_t digest = Record::digest_of(bytes, key_);
    ++copies_[digest];
    // A node says again who it is to seeds that it looks for, and that it leaves.
    std::string own_key;
    gossip::Writer{own_key}.u64(self.value);
    if (fields->kind == RecordKind::node && fields->key == own_key) return;
    // What was before, or what was forgotten, may come again.
    if (nodes_[node].forgotten.contains({fields->kind, std::string{fields->key}})) return;
    Flood& flood = nodes_[node].floods.try_emplace(digest, Flood{at, 0}).first->second;
    ++flood.copies;
    if (flood.at != at || flood.copies > most_targets_) {
        fail({10, node, at, label({fields->kind, std::string{fields->key}}),
              "forwarded " + text(gossip::rank(*fields, digest)) + " again, first at " +
                  std::to_string(flood.at.count()) + " us, copy " + std::to_string(flood.copies)});
    }
}

// Pull first, then push what is still current.
void Checkers::repaired(std::uint32_t node, Time at, Bytes bytes) {
    const auto fields = Record::parse(bytes);
    if (!fields) {
        fail({12, node, at, "", "sent a record that does not parse: " + fields.error().message});
        return;
    }
    const RowKey key{fields->kind, std::string{fields->key}};
    const auto floor = nodes_[node].floors.find(key);
    const Rank rank = gossip::rank(*fields, Record::digest_of(bytes, key_));
    if (floor == nodes_[node].floors.end() || rank >= floor->second) return;
    fail({2, node, at, label(key),
          "sent " + text(rank) + ", which it has replaced by " + text(floor->second)});
}

void Checkers::sent_frame(std::uint32_t node, Time at, std::size_t bytes) {
    if (bytes <= gossip::kMaxFrame) return;
    fail({12, node, at, "", "sent a frame of " + std::to_string(bytes) + " B"});
}

void Checkers::holds(std::uint32_t node, Time at, const Held& held) {
    const auto bound = [&](const char* name, std::uint32_t value, std::uint32_t most) {
        if (value <= most) return;
        fail({11, node, at, "",
              std::to_string(value) + " " + name + ", allowed are " + std::to_string(most)});
    };
    bound("rows", held.rows, most_.rows);
    bound("members", held.members, most_.members);
    bound("streams opened", held.streams_opened, most_.streams_opened);
    bound("streams accepted", held.streams_accepted, most_.streams_accepted);
}

void Checkers::sketch(std::uint32_t node, Time at, std::span<const gossip::Cell> cells,
                      const std::vector<std::uint64_t>& digests) {
    gossip::Sketch rebuilt{static_cast<std::uint32_t>(cells.size())};
    for (const std::uint64_t digest : digests) rebuilt.toggle(digest);
    if (!std::ranges::equal(rebuilt.cells(), cells)) {
        fail({3, node, at, "",
              "the sketch is not that of the " + std::to_string(digests.size()) + " rows"});
    }
}

void Checkers::fingerprints(Time at, const std::vector<Summary>& summaries) {
    for (std::size_t i = 0; i < summaries.size(); ++i) {
        for (std::size_t j = 0; j < i; ++j) {
            const bool same_print = summaries[i].fingerprint == summaries[j].fingerprint;
            const bool same_rows = summaries[i].content == summaries[j].content;
            if (same_print == same_rows) continue;
            fail({4, summaries[i].node, at, "",
                  std::string{same_print ? "equal" : "different"} + " fingerprints but " +
                      (same_rows ? "equal" : "different") + " rows, compared with node " +
                      std::to_string(summaries[j].node)});
        }
    }
}

void Checkers::settled(std::uint32_t node, Time at, const Table& table, bool complete) {
    for (const auto& [key, newest] : newest_) {
        const Record* row = table.find(key.first, key.second);
        if (row != nullptr && !row->tombstone() && rank(*row) < newest.deleted) {
            fail(
                {6, node, at, label(key),
                 "is alive again at " + text(rank(*row)) + ", deleted at " + text(newest.deleted)});
        } else if (complete) {
            check_row(node, at, key, newest, table);
        }
    }
}

void Checkers::check_row(std::uint32_t node, Time at, const RowKey& key, const Newest& newest,
                         const Table& table) {
    const Record* row = table.find(key.first, key.second);
    if (row == nullptr) {
        if (newest.rank.stamp.ms() <= table.horizon_ms()) return;
        fail({5, node, at, label(key), "is missing; the newest is " + text(newest.rank)});
    } else if (rank(*row) < newest.rank) {
        fail({5, node, at, label(key),
              "stays at " + text(rank(*row)) + "; the newest is " + text(newest.rank)});
    }
}

std::uint64_t Checkers::copies(std::uint64_t digest) const {
    const auto found = copies_.find(digest);
    return found == copies_.end() ? 0 : found->second;
}

std::vector<std::uint64_t> digests_of(const Table& table) {
    std::vector<std::uint64_t> digests;
    digests.reserve(table.size());
    for (std::uint32_t slot = 0; slot < table.slots(); ++slot) {
        if (const Record* row = table.at(slot)) digests.push_back(row->digest());
    }
    return digests;
}

Checkers::Summary summary_of(std::uint32_t node, const Table& table) {
    std::map<RowKey, std::uint64_t> rows;
    for (std::uint32_t slot = 0; slot < table.slots(); ++slot) {
        if (const Record* row = table.at(slot)) rows.emplace(row_key(*row), row->digest());
    }
    std::uint64_t content = 0;
    for (const auto& [key, digest] : rows) {
        const std::uint64_t name = gossip::siphash({}, gossip::as_bytes(key.second));
        content = gossip::mix64(content ^ name ^ static_cast<std::uint64_t>(key.first));
        content = gossip::mix64(content ^ digest);
    }
    return {node, table.fingerprint(), content};
}

}  // namespace sim
