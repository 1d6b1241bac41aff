#include "sim/scenarios/watch.h"

#include <utility>

namespace sim {

using gossip::MemberState;

Watch::Watch(World& world) : world_(world), about_(world.size()) {
    for (std::uint32_t i = 0; i < world.size(); ++i) {
        index_[world.node(i).identity().id] = i;
        about_[i].beliefs.assign(world.size(), MemberState::alive);
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
            case gossip::Event::Kind::joined_cluster:
            case gossip::Event::Kind::reset_behind:
            case gossip::Event::Kind::partition_suspected:
                break;
        }
    }
}

void Watch::believe(std::uint32_t believer, std::uint32_t about, MemberState state) {
    Subject& subject = about_[about];
    MemberState& belief = subject.beliefs[believer];
    if (belief == state) return;
    subject.suspecting -= belief == MemberState::suspect;
    subject.burying -= belief == MemberState::dead;
    belief = state;
    subject.suspecting += belief == MemberState::suspect;
    subject.burying += belief == MemberState::dead;
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
        MemberState& belief = subject.beliefs[believer];
        if (belief == MemberState::alive) continue;
        subject.suspecting -= belief == MemberState::suspect;
        subject.burying -= belief == MemberState::dead;
        belief = MemberState::alive;
        note(subject);
    }
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

BeliefPicture::Lane lane_of(const Watch& watch, std::uint32_t node, std::string name, Time start,
                            Time end, Time zero) {
    BeliefPicture::Lane lane{std::move(name), {}};
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

BeliefPicture picture_of(const Watch& watch, const std::vector<std::uint32_t>& nodes,
                         std::uint32_t believers, Time start, Time end) {
    BeliefPicture picture;
    picture.believers = believers;
    picture.end = end - start;
    for (const std::uint32_t node : nodes) {
        picture.lanes.push_back(
            lane_of(watch, node, "node-" + std::to_string(node), start, end, start));
    }
    return picture;
}

}  // namespace sim
