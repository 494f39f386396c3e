// Pictures of numbers, drawn by gnuplot: lines, points and grey images in panels side by side. Where gnuplot is not
// installed, the numbers are written as CSV under the same name.
#pragma once
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fmt/format.h>
#include <fmt/os.h>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

class Picture {
 public:
  // settings: commands of gnuplot for the panel, such as "set logscale y". Ranges, scales and key begin anew in each.
  struct Axes {
    std::string title, x, y, settings = {};
  };
  using Numbers = std::vector<double>;

  // path: the picture's file, NAME.svg or NAME.png.
  explicit Picture(std::filesystem::path path) : path_(std::move(path)) {}
  // Begins a panel, to the right of the last one.
  void panel(Axes axes) { panels_.push_back({std::move(axes), {}}); }
  void line(const std::string& name, const Numbers& x, const Numbers& y) { add(name, "lines linewidth 2", x, y); }
  // A thin line in the background, without a name: draw it first.
  void level_line(const Numbers& x, const Numbers& y) { add("", "lines linewidth 1 linecolor '#aaaaaa'", x, y); }
  void points(const std::string& name, const Numbers& x, const Numbers& y) {
    add(name, "points pointtype 7 pointsize 0.7", x, y);
  }
  // A panel of its own: an image, row by row from the top, in greys from 0 (black) to 1 (white).
  void image(const std::string& title, const Numbers& greys, std::size_t columns) {
    if (columns == 0 || greys.size() % columns != 0)
      throw std::invalid_argument(fmt::format("{}: {} greys in rows of {}", title, greys.size(), columns));
    Series pixels{"", "image", {}, {}, greys};
    for (std::size_t i = 0; i < greys.size(); ++i) {
      pixels.x.push_back(static_cast<double>(i % columns));
      pixels.y.push_back(static_cast<double>(i / columns));
    }
    panel({title, "", "",
           "set size ratio -1\nset yrange [*:*] reverse\nunset border\nunset tics\nunset grid\nunset key\n"
           "unset colorbox\nset palette gray\nset cbrange [0:1]"});
    panels_.back().series.push_back(std::move(pixels));
  }

  // Writes the picture, or the numbers, and says where.
  void save() const {
    if (!path_.parent_path().empty()) std::filesystem::create_directories(path_.parent_path());
    if (std::system("gnuplot --version >/dev/null 2>&1") == 0) {
      draw();
      fmt::print("picture: {}\n", path_.filename().string());
    } else {
      const std::filesystem::path table = std::filesystem::path(path_).replace_extension(".csv");
      write_csv(table);
      fmt::print("gnuplot is not installed (Debian, Ubuntu: apt-get install gnuplot-nox); the picture's numbers: {}\n",
                 table.filename().string());
    }
  }

 private:
  struct Series {
    std::string name, style;
    Numbers x, y, greys = {};  // greys: of an image, whose pixels lie at x and y
  };
  struct Panel {
    Axes axes;
    std::vector<Series> series;
  };

  void add(const std::string& name, const char* style, const Numbers& x, const Numbers& y) {
    if (x.size() != y.size()) throw std::invalid_argument(fmt::format("{}: {} x and {} y", name, x.size(), y.size()));
    if (panels_.empty()) panel({});
    panels_.back().series.push_back({name, style, x, y});
  }

  void draw() const {
    std::string script = fmt::format(
        "set encoding utf8\nset terminal {} noenhanced size {},420 font 'sans,13' background 'white'\n"
        "set output '{}'\nset multiplot layout 1,{}\nset key top right\n",
        path_.extension() == ".png" ? "pngcairo" : "svg", panels_.size() == 1 ? 640 : 480 * panels_.size(),
        path_.string(), panels_.size());
    for (const auto& [axes, series] : panels_) {
      script += fmt::format(
          "unset logscale\nset size noratio\nset yrange [*:*] noreverse\nset autoscale\nset border\nset tics\n"
          "set grid linecolor '#dddddd'\nset key default\nset title '{}'\nset xlabel '{}'\nset ylabel '{}'\n{}\n",
          axes.title, axes.x, axes.y, axes.settings);
      std::string plot;
      int colour = 0;
      for (const Series& s : series)
        plot += fmt::format("{} '-' with {} title '{}'", plot.empty() ? "plot" : ",",
                            s.name.empty() ? s.style : fmt::format("{} linetype {}", s.style, ++colour), s.name);
      script += plot + "\n";
      for (const Series& s : series) {
        for (std::size_t i = 0; i < s.x.size(); ++i) {
          script += fmt::format("{:.6g} {:.6g}", s.x[i], s.y[i]);
          script += s.greys.empty() ? "\n" : fmt::format(" {:.6g}\n", s.greys[i]);
        }
        script += "e\n";
      }
    }
    std::FILE* gnuplot = ::popen("gnuplot", "w");
    if (gnuplot == nullptr) throw std::runtime_error("gnuplot could not be started");
    const bool written = std::fwrite(script.data(), 1, script.size(), gnuplot) == script.size();
    if (::pclose(gnuplot) != 0 || !written) throw std::runtime_error("gnuplot could not draw " + path_.string());
  }

  void write_csv(const std::filesystem::path& path) const {
    auto file = fmt::output_file(path.string());
    file.print("panel,series,x,y,grey\n");
    for (const auto& [axes, series] : panels_)
      for (const Series& s : series)
        for (std::size_t i = 0; i < s.x.size(); ++i)
          file.print("\"{}\",\"{}\",{},{},{}\n", axes.title, s.name, s.x[i], s.y[i],
                     s.greys.empty() ? "" : std::to_string(s.greys[i]));
  }

  std::filesystem::path path_;
  std::vector<Panel> panels_;
};
