/**
 * Makes node_modules match package-lock.json before a command runs: `node scripts/install.mjs <command>`.
 *
 * Plain JavaScript without dependencies, for Node 20 and later, since it runs where nothing is installed yet. When
 * nothing is missing it only compares and takes some milliseconds. All its output goes to stderr: stdout belongs to the
 * command that follows. It exits with 0 only when that command can run.
 */
import { spawnSync } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"
import { delimiter, join } from "node:path"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("..", import.meta.url))
const command = process.argv[2] ?? "install"
const commandLine = command === "start" || command === "test" ? `npm ${command}` : `npm run ${command}`

/**
 * What is read of a package.json and of a lock file.
 *
 * @typedef {{ version?: string, packages?: Record<string, { version?: string, link?: boolean, optional?: boolean }> }} Json
 */

/** The runtimes that install scripts put in place: npm thinks them installed even where those scripts did not run. */
const runtimes = ["node", "bun", "deno"]

/**
 * @param {string} path
 * @returns {Json | undefined} undefined when there is no such file, or none that can be read
 */
function readJson(path) {
  try {
    return JSON.parse(readFileSync(join(root, path), "utf8"))
  } catch {
    return undefined
  }
}

/** What keeps the installed packages from being those of the lock file; undefined when nothing does. */
function findMismatch() {
  const locked = readJson("package-lock.json")?.packages
  if (locked === undefined) return "package-lock.json is missing or broken"
  // npm writes this file last, so it is absent after an installation that was cut short. Its contents say nothing:
  // `npm install --package-lock-only` brings them up to date without installing anything.
  if (!existsSync(join(root, "node_modules/.package-lock.json"))) return "nothing is installed yet"
  for (const [path, { link, optional, version }] of Object.entries(locked)) {
    if (!path.startsWith("node_modules/")) continue
    const manifest = readJson(`${path}/package.json`)
    // Packages made for other platforms are listed, but not installed.
    if (manifest === undefined && optional === true) continue
    if (manifest === undefined || (link !== true && manifest.version !== version)) {
      return `${path} is not the one package-lock.json names`
    }
  }
  const absent = runtimes.find((name) => !existsSync(join(root, "node_modules/.bin", name)))
  return absent === undefined ? undefined : `the ${absent} runtime is not in place`
}

/** @param {ReadonlyArray<string>} lines */
function giveUp(lines) {
  console.error(["", `${commandLine} did not run.`, ...lines].join("\n"))
  // Whoever counts tests must not take an installation that failed for an absence of failures.
  if (command === "test") console.log("0 passed, 1 failed")
  process.exit(1)
}

/** The environment without our own node_modules/.bin, whose programs are about to be replaced. */
function environmentOutsideProject() {
  const ownBin = join(root, "node_modules", ".bin")
  const path = (process.env["PATH"] ?? "").split(delimiter).filter((entry) => entry !== ownBin)
  return { ...process.env, PATH: path.join(delimiter) }
}

function install() {
  const env = environmentOutsideProject()
  // npm waits 10 s before it asks an unreachable registry again, and then a minute: too long to learn that one is offline.
  const retrying = ["--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=5000"]
  const options = [
    "ci",
    "--loglevel=error",
    "--include=dev",
    "--include=optional",
    "--no-audit",
    "--no-fund",
    ...retrying
  ]
  // npm's stdout joins our stderr.
  const { status, signal, error } = spawnSync("npm", options, { cwd: root, env, stdio: ["ignore", 2, 2] })
  if (signal === "SIGINT" || signal === "SIGTERM") process.exit(130)
  if (error !== undefined)
    giveUp([`npm could not be started (${error.message}). Weir needs Node 20 or later, with npm.`])
  if (status === 0) return
  const asked = spawnSync("npm", ["config", "get", "registry"], { cwd: root, env, encoding: "utf8" }).stdout?.trim()
  giveUp([
    `\`npm ci\` ended with ${signal ?? `status ${status}`}; what it said is above.`,
    `If it could not reach the package registry (${asked || "unknown"}): look at the network, or name a mirror with`,
    "`npm config set registry URL` or a proxy with `npm config set proxy URL`, and run the same command again."
  ])
}

const mismatch = findMismatch()
if (mismatch !== undefined) {
  console.error(`Installing Weir's dependencies: ${mismatch}. It takes a minute at most on a usual network.`)
  install()
  const remaining = findMismatch()
  if (remaining !== undefined) {
    giveUp([
      `After \`npm ci\`, ${remaining}.`,
      "Install scripts may be switched off (`npm config get ignore-scripts` should say false)."
    ])
  }
}
