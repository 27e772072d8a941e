/**
 * The gateways: how each is built, configured and started. All pass everything on to one upstream and write no access log.
 * Over at most 50 connections, behind which requests wait, with one exception: nginx without a subscription has no queue,
 * and answers 502 where `max_conns` is met; so it has no limit, keeps as many connections as callers ask for, and is
 * named so in the tables.
 */
import { spawnSync } from "node:child_process"
import { mkdirSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

const here = dirname(fileURLToPath(import.meta.url))
const root = join(here, "..", "..")
const bin = (program: string): string => join(root, "node_modules", ".bin", program)

export interface Ports {
  readonly port: number
  readonly adminPort: number
  readonly upstreamPort: number
}

export interface GatewayProgram {
  readonly name: string
  /** What has to succeed before, in its directory. */
  readonly build?: { readonly command: readonly [string, ...ReadonlyArray<string>]; readonly directory: string }
  /** Files to be written into a directory of its own, by name. */
  readonly files?: (ports: Ports) => Readonly<Record<string, string>>
  readonly command: (ports: Ports, directory: string) => readonly [string, ...ReadonlyArray<string>]
  readonly version: readonly [string, ...ReadonlyArray<string>]
  readonly warmupSeconds: number
}

const istio = ({ upstreamPort }: Ports): string => `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: all }
spec:
  hosts: [upstream.example]
  ports: [{ number: 80, name: http, protocol: HTTP }]
  resolution: STATIC
  endpoints: [{ address: 127.0.0.1, ports: { http: ${upstreamPort} } }]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: all }
spec:
  hosts: ["*"]
  http: [{ route: [{ destination: { host: upstream.example } }] }]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: all }
spec:
  host: upstream.example
  trafficPolicy: { connectionPool: { tcp: { maxConnections: 50 } } }
`

const ours = (runtime: "node" | "bun" | "deno", main: string, ...args: ReadonlyArray<string>): GatewayProgram => ({
  name: `weir-gateway (${runtime})`,
  files: (ports) => ({ "all.yaml": istio(ports) }),
  command: ({ adminPort, port }, directory) => [
    bin(runtime),
    ...args,
    join(root, "apps", "gateway", "src", main),
    ...["--config", directory, "--port", String(port), "--admin-port", String(adminPort), "--quiet"]
  ],
  version: [bin(runtime), "--version"],
  warmupSeconds: 3
})

export const gatewayPrograms: ReadonlyArray<GatewayProgram> = [
  ours("node", "main.ts"),
  ours("bun", "main.bun.ts", "run"),
  ours("deno", "main.deno.ts", "run", "--allow-all"),
  {
    name: "nginx (no limit)",
    files: ({ port, upstreamPort }) => ({
      "nginx.conf": `daemon off; worker_processes 1; error_log stderr crit; pid nginx.pid;
events { worker_connections 4096; }
http {
  access_log off; keepalive_requests 1000000000;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;
  upstream all { server 127.0.0.1:${upstreamPort}; keepalive 1000; keepalive_requests 1000000000; }
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location / { proxy_pass http://all; proxy_http_version 1.1; proxy_set_header Connection ""; }
  }
}
`
    }),
    command: (_, directory) => ["nginx", "-p", directory, "-c", "nginx.conf"],
    version: ["nginx", "-v"],
    warmupSeconds: 1
  },
  {
    name: "HAProxy",
    files: ({ port, upstreamPort }) => ({
      "haproxy.cfg": `global
  nbthread 1
  maxconn 4096
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  http-reuse always
frontend all
  bind 127.0.0.1:${port}
  default_backend upstream
backend upstream
  server one 127.0.0.1:${upstreamPort} maxconn 50
`
    }),
    command: (_, directory) => ["haproxy", "-f", join(directory, "haproxy.cfg")],
    version: ["haproxy", "-v"],
    warmupSeconds: 1
  },
  {
    name: "fast-proxy (node)",
    command: ({ port, upstreamPort }) => [
      bin("node"),
      join(here, "gateways", "fast-proxy.ts"),
      String(port),
      String(upstreamPort)
    ],
    version: [bin("node"), "--version"],
    warmupSeconds: 3
  },
  {
    name: "Spring Cloud Gateway",
    build: { command: ["mvn", "-q", "-B", "package"], directory: join(here, "gateways", "spring") },
    command: ({ port, upstreamPort }) => [
      "java",
      "-jar",
      join(here, "gateways", "spring", "target", "gateway.jar"),
      `--server.port=${port}`,
      `--upstream=http://127.0.0.1:${upstreamPort}`
    ],
    version: ["java", "-version"],
    warmupSeconds: 15
  }
]

/** Why a gateway cannot be measured here; `undefined`: it can. */
export const whyAbsent = ({ build, version }: GatewayProgram): string | undefined => {
  const [program, ...args] = version
  if (spawnSync(program, args).error !== undefined) return `${program} is not installed`
  if (build === undefined) return undefined
  const [builder, ...builderArgs] = build.command
  const { error, status, stderr, stdout } = spawnSync(builder, builderArgs, { cwd: build.directory, encoding: "utf8" })
  if (error !== undefined) return `${builder} is not installed`
  return status === 0 ? undefined : `${builder} failed: ${`${stderr}${stdout}`.trim().split("\n").slice(-3).join(" ")}`
}

/** The first line that the program says of its version. */
export const versionOf = ({ version }: GatewayProgram): string => {
  const [program, ...args] = version
  const { stderr, stdout } = spawnSync(program, args, { encoding: "utf8" })
  return `${stdout}${stderr}`.trim().split("\n")[0] ?? "unknown"
}

/** Writes what a gateway reads into a directory. */
export const configure = ({ files }: GatewayProgram, ports: Ports, directory: string): void => {
  mkdirSync(directory, { recursive: true })
  for (const [name, text] of Object.entries(files?.(ports) ?? {})) writeFileSync(join(directory, name), text)
}
