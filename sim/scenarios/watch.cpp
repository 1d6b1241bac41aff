#include "sim/scenarios/watch.h"

#include <utility>

namespace sim {

using gossip::MemberState;

Watch::Watch(World& world) : world_(world), about_(world.size()) {
    for (std::uint32_t i = 0; i < world.size(); ++i) {
        index_[world.node(i).identity().id] = i;
    }
    world_.on_publish = [this](const SimNode& node, const gossip::Output& out) { see(node, out); };
}

void Watch::pause(std::uint32_t node) {
    set_running(node, false);
    world_.node(node).pause();
}

void Watch::resume(std::uint32_t node) {
    world_.node(node).resume();
    set_running(node, true);
}

void Watch::crash(std::uint32_t node) {
    set_running(node, false);
    world_.node(node).crash();
    forget(node);
}

void Watch::lose_power(std::uint32_t node) {
    set_running(node, false);
    world_.node(node).lose_power();
    forget(node);
}

void Watch::start(std::uint32_t node) {
    world_.node(node).start();
    set_running(node, true);
}

void Watch::see(const SimNode& believer, const gossip::Output& out) {
    for (const gossip::Event& event : out.events) {
        const auto subject = index_.find(event.node);
        if (subject == index_.end()) continue;
        switch (event.kind) {
            case gossip::Event::Kind::member_suspect:
                believe(believer.index(), subject->second, MemberState::suspect);
                break;
            case gossip::Event::Kind::member_dead:
                believe(believer.index(), subject->second, MemberState::dead);
                break;
            case gossip::Event::Kind::member_joined:
            case gossip::Event::Kind::member_alive:
                believe(believer.index(), subject->second, MemberState::alive);
                break;
            case gossip::Event::Kind::member_left:
                believe(believer.index(), subject->second, MemberState::left);
                break;
            case gossip::Event::Kind::clock_corrected:
            case gossip::Event::Kind::stamp_from_future:
            case gossip::Event::Kind::left_future:
            case gossip::Event::Kind::joined_cluster:
            case gossip::Event::Kind::reset_behind:
            case gossip::Event::Kind::partition_suspected:
                break;
        }
    }
}

void Watch::believe(std::uint32_t believer, std::uint32_t about, MemberState state) {
    Subject& subject = about_[about];
    const auto known = subject.beliefs.find(believer);
    if (state == (known == subject.beliefs.end() ? MemberState::alive : known->second)) return;
    drop(subject, believer);
    if (state != MemberState::alive) subject.beliefs[believer] = state;
    subject.suspecting += state == MemberState::suspect;
    subject.burying += state == MemberState::dead;
    count(subject, state);
    note(subject);
}

void Watch::count(Subject& subject, MemberState state) {
    const bool wrong = subject.running && world_.now() - subject.running_since >= kExcuse;
    for (Verdicts* verdicts : {&verdicts_, &subject.verdicts}) {
        if (state == MemberState::suspect) {
            ++verdicts->suspicions;
            verdicts->false_suspicions += wrong;
        } else if (state == MemberState::dead) {
            ++verdicts->deaths;
            verdicts->false_deaths += wrong;
        }
    }
    if (state == MemberState::dead && subject.first_death == Time{0}) {
        subject.first_death = world_.now();
    }
}

// Several changes at one moment are one.
void Watch::note(Subject& subject) {
    const BeliefPicture::Sample sample{world_.now(), subject.suspecting, subject.burying,
                                       subject.running};
    if (subject.history.back().at == sample.at) {
        subject.history.back() = sample;
    } else {
        subject.history.push_back(sample);
    }
}

// Its process ended, and what it believed with it.
void Watch::forget(std::uint32_t believer) {
    for (Subject& subject : about_) {
        if (drop(subject, believer)) note(subject);
    }
}

// Back to alive; false if it was that already.
bool Watch::drop(Subject& subject, std::uint32_t believer) {
    const auto known = subject.beliefs.find(believer);
    if (known == subject.beliefs.end()) return false;
    subject.suspecting -= known->second == MemberState::suspect;
    subject.burying -= known->second == MemberState::dead;
    subject.beliefs.erase(known);
    return true;
}

void Watch::set_running(std::uint32_t node, bool running) {
    Subject& subject = about_[node];
    if (subject.running == running) return;
    subject.running = running;
    if (running) {
        subject.running_since = world_.now();
    } else {
        subject.first_death = Time{0};
    }
    note(subject);
}

BeliefPicture::Lane lane_of(const Watch& watch, std::uint32_t node, Time zero, Time start,
                            Time end) {
    BeliefPicture::Lane lane{"node-" + std::to_string(node), {}};
    for (BeliefPicture::Sample sample : watch.history(node)) {
        if (sample.at > end) break;
        if (sample.at <= start) {
            lane.samples.clear();  // the last one before the start holds at the start
            sample.at = start;
        }
        sample.at -= zero;
        lane.samples.push_back(sample);
    }
    return lane;
}

BeliefPicture picture_of(const Watch& watch, const std::vector<std::uint32_t>& nodes, Time zero,
                         Time start, Time end) {
    BeliefPicture picture;
    picture.believers = watch.size() - 1;
    picture.start = start - zero;
    picture.end = end - zero;
    for (const std::uint32_t node : nodes) {
        picture.lanes.push_back(lane_of(watch, node, zero, start, end));
    }
    return picture;
}

}  // namespace sim
