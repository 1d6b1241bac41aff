#include "registry/app_book.h"

#include <algorithm>
#include <utility>

#include "gossip/hash.h"

namespace registry {
namespace {

using gossip::Record;
using gossip::RecordKind;

// Worth a line in a list: there is something of it, or somebody has decided about it.
bool listed(const VersionFacts& facts, const App* app) {
    if (!facts.empty()) return true;
    return app &&
           (app->rollout.parts_of(facts.version) > 0 || app->rollout.quarantined(facts.version));
}

bool live(const Row& row) {
    return row.state() != State::expired && row.state() != State::stopped;
}

template <class Number>
void add(Number& sum, Number value, bool plus) {
    sum = plus ? static_cast<Number>(sum + value) : static_cast<Number>(sum - value);
}

void add_row(VersionFacts& facts, const Row& row, bool plus) {
    add(facts.by_state[static_cast<std::size_t>(row.state())], std::uint32_t{1}, plus);
    if (live(row)) add(facts.sessions, std::uint64_t{row.sessions()}, plus);
    if (row.state() != State::up) return;
    add(facts.capacity, std::uint64_t{row.capacity()}, plus);
    if (row.capacity() == 0) add(facts.unlimited, std::uint32_t{1}, plus);
}

}  // namespace

std::uint64_t topic_of(std::string_view app) {
    constexpr gossip::HashKey kTopicKey{0x746f706963, 0x61707073};
    return gossip::siphash(kTopicKey, gossip::as_bytes(app)) | 1;
}

const VersionFacts* AppRow::facts(std::string_view version) const {
    const auto at = std::lower_bound(
        versions.begin(), versions.end(), version,
        [](const VersionFacts& f, std::string_view wanted) { return f.version < wanted; });
    return at != versions.end() && at->version == version ? &*at : nullptr;
}

AppBook::State& AppBook::touch(std::string_view name) {
    if (!changed_.contains(name)) changed_.emplace(name);
    const auto at = states_.find(name);
    return at != states_.end() ? at->second : states_.emplace(name, State{}).first->second;
}

VersionFacts& AppBook::version(State& state, std::string_view version) {
    const auto at = state.versions.find(version);
    if (at != state.versions.end()) return at->second;
    VersionFacts facts;
    facts.version = version;
    return state.versions.emplace(version, std::move(facts)).first->second;
}

void AppBook::apply(const Record& record) {
    if (record.kind() == RecordKind::app) apply_app(record);
    if (record.kind() == RecordKind::version) apply_birth(record);
}

void AppBook::apply_app(const Record& record) {
    std::optional<App> app;
    if (!record.tombstone()) {
        auto decoded = decode_app(record.fields());
        if (!decoded) {
            ++undecodable_;
            return;
        }
        app = std::move(decoded).value();
    }
    State& state = touch(record.key());
    if (gossip::rank(record) < state.rank) return;
    state.rank = gossip::rank(record);
    state.app = std::move(app);
}

void AppBook::apply_birth(const Record& record) {
    const auto names = split_birth_key(record.key());
    const auto birth = decode_birth(record.fields());
    if (!names || (!birth && !record.tombstone())) {
        ++undecodable_;
        return;
    }
    State& state = touch(names->first);
    gossip::Rank& known = state.births[std::string{names->second}];
    if (gossip::rank(record) < known) return;
    known = gossip::rank(record);
    version(state, names->second).birth_ms = record.tombstone() ? 0 : birth->ms;
}

void AppBook::remove(const Record& record) {
    if (record.kind() == RecordKind::app) {
        State& state = touch(record.key());
        if (state.rank <= gossip::rank(record)) state.app.reset();
    }
    if (record.kind() == RecordKind::version) {
        const auto names = split_birth_key(record.key());
        if (!names) return;
        State& state = touch(names->first);
        const auto known = state.births.find(names->second);
        if (known == state.births.end() || known->second > gossip::rank(record)) return;
        state.births.erase(known);
        version(state, names->second).birth_ms = 0;
    }
}

void AppBook::count(const Row* before, const Row* after) {
    if (before) count(*before, false);
    if (after) count(*after, true);
}

void AppBook::count(const Row& row, bool plus) {
    State& state = touch(row.app());
    add_row(version(state, row.version()), row, plus);
    if (!live(row)) return;
    auto acks = state.acks.find(row.version());
    if (acks == state.acks.end()) acks = state.acks.try_emplace(std::string{row.version()}).first;
    std::uint32_t& instances = acks->second[row.acked_epoch()];
    add(instances, std::uint32_t{1}, plus);
    if (instances == 0) acks->second.erase(row.acked_epoch());
    if (acks->second.empty()) state.acks.erase(acks);
}

void AppBook::clear() {
    for (const auto& entry : states_) changed_.insert(entry.first);
    states_.clear();
}

std::shared_ptr<const AppRow> AppBook::make_row(const std::string& name, const State& state) {
    const App* app = state.app ? &*state.app : nullptr;
    auto row = std::make_shared<AppRow>();
    row->app = app ? *app : App{};
    row->app.name = name;
    row->epoch = app ? state.rank.epoch : 0;
    for (const auto& entry : state.versions) {
        if (!listed(entry.second, app)) continue;
        row->versions.push_back(entry.second);
        const auto acks = state.acks.find(entry.first);
        if (acks == state.acks.end()) continue;
        for (auto at = acks->second.lower_bound(row->epoch); at != acks->second.end(); ++at) {
            row->versions.back().acked += at->second;
        }
    }
    // Versions that have a weight before anybody has seen them.
    for (const Weight& w : row->app.rollout.weights) {
        if (row->facts(w.version)) continue;
        VersionFacts facts;
        facts.version = w.version;
        row->versions.insert(std::upper_bound(row->versions.begin(), row->versions.end(), facts,
                                              [](const VersionFacts& a, const VersionFacts& b) {
                                                  return a.version < b.version;
                                              }),
                             std::move(facts));
    }
    if (!app && row->versions.empty()) return nullptr;
    row->plan = make_plan(app, row->epoch, row->versions);
    return row;
}

bool AppBook::settle() {
    if (changed_.empty()) return false;
    for (const std::string& name : changed_) {
        const auto at = states_.find(name);
        if (at == states_.end()) continue;
        State& state = at->second;
        std::erase_if(state.versions, [](const auto& entry) {
            return entry.second.empty() && entry.second.birth_ms == 0;
        });
        state.row = make_row(name, state);
        if (!state.app && state.versions.empty() && state.rank == gossip::Rank{}) states_.erase(at);
    }
    changed_.clear();
    auto rows = std::make_shared<AppRows>();
    for (const auto& entry : states_) {
        if (entry.second.row) rows->push_back(entry.second.row);
    }
    rows_ = std::move(rows);
    return true;
}

}  // namespace registry
