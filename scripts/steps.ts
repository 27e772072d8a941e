/**
 * What `npm test` consists of, in order. A suite that needs a step of its own (another runtime, a real server) gets a
 * line here and nothing else.
 */

import manifest from "../package.json" with { type: "json" }
import { otherNodes } from "./nodes.ts"

export interface Step {
  /** As it stands in the table at the end. */
  readonly name: string
  /** `npm run check` runs the group `check`; `npm test` runs every group. */
  readonly group: "check" | "node" | "nodes" | "bun" | "deno" | "packaging" | "runtimes"
  /** Runs only when its group is asked for by name: it takes minutes, and a shorter step shows most of it. */
  readonly isLong?: boolean
  /** A program of node_modules/.bin and its arguments. */
  readonly command: readonly [string, ...Array<string>]
  /**
   * What tells how much passed: the exit status, which makes the step one test, or the report that vitest writes (the
   * runner asks it to).
   */
  readonly countedBy: "exit status" | "vitest report"
  /** Runs on this version of Node and not on the pinned one; see `nodes.ts`. */
  readonly nodeVersion?: string
  readonly env?: Readonly<Record<string, string>>
  /** The head of this step's column in the table of behaviours: its report has those of test/conformance. */
  readonly column?: string
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
  "packages/effect3/",
  "test/fetch/"
]

/** Agents serve every runtime's node:http; a dispatcher serves undici, which only Node has. */
const agentSuites = ["packages/adapters/", "--exclude", "**/PooledDispatcher.test.ts"]

/** Suites that a version of Node can disturb; `npm run test:runtimes` runs all of them there. */
const nodeSuites = ["packages/node/", "test/conformance/"]

/** Every suite of what runs in a user's process, and nothing else. */
const shippedSuites = ["packages/node/", "packages/client/", ...portableSuites, "test/conformance/"]

/** Nothing may need WebAssembly: see test/setup/withoutWebAssembly.ts. */
const withoutWebAssembly = { WITHOUT_WEBASSEMBLY: "1" }

const versions = manifest.devDependencies

/** Debian packages of the servers that `test/conformance` starts. */
export const conformanceServers: ReadonlyArray<string> = ["haproxy", "microsocks", "nginx", "openssl", "tinyproxy"]

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
      ...[
        "test/tidy",
        "test/packaging",
        "test/packages",
        "test/interop",
        "test/chaos",
        "test/conformance",
        "packages/bun",
        "packages/deno"
      ].flatMap((path) => ["--exclude", `${path}/**`])
    ],
    countedBy: "vitest report",
    secondsMax: 900
  },
  {
    name: "conformance on Node",
    group: "node",
    command: ["node", vitest, "run", "test/conformance/"],
    countedBy: "vitest report",
    column: `Node ${versions.node}`,
    servers: conformanceServers,
    secondsMax: 600
  },
  {
    name: "other servers",
    group: "node",
    // One file at a time: what fails under load here is judged, and another file's load is none of the servers'.
    command: ["node", vitest, "run", "--maxWorkers=1", "test/interop/"],
    countedBy: "vitest report",
    servers: interopServers,
    secondsMax: 180
  },
  {
    name: "suites on the oldest Node",
    group: "nodes",
    command: ["node", vitest, "run", ...nodeSuites],
    nodeVersion: otherNodes.oldest,
    countedBy: "vitest report",
    column: `Node ${otherNodes.oldest}`,
    servers: conformanceServers,
    secondsMax: 900
  },
  {
    name: "suites on the newest Node",
    group: "nodes",
    command: ["node", vitest, "run", ...nodeSuites],
    nodeVersion: otherNodes.newest,
    env: withoutWebAssembly,
    countedBy: "vitest report",
    column: `Node ${otherNodes.newest}`,
    servers: conformanceServers,
    secondsMax: 900
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
      ...agentSuites,
      "packages/bun/",
      "test/conformance/",
      "test/at-most-once/"
    ],
    env: withoutWebAssembly,
    column: `Bun ${versions.bun}`,
    servers: conformanceServers,
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
      ...agentSuites,
      "packages/deno/",
      "test/conformance/",
      "test/at-most-once/"
    ],
    env: withoutWebAssembly,
    column: `Deno ${versions.deno}`,
    servers: conformanceServers,
    countedBy: "vitest report",
    secondsMax: 3000
  },
  {
    name: "under fire",
    group: "node",
    command: ["node", vitest, "run", "test/chaos/"],
    countedBy: "vitest report",
    secondsMax: 600
  },
  {
    name: "packaging",
    group: "packaging",
    command: ["node", vitest, "run", "test/packaging/"],
    countedBy: "vitest report",
    secondsMax: 3000
  },
  ...Object.entries(otherNodes).map(
    ([age, version]): Step => ({
      name: `every suite on the ${age} Node`,
      group: "runtimes",
      isLong: true,
      command: ["node", vitest, "run", ...shippedSuites],
      nodeVersion: version,
      countedBy: "vitest report",
      servers: conformanceServers,
      secondsMax: 3000
    })
  ),
  {
    name: "every interruption on Bun",
    group: "runtimes",
    isLong: true,
    command: ["bun", "--bun", vitest, "run", "--pool=threads", "packages/core/test/interruption"],
    env: { EVERY_OPERATION: "1" },
    countedBy: "vitest report",
    secondsMax: 600
  },
  {
    name: "every interruption on Deno",
    group: "runtimes",
    isLong: true,
    command: ["deno", "run", "--allow-all", vitest, "run", "packages/core/test/interruption"],
    env: { EVERY_OPERATION: "1" },
    countedBy: "vitest report",
    secondsMax: 600
  },
  {
    name: "gateway on Bun",
    group: "runtimes",
    isLong: true,
    command: ["bun", "--bun", vitest, "run", "--pool=threads", "apps/gateway/test/proxy/"],
    countedBy: "vitest report",
    secondsMax: 600
  },
  {
    name: "gateway on Deno",
    group: "runtimes",
    isLong: true,
    command: ["deno", "run", "--allow-all", vitest, "run", "apps/gateway/test/proxy/"],
    countedBy: "vitest report",
    secondsMax: 600
  },
  {
    name: "every suite under node --jitless",
    group: "runtimes",
    isLong: true,
    // Only the processes that run the tests: vitest itself may use WebAssembly, which that option takes away.
    command: ["node", vitest, "run", "--pool=forks", "--execArgv=--jitless", ...shippedSuites],
    countedBy: "vitest report",
    servers: conformanceServers,
    secondsMax: 3000
  }
]
