//! A display without a screen: X server, window manager and session bus, each in its own process group.

use anyhow::{Context as _, bail, ensure};
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A process whose group ends with this value.
#[derive(Debug)]
pub struct Group(Child);

impl Group {
    /// Starts a command in its own process group.
    ///
    /// # Errors
    ///
    /// It cannot be started.
    pub fn start(command: &mut Command) -> anyhow::Result<Self> {
        let child = command.process_group(0).stdin(Stdio::null()).spawn();
        Ok(Self(child.with_context(|| format!("cannot start {}", command.get_program().display()))?))
    }

    /// The first line that it writes to its standard output.
    fn line(&mut self) -> anyhow::Result<String> {
        let output = self.0.stdout.take().context("the output is not a pipe")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        if line.trim().is_empty() {
            bail!("the program ended without a line of output");
        }
        Ok(line.trim().to_owned())
    }

    /// The process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // An error means that the group has ended.
        drop(Command::new("kill").args(["-KILL", "--", &format!("-{}", self.0.id())]).status());
        drop(self.0.wait());
    }
}

/// Size of the screen: that of the window, and room for the pointer.
const SCREEN: &str = "480x780x24";
/// Width and height of the window.
const WINDOW: (u32, u32) = (420, 720);
/// Configuration of the window manager: windows without a frame, at the corner.
const MANAGER: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<openbox_config xmlns="http://openbox.org/3.4/rc"><theme><keepBorder>no</keepBorder></theme>
<applications><application class="*"><decor>no</decor>
<position force="yes"><x>0</x><y>0</y></position></application></applications></openbox_config>
"#;
/// Moves the pointer into the last corner, so that it is on no picture. No program of Debian's base does this.
const POINTER: &str = "import ctypes as c; x = c.CDLL('libX11.so.6'); x.XOpenDisplay.restype = c.c_void_p; \
    x.XDefaultRootWindow.restype = c.c_ulong; d = c.c_void_p(x.XOpenDisplay(None)); \
    x.XWarpPointer(d, c.c_ulong(0), c.c_ulong(x.XDefaultRootWindow(d)), 0, 0, 0, 0, 479, 779); x.XSync(d, 0)";
/// Length of the head of the X server's picture, words.
const HEAD: usize = 25;

/// The display.
#[derive(Debug)]
pub struct Display {
    name: String,
    bus: String,
    files: tempfile::TempDir,
    // In the order in which they end.
    _groups: [Group; 3],
}

impl Display {
    /// Starts the programs.
    ///
    /// # Errors
    ///
    /// One of them does not start.
    pub fn up() -> anyhow::Result<Self> {
        let files = tempfile::tempdir()?;
        let mut server = Group::start(
            Command::new("Xvfb")
                .args(["-displayfd", "1", "-screen", "0", SCREEN, "-nolisten", "tcp", "-noreset", "-fbdir"])
                .arg(files.path())
                .stdout(Stdio::piped())
                .stderr(Stdio::null()),
        )?;
        let name = format!(":{}", server.line().context("the X server has no display")?);
        let mut bus = Group::start(
            Command::new("dbus-daemon")
                .args(["--session", "--nofork", "--nopidfile", "--print-address"])
                // What it starts, as the accessibility bus, belongs to this display.
                .env("DISPLAY", &name)
                .env("XDG_CACHE_HOME", files.path())
                .stdout(Stdio::piped())
                .stderr(Stdio::null()),
        )?;
        let address = bus.line().context("the session bus has no address")?;
        let config = files.path().join("openbox.xml");
        std::fs::write(&config, MANAGER)?;
        let manager = Group::start(
            Command::new("openbox")
                .args(["--sm-disable", "--config-file"])
                .arg(config)
                .env("DISPLAY", &name)
                .env("DBUS_SESSION_BUS_ADDRESS", &address)
                .stdout(Stdio::null())
                .stderr(Stdio::null()),
        )?;
        let mut pointer = Command::new("/usr/bin/python3");
        let moved = pointer.args(["-c", POINTER]).env("DISPLAY", &name).status().context("cannot move the pointer")?;
        ensure!(moved.success(), "cannot move the pointer: {moved}");
        Ok(Self { name, bus: address, files, _groups: [manager, bus, server] })
    }

    /// Sets the variables by which a program finds the display.
    pub fn dress<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.env("DISPLAY", &self.name).env("DBUS_SESSION_BUS_ADDRESS", &self.bus)
    }

    /// A connection to the session bus.
    ///
    /// # Errors
    ///
    /// It does not respond.
    pub async fn bus(&self) -> zbus::Result<zbus::Connection> {
        zbus::connection::Builder::address(self.bus.as_str())?.build().await
    }

    /// Writes what the screen shows as a PNG file.
    ///
    /// # Errors
    ///
    /// The X server's picture cannot be read, or the file cannot be written.
    pub fn picture(&self, path: &Path) -> anyhow::Result<()> {
        let raw = std::fs::read(self.files.path().join("Xvfb_screen0")).context("the X server has no picture")?;
        let (width, height, pixels) = pixels(&raw).context("the X server's picture is cut off")?;
        std::fs::create_dir_all(path.parent().context("no folder")?)?;
        let mut encoder = png::Encoder::new(std::io::BufWriter::new(std::fs::File::create(path)?), width, height);
        encoder.set_color(png::ColorType::Rgb);
        let mut writer = encoder.write_header()?;
        writer.write_image_data(&pixels)?;
        ensure!(pixels.iter().any(|part| *part != 0), "the screen is black");
        Ok(writer.finish()?)
    }
}

/// Width, height and pixels of a picture in the format of `XWDFile.h`, with 32 bits a pixel: red, green, blue.
fn pixels(raw: &[u8]) -> Option<(u32, u32, Vec<u8>)> {
    let words: Vec<u32> = raw
        .get(..HEAD * 4)?
        .chunks_exact(4)
        .filter_map(|word| Some(u32::from_be_bytes(word.try_into().ok()?)))
        .collect();
    let word = |index: usize| words.get(index).copied();
    let (head, width, height, line, colours) = (word(0)?, word(4)?, word(5)?, word(12)?, word(19)?);
    let (width, height) = (width.min(WINDOW.0), height.min(WINDOW.1));
    let start = (head + colours * 12) as usize;
    let mut pixels = Vec::with_capacity((width * height * 3) as usize);
    for row in 0..height as usize {
        let from = start + row * line as usize;
        for pixel in raw.get(from..from + width as usize * 4)?.chunks_exact(4) {
            pixels.extend(pixel.iter().take(3).rev());
        }
    }
    Some((width, height, pixels))
}
