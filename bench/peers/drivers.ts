/**
 * The drivers: how each is built, started, and asked for its version.
 */
import { spawnSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

const here = dirname(fileURLToPath(import.meta.url))
const bin = join(here, "..", "..", "node_modules", ".bin")

export interface Peer {
  /** As it stands in the tables. */
  readonly name: string
  readonly command: readonly [program: string, ...args: ReadonlyArray<string>]
  readonly version: string
  /** Seconds until its compiler has done its work. */
  readonly warmupSeconds: number
}

export interface Absent {
  readonly name: string
  readonly reason: string
}

interface Family {
  readonly clients: ReadonlyArray<string>
  /** What has to succeed before; run in its directory. */
  readonly build: readonly [string, ...ReadonlyArray<string>] | undefined
  readonly directory: string
  readonly command: (client: string) => Peer["command"]
  readonly name: (client: string) => string
  readonly version: (client: string) => string
  readonly warmupSeconds: number
}

const output = (program: string, ...args: ReadonlyArray<string>): string =>
  spawnSync(program, args, { encoding: "utf8" }).stdout?.trim() ?? "unknown"

const manifestVersion = (path: string): string => {
  const manifest: { readonly version: string } = JSON.parse(readFileSync(join(here, path), "utf8"))
  return manifest.version
}

/** The version of the npm package that a client's name begins with; the runtime's own has none. */
const npmVersion = (client: string): string => {
  const name = { "node:http + agentkeepalive": "agentkeepalive", got: "got", axios: "axios" }[client]
  if (client.startsWith("weir")) return `weir ${manifestVersion("../../packages/fetch/package.json")}`
  const known = client.startsWith("undici") ? "undici" : name
  return known === undefined ? "" : `${known} ${manifestVersion(`../../node_modules/${known}/package.json`)}`
}

const javascript = (
  runtime: "node" | "bun" | "deno",
  args: ReadonlyArray<string>,
  clients: ReadonlyArray<string>
): Family => ({
  clients,
  build: undefined,
  directory: "js",
  command: (client) => [join(bin, runtime), ...args, join(here, "js", "drive.ts"), "--client", client],
  name: (client) => `${client} (${runtime})`,
  version: (client) => `${output(join(bin, runtime), "--version").split("\n")[0]} ${npmVersion(client)}`.trim(),
  warmupSeconds: 2
})

const pomVersion = (artifact: string): string =>
  new RegExp(`<artifactId>${artifact}</artifactId>\\s*<version>([^<]+)`).exec(
    readFileSync(join(here, "java", "pom.xml"), "utf8")
  )?.[1] ?? "unknown"

const javaArtifacts: Readonly<Record<string, string>> = {
  "Apache HttpClient 4": "httpclient",
  "Apache HttpClient 5": "httpclient5",
  OkHttp: "okhttp-jvm",
  "reactor-netty": "reactor-netty-http"
}

const rust = (name: string, crate: string): Family => ({
  clients: [name],
  build: ["cargo", "build", "--release", "--quiet"],
  directory: join("rust", name),
  command: () => [join(here, "rust", name, "target", "release", `drive-${name}`)],
  name: () => name,
  version: () =>
    new RegExp(`name = "${crate}"\\nversion = "([^"]+)"`).exec(
      readFileSync(join(here, "rust", name, "Cargo.lock"), "utf8")
    )?.[1] ?? "unknown",
  warmupSeconds: 1
})

const families: ReadonlyArray<Family> = [
  javascript(
    "node",
    ["--expose-gc"],
    [
      "weir effect",
      "weir request",
      "weir fetch",
      "undici request",
      "undici fetch",
      "node:http + agentkeepalive",
      "got",
      "axios",
      "fetch"
    ]
  ),
  javascript("bun", ["run"], ["weir effect", "weir request", "weir fetch", "fetch"]),
  javascript(
    "deno",
    ["run", "--allow-all", "--v8-flags=--expose-gc"],
    ["weir effect", "weir request", "weir fetch", "fetch"]
  ),
  {
    clients: ["net/http"],
    build: ["go", "build", "-o", "target/drive", "."],
    directory: "go",
    command: () => [join(here, "go", "target", "drive")],
    name: () => "Go net/http",
    version: () => output("go", "version"),
    warmupSeconds: 1
  },
  {
    clients: Object.keys(javaArtifacts),
    build: ["mvn", "-q", "-B", "package"],
    directory: "java",
    command: (client) => [
      "java",
      "-cp",
      `${join(here, "java", "target", "drive.jar")}:${join(here, "java", "target", "lib")}/*`,
      "bench.Drive",
      "--client",
      client
    ],
    name: (client) => client,
    version: (client) => `${pomVersion(javaArtifacts[client] ?? client)}, Java ${javaVersion()}`,
    warmupSeconds: 8
  },
  rust("hyper-util", "hyper-util"),
  rust("pingora", "pingora-core")
]

const javaVersion = (): string =>
  /version "([^"]+)"/.exec(spawnSync("java", ["-version"], { encoding: "utf8" }).stderr ?? "")?.[1] ?? "unknown"

/** Builds those that are wanted and can be built here; what cannot is told, with its reason. */
export const buildPeers = (
  isWanted: (name: string) => boolean
): { readonly peers: ReadonlyArray<Peer>; readonly absent: ReadonlyArray<Absent> } => {
  const peers: Array<Peer> = []
  const absent: Array<Absent> = []
  for (const family of families) {
    const clients = family.clients.filter((client) => isWanted(family.name(client)))
    const reason = clients.length === 0 ? undefined : build(family)
    for (const client of clients) {
      const name = family.name(client)
      if (reason !== undefined) absent.push({ name, reason })
      else {
        const { warmupSeconds } = family
        peers.push({ name, command: family.command(client), version: family.version(client), warmupSeconds })
      }
    }
  }
  return { peers, absent }
}

/** Why a family cannot be measured; `undefined`: it can. */
const build = ({ build: command, directory }: Family): string | undefined => {
  if (command === undefined) return undefined
  const [program, ...args] = command
  const { error, status, stderr, stdout } = spawnSync(program, args, { cwd: join(here, directory), encoding: "utf8" })
  if (error !== undefined) return `${program} is not installed`
  return status === 0 ? undefined : `${program} failed: ${`${stderr}${stdout}`.trim().split("\n").slice(-3).join(" ")}`
}
