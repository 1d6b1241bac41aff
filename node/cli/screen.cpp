#include "node/cli/screen.h"

#include <sys/ioctl.h>

#include <algorithm>
#include <cstdio>

#include "node/cli/text_table.h"

namespace node::cli {
namespace {

void write(const std::string& text) {
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
}

std::size_t terminal_lines() {
    winsize size{};
    const bool known = ::ioctl(::fileno(stdout), TIOCGWINSZ, &size) == 0 && size.ws_row > 1;
    return known ? size.ws_row : 24;
}

// What scrolled out of the screen could not be erased again.
std::string first_lines(const std::string& text, std::size_t lines) {
    std::size_t end = 0;
    for (; lines > 0 && end < text.size(); --lines) end = text.find('\n', end) + 1;
    return text.substr(0, end);
}

std::string described(const std::string& address, const Picture::Instance& instance) {
    return address + " " + instance.app + " " + instance.version + " is " + instance.state +
           " (at " + instance.node + ")";
}

constexpr auto kProgressPeriod = std::chrono::seconds(1);

// "v2 accepting 17 of 60 seats"
std::string described(const Picture::Version& v) {
    const std::string sessions = v.version + " " + v.role + " " + std::to_string(v.sessions);
    // None of an instance that cannot be reached.
    return v.seats > 0 ? sessions + " of " + std::to_string(v.seats) + " seats"
                       : sessions + " sessions";
}

}  // namespace

Screen::Screen() : terminal_(is_terminal(stdout)), colour_(wants_colour(stdout)) {}

std::string Screen::stamp() const {
    const auto elapsed = std::chrono::duration_cast<std::chrono::milliseconds>(
        std::chrono::steady_clock::now() - begin_);
    char text[32];
    std::snprintf(text, sizeof text, "%5.1fs  ", static_cast<double>(elapsed.count()) / 1000);
    return text;
}

void Screen::erase() {
    if (drawn_lines_ == 0) return;
    write("\x1b[" + std::to_string(drawn_lines_) + "A\x1b[J");  // up, and clear to the end
    drawn_lines_ = 0;
}

void Screen::print(const std::string& line) {
    write(stamp() + line + "\n");
}

void Screen::say(const std::string& line) {
    erase();
    print(line);
    if (terminal_ && !last_.nodes.empty()) draw(last_);
}

void Screen::show(const Picture& picture) {
    if (terminal_) {
        erase();
        draw(picture);
    } else {
        print_changes(last_, picture);
    }
    last_ = picture;
}

void Screen::draw(const Picture& picture) {
    TextTable nodes({"NODE", "STATE", "URL"});
    for (const auto& [name, node] : picture.nodes) {
        nodes.add({{name}, {node.state, paint_of_state(node.state)}, {"http://" + node.http}});
    }
    TextTable versions({"VERSION", "ROLE", "SESSIONS", "SEATS"});
    for (const auto& v : picture.versions) {
        const Paint paint = v.role == "accepting"  ? Paint::good
                            : v.role == "draining" ? Paint::doubtful
                                                   : Paint::faint;
        versions.add({{v.version},
                      {v.role, paint},
                      {std::to_string(v.sessions)},
                      {std::to_string(v.seats)}});
    }
    TextTable instances({"APP", "VERSION", "ADDRESS", "STATE", "AT"});
    for (const auto& [address, instance] : picture.instances) {
        instances.add({{instance.app},
                       {instance.version},
                       {address},
                       {instance.state, paint_of_state(instance.state)},
                       {instance.node}});
    }
    std::string text = "\n" + nodes.to_string(colour_) + "\n" + instances.to_string(colour_) +
                       "\n" + versions.to_string(colour_) + "\n" + picture.agreement + "\n" +
                       picture.players + "\n";
    text = first_lines(text, terminal_lines() - 1);
    drawn_lines_ = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
    write("\x1b[?7l" + text + "\x1b[?7h");  // a line that wrapped would count as two
}

void Screen::print_changes(const Picture& before, const Picture& after) {
    for (const auto& [name, node] : after.nodes) {
        const auto old = before.nodes.find(name);
        if (old == before.nodes.end() || old->second.state != node.state) {
            print(name + " is " + node.state);
        }
    }
    for (const auto& [address, instance] : after.instances) {
        const auto old = before.instances.find(address);
        const auto text = described(address, instance);
        if (old == before.instances.end() || described(address, old->second) != text) print(text);
    }
    for (const auto& [address, instance] : before.instances) {
        if (!after.instances.contains(address)) print(address + " is gone");
    }
    for (const auto& v : after.versions) {
        const auto old = std::find_if(before.versions.begin(), before.versions.end(),
                                      [&](const auto& each) { return each.version == v.version; });
        if (old == before.versions.end() || old->role != v.role) {
            print(v.version + " is " + v.role);
        }
    }
    if (after.agreement != before.agreement) print(after.agreement);
    print_progress(after);
}

void Screen::print_progress(const Picture& picture) {
    std::string text;
    for (const auto& v : picture.versions) text += described(v) + "; ";
    text += picture.players;
    const auto now = std::chrono::steady_clock::now();
    if (picture.versions.empty() || text == last_progress_ || now < next_progress_) return;
    print(text);
    last_progress_ = text;
    next_progress_ = now + kProgressPeriod;
}

}  // namespace node::cli
