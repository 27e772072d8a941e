/**
 * The server that HTTP benchmarks call, in a process of its own: nginx where there is one, otherwise a bare socket server
 * that answers every head. Both answer `GET /` with the same fixed body and keep their connections open for ever.
 *
 * Where `taskset` exists and there are two processors, the server gets the last one and the caller the first, so that
 * neither takes time from the other.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { connect, createServer } from "node:net"
import { cpus, tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

/** 41 bytes. */
export const answerBody = "forty-one bytes of an answer, no more, ok"

export interface Upstream {
  readonly kind: "nginx" | "node:net"
  readonly port: number
  readonly stop: () => Promise<void>
}

const isThere = (program: string, argument: string): boolean => spawnSync(program, [argument]).error === undefined

const mayPin = cpus().length > 1 && isThere("taskset", "--version")

/** Pins this process, all its threads included. */
export const pinSelf = (): void => {
  if (mayPin) spawnSync("taskset", ["-a", "-p", "-c", "0", String(process.pid)])
}

const spawnPinned = (program: string, args: ReadonlyArray<string>): ChildProcess => {
  const [command, ...rest] = mayPin
    ? ["taskset", "-c", String(cpus().length - 1), program, ...args]
    : [program, ...args]
  return spawn(command ?? program, rest, { stdio: ["pipe", "ignore", "inherit"] })
}

/** A port that was free a moment ago. */
const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const bound = server.address()
      server.close(() => resolve(bound === null || typeof bound === "string" ? 0 : bound.port))
    })
  })

const untilListening = (port: number): Promise<void> =>
  new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.destroy()
      resolve()
    })
    socket.on("error", () => setTimeout(() => untilListening(port).then(resolve), 20))
  })

const nginxConfig = (port: number): string => `
  daemon off; worker_processes 1; error_log stderr crit; pid nginx.pid;
  events { worker_connections 4096; }
  http {
    access_log off; keepalive_requests 1000000000; keepalive_timeout 1h; default_type text/plain;
    client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
    server { listen 127.0.0.1:${port} backlog=4096; location / { return 200 "${answerBody}"; } }
  }
`

export const startUpstream = async (): Promise<Upstream> => {
  const port = await freePort()
  const directory = mkdtempSync(join(tmpdir(), "weir-upstream-"))
  const kind = isThere("nginx", "-v") ? "nginx" : "node:net"
  writeFileSync(join(directory, "nginx.conf"), nginxConfig(port))
  const server =
    kind === "nginx"
      ? spawnPinned("nginx", ["-p", directory, "-c", "nginx.conf"])
      : spawnPinned(process.execPath, [fileURLToPath(import.meta.url), "--serve", String(port)])
  const kill = (): void => {
    server.kill("SIGTERM")
  }
  // Also when a benchmark breaks down.
  process.once("exit", kill)
  await untilListening(port)
  return {
    kind,
    port,
    stop: () =>
      new Promise((resolve) => {
        server.on("close", () => {
          rmSync(directory, { recursive: true })
          resolve()
        })
        process.off("exit", kill)
        kill()
      })
  }
}

/** Requests have no body, so each ends with an empty line; it may lie across two reads. */
const serve = (port: number): void => {
  const answer = `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: ${answerBody.length}\r\n\r\n${answerBody}`
  createServer({ noDelay: true }, (socket) => {
    let rest = ""
    socket.on("error", () => socket.destroy())
    socket.on("data", (chunk) => {
      const heads = (rest + chunk.toString("latin1")).split("\r\n\r\n")
      rest = heads.pop() ?? ""
      if (heads.length > 0) socket.write(answer.repeat(heads.length), "latin1")
    })
  }).listen(port, "127.0.0.1")
  // The parent's end of the pipe closes with the parent.
  process.stdin.on("end", () => process.exit()).resume()
}

if (process.argv[2] === "--serve") serve(Number(process.argv[3]))
