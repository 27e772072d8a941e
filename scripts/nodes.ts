/**
 * The versions of Node beside the pinned one that suites run on, fetched when they are first asked for:
 * `node scripts/nodes.ts` fetches them all.
 *
 * They are no dependencies: each takes 100 to 200 MB and ten seconds, which whoever only starts the gateway need not spend.
 * They lie in node_modules/.runtimes, so `npm ci` removes them.
 */
import { spawnSync } from "node:child_process"
import { existsSync, rmSync } from "node:fs"
import { delimiter, join } from "node:path"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("..", import.meta.url))

/** The oldest that the packages promise to run on (`engines` in their package.json), and the newest there is. */
export const otherNodes = { oldest: "22.19.0", newest: "26.10.0" } as const

/** The program, or undefined if it cannot be had. */
export function installNode(version: string): string | undefined {
  const directory = join(root, "node_modules", ".runtimes", `node-${version}`)
  const program = join(directory, "node_modules", "node", "bin", "node")
  if (existsSync(program)) return program
  console.error(`Fetching Node ${version}.`)
  // What a fetch that was cut short has left.
  rmSync(directory, { recursive: true, force: true })
  const options = ["--prefix", directory, "--no-save", "--no-audit", "--no-fund", "--loglevel=error"]
  // The package fetches its binary by a script that calls `node`, of the npm that runs it: not one out of our node_modules.
  const ownBin = join(root, "node_modules", ".bin")
  const path = (process.env["PATH"] ?? "").split(delimiter).filter((entry) => entry !== ownBin)
  const { status } = spawnSync("npm", ["install", ...options, `node@${version}`], {
    env: { ...process.env, PATH: path.join(delimiter) },
    stdio: ["ignore", 2, 2]
  })
  if (status === 0 && existsSync(program)) return program
  rmSync(directory, { recursive: true, force: true })
  console.error(`NOT FETCHED: Node ${version}. It comes from the package registry (npm config get registry).`)
  return undefined
}

if (import.meta.main) {
  const missing = Object.values(otherNodes).filter((version) => installNode(version) === undefined)
  process.exitCode = missing.length === 0 ? 0 : 1
}
