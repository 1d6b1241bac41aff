#include "registry/hosting.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "gossip/membership.h"
#include "gossip/table.h"
#include "registry/instruction.h"
#include "registry/registration.h"

namespace registry {
namespace {

constexpr std::uint32_t kTidyEvery = 4096;  // calls: its cost per call is next to nothing

// The live instance at an address; an Error if there is none.
Result<Instance> live_instance(const gossip::Record* record) {
    if (record == nullptr || record->tombstone()) return Error{Errc::not_found, ""};
    return decode(record->fields());
}

// Whether this node may speak for it: it registered here, or where nobody answers any more.
bool may_speak(const gossip::Core& core, const gossip::Record& record) {
    if (record.owner() == core.self().id) return true;
    const gossip::Member* owner = core.members().find(record.owner());
    return owner == nullptr || !owner->reachable();
}

// Sessions as the server says them. A seat is held for each that may come back.
std::uint32_t seats_taken(const Heartbeat& beat) {
    const std::uint64_t sum = std::uint64_t{*beat.sessions} + beat.resuming;
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(sum, UINT32_MAX));
}

}  // namespace

Hosting::Found Hosting::find(const gossip::Core& core, const std::string& address,
                             std::optional<std::uint64_t> incarnation) {
    if (++untidy_ >= kTidyEvery) tidy(core);
    Found found;
    Reply& reply = found.reply;
    const gossip::Record* record = core.table().find(gossip::RecordKind::instance, address);
    auto instance = live_instance(record);
    if (!instance) {
        reply.status = Status::unknown;
        return found;
    }
    reply.instance = std::move(instance).value();
    reply.owner = record->owner();
    found.last_update = core.last_update(*record);
    if (!may_speak(core, *record)) {
        reply.status = Status::elsewhere;
    } else if (incarnation && *incarnation != reply.instance.incarnation) {
        reply.status = Status::another_life;
    }
    return found;
}

// What has become of the instance, by this node's own clock.
Hosting::Reply Hosting::written(gossip::Core& core, Found found, gossip::Now now,
                                gossip::Output& out) {
    Reply& reply = found.reply;
    const auto seconds = std::chrono::floor<std::chrono::seconds>(now.wall.time_since_epoch());
    reply.instance.last_update =
        std::max(found.last_update, static_cast<std::uint64_t>(seconds.count()));
    gossip::LocalWrite write = encode(reply.instance);
    write.timed_by_application = false;
    reply.put = put_registration(core, write, now, out).status;
    if (!accepted(reply.put)) reply.status = Status::not_written;
    return std::move(reply);
}

Hosting::Reply Hosting::heartbeat(gossip::Core& core, const std::string& address,
                                  const Heartbeat& beat, gossip::Now now, gossip::Output& out) {
    Found found = find(core, address, beat.incarnation);
    if (found.reply.status != Status::done) return found.reply;
    Instance& x = found.reply.instance;
    if (beat.sessions) {
        x.sessions = seats_taken(beat);
        book_.report(x, x.sessions, beat.seq);
    }
    if (beat.ready_to_close) x.ready_to_close = *beat.ready_to_close;
    if (beat.acked_epoch) x.acked_epoch = std::max(x.acked_epoch, *beat.acked_epoch);
    found.reply.seq = book_.accepted(x);
    return written(core, std::move(found), now, out);
}

Hosting::Reply Hosting::fence(gossip::Core& core, const View& view, const std::string& address,
                              const Heartbeat& beat, gossip::Now now, gossip::Output& out) {
    Found found = find(core, address, beat.incarnation);
    Reply& reply = found.reply;
    if (reply.status != Status::done) return reply;
    Instance& x = reply.instance;
    if (x.incarnation == 0) {
        reply.status = Status::no_incarnation;
        return reply;
    }
    if (beat.sessions) {
        x.sessions = seats_taken(beat);
        book_.report(x, x.sessions, beat.seq);
    }
    reply.taken = book_.taken(x);
    if (reply.taken > 0) {
        reply.status = Status::occupied;
        return reply;
    }
    const AppRow* app = view.app(x.app_name);
    x.phase = std::max(x.phase, Phase::stopping);
    x.sessions = 0;
    x.closed_epoch = std::max<std::uint64_t>(app ? app->epoch : 0, 1);
    return written(core, std::move(found), now, out);
}

Hosting::Reply Hosting::drain(gossip::Core& core, const std::string& address, gossip::Now now,
                              gossip::Output& out) {
    Found found = find(core, address, std::nullopt);
    if (found.reply.status != Status::done) return found.reply;
    found.reply.instance.phase = std::max(found.reply.instance.phase, Phase::stopping);
    return written(core, std::move(found), now, out);
}

Hosting::Reply Hosting::redeem(const gossip::Core& core, const View& view, const Token& token,
                               std::uint64_t now_ms) {
    Reply reply = find(core, token.address, std::nullopt).reply;
    if (reply.status != Status::done) return reply;
    reply.redeemed =
        book_.redeem(token, reply.instance, draining(view, reply.instance, now_ms), now_ms);
    return reply;
}

bool Hosting::draining(const View& view, const Instance& instance, std::uint64_t now_ms) {
    const Row* row = view.find(instance.address);
    if (row == nullptr || row->incarnation() != instance.incarnation) return false;
    const Admission is = instruction(view, *row, now_ms / 1000).admission;
    return is == Admission::draining || is == Admission::closed;
}

LeaseAnswer Hosting::lease(const gossip::Core& core, const View& view, gossip::NodeId lessee,
                           const LeaseQuestion& question, std::uint64_t now_ms) {
    const Reply found = find(core, question.address, question.incarnation).reply;
    const Instance& x = found.instance;
    const bool open = found.status == Status::done && x.phase == Phase::running &&
                      x.closed_epoch == 0 && !draining(view, x, now_ms);
    LeaseAnswer answer;
    if (open) {
        const AppRow* app = view.app(x.app_name);
        const std::uint32_t ttl_s = app ? app->app.policy.ticket_ttl_s : kDefaultTicketTtl;
        answer = book_.lease(question, lessee, x, SeatPurse::hold_ms(ttl_s), now_ms);
    }
    answer.round = question.round;
    return answer;
}

void Hosting::tidy(const gossip::Core& core) {
    untidy_ = 0;
    book_.keep([&core](std::string_view address) {
        const gossip::Record* record =
            core.table().find(gossip::RecordKind::instance, std::string{address});
        return record != nullptr && !record->tombstone() && may_speak(core, *record);
    });
}

}  // namespace registry
