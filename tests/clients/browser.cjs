// A browser plays streams as viewers do: Chromium, with hls.js or dash.js, on a page of another origin than the stream's.
// For each URL it prints what was seen, as a line of JSON. Ends with an error when a picture does not move.
//
//   [PLAYER_TOKEN=JWT] node browser.cjs FOLDER_OF_TOOLS URL…
//
// The token goes with requests for keys and licences.
const { createHash } = require("node:crypto");
const { createRequire } = require("node:module");
const fs = require("node:fs");
const http = require("node:http");
const os = require("node:os");
const path = require("node:path");

const [tools, ...urls] = process.argv.slice(2).map((word, at) => (at ? word : path.resolve(word)));
const { chromium } = createRequire(`${tools}/`)("playwright-core");

const BROWSER = "/usr/bin/chromium";
// The certificate of a local cloud is its own authority's; viewers' clicks, and calls to the browser's maker, are not to be
// waited for.
const SWITCHES = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync", "--ignore-certificate-errors", "--autoplay-policy=no-user-gesture-required",
];
// A player that shows nothing for so long never will.
const PATIENCE_MS = 20_000;
// So many different pictures in a second move.
const PICTURES = 4;

const SCRIPTS = {
  "/hls.js": "node_modules/hls.js/dist/hls.min.js",
  "/dash.js": "node_modules/dashjs/dist/modern/umd/dash.all.min.js",
};
const PAGE = `<!doctype html><title>Player</title><script src="/hls.js"></script><script src="/dash.js"></script>`;

// Runs in the page. Resolves when a second of the stream has been shown.
function play({ url, token, patience }) {
  const SECONDS = 1;
  const video = document.body.appendChild(document.createElement("video"));
  Object.assign(video, { muted: true, width: 320, height: 180 });
  const isHls = /format=m3u8|\.m3u8/.test(url);
  const authorization = token ? { Authorization: `Bearer ${token}` } : {};
  let decoded = 0;

  function load(failed) {
    if (isHls) {
      const xhrSetup = (xhr, asked) => {
        if (token && asked.includes("/keydelivery/")) xhr.setRequestHeader("Authorization", authorization.Authorization);
      };
      const player = new Hls({ xhrSetup, enableWorker: false });
      player.on(Hls.Events.ERROR, (_, fault) => {
        if (fault.fatal) failed(`${fault.details} ${fault.response?.code ?? ""} ${fault.error?.message ?? ""}`);
      });
      player.loadSource(url);
      player.attachMedia(video);
      return;
    }
    const player = dashjs.MediaPlayer().create();
    player.initialize();
    player.setProtectionData({ "org.w3.clearkey": { httpRequestHeaders: authorization } });
    player.on(dashjs.MediaPlayer.events.ERROR, ({ error }) => failed(`${error.code} ${error.message}`));
    player.attachView(video);
    player.setAutoPlay(true);
    player.attachSource(url);
  }

  return new Promise((shown, failed) => {
    const isShort = () => failed(new Error(
      `${decoded} pictures until ${video.currentTime} s: ${video.error?.message ?? "no error"}`));
    setTimeout(isShort, patience);
    const look = () => {
      decoded += 1;
      // Half as fast, so that a busy machine has time to look.
      video.playbackRate = 0.5;
      if (video.currentTime < SECONDS) return video.requestVideoFrameCallback(look);
      const { currentTime: seconds, videoWidth: width, videoHeight: height } = video;
      const isDecrypting = video.mediaKeys !== null;
      shown({ player: isHls ? "hls.js" : "dash.js", seconds, decoded, width, height, isDecrypting });
    };
    video.requestVideoFrameCallback(look);
    load((reason) => failed(new Error(reason)));
    video.play().catch(() => {});
  });
}

// What a viewer sees while it plays: how many different pictures. Screenshots, because a page cannot read the pixels of
// encrypted media.
async function watch(page, playing) {
  const pictures = new Set();
  let isOver = false;
  const over = playing.finally(() => (isOver = true));
  over.catch(() => {});
  await page.locator("video").waitFor({ timeout: PATIENCE_MS });
  while (!isOver) {
    const picture = await page.screenshot({ clip: { x: 8, y: 8, width: 320, height: 180 }, timeout: PATIENCE_MS });
    pictures.add(createHash("sha256").update(picture).digest("hex"));
  }
  const seen = { ...(await over), pictures: pictures.size };
  if (seen.pictures < PICTURES || seen.decoded < PICTURES) throw new Error(`it does not move: ${JSON.stringify(seen)}`);
  return seen;
}

function serve(request, response) {
  const script = SCRIPTS[request.url];
  response.setHeader("content-type", script ? "text/javascript" : "text/html");
  if (script) fs.createReadStream(path.join(tools, script)).pipe(response);
  else response.end(request.url === "/" ? PAGE : "");
}

async function main() {
  setTimeout(() => process.exit(1), PATIENCE_MS * (urls.length + 2)).unref();
  const server = http.createServer(serve).listen(0, "127.0.0.1");
  await new Promise((listening) => server.once("listening", listening));
  const profile = fs.mkdtempSync(path.join(os.tmpdir(), "browser-"));
  let browser;
  try {
    browser = await chromium.launchPersistentContext(profile, {
      executablePath: BROWSER, headless: true, args: SWITCHES, timeout: PATIENCE_MS,
    });
    for (const url of urls) {
      const page = await browser.newPage();
      const said = [];
      page.on("console", (message) => said.push(message.text()));
      await page.goto(`http://127.0.0.1:${server.address().port}/`, { timeout: PATIENCE_MS });
      const playing = page.evaluate(play, { url, token: process.env.PLAYER_TOKEN, patience: PATIENCE_MS });
      const seen = await watch(page, playing).catch((error) => {
        throw new Error([`${url}: ${error.message}`, ...said].join("\n"));
      });
      console.log(JSON.stringify({ url, ...seen }));
      await page.close();
    }
  } finally {
    await browser?.close();
    server.close();
    fs.rmSync(profile, { recursive: true, force: true });
  }
}

main().catch((error) => {
  console.error(error.message);
  process.exitCode = 1;
});
