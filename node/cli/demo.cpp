#include "node/cli/demo.h"

#include <algorithm>
#include <cstdio>
#include <functional>

#include "node/cli/commands.h"
#include "node/cli/demo_cluster.h"
#include "node/cli/screen.h"
#include "node/cli/signals.h"
#include "node/exit_codes.h"

namespace node::cli {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kPeriod = 100ms;     // between two looks
constexpr milliseconds kPatience = 60s;     // for one step, when there is no limit
constexpr milliseconds kLongestPause = 2s;  // for people, between two steps
constexpr milliseconds kWhole = 50s;        // that sessions are planned for without a limit

enum class Outcome { seen, missed, interrupted };

// How this program is called from where its user is.
std::string own_name() {
    const std::string path = std::filesystem::proximate(own_binary()).string();
    return path.starts_with("..") ? own_binary().string() : path;
}

// How long the sessions are, so that the first version is empty well before the end.
DemoPlay play_within(milliseconds whole) {
    DemoPlay play;
    play.arrival = whole / 10;
    play.shortest = whole / 10;
    play.longest = whole * 4 / 10;
    return play;
}

// The demo's story, step by step. The last node is the victim, and the first version of the game
// sits beside it; the first node is the seed, and the one whose view is shown.
class Story {
  public:
    Story(DemoCluster& cluster, StopSignals& signals, const DemoOptions& options)
        : cluster_(cluster),
          signals_(signals),
          victim_(cluster.nodes().size() - 1),
          begin_(Clock::now()),
          limit_(options.limit) {}

    Outcome tell() {
        for (const auto& step : {&Story::begin, &Story::second_version, &Story::promotion,
                                 &Story::death, &Story::recovery, &Story::end_of_the_first}) {
            if (const Outcome o = (this->*step)(); o != Outcome::seen) return o;
        }
        return Outcome::seen;
    }

    // Shows the table until somebody stops us.
    void stay() {
        screen_.say("The cluster stays up, with its players. Ctrl-C ends it.");
        while (!stopped()) look();
    }

  private:
    Outcome begin() {
        const std::string count = std::to_string(cluster_.nodes().size());
        screen_.say("Starting " + count + " nodes, and a game server, arena v1, beside " +
                    cluster_.nodes()[victim_].name + ".");
        if (!started(cluster_.start_server("v1", victim_))) return Outcome::missed;
        if (const auto o = until("all nodes agree", [this] { return whole(); });
            o != Outcome::seen) {
            return o;
        }
        if (!decided("v1")) return Outcome::missed;
        const DemoPlay play = play_within(limit_.value_or(kWhole));
        if (!started(cluster_.start_players(play))) return Outcome::missed;
        const std::string players = std::to_string(play.players);
        screen_.say("All " + count + " nodes give the same list. See for yourself:");
        invite();
        screen_.say(players +
                    " players come. Each asks any node for a seat, and keeps its session.");
        const auto o = until(players + " players are seated", [this, &play] {
            return cluster_.counts().joined >= static_cast<int>(play.players);
        });
        return o == Outcome::seen ? pause() : o;
    }

    Outcome second_version() {
        screen_.say("Starting arena v2 beside " + cluster_.nodes()[1].name +
                    ". It waits: nobody has promoted it.");
        if (!started(cluster_.start_server("v2", 1))) return Outcome::missed;
        const auto o = until("v2 is up", [this] { return whole() && role_of("v2") == "warm"; });
        return o == Outcome::seen ? pause() : o;
    }

    Outcome promotion() {
        screen_.say("Promoting v2: " + own_name() + " rollout promote arena v2");
        if (!decided("v2")) return Outcome::missed;
        const auto o = until("new players come to v2", [this] {
            const auto& joined = cluster_.counts().joined_by_version;
            return role_of("v1") == "draining" && joined.contains("v2");
        });
        if (o != Outcome::seen) return o;
        screen_.say("New players come to v2. Those of v1 stay where they are, until they leave.");
        return pause();
    }

    Outcome death() {
        const std::string victim = cluster_.nodes()[victim_].name;
        screen_.say("Killing " + victim + ", the node of v1, with SIGKILL: it cannot say goodbye.");
        cluster_.kill_node(victim_);
        const auto o = until("the others notice", [this] { return noticed(); });
        if (o != Outcome::seen) return o;
        screen_.say("Every other node lists v1 as unreachable. Its players play on.");
        return pause();
    }

    Outcome recovery() {
        const std::string victim = cluster_.nodes()[victim_].name;
        screen_.say("Restarting " + victim + " on its old data.");
        if (!started(cluster_.start_node(victim_))) return Outcome::missed;
        const auto o = until("the cluster recovers", [this] { return whole(); });
        if (o == Outcome::seen) {
            screen_.say("Recovered: all " + std::to_string(cluster_.nodes().size()) +
                        " nodes give the same list again.");
        }
        return o;
    }

    Outcome end_of_the_first() {
        DemoServer& first = cluster_.servers()[0];
        const auto o = until("the last player leaves v1",
                             [this, &first] { return !first.process.running() && whole(); });
        if (o != Outcome::seen) return o;
        screen_.say(
            "The last player has left v1. It made sure that nobody is on the way, and ended.");
        const BotCounts& counts = cluster_.counts();
        screen_.say(std::to_string(counts.joined) + " sessions so far, " +
                    std::to_string(counts.disconnects) + " disconnects.");
        if (counts.disconnects == 0) return Outcome::seen;
        complain("players were cut off, which should not happen");
        return Outcome::missed;
    }

    // Every node runs, knows all the others, gives the list of the first, and lists every server
    // that runs as up, and none that has ended. What others register here is their affair.
    bool whole() {
        const auto& nodes = cluster_.nodes();
        const Look& first = nodes[0].look;
        const auto alive = [](const auto& row) { return row.second.state == "alive"; };
        const auto right = [&first](DemoServer& server) {
            const auto row = first.instances.find(server.address);
            const bool up = row != first.instances.end() && row->second.state == "up";
            return server.process.running() ? up : row == first.instances.end();
        };
        auto& servers = cluster_.servers();
        return std::all_of(servers.begin(), servers.end(), right) &&
               std::all_of(nodes.begin(), nodes.end(), [&](const DemoNode& node) {
                   const Look& look = node.look;
                   return look.agreed(static_cast<unsigned>(nodes.size())) &&
                          look.instances == first.instances && look.nodes.size() == nodes.size() &&
                          std::all_of(look.nodes.begin(), look.nodes.end(), alive);
               });
    }

    // Every survivor says that the victim is gone, and so does its word for the server there,
    // unless that has ended meanwhile.
    bool noticed() {
        const auto& nodes = cluster_.nodes();
        const std::string& name = nodes[victim_].name;
        DemoServer& server = cluster_.servers()[0];
        const bool ended = !server.process.running();
        return std::all_of(nodes.begin(), nodes.end() - 1, [&](const DemoNode& node) {
            const auto member = node.look.nodes.find(name);
            const auto instance = node.look.instances.find(server.address);
            const bool listed = instance != node.look.instances.end();
            return member != node.look.nodes.end() && member->second.state == "dead" &&
                   (ended || (listed && instance->second.state == "unreachable"));
        });
    }

    std::string role_of(const std::string& version) {
        for (const SeenVersion& each : cluster_.versions()) {
            if (each.version == version) return each.role;
        }
        return "";
    }

    // A nodes' list may lag behind another's for a moment: that is shown, not hidden.
    std::string agreement() {
        const auto& nodes = cluster_.nodes();
        const auto running = std::count_if(nodes.begin(), nodes.end(),
                                           [](const DemoNode& node) { return node.expected; });
        const auto same = std::count_if(nodes.begin(), nodes.end(), [&](const DemoNode& node) {
            return node.expected && node.look.answered &&
                   node.look.instances == nodes[0].look.instances;
        });
        return std::to_string(same) + " of " + std::to_string(running) +
               " running nodes give the same list";
    }

    void look() {
        cluster_.refresh();
        const Look& first = cluster_.nodes()[0].look;
        if (!first.answered) return;
        Picture picture;
        std::map<std::string, std::string> names;  // of nodes, by id
        for (const auto& [name, node] : first.nodes) {
            picture.nodes[name] = {node.state, node.http};
            names[node.id] = name;
        }
        for (const auto& [address, instance] : first.instances) {
            picture.instances[address] = {instance.app, instance.version, instance.state,
                                          names[instance.owner]};
        }
        for (const SeenVersion& v : cluster_.versions()) {
            picture.versions.push_back({v.version, v.role, v.sessions, v.seats});
        }
        picture.agreement = agreement();
        const BotCounts& counts = cluster_.counts();
        picture.players = std::to_string(counts.playing) + " players, " +
                          std::to_string(counts.disconnects) + " disconnects";
        screen_.show(picture);
    }

    Outcome until(const std::string& what, const std::function<bool()>& seen) {
        const auto deadline = limit_ ? begin_ + *limit_ : Clock::now() + kPatience;
        for (;;) {
            look();
            if (seen()) return Outcome::seen;
            if (const auto accident = cluster_.accident()) {
                complain(*accident);
                return Outcome::missed;
            }
            if (Clock::now() >= deadline) {
                complain("not seen in time: " + what);
                return Outcome::missed;
            }
            if (stopped()) return Outcome::interrupted;
        }
    }

    // Time for people to look, within the limit.
    Outcome pause() {
        const auto end =
            Clock::now() + (limit_ ? std::min(kLongestPause, *limit_ / 20) : kLongestPause);
        while (Clock::now() < end) {
            if (stopped()) return Outcome::interrupted;
            look();
        }
        return Outcome::seen;
    }

    void invite() {
        const std::string& node = cluster_.nodes()[0].http;
        const std::string& other = cluster_.nodes()[2].http;
        const std::string hearsay = own_name();
        screen_.say("  curl -s http://" + node + "/registry/list");
        screen_.say("  curl -s http://" + other + "/registry/list");
        screen_.say("  " + hearsay + " rollout status arena --node http://" + other);
        screen_.say("  " + hearsay + " why " + cluster_.servers()[0].address + " --node http://" +
                    other);
    }

    bool started(const std::optional<gossip::Error>& problem) {
        if (problem) complain(problem->message);
        return !problem;
    }
    bool decided(const std::string& version) {
        const auto refusal = cluster_.promote(version);
        if (refusal) complain(*refusal);
        return !refusal;
    }

    // A closed stdout (`hearsay demo | head -3`) stops us like Ctrl-C.
    bool stopped() { return signals_.wait(kPeriod) || std::ferror(stdout) != 0; }

    DemoCluster& cluster_;
    StopSignals& signals_;
    Screen screen_;
    std::size_t victim_;
    Clock::time_point begin_;
    std::optional<milliseconds> limit_;
};

}  // namespace

int run_demo(const DemoOptions& options) {
    StopSignals signals;
    auto cluster = DemoCluster::start(options.nodes);
    if (!cluster) {
        complain(cluster.error().message);
        return kFailed;
    }
    Story story(**cluster, signals, options);
    const Outcome outcome = story.tell();
    if (outcome == Outcome::seen && !options.limit) story.stay();
    if (outcome == Outcome::interrupted) complain("stopped before the end of the story");
    return outcome == Outcome::seen ? kOk : kFailed;
}

}  // namespace node::cli
