#include "sim/svg.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

namespace sim {
namespace {

constexpr double kWidth = 900;
constexpr double kHeight = 420;
constexpr double kBottom = 362;  // of the plot; below are the axis' numbers and its title
constexpr double kRight = 870;

// Colours that people with a colour vision deficiency can tell apart, on a background of our own.
constexpr const char* kInk = "#1b2733";
constexpr const char* kFaint = "#5d6b78";
constexpr const char* kGrid = "#e3e8ed";
constexpr const char* kCurve = "#1f6fb4";
constexpr const char* kAway = "#d3d9df";
constexpr const char* kSuspectTrue = "#8cc0ea";
constexpr const char* kDeadTrue = "#1f6fb4";
constexpr const char* kSuspectFalse = "#f7b267";
constexpr const char* kDeadFalse = "#c8281e";
constexpr const char* kRecovered = "#1a8a4a";

template <class... Values>
std::string print(const char* format, Values... values) {
    std::array<char, 400> buffer{};
    std::snprintf(buffer.data(), buffer.size(), format, values...);
    return buffer.data();
}

std::string escaped(const std::string& text) {
    std::string out;
    for (const char c : text) {
        if (c == '&') {
            out += "&amp;";
        } else if (c == '<') {
            out += "&lt;";
        } else {
            out += c;
        }
    }
    return out;
}

enum class Anchor : std::uint8_t { start, middle, end };

std::string label(double x, double y, const std::string& text, Anchor anchor = Anchor::start,
                  int size = 13, const char* colour = kInk) {
    constexpr std::array kNames{"start", "middle", "end"};
    return print(R"(<text x="%.1f" y="%.1f" font-size="%d" fill="%s" text-anchor="%s">)", x, y,
                 size, colour, kNames[static_cast<std::size_t>(anchor)]) +
           escaped(text) + "</text>\n";
}

std::string box(double x, double y, double width, double height, const char* colour) {
    return print(R"(<rect x="%.2f" y="%.2f" width="%.2f" height="%.2f" fill="%s"/>)", x, y, width,
                 height, colour) +
           '\n';
}

std::string line(double x1, double y1, double x2, double y2, const char* colour,
                 const char* more = "") {
    return print(R"(<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="%s" %s/>)", x1, y1, x2,
                 y2, colour, more) +
           '\n';
}

std::string dot(double x, double y, double radius, const char* colour) {
    return print(R"(<circle cx="%.1f" cy="%.1f" r="%.1f" fill="%s" stroke="#ffffff"/>)", x, y,
                 radius, colour) +
           '\n';
}

std::string document(const std::string& title, const std::string& subtitle,
                     const std::string& content) {
    return print(R"(<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" )", kWidth,
                 kHeight) +
           print(R"(width="%.0f" height="%.0f" role="img" )", kWidth, kHeight) +
           "font-family=\"system-ui, 'DejaVu Sans', sans-serif\">\n<title>" + escaped(title) +
           "</title>\n" + box(0, 0, kWidth, kHeight, "#ffffff") +
           label(24, 32, title, Anchor::start, 19) +
           label(24, 53, subtitle, Anchor::start, 13, kFaint) + content + "</svg>\n";
}

double ms(Time time) {
    return static_cast<double>(time.count()) / 1e3;
}

// 1, 2 or 5 times a power of ten, so that about six of them make `range`.
double nice_step(double range) {
    const double rough = range / 6;
    const double power = std::pow(10, std::floor(std::log10(rough)));
    for (const double factor : {1.0, 2.0, 5.0}) {
        if (factor * power >= rough) return factor * power;
    }
    return 10 * power;
}

// Maps times to a stretch of the picture and draws its ticks.
class Axis {
  public:
    Axis(double left, double top, double from, double to, bool logarithmic)
        : left_(left), top_(top), from_(from), to_(to), logarithmic_(logarithmic) {}

    [[nodiscard]] double x(double value) const {
        const double at = std::clamp(value, from_, to_);
        const double share = logarithmic_ ? std::log(at / from_) / std::log(to_ / from_)
                                          : (at - from_) / (to_ - from_);
        return left_ + (share * (kRight - left_));
    }
    [[nodiscard]] std::string ticks(const std::string& title) const {
        std::string out;
        if (logarithmic_) {
            const auto decades = static_cast<int>(std::floor(std::log10(to_ * 1.001 / from_)));
            for (int n = 0; n <= decades; ++n) out += tick(from_ * std::pow(10, n));
        } else {
            const double step = nice_step(to_ - from_);
            const auto last = static_cast<int>(std::floor(to_ * 1.0001 / step));
            for (int n = static_cast<int>(std::ceil(from_ / step)); n <= last; ++n) {
                out += tick(n * step);
            }
        }
        return out + label((left_ + kRight) / 2, kBottom + 42, title, Anchor::middle, 13, kFaint);
    }

  private:
    [[nodiscard]] std::string tick(double at) const {
        return line(x(at), top_, x(at), kBottom, kGrid) +
               label(x(at), kBottom + 20, print("%.4g", at + 0.0), Anchor::middle, 12, kFaint);
    }

    double left_;
    double top_;
    double from_;
    double to_;
    bool logarithmic_;
};

// ---- one update

constexpr double kCurveTop = 78;
constexpr double kCurveLeft = 84;
constexpr double kLongTail = 8;  // times the 99 % mark: then the axis is logarithmic

double y_of_share(double share) {
    return kBottom - (share * (kBottom - kCurveTop));
}

// The steps of the curve, no two of them within half a pixel.
std::string curve(const SpreadPicture& picture, const Axis& axis) {
    std::string path = print("M%.1f %.1f", axis.x(0), kBottom);
    double drawn = axis.x(0);
    for (std::size_t i = 0; i < picture.known.size(); ++i) {
        const double x = axis.x(ms(picture.known[i]));
        if (x < drawn + 0.5 && i + 1 < picture.known.size()) continue;
        const double y = y_of_share(static_cast<double>(i + 1) / picture.nodes);
        path += print("H%.1fV%.1f", x, y);
        drawn = x;
    }
    path += print("H%.1f", kRight);
    return "<path d=\"" + path + print("V%.1fZ", kBottom) + "\" fill=\"" + kCurve +
           "\" fill-opacity=\"0.13\"/>\n<path d=\"" + path + "\" fill=\"none\" stroke=\"" + kCurve +
           "\" stroke-width=\"2.5\"/>\n";
}

std::string marks(const SpreadPicture& picture, const Axis& axis) {
    struct Mark {
        std::size_t percent;
        const char* name;
        const char* colour;
    };
    constexpr std::array kMarks{Mark{50, "p50: half of the nodes know", kRecovered},
                                Mark{99, "p99: 99 % of the nodes know", "#b86a00"},
                                Mark{100, "p100: every node knows", kDeadFalse}};
    std::string out;
    std::string legend = box(kRight - 336, kBottom - 104, 326, 92, "#ffffff");
    double row = kBottom - 82;
    for (const Mark& mark : kMarks) {
        const std::size_t count = (picture.nodes * mark.percent + 99) / 100;
        if (count == 0 || count > picture.known.size()) continue;  // it did not get so far
        const double time = ms(picture.known[count - 1]);
        const double x = axis.x(time);
        const double y = y_of_share(static_cast<double>(count) / picture.nodes);
        out += line(x, y, x, kBottom, mark.colour, R"(stroke-dasharray="4 3")");
        out += dot(x, y, 5.5, mark.colour);
        legend += dot(kRight - 322, row - 4, 5.5, mark.colour);
        legend += label(kRight - 308, row, mark.name);
        legend += label(kRight - 22, row, print("%.2f ms", time), Anchor::end);
        row += 28;
    }
    return out + legend;
}

std::string draw(const SpreadPicture& picture, const std::string& subtitle) {
    const double last = picture.known.empty() ? 1 : std::max(0.1, ms(picture.known.back()));
    const std::size_t most = picture.known.size() * 99 / 100;
    const bool tail =
        !picture.known.empty() && last > kLongTail * std::max(0.1, ms(picture.known[most]));
    const double decade = std::pow(10, std::ceil(std::log10(last)));
    const Axis axis{kCurveLeft, kCurveTop, tail ? 0.1 : 0, tail ? decade : last * 1.08, tail};
    std::string content;
    for (int percent = 0; percent <= 100; percent += 25) {
        const double y = y_of_share(percent / 100.0);
        content += line(kCurveLeft, y, kRight, y, kGrid);
        content += label(kCurveLeft - 8, y + 4, print("%d %%", percent), Anchor::end, 12, kFaint);
    }
    content += axis.ticks(tail ? "milliseconds since the write (each line is ten times the last)"
                               : "milliseconds since the write");
    content +=
        print(R"-(<g transform="translate(26 %.1f) rotate(-90)">)-", (kCurveTop + kBottom) / 2) +
        label(0, 0, "nodes that know", Anchor::middle, 13, kFaint) + "</g>\n";
    content += curve(picture, axis) + marks(picture, axis);
    return document("How one update reaches " + std::to_string(picture.nodes) + " nodes", subtitle,
                    content);
}

// ---- beliefs

constexpr double kLanesTop = 98;
constexpr double kLanesLeft = 136;
constexpr double kLaneMost = 46;
constexpr double kFew = 2.5;     // the least height that is seen: a single believer of many
constexpr double kNarrow = 0.4;  // of a pixel: what lasts less is joined to what follows

std::string legend() {
    struct Entry {
        double x;
        const char* colour;
        const char* name;
    };
    constexpr std::array kEntries{
        Entry{24, kAway, "stopped or lost"}, Entry{152, kSuspectTrue, "suspected: rightly"},
        Entry{296, kDeadTrue, "dead: rightly"}, Entry{408, kSuspectFalse, "suspected: it runs"},
        Entry{552, kDeadFalse, "dead: it runs"}};
    std::string out;
    for (const Entry& entry : kEntries) {
        out += box(entry.x, 67, 13, 13, entry.colour) + label(entry.x + 18, 78, entry.name);
    }
    return out + dot(672, 73.5, 4.5, kRecovered) + label(682, 78, "all believe it alive again");
}

std::string draw_lane(const BeliefPicture& picture, const BeliefPicture::Lane& lane,
                      const Axis& axis, double top, double height) {
    std::string back;
    std::string front;
    std::string recoveries;
    const auto x_of = [&](std::size_t i) {
        const Time at = i < lane.samples.size() ? lane.samples[i].at : picture.end;
        return axis.x(static_cast<double>(at.count()) / 1e6);
    };
    const auto height_of = [&](std::uint32_t nodes) {
        const double exact = height * nodes / std::max(1U, picture.believers);
        return nodes == 0 ? 0.0 : std::min(height, std::max(exact, kFew));
    };
    double from = x_of(0);
    bool doubted = false;
    for (std::size_t i = 0; i < lane.samples.size(); ++i) {
        const BeliefPicture::Sample& sample = lane.samples[i];
        const bool trusted = sample.suspecting + sample.burying == 0;
        if (trusted && doubted) recoveries += dot(x_of(i), top + (height / 2), 4.5, kRecovered);
        doubted = !trusted;
        const double to = x_of(i + 1);
        if (to - from < kNarrow && i + 1 < lane.samples.size()) continue;
        const double width = to - from + 0.1;  // without a seam to the next one
        if (!sample.running) back += box(from, top, width, height, kAway);
        const double dead = height_of(sample.burying);
        const double suspect = std::min(height - dead, height_of(sample.suspecting));
        if (dead > 0) {
            front += box(from, top + height - dead, width, dead,
                         sample.running ? kDeadFalse : kDeadTrue);
        }
        if (suspect > 0) {
            front += box(from, top + height - dead - suspect, width, suspect,
                         sample.running ? kSuspectFalse : kSuspectTrue);
        }
        from = to;
    }
    return R"(<g shape-rendering="crispEdges">)" + back + front + "</g>\n" +
           line(kLanesLeft, top + height, kRight, top + height, kGrid) + recoveries;
}

std::string draw(const BeliefPicture& picture, const std::string& subtitle) {
    const auto seconds = [](Time time) { return static_cast<double>(time.count()) / 1e6; };
    const Axis axis{kLanesLeft, kLanesTop - 6, seconds(picture.start), seconds(picture.end), false};
    const std::size_t lanes = std::max<std::size_t>(1, picture.lanes.size());
    const double pitch = std::min(kLaneMost, (kBottom - kLanesTop) / static_cast<double>(lanes));
    std::string content = legend() + axis.ticks(picture.axis);
    double top = kLanesTop;
    for (const BeliefPicture::Lane& lane : picture.lanes) {
        const double height = pitch * 0.82;
        content += label(kLanesLeft - 10, top + (height / 2) + 4, lane.name, Anchor::end,
                         pitch < 18 ? 11 : 12);
        content += draw_lane(picture, lane, axis, top, height);
        top += pitch;
    }
    return document(picture.title, subtitle + "; height: how many of the others believe it",
                    content);
}

std::string draw(const std::monostate&, const std::string& /*subtitle*/) {
    return {};
}

}  // namespace

std::string svg(const Picture& picture, const std::string& subtitle) {
    return std::visit([&](const auto& p) { return draw(p, subtitle); }, picture);
}

}  // namespace sim
