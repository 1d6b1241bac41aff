#include <algorithm>
#include <utility>

#include "sim/baseline/cluster.h"
#include "sim/baseline/swim.h"

// memberlist's aliveNode(), suspectNode(), deadNode() and refute(), and the rows.

namespace sim::baseline {

void Swim::change(std::uint32_t about, std::uint32_t incarnation, State state) {
    Member& member = members_[about];
    const bool was_dead = member.state == State::dead;
    const bool is_dead = state == State::dead;
    member = {incarnation, state};
    if (state != State::suspect) suspicions_.erase(about);
    if (is_dead == was_dead) return;
    if (is_dead) {
        died_[about] = cluster().now();
    } else {
        died_.erase(about);
    }
    cluster().changed_mind(index(), about, is_dead);
}

void Swim::alive(std::uint32_t about, std::uint32_t incarnation) {
    if (about == index() || incarnation <= members_[about].incarnation) return;
    member_news_.push(about, swim_message(SwimType::alive, {about}, {incarnation}));
    change(about, incarnation, State::alive);
}

void Swim::suspect(std::uint32_t about, std::uint32_t incarnation, std::uint32_t accuser) {
    const Member& member = members_[about];
    if (incarnation < member.incarnation) return;
    if (suspicions_.contains(about)) {
        confirm(about, accuser, incarnation);
        return;
    }
    if (member.state != State::alive) return;
    if (about == index()) {
        refute(incarnation);
        return;
    }
    member_news_.push(about, swim_message(SwimType::suspect, {about, accuser}, {incarnation}));
    change(about, incarnation, State::suspect);
    Suspicion& suspicion = suspicions_[about];
    suspicion.since = cluster().now();
    suspicion.wanted = confirmations_wanted(cluster().size());
    suspicion.accusers.insert(accuser);
    arm(about, suspicion);
}

// Another one's own doubt shortens the wait, and is told on.
void Swim::confirm(std::uint32_t about, std::uint32_t accuser, std::uint32_t incarnation) {
    Suspicion& suspicion = suspicions_[about];
    if (suspicion.accusers.size() > suspicion.wanted) return;
    if (!suspicion.accusers.insert(accuser).second) return;
    member_news_.push(about, swim_message(SwimType::suspect, {about, accuser}, {incarnation}));
    arm(about, suspicion);
}

void Swim::arm(std::uint32_t about, Suspicion& suspicion) {
    const auto confirmations = static_cast<unsigned>(suspicion.accusers.size() - 1);
    const Time end =
        suspicion.since + suspicion_time(cluster().size(), confirmations, suspicion.wanted);
    const std::uint64_t timer = suspicion.timer = ++last_timer_;
    after(std::max(Time{0}, end - cluster().now()), [this, about, timer] {
        const auto found = suspicions_.find(about);
        if (found == suspicions_.end() || found->second.timer != timer) return;
        dead(about, members_[about].incarnation, index());
    });
}

void Swim::dead(std::uint32_t about, std::uint32_t incarnation, std::uint32_t accuser) {
    const Member& member = members_[about];
    if (incarnation < member.incarnation || member.state == State::dead) return;
    if (about == index()) {
        refute(incarnation);
        return;
    }
    member_news_.push(about, swim_message(SwimType::dead, {about, accuser}, {incarnation}));
    change(about, incarnation, State::dead);
}

// A new incarnation beats whatever is said about the old one. To have to say so is a sign of bad
// health.
void Swim::refute(std::uint32_t accused) {
    Member& self = members_[index()];
    self.incarnation = std::max(self.incarnation, accused) + 1;
    adjust_awareness(1);
    member_news_.push(index(), swim_message(SwimType::alive, {index()}, {self.incarnation}));
}

void Swim::row_received(Reader& message) {
    const Row row = read_row(message, cluster().row_bytes());
    if (row.version <= versions_[row.number]) return;
    versions_[row.number] = row.version;
    cluster().learned(index(), row.number);
    std::string news;
    Writer writer{news};
    writer.number(static_cast<std::uint64_t>(SwimType::row), 1);
    write_row(writer, row.number, row.version, cluster().row_bytes());
    row_news_.push(row.number, std::move(news));
}

}  // namespace sim::baseline
