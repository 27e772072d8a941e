/**
 * What `npm test` consists of, in order. A suite that needs a step of its own (another runtime, a real server) gets a
 * line here and nothing else.
 */

export interface Step {
  /** As it stands in the table at the end. */
  readonly name: string
  /** `npm run check` runs the group `check`; `npm test` runs every group. */
  readonly group: "check" | "node" | "bun" | "deno" | "packaging"
  /** A program of node_modules/.bin and its arguments. */
  readonly command: readonly [string, ...Array<string>]
  /**
   * What tells how much passed: the exit status, which makes the step one test, or the report that vitest writes (the
   * runner asks it to).
   */
  readonly countedBy: "exit status" | "vitest report"
  /** Debian packages whose programs the step starts; see `servers.ts`. */
  readonly servers?: ReadonlyArray<string>
  /** A step that takes longer hangs: it is killed and has failed. Far above what a busy machine needs. */
  readonly secondsMax: number
}

const vitest = "node_modules/vitest/vitest.mjs"

/** Suites that must behave alike on all three runtimes, so each runs them. */
const portableSuites = [
  "packages/transport/",
  "packages/core/",
  "packages/http1/",
  "packages/fetch/",
  "packages/effect3/"
]

/** Debian packages of the servers that `test/interop` starts. */
export const interopServers: ReadonlyArray<string> = ["apache2", "caddy", "haproxy", "lighttpd", "nginx", "python3"]

export const steps: ReadonlyArray<Step> = [
  { name: "types", group: "check", command: ["tsc"], countedBy: "exit status", secondsMax: 300 },
  {
    name: "lint and format",
    group: "check",
    command: ["biome", "ci", "--colors=off"],
    countedBy: "exit status",
    secondsMax: 300
  },
  {
    name: "tidy",
    group: "check",
    command: ["node", vitest, "run", "test/tidy/"],
    countedBy: "vitest report",
    secondsMax: 300
  },
  {
    name: "suites on Node",
    group: "node",
    command: [
      ...(["node", vitest, "run"] as const),
      ...["test/tidy", "test/packaging", "test/packages", "test/interop", "packages/bun", "packages/deno"].flatMap(
        (path) => ["--exclude", `${path}/**`]
      )
    ],
    countedBy: "vitest report",
    secondsMax: 900
  },
  {
    name: "other servers",
    group: "node",
    command: ["node", vitest, "run", "test/interop/"],
    countedBy: "vitest report",
    servers: interopServers,
    secondsMax: 180
  },
  {
    name: "suites on Bun",
    group: "bun",
    // Bun's child processes lack what vitest's default pool asks of them.
    command: [
      "bun",
      "--bun",
      vitest,
      "run",
      "--pool=threads",
      ...portableSuites,
      "packages/bun/",
      "test/conformance/",
      "test/at-most-once/"
    ],
    countedBy: "vitest report",
    secondsMax: 3000
  },
  {
    name: "suites on Deno",
    group: "deno",
    command: [
      "deno",
      "run",
      "--allow-all",
      vitest,
      "run",
      ...portableSuites,
      "packages/deno/",
      "test/conformance/",
      "test/at-most-once/"
    ],
    countedBy: "vitest report",
    secondsMax: 3000
  },
  {
    name: "packaging",
    group: "packaging",
    command: ["node", vitest, "run", "test/packaging/"],
    countedBy: "vitest report",
    secondsMax: 3000
  }
]
