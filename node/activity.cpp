#include "node/activity.h"

#include <algorithm>
#include <chrono>

#include "gossip/table.h"
#include "node/log.h"

namespace node {
namespace {

using gossip::Record;
using gossip::RecordKind;

std::uint64_t wall_ms() {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
}

std::string shares(const registry::Rollout& rollout) {
    std::string text;
    for (const registry::Weight& w : rollout.weights) {
        text += (text.empty() ? "" : " ") + w.version + "=" + std::to_string(w.parts);
    }
    return text;
}

}  // namespace

std::string_view name(Activity::Kind kind) {
    return kind == Activity::Kind::decided ? "decided" : "overruled";
}

void ActivityLog::restored(const gossip::Core& core) {
    const gossip::Table& table = core.table();
    for (std::uint32_t slot = 0; slot < table.slots(); ++slot) {
        const Record* record = table.at(slot);
        if (!record || record->kind() != RecordKind::app) continue;
        epochs_[std::string{record->key()}] = gossip::rank(*record).epoch;
    }
}

void ActivityLog::changed(const gossip::Output& out, const gossip::Core& core) {
    for (const Record& record : out.durable) {
        if (record.kind() == RecordKind::app) decided(record, true);
    }
    for (const Record& record : out.behind) {
        if (record.kind() == RecordKind::app) decided(record, false);
    }
    for (const Record& record : out.outranked) outranked(record, core);
}

// A record that is only stamped anew, to stay above the horizon, decides nothing.
void ActivityLog::decided(const Record& record, bool here) {
    std::uint64_t& epoch = epochs_[std::string{record.key()}];
    if (gossip::rank(record).epoch <= epoch) return;
    epoch = gossip::rank(record).epoch;
    if (record.tombstone()) return;
    auto app = registry::decode_app(record.fields());
    if (app) add({0, wall_ms(), Activity::Kind::decided, here, epoch, std::move(app).value()});
}

// Who decided upon an earlier epoch than the loser's did not know of it. Else it is only old and
// new.
void ActivityLog::outranked(const Record& record, const gossip::Core& core) {
    const Record* winner = core.table().find(RecordKind::app, record.key());
    if (winner == nullptr || winner->tombstone() || record.tombstone()) return;
    if (gossip::rank(*winner).epoch == gossip::rank(record).epoch) return;
    const auto ours = registry::decode_app(winner->fields());
    auto loser = registry::decode_app(record.fields());
    if (!ours || !loser || ours->parent >= gossip::rank(record).epoch) return;
    add({0, wall_ms(), Activity::Kind::overruled, false, gossip::rank(record).epoch,
         std::move(loser).value()});
}

void ActivityLog::add(Activity activity) {
    log(activity.kind == Activity::Kind::decided ? LogLevel::info : LogLevel::warn,
        activity.kind == Activity::Kind::decided ? "rollout_decided" : "rollout_overruled",
        {{"app", activity.app.name},
         {"epoch", activity.epoch},
         {"author", activity.app.author},
         {"shares", shares(activity.app.rollout)}});
    const std::lock_guard lock{mutex_};
    activity.seq = ++seq_;
    activities_.push_back(std::move(activity));
    if (activities_.size() > kKept) activities_.pop_front();
}

std::vector<Activity> ActivityLog::since(std::uint64_t seq, const std::string& app) const {
    std::vector<Activity> found;
    const std::lock_guard lock{mutex_};
    for (const Activity& a : activities_) {
        if (a.seq > seq && (app.empty() || a.app.name == app)) found.push_back(a);
    }
    return found;
}

std::optional<Activity> ActivityLog::overruled(const registry::App& app) const {
    const std::lock_guard lock{mutex_};
    const auto found = std::find_if(activities_.rbegin(), activities_.rend(), [&](const auto& a) {
        return a.kind == Activity::Kind::overruled && a.app.name == app.name &&
               a.epoch > app.parent;
    });
    return found == activities_.rend() ? std::nullopt : std::optional{*found};
}

}  // namespace node
